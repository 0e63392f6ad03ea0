"""Train autoencoders from 8 latents to all 64 pixels of the 8x8 digits: decoders with more outputs than latents.

    python examples/digits/train_pixels.py --out examples/digits

Data: the images of `train.py`, centred pixel by pixel and divided by one number, the root mean variance of a pixel: the
learned noise beta is in units of one average standard deviation. Model, noise and encoder as in `train.py`.

Decoders (8 latents, 64 pixels):
    residual      G(z) = W h_2(h_1(z)) + b with the blocks h of `train.py`, no penalty: curved coordinates on a flat
                  subspace, well conditioned by construction.
    conditioned   G(z) = W h(z) + U tanh(V h(z) + c) + b, h(z) = z + W_2 tanh(W_1 z + c_1) with ||W_1|| <= 1 and
                  ||W_2|| <= 0.15, trained with a penalty on the spread of the singular values of J and on D^2G, both at
                  z of twice the prior's width: what makes m large and M2 small. A curved image.
    free          the same map without bounds and without the penalty.
    relu          8-48-48-64 with ReLU: not C^1, the theorems do not apply.
    softplus      the same network with softplus in place of ReLU: its smooth surrogate.

Every run with one seed and one version of the packages gives the same files. Needs the extra `train`.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from train import (
    BLOCKS,
    HELD_OUT,
    OBSERVATIONS,
    Encoder,
    PlainResidual,
    ResidualBlock,
    limited,
    linear,
    negative_elbo,
    point_of_curve,
    read_arguments,
    write_onnx,
)

LATENTS, PIXELS = 8, 64
WIDTH, DENSE_WIDTH = 24, 48
BLOCK_LIPSCHITZ = 0.15
PENALTY_POINTS = 96
PENALTY_REACH = 2.0
DIFFERENCE = 0.05
PENALISED = ("conditioned",)


@dataclass(frozen=True)
class Options:
    """What a training run depends on; the penalties are weights on nats per digit."""

    seed: int = 0
    steps: int = 3000
    learning_rate: float = 2e-3
    encoder_width: int = 96
    conditioning: float = 3.0
    curvature: float = 40.0


class SkipDecoder(nn.Module):
    """W h(z) + U tanh(V h(z) + c) + b with h(z) = z + W_2 tanh(W_1 z + c_1); `bounded` limits W_1, W_2 and V."""

    def __init__(self, bounded: bool) -> None:
        super().__init__()
        self.bounded = bounded
        self.inner, self.outer = nn.Linear(LATENTS, WIDTH), nn.Linear(WIDTH, LATENTS, bias=False)
        self.straight = nn.Linear(LATENTS, PIXELS)
        self.feature, self.bent = nn.Linear(LATENTS, WIDTH), nn.Linear(WIDTH, PIXELS, bias=False)

    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """W_1, W_2 and V as they are used."""
        found = self.inner.weight, self.outer.weight, self.feature.weight
        if not self.bounded:
            return found
        return limited(found[0], 1.0), limited(found[1], BLOCK_LIPSCHITZ), limited(found[2], 1.0)

    def forward(self, z: Tensor) -> Tensor:
        first, second, feature = self.weights()
        hidden = z + torch.tanh(z @ first.T + self.inner.bias) @ second.T
        return self.straight(hidden) + self.bent(torch.tanh(hidden @ feature.T + self.feature.bias))


class PlainSkip(nn.Module):
    """The decoder as ordinary layers, ready for export."""

    def __init__(self, decoder: SkipDecoder) -> None:
        super().__init__()
        first, second, feature = decoder.weights()
        self.inner, self.outer = linear(first, decoder.inner.bias), linear(second, None)
        self.straight = linear(decoder.straight.weight, decoder.straight.bias)
        self.feature, self.bent = linear(feature, decoder.feature.bias), linear(decoder.bent.weight, None)

    def forward(self, z: Tensor) -> Tensor:
        hidden = z + self.outer(torch.tanh(self.inner(z)))
        return self.straight(hidden) + self.bent(torch.tanh(self.feature(hidden)))


class ResidualPixels(nn.Module):
    """W h_2(h_1(z)) + b with the residual blocks of `train.py`, both norms bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(LATENTS, WIDTH) for _ in range(BLOCKS)))
        self.straight = nn.Linear(LATENTS, PIXELS)

    def forward(self, z: Tensor) -> Tensor:
        return self.straight(self.blocks(z))


def plain(decoder: nn.Module) -> nn.Module:
    """The decoder as ordinary layers, ready for export."""
    if isinstance(decoder, SkipDecoder):
        return PlainSkip(decoder)
    if isinstance(decoder, ResidualPixels):
        blocks = [PlainResidual(block) for block in decoder.blocks if isinstance(block, ResidualBlock)]
        return nn.Sequential(*blocks, decoder.straight)
    return decoder


def dense(activation: Callable[[], nn.Module]) -> nn.Module:
    """The plain decoder 8-48-48-64."""
    return nn.Sequential(
        nn.Linear(LATENTS, DENSE_WIDTH),
        activation(),
        nn.Linear(DENSE_WIDTH, DENSE_WIDTH),
        activation(),
        nn.Linear(DENSE_WIDTH, PIXELS),
    )


def penalty(decoder: nn.Module, options: Options) -> Tensor:
    """Mean spread of the log singular values of J and mean |D^2G[u, u]|^2, |u| = 1, at points of a wide Gaussian."""
    points = PENALTY_REACH * torch.randn(PENALTY_POINTS, LATENTS)
    jacobians = torch.func.vmap(torch.func.jacfwd(lambda z: decoder(z[None])[0]))(points)
    logs = torch.log(torch.linalg.svdvals(jacobians))
    spread = ((logs - logs.mean()) ** 2).sum(1).mean()
    direction = nn.functional.normalize(torch.randn(PENALTY_POINTS, LATENTS), dim=1) * DIFFERENCE
    second = (decoder(points + direction) - 2 * decoder(points) + decoder(points - direction)) / DIFFERENCE**2
    bend = (second**2).sum(1).mean()
    return options.conditioning * spread + options.curvature * bend


def pixels(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Training and held-out images (k, 64), centred and scaled by the training images, and the scale."""
    images = load_digits().data.astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(images))
    training, held_out = images[order[HELD_OUT:]], images[order[:HELD_OUT]]
    mean = training.mean(axis=0)
    scale = float(np.sqrt(((training - mean) ** 2).mean()))
    return (training - mean) / scale, (held_out - mean) / scale, scale


def train(
    decoder: nn.Module, train_x: Tensor, test_x: Tensor, options: Options, penalised: bool
) -> tuple[Encoder, dict[str, object]]:
    """Fit decoder (in place), encoder and beta by Adam on all training images; returns the encoder and the log."""
    encoder = PixelEncoder(options.encoder_width)
    log_beta = nn.Parameter(torch.tensor(-0.5))
    optimiser = torch.optim.Adam([*decoder.parameters(), *encoder.parameters(), log_beta], lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)
    curve = []
    for step in range(options.steps):
        optimiser.zero_grad()
        loss, _ = negative_elbo(decoder, encoder, log_beta, train_x)
        total = loss + penalty(decoder, options) if penalised else loss
        total.backward()
        optimiser.step()
        schedule.step()
        if step % (options.steps // 10) == 0 or step == options.steps - 1:
            with torch.no_grad():
                held_out, error = negative_elbo(decoder, encoder, log_beta, test_x)
            curve.append(point_of_curve(step, loss, held_out, error, log_beta))
    return encoder, {"trained_beta": math.exp(log_beta.item()), "curve": curve}


class PixelEncoder(Encoder):
    """Gaussian amortised encoder from 64 pixels: z = mu(x) + s(x) * noise."""

    def __init__(self, width: int) -> None:
        super().__init__(LATENTS, width)
        self.body[0] = nn.Linear(PIXELS, width)


def main() -> None:
    """Train every decoder and write the ONNX files, the observations and the log."""
    arguments = read_arguments(__doc__, Options.seed, Options.steps)
    options = Options(seed=arguments.seed, steps=arguments.steps)
    train_data, held_out, scale = pixels(options.seed)
    np.save(arguments.out / "observations_pixels64.npy", held_out[:OBSERVATIONS])
    train_x, test_x = (torch.tensor(part, dtype=torch.float32) for part in (train_data, held_out))
    packages = {"numpy": np, "onnx": onnx, "scikit-learn": sklearn, "torch": torch}
    versions = {name: module.__version__ for name, module in packages.items()} | {"python": platform.python_version()}
    log: dict[str, object] = {**vars(options), "pixel_scale": scale, "versions": versions}
    builders: dict[str, Callable[[], nn.Module]] = {
        "residual": ResidualPixels,
        "conditioned": lambda: SkipDecoder(bounded=True),
        "free": lambda: SkipDecoder(bounded=False),
        "relu": lambda: dense(nn.ReLU),
        "softplus": lambda: dense(nn.Softplus),
    }
    for name, build in builders.items():
        torch.manual_seed(options.seed)
        decoder = build()
        encoder, record = train(decoder, train_x, test_x, options, name in PENALISED)
        metadata = {
            "trained_beta": f"{record['trained_beta']:.6g}",
            "data": "digits of scikit-learn, 64 pixels, centred, in units of the root mean variance of a pixel",
            "seed": str(options.seed),
        }
        write_onnx(plain(decoder), ["z"], "x", LATENTS, arguments.out / f"pixels64_{name}.onnx", metadata)
        write_encoder(encoder, arguments.out / f"encoder_pixels64_{name}.onnx", metadata)
        log[f"pixels64_{name}"] = record
    (arguments.out / "training_log_pixels.json").write_text(json.dumps(log, indent=1) + "\n")


def write_encoder(encoder: Encoder, path: Path, metadata: dict[str, str]) -> None:
    """Export the encoder with inputs `x` (64 pixels) and `noise` (8)."""
    write_onnx(encoder, ["x", "noise"], "z", (PIXELS, LATENTS), path, metadata)


if __name__ == "__main__":
    main()
