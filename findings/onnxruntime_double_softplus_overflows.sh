#!/usr/bin/env bash
# onnxruntime 1.31.1, CPU: Softplus in float64 (operator set 18, the only one with a kernel).
# Expected: softplus(800) = log(1 + e^800) = 800, as float32 gives at 100 (e^100 overflows there too) and as the finite
#   range of the result suggests; the standard's text has no restriction of the argument.
# Seen: inf from x = 710 on, where e^x overflows; float32 is computed in the stable form. Below -37 it is exactly 0.
# Our users: a float64 decoder with the Softplus operator is infinite far out; we write relu(x) + log(1 + exp(-|x|)).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper


def softplus(element, x):
    ends = [helper.make_tensor_value_info(end, element, ["n"]) for end in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Softplus", ["x"], ["y"])], "softplus", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


single = softplus(TensorProto.FLOAT, np.array([100.0], dtype=np.float32))
double = softplus(TensorProto.DOUBLE, np.array([100.0, 700.0, 800.0]))
print(f"onnxruntime {onnxruntime.__version__}")
print("expected: float32 [100.], float64 [100. 700. 800.]")
print(f"seen: float32 {single}, float64 {double}")
sys.exit(0 if single[0] == 100.0 and double[1] == 700.0 and np.isinf(double[2]) else 1)
PYTHON
