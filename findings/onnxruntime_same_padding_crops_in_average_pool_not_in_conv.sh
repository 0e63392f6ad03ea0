#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2: auto_pad = SAME_UPPER with a stride beyond the kernel (3 and 1, extent 3).
# Expected: one rule for both operators. The texts of Conv and AveragePool (https://onnx.ai/onnx/operators/) describe
# SAME_UPPER in the same words; a mean over one entry and a convolution with the weight 1 are the same map.
# Seen: Conv reads entry 0 (the total padding of -2 counts as 0), AveragePool reads entry 1 (it crops one entry from
# either side) from operator set 19 on; before, it refuses to run.
# Touches: a reader that takes the two operators for one, as their texts do, has another network; the import refuses it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

moves = {"kernel_shape": [1], "strides": [3], "auto_pad": "SAME_UPPER"}
graph = helper.make_graph(
    [helper.make_node("Conv", ["x", "w"], ["conv"], **moves), helper.make_node("AveragePool", ["x"], ["pool"], **moves)],
    "padding",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3])],
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("conv", "pool")],
    [numpy_helper.from_array(np.ones((1, 1, 1), np.float32), "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
conv, pool = session.run(None, {"x": np.array([[[10.0, 20.0, 30.0]]], np.float32)})
seen = (conv.ravel().tolist(), pool.ravel().tolist())
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: expected two equal values, seen {seen}")
sys.exit(0 if seen == ([10.0], [20.0]) else 1)
PYTHON
