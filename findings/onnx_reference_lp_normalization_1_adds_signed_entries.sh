#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator, operator LpNormalization with p = 1.
# Expected (the operator's text, LpNormalization-22: output = input / Lp_norm(input, axis)): the absolute values of the output
#   add to 1, as in onnxruntime: (3, -2) becomes (0.6, -0.4).
# Happens: the entries themselves are added, without absolute values: (3, -2) is divided by 1, (1, -2) by -1, so that its signs
#   turn over, and (1, -1) becomes (0, 0), by the rule for a vector of zeros. No message.
# For us: an L1-normalised layer cannot be held against the reference; p = 2 is right there.
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

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 2]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("LpNormalization", ["x"], ["y"], p=1, axis=1)], "g", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
x = np.array([[3.0, -2.0], [1.0, -2.0], [1.0, -1.0]], np.float32)
runtime, reference = session.run(None, {"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]
expected = x / np.abs(x).sum(axis=1, keepdims=True)
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
for line in zip(x.tolist(), expected.round(4).tolist(), runtime.round(4).tolist(), reference.round(4).tolist()):
    print("{}: expected {}, onnxruntime {}, onnx.reference {}".format(*line))
wrong = np.array_equal(reference, [[3.0, -2.0], [-1.0, 2.0], [0.0, 0.0]])
sys.exit(0 if wrong and np.allclose(runtime, expected) else 1)
PYTHON
