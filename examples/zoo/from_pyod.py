"""pyod: the detector `VAE`, which standardises its data itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from examples.zoo.data import UCI, Array, table
from examples.zoo.decoder import decoder, through_dynamo, through_torchscript


def _detector(train: Array, **options: Any) -> Any:
    from pyod.models.vae import VAE

    detector = VAE(verbose=0, device="cpu", **options)
    detector.fit(train)
    return detector


def _as_seen(detector: Any, rows: Array) -> Array:
    scaled: Array = ((rows - detector.X_mean) / detector.X_std).astype(np.float32)
    return scaled


@decoder("pyod torch", "VAE, defaults", "ReLU", "squared error", f"breast cancer, {UCI}")
def pyod_vae_breast_cancer_d2(path: Path) -> Array:
    """Every argument at its default, latent_dim = 2 among them."""
    train, held_out = table("breast_cancer")
    detector = _detector(train)
    through_dynamo(detector.model.decoder, 2, path)
    return _as_seen(detector, held_out)


@decoder("pyod torch", "VAE, batch_norm=True, tanh", "tanh, BatchNorm", "squared error", f"wine, {UCI}")
def pyod_vae_wine_d3(path: Path) -> Array:
    """The same detector with batch normalisation and tanh."""
    train, held_out = table("wine")
    detector = _detector(train, latent_dim=3, batch_norm=True, hidden_activation_name="tanh")
    through_torchscript(detector.model.decoder, 3, path)
    return _as_seen(detector, held_out)
