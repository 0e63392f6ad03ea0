#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator (1.17.0 the same): Loop with a trip count and no condition.
# Expected (the standard's text of Loop: inputs (trip_count, "") are the for loop "for (int i=0; i < trip_count; ++i)"):
#   5 iterations, as ONNX Runtime does.
# Seen: no iteration, without a message; the outputs are the initial values.
# Our users: every encoder with loops that we exported gave its starting point; the files now name a constant `true`.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

value = helper.make_tensor_value_info
body = helper.make_graph(
    [helper.make_node("Add", ["u", "one"], ["w"]), helper.make_node("Identity", ["going"], ["on"])],
    "body",
    [value("i", TensorProto.INT64, []), value("going", TensorProto.BOOL, []), value("u", TensorProto.DOUBLE, [])],
    [value("on", TensorProto.BOOL, []), value("w", TensorProto.DOUBLE, [])],
)
graph = helper.make_graph(
    [helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body)],
    "loop",
    [value("x", TensorProto.DOUBLE, [])],
    [value("y", TensorProto.DOUBLE, [])],
    [numpy_helper.from_array(np.array(5), "trips"), numpy_helper.from_array(np.array(1.0), "one")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
x = {"x": np.array(10.0)}
runtime = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, x)[0]
reference = ReferenceEvaluator(model).run(None, x)[0]
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
print("expected: 15.0 from both")
print(f"seen: {float(runtime)} from onnxruntime, {float(reference)} from onnx.reference")
sys.exit(0 if runtime == 15.0 and reference == 10.0 else 1)
PYTHON
