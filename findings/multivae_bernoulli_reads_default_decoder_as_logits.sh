#!/usr/bin/env bash
# multivae 1.0.3: with decoders_dist "bernoulli" the package's own default decoder, which ends in a sigmoid, is read as logits.
# Expected: a model built from its configuration alone can fit binary data. The configuration's docstring says "For Bernoulli
#   distribution, the decoder is expected to output logits"; the decoder that the package itself puts in is its own choice.
# What happens: Decoder_AE_MLP ends in nn.Sigmoid for every distribution, and the likelihood is Bernoulli(logits=output).
#   Whatever the weights, a pixel's probability lies between sigmoid(0) = 0.5 and sigmoid(1) = 0.7311: a pixel that is
#   always 0 costs at least log 2 = 0.6931 nats. No message.
# Our users: the mean of an observation is a sigmoid of the exported decoder's output, not the output; pythae's VAE, whose
#   default decoder is the same, takes the output itself as the probability.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q multivae==1.0.3 torch==2.13.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version
from unittest.mock import MagicMock

import torch

try:
    import torchvision
except RuntimeError:  # built for another torch; multivae takes pictures and data sets from it, which are not used here
    parts = ("", ".datasets", ".datasets.utils", ".models", ".transforms", ".utils")
    sys.modules.update({f"torchvision{part}": MagicMock() for part in parts})

from multivae.models import MVAE, MVAEConfig

torch.manual_seed(0)
names = ("a", "b")
config = MVAEConfig(
    n_modalities=2,
    latent_dim=2,
    input_dims={name: (8,) for name in names},
    decoders_dist={name: "bernoulli" for name in names},
)
model = MVAE(config)
last = [type(layer).__name__ for layer in model.decoders["a"].modules()][-1]
outputs = model.decoders["a"](100.0 * torch.randn(1000, 2)).reconstruction
cost = -model.recon_log_probs["a"](outputs, torch.zeros_like(outputs))
print("multivae", version("multivae"), "- default decoder ends in", last)
print(f"its outputs, at latents of size 100: {outputs.min():.4f} to {outputs.max():.4f}")
print("expected: the cost of a pixel that is 0 reaches down to 0 nats")
print(f"seen:     {cost.min():.4f} to {cost.max():.4f} nats; probabilities of 1 from {1 - torch.exp(-cost.min()):.4f} on")
raise SystemExit(0 if last == "Sigmoid" and cost.min() > 0.693 else 1)
PYTHON
