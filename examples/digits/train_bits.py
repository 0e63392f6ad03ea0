"""Train a variational autoencoder from 8 latents to 64 bits, the 8x8 digits in black and white.

    python examples/digits/train_bits.py --out examples/digits

Data: the images of `train.py`; a pixel of half the largest value or more is 1. Model: z ~ N(0, I_8), x_i | z a
Bernoulli variable with the logit G_i(z), G a decoder 8-24-64 with tanh. The file's outputs are the logits: take it with
`--likelihood bernoulli`. Encoder and optimiser as in `train_pixels.py`.

Every run with one seed and one version of the packages gives the same files. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import numpy as np
import onnx
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from train import HELD_OUT, OBSERVATIONS, Encoder, write_onnx
from train_pixels import LATENTS, PIXELS, WIDTH, Options, PixelEncoder

HALF = 8.0


def bits(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Training and held-out images (k, 64) of zeros and ones."""
    images = (load_digits().data >= HALF).astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[HELD_OUT:]], images[order[:HELD_OUT]]


def negative_elbo(decoder: nn.Module, encoder: Encoder, x: Tensor) -> Tensor:
    """The negative evidence lower bound per digit in nats."""
    mean, log_scale = encoder.moments(x)
    logits = decoder(mean + torch.exp(log_scale) * torch.randn_like(mean))
    misfit = (nn.functional.softplus(logits) - x * logits).sum(1)
    divergence = 0.5 * (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale).sum(1)
    return (misfit + divergence).mean()


def train(decoder: nn.Module, train_x: Tensor, test_x: Tensor, options: Options) -> list[dict[str, float]]:
    """Fit the decoder (in place) by Adam on all training images; returns the curve."""
    encoder = PixelEncoder(options.encoder_width)
    optimiser = torch.optim.Adam([*decoder.parameters(), *encoder.parameters()], lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)
    curve = []
    for step in range(options.steps):
        optimiser.zero_grad()
        loss = negative_elbo(decoder, encoder, train_x)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % (options.steps // 10) == 0 or step == options.steps - 1:
            with torch.no_grad():
                held_out = negative_elbo(decoder, encoder, test_x)
            curve.append(
                {"step": step, "train_elbo": round(-loss.item(), 4), "held_out_elbo": round(-held_out.item(), 4)}
            )
    return curve


def main() -> None:
    """Train the decoder and write the ONNX file, the observations and the log."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--steps", type=int, default=Options.steps)
    arguments = parser.parse_args()
    options = Options(seed=arguments.seed, steps=arguments.steps)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    training, held_out = bits(options.seed)
    np.save(arguments.out / "observations_bits64.npy", held_out[:OBSERVATIONS])
    torch.manual_seed(options.seed)
    decoder = nn.Sequential(nn.Linear(LATENTS, WIDTH), nn.Tanh(), nn.Linear(WIDTH, PIXELS))
    train_x, test_x = (torch.tensor(part, dtype=torch.float32) for part in (training, held_out))
    curve = train(decoder, train_x, test_x, options)
    metadata = {"data": "digits of scikit-learn, 64 bits; the outputs are logits", "seed": str(options.seed)}
    write_onnx(decoder, ["z"], "x", LATENTS, arguments.out / "bits64_tanh.onnx", metadata)
    packages = {"numpy": np, "onnx": onnx, "scikit-learn": sklearn, "torch": torch}
    versions = {name: module.__version__ for name, module in packages.items()} | {"python": platform.python_version()}
    log = {"seed": options.seed, "steps": options.steps, "versions": versions, "bits64_tanh": {"curve": curve}}
    (arguments.out / "training_log_bits.json").write_text(json.dumps(log, indent=1) + "\n")


if __name__ == "__main__":
    main()
