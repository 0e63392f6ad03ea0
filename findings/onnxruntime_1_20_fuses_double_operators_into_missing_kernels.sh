#!/usr/bin/env bash
# onnxruntime 1.20.1, CPU: float64 models that load without graph optimisations and not with the default ones.
# Expected (onnxruntime.ai, "Graph Optimizations": what is enabled by default makes a model faster): Transpose and MatMul,
#   or x * sigmoid(x), all with float64 kernels, load with the default optimisations as they do without.
# Seen: they are fused to com.microsoft FusedMatMul and QuickGelu, which have no float64 kernel, and the session is
#   refused with NOT_IMPLEMENTED. In 1.31.1 both load.
# Our users: Gaussian and sharp encoders, and generators with SiLU, did not load in the oldest version we support; they
#   are written with Einsum and x/(1 + exp(-x)).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.17.0 onnxruntime==1.20.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

FORMS = {
    "Transpose, MatMul": [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "x"], ["y"]),
    ],
    "x * sigmoid(x)": [helper.make_node("Sigmoid", ["x"], ["t"]), helper.make_node("Mul", ["x", "t"], ["y"])],
}
LEVELS = onnxruntime.GraphOptimizationLevel
x = np.random.default_rng(0).standard_normal((2, 3, 3))


def loads(model, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.log_severity_level = level, 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        session.run(None, {"x": x})
        return "runs"
    except Exception as error:
        return " ".join(str(error).split())[:110]


print(f"onnxruntime {onnxruntime.__version__}")
print("expected: both forms run with and without optimisations")
as_recorded = True
for name, nodes in FORMS.items():
    ends = [helper.make_tensor_value_info(end, TensorProto.DOUBLE, [2, 3, 3]) for end in ("x", "y")]
    graph = helper.make_graph(nodes, "form", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    plain, optimised = loads(model, LEVELS.ORT_DISABLE_ALL), loads(model, LEVELS.ORT_ENABLE_ALL)
    print(f"seen: {name}: without optimisations {plain}; with the default ones {optimised}")
    as_recorded &= plain == "runs" and "NOT_IMPLEMENTED" in optimised
sys.exit(0 if as_recorded else 1)
PYTHON
