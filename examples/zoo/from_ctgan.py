"""ctgan: TVAE on tables of columns and classes. Its own transformer spreads a column over modes and a one-hot class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from examples.zoo.data import HELD_OUT, UCI, Array
from examples.zoo.decoder import decoder, mean_of, through_dynamo, through_torchscript


def _trained(name: str, latents: int, epochs: int) -> tuple[Any, Array]:
    import torch
    from ctgan import TVAE
    from sklearn import datasets

    torch.manual_seed(0)
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame.sample(frac=1.0, random_state=0)
    model = TVAE(embedding_dim=latents, batch_size=50, epochs=epochs, enable_gpu=False)
    model.fit(frame[:-HELD_OUT], discrete_columns=["target"])
    return model, np.asarray(model.transformer.transform(frame[-HELD_OUT:]), np.float32)


@decoder("ctgan torch", "TVAE", "ReLU", "normal, s_i a second output", f"iris, {UCI}")
def ctgan_tvae_iris_d2(path: Path) -> Array:
    """The decoder as it is: two outputs, the second a learned standard deviation that does not depend on z."""
    model, held_out = _trained("iris", 2, 300)
    through_dynamo(model.decoder, 2, path, ("x", "sigma"))
    return held_out


@decoder("ctgan torch", "TVAE, tanh of its output", "ReLU, tanh", "normal", f"wine, {UCI}")
def ctgan_tvae_wine_d4(path: Path) -> Array:
    """What `TVAE.sample` and the loss compare with data: the tanh of the decoder's first output."""
    import torch

    model, held_out = _trained("wine", 4, 300)
    through_torchscript(mean_of(model.decoder, lambda layers, z: torch.tanh(layers(z)[0])), 4, path)
    return held_out
