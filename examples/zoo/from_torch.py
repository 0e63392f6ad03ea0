"""Plain PyTorch: the loops that people write themselves, one choice of network each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.zoo.data import UCI, Array, digits, standardised
from examples.zoo.decoder import decoder, mean_of, through_dynamo, through_torchscript

if TYPE_CHECKING:
    import torch


def _fit(layers: torch.nn.Module, train: Array, latents: int, steps: int = 1500) -> torch.Tensor:
    """Fit a Gaussian VAE; `layers(z)` is the mean, or mean and log-variance. Returns the learned log of s."""
    import torch

    torch.manual_seed(0)
    n, x = train.shape[1], torch.from_numpy(train)
    encoder = torch.nn.Sequential(torch.nn.Linear(n, 64), torch.nn.SiLU(), torch.nn.Linear(64, 2 * latents))
    log_scale = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.Adam([*layers.parameters(), *encoder.parameters(), log_scale], lr=2e-3)
    layers.train()
    for _ in range(steps):
        batch = x[torch.randint(len(x), (128,))]
        mean, log_variance = encoder(batch).chunk(2, dim=1)
        output = layers(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
        fitted, log_s2 = output if isinstance(output, tuple) else (output, 2.0 * log_scale)
        misfit = ((batch - fitted.flatten(1)) ** 2 * torch.exp(-log_s2) + log_s2).sum(1)
        divergence = (torch.exp(log_variance) + mean**2 - 1.0 - log_variance).sum(1)
        optimiser.zero_grad()
        (0.5 * (misfit + divergence)).mean().backward()
        optimiser.step()
    layers.eval()
    return log_scale.detach()


@decoder("torch", "MLP 2-32-32-30", "softplus", "normal, one learned s", f"breast cancer, {UCI}")
def torch_softplus_breast_cancer_d2(path: Path) -> Array:
    """A smooth network with one noise level for all outputs."""
    from torch.nn import Linear, Sequential, Softplus

    train, held_out = standardised("breast_cancer")
    layers = Sequential(Linear(2, 32), Softplus(), Linear(32, 32), Softplus(), Linear(32, 30))
    _fit(layers, train, 2)
    through_dynamo(layers, 2, path)
    return held_out


@decoder("torch", "MLP 2-32-(13, 13)", "tanh", "normal, log-variance a second output", f"wine, {UCI}")
def torch_two_heads_wine_d2(path: Path) -> Array:
    """Mean and log-variance of every output, both of z: two outputs."""
    import torch

    class TwoHeads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh())
            self.mean, self.log_variance = torch.nn.Linear(32, 13), torch.nn.Linear(32, 13)

        def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            hidden = self.body(z)
            return self.mean(hidden), self.log_variance(hidden).clamp(-6.0, 2.0)

    train, held_out = standardised("wine")
    layers = TwoHeads()
    _fit(layers, train, 2)
    through_torchscript(layers, 2, path, ("mean", "log_variance"))
    return held_out


@decoder("torch", "MLP 3-64-64-30", "ELU, LayerNorm", "normal, one learned s", f"breast cancer, {UCI}")
def torch_elu_layer_norm_breast_cancer_d3(path: Path) -> Array:
    """Layer normalisation before the activation."""
    from torch.nn import ELU, LayerNorm, Linear, Sequential

    train, held_out = standardised("breast_cancer")
    layers = Sequential(Linear(3, 64), LayerNorm(64), ELU(), Linear(64, 64), LayerNorm(64), ELU(), Linear(64, 30))
    _fit(layers, train, 3)
    through_dynamo(layers, 3, path)
    return held_out


@decoder("torch", "upsampling and convolutions", "SiLU, GroupNorm, sigmoid", "normal, one learned s", f"digits, {UCI}")
def torch_upsample_digits_d4(path: Path) -> Array:
    """Bilinear upsampling, convolution and group normalisation, as in decoders of latent diffusion."""
    from torch.nn import Conv2d, GroupNorm, Linear, Sequential, Sigmoid, SiLU, Unflatten, Upsample

    train, held_out = digits()
    layers = Sequential(
        Linear(4, 16 * 2 * 2),
        Unflatten(1, (16, 2, 2)),
        Upsample(scale_factor=2, mode="bilinear"),
        Conv2d(16, 16, 3, padding=1),
        GroupNorm(4, 16),
        SiLU(),
        Upsample(scale_factor=2, mode="nearest"),
        Conv2d(16, 8, 3, padding=1),
        GroupNorm(4, 8),
        SiLU(),
        Conv2d(8, 1, 3, padding=1),
        Sigmoid(),
    )
    _fit(layers, train, 4, 800)
    through_dynamo(mean_of(layers, _flat), 4, path)
    return held_out


@decoder("torch", "PixelShuffle, weight_norm, spectral_norm", "LeakyReLU", "normal, one learned s", f"digits, {UCI}")
def torch_pixel_shuffle_digits_d16(path: Path) -> Array:
    """Parametrised weights and sub-pixel convolution; the older exporter refuses `aten::vdot` of the spectral norm."""
    from torch.nn import Conv2d, LeakyReLU, Linear, PixelShuffle, Sequential, Unflatten
    from torch.nn.utils.parametrizations import spectral_norm, weight_norm

    train, held_out = digits()
    layers = Sequential(
        spectral_norm(Linear(16, 16 * 2 * 2)),
        Unflatten(1, (16, 2, 2)),
        LeakyReLU(0.2),
        weight_norm(Conv2d(16, 32, 3, padding=1)),
        PixelShuffle(2),
        LeakyReLU(0.2),
        weight_norm(Conv2d(8, 4, 3, padding=1)),
        PixelShuffle(2),
    )
    _fit(layers, train, 16, 800)
    through_dynamo(mean_of(layers, _flat), 16, path)
    return held_out


def _flat(layers: Any, z: Any) -> Any:
    return layers(z).flatten(1)
