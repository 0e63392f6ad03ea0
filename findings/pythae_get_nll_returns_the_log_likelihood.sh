#!/usr/bin/env bash
# pythae 0.1.2 (the newest): get_nll returns the mean of log p(x), not of -log p(x), and n_samples is rounded to full batches.
# Expected (its docstring: "Function computed the estimate negative log-likelihood of the model"; n_samples is "The number of
#   importance samples to use for estimation"): -log p(x) on average, the smaller the better, from n_samples draws.
# Happens: the value has the sign of the log-likelihood. n_samples=1, the default, and every number up to batch_size take
#   batch_size = 100 draws, and 199 takes 100, too; so the default is an importance-weighted estimate, not an ELBO.
#   VAE, VAE_LinNF, VAE_IAF, VAMP, SVAE and PoincareVAE share the line. No message. (No report of it was found.)
# Our users: models that are chosen by the smallest value are the worst ones. The value is one to hold against the interval of
#   `certify evidence` as it is, without a minus.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q pythae==0.1.2 torch==2.13.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math
import sys
from importlib.metadata import version

import torch
from pythae.models import VAE, VAEConfig, VAE_LinNF, VAE_LinNF_Config
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder

torch.manual_seed(0)
print("pythae", version("pythae"), "torch", torch.__version__)
SLOPE = math.sqrt(3.0)
DATA = torch.tensor([[1.7], [-0.4], [3.0]])
drawn = []


class Encoder(BaseEncoder):
    """The exact posterior of z ~ N(0, 1), x = sqrt(3) z + N(0, 1)."""

    def forward(self, x):
        return ModelOutput(embedding=x * SLOPE / 4, log_covariance=torch.full((len(x), 1), math.log(0.25)))


class Decoder(BaseDecoder):
    def forward(self, z):
        drawn.append(len(z))
        return ModelOutput(reconstruction=z * SLOPE)


shape = {"input_dim": (1,), "latent_dim": 1, "reconstruction_loss": "mse"}
expected = -torch.distributions.Normal(0.0, 2.0).log_prob(DATA).mean().item()
seen = []
for model, config in ((VAE, VAEConfig), (VAE_LinNF, VAE_LinNF_Config)):
    chosen = model(config(**shape), encoder=Encoder(), decoder=Decoder()).eval()
    with torch.no_grad():
        seen.append(chosen.get_nll(DATA, n_samples=20_000, batch_size=1_000))
    print(f"{model.__name__}: expected {expected:.4f}, seen {seen[-1]:.4f}")
draws = {}
chosen = VAE(VAEConfig(**shape), encoder=Encoder(), decoder=Decoder()).eval()
for number in (1, 100, 199, 200):
    drawn.clear()
    chosen.get_nll(DATA[:1], n_samples=number)
    draws[number] = sum(drawn)
print("draws for each n_samples:", draws)
recorded = all(abs(value + expected) < 0.05 for value in seen)
sys.exit(0 if recorded and draws == {1: 100, 100: 100, 199: 100, 200: 200} else 1)
PYTHON
