#!/usr/bin/env bash
# normflows 1.7.3: log_prob of the base distribution GaussianPCA is the logarithm of no density, and its draws have another law.
# Expected (its docstring: "Gaussian distribution resulting from linearly mapping a normal distributed latent variable", with
#   "sigma: Noise level"): the law N(loc, C), C = W' W + sigma^2 I, as in probabilistic principal component analysis.
# Happens: the constant +d/2 log(2 pi) in place of -d/2 log(2 pi), and det C in place of log det C, so that the integral of
#   exp(log_prob) over the plane is 20 at one W and depends on W: as W is trained, the likelihood is another function. The draws
#   are W' e + loc without the noise, on a line where C is a full ellipse; log_prob at draws agrees with itself. No message.
# Our users: a decoder or an encoder's density that was trained on this base has no likelihood; one that is compared with a
#   certified evidence is off by an amount that the weights decide. DiagGaussian and GaussianMixture are normalised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q normflows==1.7.3 torch==2.13.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math
import sys
from importlib.metadata import version

import normflows
import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
line = torch.linspace(-12.0, 12.0, 1201)
plane = torch.cartesian_prod(line, line)


def integral(law) -> float:
    return float(law.log_prob(plane).exp().sum() * (line[1] - line[0]) ** 2)


print("normflows", version("normflows"), "torch", torch.__version__)
seen = []
for length, sigma in ((1.0, 0.5), (2.0, 0.5), (1.0, 1.5)):
    law = normflows.distributions.GaussianPCA(2, latent_dim=1, sigma=sigma)
    with torch.no_grad():
        law.W.copy_(torch.tensor([[length, 0.0]]))
        covariance = torch.diag(torch.tensor([length**2 + sigma**2, sigma**2]))
        truth = torch.distributions.MultivariateNormal(torch.zeros(2), covariance)
        excess = float((law.log_prob(plane) - truth.log_prob(plane)).mean())
        draws = law.forward(10000)[0]
        det = float(torch.det(covariance))
        predicted = 2 * math.log(2 * math.pi) - 0.5 * det + 0.5 * math.log(det)
        print(f"W = ({length}, 0), sigma = {sigma}: integral of exp(log_prob) expected 1, seen {integral(law):.4f};", end=" ")
        print(f"log_prob above the truth by {excess:.4f}; variance of the second coordinate of draws:", end=" ")
        print(f"expected {sigma**2}, seen {float(draws[:, 1].var())}")
        seen.append(abs(integral(law) - math.exp(predicted)) < 1e-3 * math.exp(predicted) and draws[:, 1].abs().max() == 0)
normal = normflows.distributions.DiagGaussian(2)
with torch.no_grad():
    print(f"DiagGaussian: integral {integral(normal):.4f}")
    sys.exit(0 if all(seen) and abs(integral(normal) - 1) < 1e-6 else 1)
PYTHON
