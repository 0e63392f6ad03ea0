"""pythae: its pipeline trains, its default networks or a small convolutional one of the user's."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from examples.zoo.data import UCI, Array, digits, large_digits
from examples.zoo.decoder import decoder, mean_of, through_dynamo, through_torchscript


def _trained(model: Any, train: Array, epochs: int) -> Any:
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    with tempfile.TemporaryDirectory() as folder:
        options = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, learning_rate=1e-3, per_device_train_batch_size=64, no_cuda=True
        )
        TrainingPipeline(training_config=options, model=model)(train_data=train)
    return mean_of(model.decoder, lambda layers, z: layers(z)["reconstruction"])


@decoder("pythae torch", "VAE, default MLP", "ReLU, sigmoid", "normal, s = 1", f"digits, {UCI}")
def pythae_vae_digits_d2(path: Path) -> Array:
    """`VAE` with everything at its default but the latent dimension."""
    from pythae.models import VAE, VAEConfig

    train, held_out = digits()
    through_torchscript(_trained(VAE(VAEConfig(input_dim=(1, 8, 8), latent_dim=2)), _images(train), 15), 2, path)
    return held_out


@decoder("pythae torch", "BetaVAE, default MLP", "ReLU, sigmoid", "Bernoulli, means", f"digits, {UCI}")
def pythae_beta_vae_digits_d8(path: Path) -> Array:
    """`BetaVAE` with cross-entropy: the decoder's sigmoid is the mean of a Bernoulli pixel."""
    from pythae.models import BetaVAE, BetaVAEConfig

    train, held_out = digits()
    options = BetaVAEConfig(input_dim=(1, 8, 8), latent_dim=8, beta=2.0, reconstruction_loss="bce")
    through_dynamo(_trained(BetaVAE(options), _images(train), 15), 8, path)
    return held_out


@decoder("pythae torch", "VAE, own convolutions", "ReLU, BatchNorm, sigmoid", "normal, s = 1", f"digits 28x28, {UCI}")
def pythae_conv_digits_d3(path: Path) -> Array:
    """A decoder of the user's own, as pythae's tutorial on custom architectures has it, an eighth as wide."""
    import torch
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder

    class ConvDecoder(BaseDecoder):
        def __init__(self) -> None:
            BaseDecoder.__init__(self)
            self.fc = torch.nn.Linear(3, 32 * 4 * 4)
            self.layers = torch.nn.Sequential(
                torch.nn.ConvTranspose2d(32, 16, 3, 2, padding=1),
                torch.nn.BatchNorm2d(16),
                torch.nn.ReLU(),
                torch.nn.ConvTranspose2d(16, 8, 3, 2, padding=1, output_padding=1),
                torch.nn.BatchNorm2d(8),
                torch.nn.ReLU(),
                torch.nn.ConvTranspose2d(8, 1, 3, 2, padding=1, output_padding=1),
                torch.nn.Sigmoid(),
            )

        def forward(self, z: torch.Tensor) -> Any:
            hidden = self.fc(z).reshape(z.shape[0], 32, 4, 4)
            return ModelOutput(reconstruction=self.layers(hidden))

    train, held_out = large_digits()
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=3), decoder=ConvDecoder())
    through_dynamo(_trained(model, train[:, None], 15), 3, path)
    return held_out.reshape(len(held_out), -1)


def _images(rows: Array) -> Array:
    return rows.reshape(-1, 1, 8, 8)
