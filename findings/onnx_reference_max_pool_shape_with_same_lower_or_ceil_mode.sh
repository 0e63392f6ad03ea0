#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator: MaxPool returns arrays of another shape than onnx's own shape inference.
# Expected (the operator's text, MaxPool-22): auto_pad = SAME_LOWER gives ceil(input / stride) outputs an axis, as SAME_UPPER
#   does; ceil_mode with stride 1 rounds up a whole number, so that it changes nothing. AveragePool does both in the reference.
# Happens: SAME_LOWER at stride 2 turns 5 entries into 2, not 3 (SAME_UPPER: 3); ceil_mode at stride 1 with one entry of
#   padding a side turns 5 into 7, not 5. No message.
# For us: a decoder with such a layer, run by the reference, has another number of outputs than the file declares.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

x = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for name, wrong, attributes in (
    ("SAME_UPPER, stride 2", None, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("SAME_LOWER, stride 2", (1, 1, 2, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ("padding 1, stride 1", None, {"pads": [1, 1, 1, 1]}),
    ("padding 1, stride 1, ceil_mode", (1, 1, 7, 7), {"pads": [1, 1, 1, 1], "ceil_mode": 1}),
):
    graph = helper.make_graph(
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    inferred = tuple(d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    runtime, reference = session.run(None, {"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]
    print(f"{name}: expected {inferred}, onnxruntime {runtime.shape}, onnx.reference {reference.shape}")
    as_recorded &= runtime.shape == inferred and reference.shape == (wrong or inferred)
sys.exit(0 if as_recorded else 1)
PYTHON
