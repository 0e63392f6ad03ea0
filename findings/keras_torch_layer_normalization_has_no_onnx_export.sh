#!/usr/bin/env bash
# keras 3.15.1, PyTorch backend (torch 2.13.0): model.export(format="onnx") fails for a model with LayerNormalization.
# Expected: the docstring of Model.export lists ONNX "with TensorFlow, JAX and Torch backends"; LayerNormalization is a
#   standard layer, ONNX has had the operator since opset 17, and torch itself exports nn.LayerNorm by either exporter.
# What happens: the batch size of keras.Input is unknown, so that Keras takes torch's older, TorchScript exporter
#   (`if not dynamic_axes` guards the newer one), which cannot tell the normalised shape that Keras computes from the input's:
#   SymbolicValueError. BatchNormalization in its place exports. With an input_signature of batch size one the newer
#   exporter is taken, and the same model exports.
# Our users: a Keras decoder with LayerNormalization comes as ONNX with a fixed batch size only; that file is enough for us.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 keras==3.15.1 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 KERAS_BACKEND=torch "$folder/venv/bin/python" -W ignore - "$folder" 2>/dev/null <<'PYTHON'
import sys

import keras
import torch
from keras import layers


def exported(layer: keras.Layer, signature: list[keras.InputSpec] | None = None) -> str:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layer])
    model(torch.zeros(1, 4))
    try:
        model.export(f"{sys.argv[1]}/{layer.name}.onnx", format="onnx", verbose=False, input_signature=signature)
    except Exception as error:
        return type(error).__name__
    return "exported"


print("keras", keras.__version__, "torch", torch.__version__)
fixed = [keras.InputSpec(shape=(1, 4), dtype="float32", name="z")]
seen = {
    "BatchNormalization": exported(layers.BatchNormalization()),
    "LayerNormalization": exported(layers.LayerNormalization()),
    "LayerNormalization, batch size one": exported(layers.LayerNormalization(), fixed),
}
print("expected: exported, three times")
for name, outcome in seen.items():
    print(f"seen:     {name}: {outcome}")
raise SystemExit(0 if list(seen.values()) == ["exported", "SymbolicValueError", "exported"] else 1)
PYTHON
