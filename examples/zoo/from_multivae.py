"""multivae: two modalities, one latent vector; both decoders side by side are the map."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from examples.zoo.data import UCI, Array, digits
from examples.zoo.decoder import decoder, mean_of, through_dynamo


@decoder("multivae pythae torch", "MVAE, default MLPs", "ReLU, sigmoid", "normal, s = 1", f"digits in halves, {UCI}")
def multivae_mvae_digits_d2(path: Path) -> Array:
    """Upper and lower half of a digit are two modalities; `MVAE` at its defaults but for the latent dimension."""
    import torch
    from multivae.data.datasets import MultimodalBaseDataset
    from multivae.models import MVAE, MVAEConfig
    from multivae.trainers import BaseTrainer, BaseTrainerConfig

    torch.manual_seed(0)
    train, held_out = digits()
    halves = {"upper": torch.from_numpy(train[:, :32].copy()), "lower": torch.from_numpy(train[:, 32:].copy())}
    model = MVAE(MVAEConfig(n_modalities=2, latent_dim=2, input_dims={"upper": (32,), "lower": (32,)}))
    with tempfile.TemporaryDirectory() as folder:
        options = BaseTrainerConfig(
            output_dir=folder, num_epochs=30, learning_rate=1e-3, per_device_train_batch_size=64, no_cuda=True
        )
        BaseTrainer(model, train_dataset=MultimodalBaseDataset(halves), training_config=options).train()

    def both(decoders: Any, z: torch.Tensor) -> torch.Tensor:
        return torch.cat([decoders[half](z)["reconstruction"] for half in ("upper", "lower")], dim=1)

    through_dynamo(mean_of(model.decoders, both), 2, path)
    return held_out
