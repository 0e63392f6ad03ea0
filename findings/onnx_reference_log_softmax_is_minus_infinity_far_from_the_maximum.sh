#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator, operator LogSoftmax in float32 and float64.
# Expected: for (0, -200) about (0, -200): the operator's text gives "the log of softmax values", numbers that are finite for
#   every finite input, and the operator exists because log(softmax(x)) taken in two steps loses them. onnxruntime returns -200.
# Happens: the reference takes Softmax and then the logarithm: -inf from a distance of 104 on in float32, of 746 on in float64.
#   SoftmaxCrossEntropyLoss likewise: a loss of inf where it is 200. No message but numpy's warning.
# For us: a decoder that ends in LogSoftmax has a slope of at most 2 everywhere; differences of the reference's values are nan
#   there. Values are to be compared with onnxruntime.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for kind, dtype, distance in ((TensorProto.FLOAT, np.float32, 200.0), (TensorProto.DOUBLE, np.float64, 1000.0)):
    ends = [helper.make_tensor_value_info(name, kind, [1, 2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("LogSoftmax", ["x"], ["y"], axis=1)], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = {"x": np.array([[0.0, -distance]], dtype)}
    found = session.run(None, x)[0], ReferenceEvaluator(model).run(None, x)[0]
    print(f"{dtype.__name__}: expected [0, {-distance}], onnxruntime {found[0].tolist()}, onnx.reference {found[1].tolist()}")
    as_recorded &= bool(found[0][0, 1] == -distance and np.isneginf(found[1][0, 1]))
sys.exit(0 if as_recorded else 1)
PYTHON
