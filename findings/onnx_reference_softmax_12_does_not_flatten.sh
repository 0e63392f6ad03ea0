#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator, operator Softmax of operator set 12.
# Expected: up to operator set 12 "the operator coerces the input into a 2-D tensor" at `axis` (default 1) and normalises
# each row, so that all entries of a (1, 2, 3) tensor add to 1 (documentation of Softmax-11); onnxruntime does so.
# Happens: the reference implementation takes the one axis of operator set 13, whatever the model's operator set.
# For us: files of old exporters cannot be held against the reference; our import flattens, as onnxruntime.
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
from onnx.reference import ReferenceEvaluator

kind = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3]) for name in ("z", "x")]
graph = helper.make_graph([helper.make_node("Softmax", ["z"], ["x"])], "g", kind[:1], kind[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
onnx.checker.check_model(model)
z = {"z": np.zeros((1, 2, 3), np.float32)}
seen = float(ReferenceEvaluator(model).run(None, z)[0].sum())
runtime = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
other = float(runtime.run(None, z)[0].sum())
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
print("expected: all six entries add to 1; onnxruntime:", other)
print("seen: the reference's add to", seen)
sys.exit(0 if abs(other - 1.0) < 1e-6 and abs(seen - 1.0) > 0.5 else 1)
PYTHON
