#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU (x86-64): Sigmoid of a moderately negative number is exactly 0, in float32 and in float64.
# Expected (the operator's text, Sigmoid-13: y = 1 / (1 + exp(-x))): a positive number for every finite input that the type can
#   hold, to a few roundings: 2.1e-9 at -20, 3.1e-17 at -38. onnx.reference and torch give these.
# Seen: float32 gives 0.0 at -20 and below, float64 at -38 and below; between, the value has an absolute accuracy only (-17 in
#   float32 is off by more than a tenth). 1 / (1 + exp(-x)) in four nodes is accurate in the same session.
# Our users: log(sigmoid(x)) is -inf where it is -20, so that a Bernoulli likelihood rejects an observation; a generator's output
#   that is positive in the file's arithmetic is 0 in the run. Write Softplus, or the four nodes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import math
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
cases = (TensorProto.FLOAT, np.float32, (-17.0, -20.0, -40.0)), (TensorProto.DOUBLE, np.float64, (-38.0, -100.0))
for kind, dtype, points in cases:
    ends = [helper.make_tensor_value_info(name, kind, ["n"]) for name in ("x", "y", "w")]
    steps = (("Sigmoid", "x", "y"), ("Neg", "x", "t"), ("Exp", "t", "e"), ("Add", "e one", "d"), ("Reciprocal", "d", "w"))
    nodes = [helper.make_node(operator, inputs.split(), [output]) for operator, inputs, output in steps]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(np.ones((), dtype), "one")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = {"x": np.array(points, dtype)}
    seen, by_hand = session.run(None, x)
    reference = ReferenceEvaluator(model).run(None, x)[0]
    for point, *found in zip(points, seen, by_hand, reference):
        true = 1 / (1 + math.exp(-point))
        print(f"{dtype.__name__}, {point}: expected {true:.3e}, seen {found[0]:.3e};", end=" ")
        print(f"in nodes {found[1]:.3e}, onnx.reference {found[2]:.3e}")
        as_recorded &= bool(abs(found[0] / true - 1) > 0.1 and all(abs(y / true - 1) < 1e-5 for y in found[1:]))
        as_recorded &= bool(found[0] == 0.0) or point > -18
sys.exit(0 if as_recorded else 1)
PYTHON
