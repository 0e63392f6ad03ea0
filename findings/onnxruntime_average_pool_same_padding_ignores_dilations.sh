#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2: AveragePool (operator set 19) with auto_pad = SAME_UPPER and dilations.
# Expected: as many outputs as inputs at stride 1. The operator's text (AveragePool-19,
# https://onnx.ai/onnx/operators/onnx__AveragePool.html) says of SAME_UPPER: output_shape[i] = ceil(input_shape[i] /
# strides[i]); Conv with the same attributes is refused by onnxruntime as unsupported.
# Seen: the padding is computed from the kernel without its dilation, so the output is shorter (2 of 4), silently.
# Touches: a decoder read by the standard has another number of outputs than the one that runs; the import refuses it.
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
from onnx import TensorProto, helper

graph = helper.make_graph(
    [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3], dilations=[2], auto_pad="SAME_UPPER")],
    "pool",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
expected = [side.dim_value for side in inferred]
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
seen = list(session.run(None, {"x": np.ones((1, 1, 4), np.float32)})[0].shape)
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: expected {expected}, seen {seen}")
sys.exit(0 if expected == [1, 1, 4] and seen == [1, 1, 2] else 1)
PYTHON
