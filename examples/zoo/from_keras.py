"""Keras 3 on its PyTorch backend, written by `model.export(path, format="onnx")`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from examples.zoo.data import UCI, Array, large_digits, standardised
from examples.zoo.decoder import decoder


def _fit(decoder_model: Any, encoder_model: Any, train: Any, latents: int, epochs: int, weight: float) -> None:
    """Train both with Adam on squared error times `weight` plus the Kullback-Leibler divergence."""
    import keras
    import torch

    parameters = [*encoder_model.parameters(), *decoder_model.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    keras.utils.set_random_seed(0)
    x = torch.from_numpy(train)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(128):
            mean, log_variance = encoder_model(x[batch], training=True).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            misfit = weight * ((decoder_model(z, training=True) - x[batch]) ** 2).flatten(1).sum(1)
            divergence = 0.5 * (torch.exp(log_variance) + mean**2 - 1.0 - log_variance).sum(1)
            optimiser.zero_grad()
            (misfit + divergence).mean().backward()
            optimiser.step()


def _keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.utils.set_random_seed(0)
    return keras


def _tutorial(latents: int, filters: int, path: Path) -> Array:
    """The convolutional decoder of the tutorial "Variational AutoEncoder", which has 64 filters."""
    keras = _keras()
    from keras import layers

    train, held_out = large_digits()
    decoder_model = keras.Sequential(
        [
            keras.Input((latents,)),
            layers.Dense(7 * 7 * filters, activation="relu"),
            layers.Reshape((7, 7, filters)),
            layers.Conv2DTranspose(filters, 3, activation="relu", strides=2, padding="same"),
            layers.Conv2DTranspose(filters // 2, 3, activation="relu", strides=2, padding="same"),
            layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same"),
        ]
    )
    encoder_model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu", strides=2, padding="same"),
            layers.Flatten(),
            layers.Dense(2 * latents),
        ]
    )
    _fit(decoder_model, encoder_model, train[..., None], latents, 15, 2.0)
    decoder_model.export(str(path), format="onnx", verbose=False)
    return held_out.reshape(len(held_out), -1)


@decoder("keras torch", "VAE of the Keras tutorial", "ReLU, sigmoid", "normal", f"digits 28x28, {UCI}")
def keras_vae_digits_d2(path: Path) -> Array:
    """The tutorial's decoder, layer by layer."""
    return _tutorial(2, 64, path)


@decoder("keras torch", "the same, a quarter as wide", "ReLU, sigmoid", "normal", f"digits 28x28, {UCI}")
def keras_small_vae_digits_d4(path: Path) -> Array:
    """The tutorial's decoder with a quarter of its filters."""
    return _tutorial(4, 16, path)


@decoder("keras torch", "Dense 3-32-32-13", "ELU, BatchNormalization", "normal", f"wine, {UCI}")
def keras_dense_wine_d3(path: Path) -> Array:
    """Dense layers with batch normalisation."""
    keras = _keras()
    from keras import layers

    train, held_out = standardised("wine")
    decoder_model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(32),
            layers.BatchNormalization(),
            layers.Activation("elu"),
            layers.Dense(32, activation="elu"),
            layers.Dense(13),
        ]
    )
    encoder_model = keras.Sequential([keras.Input((13,)), layers.Dense(32, activation="elu"), layers.Dense(6)])
    _fit(decoder_model, encoder_model, train, 3, 400, 2.0)
    decoder_model.export(str(path), format="onnx", verbose=False)
    return held_out
