"""scvi-tools: models of counts. The mean at a library size is what its users call the normalised expression."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from examples.zoo.data import UCI, Array, digit_counts
from examples.zoo.decoder import decoder, mean_of, through_dynamo, through_torchscript


def _trained(name: str, latents: int, epochs: int, **options: Any) -> tuple[Any, Array]:
    import anndata
    import numpy as np
    import scvi

    scvi.settings.seed = 0
    train, held_out = digit_counts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = anndata.AnnData(train)
        model_class = getattr(scvi.model, name)
        model_class.setup_anndata(data)
        model = model_class(data, n_latent=latents, **options)
        model.train(max_epochs=epochs, accelerator="cpu", enable_progress_bar=False, logger=False)
    library = float(np.log(np.median(train.sum(axis=1))))
    return _mean(model.module, library), held_out


def _mean(module: Any, library: float) -> Any:
    """px_rate of a cell of the only batch, at the median library size: `module.generative(...)["px"].mu`."""
    import torch

    def rate(layers: Any, z: torch.Tensor) -> torch.Tensor:
        size, batch = torch.full((z.shape[0], 1), library), torch.zeros(z.shape[0], 1, dtype=torch.long)
        result: torch.Tensor = layers(module.dispersion, z, size, batch)[2]
        return result

    return mean_of(module.decoder, rate)


@decoder("scvi-tools torch", "SCVI, defaults", "ReLU, BatchNorm, softmax", "ZINB counts", f"digits as counts, {UCI}")
def scvi_digits_d10(path: Path) -> Array:
    """Every argument at its default, n_latent = 10 among them."""
    mean, held_out = _trained("SCVI", 10, 30)
    through_dynamo(mean, 10, path)
    return held_out


@decoder("scvi-tools torch", "SCVI, LayerNorm", "ReLU, LayerNorm, softmax", "NB counts", f"digits as counts, {UCI}")
def scvi_layer_norm_digits_d2(path: Path) -> Array:
    """Layer in place of batch normalisation, as the package's tutorials on small data advise."""
    mean, held_out = _trained("SCVI", 2, 30, use_layer_norm="both", use_batch_norm="none", gene_likelihood="nb")
    through_torchscript(mean, 2, path)
    return held_out


@decoder("scvi-tools torch", "LinearSCVI, defaults", "BatchNorm, softmax", "NB counts", f"digits as counts, {UCI}")
def scvi_linear_digits_d5(path: Path) -> Array:
    """The linear decoder (LDVAE): one matrix between the latents and a softmax."""
    mean, held_out = _trained("LinearSCVI", 5, 200)
    through_dynamo(mean, 5, path)
    return held_out
