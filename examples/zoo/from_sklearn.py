"""scikit-learn through skl2onnx: an MLPRegressor from principal components back to the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from examples.zoo.data import UCI, Array, digits, standardised
from examples.zoo.decoder import decoder


def _export(train: Array, latents: int, path: Path, **options: Any) -> None:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPRegressor

    z = PCA(latents, whiten=True, random_state=0).fit_transform(train).astype(np.float32)
    model = MLPRegressor(random_state=0, **options).fit(z, train)
    path.write_bytes(
        convert_sklearn(model, initial_types=[("z", FloatTensorType([None, latents]))]).SerializeToString()
    )


@decoder("scikit-learn skl2onnx", "MLPRegressor on 2 components", "tanh", "squared error", f"iris, {UCI}")
def sklearn_mlp_iris_d2(path: Path) -> Array:
    """Two hidden layers of 16."""
    train, held_out = standardised("iris")
    _export(train, 2, path, hidden_layer_sizes=(16, 16), activation="tanh", max_iter=2000)
    return held_out


@decoder("scikit-learn skl2onnx", "MLPRegressor on 6 components, defaults", "ReLU", "squared error", f"digits, {UCI}")
def sklearn_mlp_digits_d6(path: Path) -> Array:
    """One hidden layer of 100: every argument at its default."""
    train, held_out = digits()
    _export(train, 6, path)
    return held_out
