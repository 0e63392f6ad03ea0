#!/usr/bin/env bash
# skl2onnx 1.20.0 (scikit-learn 1.9.1): an MLPRegressor with k outputs becomes a model whose output has one column.
# Expected: for N rows the converted model returns what `predict` does, an array (N, k); skl2onnx's documentation calls
#   MLPRegressor supported and its models drop-in for `predict`.
# What happens: the model ends in Reshape(-1, 1) and returns (N k, 1); its declared output is (?, 1). The numbers are right
#   and in row order, so that nothing fails: code that reads output.shape[1] takes the decoder for a map to R^1, and one that
#   subtracts an observation (k,) from it broadcasts to (N k, k).
# Our users: such a decoder is read at batch size one, where the column has the k entries of G(z).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.27.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
import skl2onnx
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPRegressor

x = load_iris().data.astype(np.float32)
z = x[:, :2]
model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=200, random_state=0).fit(z, x)
onx = skl2onnx.to_onnx(model, z[:1])
session = onnxruntime.InferenceSession(onx.SerializeToString(), providers=["CPUExecutionProvider"])
seen = session.run(None, {session.get_inputs()[0].name: z[:5]})[0]
expected = model.predict(z[:5])
print("skl2onnx", skl2onnx.__version__)
print("expected: shape", expected.shape, "as predict returns")
print("seen:     shape", seen.shape, "declared", session.get_outputs()[0].shape)
same_numbers = np.allclose(seen.ravel(), expected.ravel(), atol=1e-4)
raise SystemExit(0 if seen.shape == (20, 1) and same_numbers else 1)
PYTHON
