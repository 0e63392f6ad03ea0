#!/usr/bin/env bash
# onnxruntime 1.31.1 with onnx 1.23.2: Gelu(approximate="tanh") and HardSwish on float64 tensors are accurate to float32.
# Expected: https://onnx.ai/onnx/operators/onnx__Gelu.html allows float64 tensors and gives the formula
#   0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); on doubles one expects errors near 1e-15, as Tanh and Sigmoid have.
# Seen: the operator has no kernel of its own for doubles; it is expanded into its function body, whose constants are
#   float32 numbers cast to double: errors up to 6e-9 for Gelu and 6e-8 |x| for HardSwish (whose 1/6 is a float32).
# Touches users: a decoder exported in float64 is not computed in float64 where it uses these; a comparison with a
#   tolerance of doubles would refuse a correct reading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def run(kind, x, opset, **attributes):
    graph = helper.make_graph(
        [helper.make_node(kind, ["x"], ["y"], **attributes)], "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


x = np.linspace(-5.0, 5.0, 2001)
gelu = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
swish = x * np.clip(x / 6 + 0.5, 0, 1)
errors = {
    "Tanh": np.abs(run("Tanh", x, 20) - np.tanh(x)).max(),
    "Gelu(tanh)": np.abs(run("Gelu", x, 20, approximate="tanh") - gelu).max(),
    "HardSwish": np.abs(run("HardSwish", x, 18) - swish).max(),
}
print("onnxruntime", onnxruntime.__version__)
print("expected: errors below 1e-14 on float64 tensors")
print("seen:", {name: float(f"{error:.2g}") for name, error in errors.items()})
as_recorded = errors["Tanh"] < 1e-14 and errors["Gelu(tanh)"] > 1e-10 and errors["HardSwish"] > 1e-10
sys.exit(0 if as_recorded else 1)
PY
