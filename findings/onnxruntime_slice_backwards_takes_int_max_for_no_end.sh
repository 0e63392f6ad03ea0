#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2: Slice with a negative step and an end of INT_MAX.
# Expected: an empty result. The operator's text (Slice-13, https://onnx.ai/onnx/operators/onnx__Slice.html) clamps the
# end of a negative step to [-1, extent - 1] and reserves INT_MIN for "to the end" when slicing backward; onnx.reference
# does so.
# Seen: onnxruntime takes INT_MAX for "no end" in either direction and returns the entries down to the first.
# Touches: whoever reads the file by the standard gets another network than the one that runs; the import refuses it.
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
from onnx.reference import ReferenceEvaluator

entries = {"starts": -1, "ends": 2**31 - 1, "axes": 0, "steps": -1}
graph = helper.make_graph(
    [helper.make_node("Slice", ["x", *entries], ["y"])],
    "slice",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in entries.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
x = np.array([1.0, 2.0, 3.0], np.float32)
expected = ReferenceEvaluator(model).run(None, {"x": x})[0].tolist()
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
seen = session.run(None, {"x": x})[0].tolist()
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: expected {expected}, seen {seen}")
sys.exit(0 if expected == [] and seen == [3.0, 2.0, 1.0] else 1)
PYTHON
