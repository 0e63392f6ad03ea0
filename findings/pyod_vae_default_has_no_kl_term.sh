#!/usr/bin/env bash
# pyod 3.6.7: with its default arguments the detector `VAE` trains without the Kullback-Leibler term, whatever beta is.
# Expected: the docstring says "VAE_loss = Reconstruction_loss + KL_loss" and of beta "Default is regular VAE"
#   (beta=1.0); capacity is "the maximum capacity of a loss bottleneck", default 0.0.
# What happens: vae_loss clamps the divergence to [0, capacity] = [0, 0], so that it is 0 with gradient 0, and beta
#   multiplies nothing. Trained on scikit-learn's breast cancer data, the encoder's law is far from the prior
#   (divergence of several nats per row at s of about 0.1), and loss and gradient are the same for beta = 1 and beta = 100.
# Our users: theorems on encoders take z ~ N(0, I) and x given z normal; a decoder from pyod's defaults was never trained
#   for that prior. `capacity=float("inf")` gives the documented loss.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q pyod==3.6.7 torch==2.13.0 scikit-learn==1.9.1 numpy==2.4.6 tqdm==4.67.1 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pyod
import torch
from pyod.models.vae import VAE, vae_loss
from sklearn.datasets import load_breast_cancer

x = load_breast_cancer().data
detector = VAE(verbose=0, device="cpu").fit(x)
rows = torch.as_tensor((x - detector.X_mean) / detector.X_std, dtype=torch.float32)
mean, log_variance = (part.detach().requires_grad_() for part in detector.model.eval().encode(rows))
divergence = (0.5 * (log_variance.exp() + mean**2 - 1.0 - log_variance).sum(1)).mean().item()
reconstruction = detector.model.decode(mean).detach()
options = {"capacity": detector.capacity}
losses = [vae_loss(rows, reconstruction, mean, log_variance, beta=beta, **options) for beta in (1.0, 100.0)]
misfit = torch.nn.functional.mse_loss(reconstruction, rows).item()
gradient = torch.autograd.grad(losses[1], [mean, log_variance])
size = max(part.abs().max().item() for part in gradient)
print("pyod", pyod.__version__, "default beta", detector.beta, "capacity", detector.capacity)
print(f"divergence of the encoder from N(0, I): {divergence:.2f} nats per row")
print(f"expected: loss = {misfit:.4f} + beta * {divergence:.2f}")
print(f"seen:     loss = {losses[0].item():.4f} at beta = 1, {losses[1].item():.4f} at beta = 100, gradient {size}")
unchanged = detector.capacity == 0.0 and all(abs(loss.item() - misfit) < 1e-6 for loss in losses) and size == 0.0
raise SystemExit(0 if unchanged and divergence > 1.0 else 1)
PYTHON
