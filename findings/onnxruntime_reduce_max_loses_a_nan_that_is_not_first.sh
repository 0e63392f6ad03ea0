#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU: ReduceMax and ReduceMin of entries of which one is NaN depend on their order; Max does not.
# Expected (the operator's text, ReduceMax-20: "The above behavior is similar to numpy"; numpy.max: "NaN values are propagated"):
#   NaN wherever the NaN stands, as onnx.reference, torch and onnxruntime's own Max and Min give.
# Seen: NaN if it is the first entry, else the maximum of the others. (Known since 1.10: issue 10514, open.)
# Our users: an exported sampler that measures an error by ReduceMax(Abs(...)) and compares it with a bound reports success where
#   one coordinate is NaN. Ask IsNaN, or ReduceSum, which keeps it, and write a refusal as Not(error <= bound).
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

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for kind, dtype in ((TensorProto.FLOAT, np.float32), (TensorProto.DOUBLE, np.float64)):
    for operator in ("ReduceMax", "ReduceMin", "ReduceSum"):
        ends = [helper.make_tensor_value_info("x", kind, [3]), helper.make_tensor_value_info("y", kind, [1])]
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for place in range(3):
            x = np.insert(np.array([1.0, 2.0], dtype), place, np.nan)
            seen, reference = session.run(None, {"x": x})[0][0], ReferenceEvaluator(model).run(None, {"x": x})[0][0]
            print(f"{operator} of {x.tolist()} in {dtype.__name__}: expected nan, onnx.reference {reference}, seen {seen}")
            lost = operator != "ReduceSum" and place > 0
            as_recorded &= bool(np.isnan(reference) and np.isnan(seen) != lost)
sys.exit(0 if as_recorded else 1)
PYTHON
