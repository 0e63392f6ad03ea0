#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator, operator LRN (local response normalisation).
# Expected (the operator's text, LRN-13: Y[n, c] = X[n, c] / (bias + alpha / size * square_sum[n, c])^beta, for every n and c):
#   each channel is normalised by the squares of its neighbours; onnxruntime does so, and so does the formula in numpy.
# Happens: the loop over channels runs to the size of the batch. With one row only channel 0 is normalised and the others are
#   divided by bias^beta; with as many rows as channels all values are right. So a row's output depends on the batch's size.
# For us: a network of the AlexNet kind cannot be held against the reference at batch size one, which is how decoders are run.
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

channels, size, alpha, beta = 5, 3, 2.0, 0.75
row = np.random.default_rng(0).normal(size=(1, channels, 2, 2)).astype(np.float32)
near = [row[0, max(0, c - 1) : c + 2] for c in range(channels)]
expected = np.stack([row[0, c] / (1.0 + alpha / size * (part**2).sum(0)) ** beta for c, part in enumerate(near)])
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, 2, 2]) for name in ("x", "y")]
node = helper.make_node("LRN", ["x"], ["y"], size=size, alpha=alpha, beta=beta, bias=1.0)
graph = helper.make_graph([node], "g", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for rows in (1, 2, channels):
    x = {"x": np.repeat(row, rows, axis=0)}
    off = [np.abs(y[0] - expected).max(axis=(1, 2)) for y in (session.run(None, x)[0], ReferenceEvaluator(model).run(None, x)[0])]
    right = (off[1] < 1e-5).tolist()
    print(f"{rows} rows: channels that are right: onnxruntime {(off[0] < 1e-5).tolist()} (expected), onnx.reference {right}")
    as_recorded &= bool((off[0] < 1e-5).all() and right == [c < rows for c in range(channels)])
sys.exit(0 if as_recorded else 1)
PYTHON
