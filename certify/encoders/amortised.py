"""The amortised encoder that was trained with a decoder, as a place to look for the mode first.

Beside `decoder.onnx` lies `encoder_decoder.onnx`: inputs x and noise, output z; with zero noise it is the mean mu(x).
A start only makes the search shorter and the start's condition checkable; nothing certified rests on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.encoders.runtime import load_encoder
from certify.generators.graph import Generator


def encoder_path(generator: Generator) -> Path | None:
    """The encoder's file beside the generator's, None if there is none."""
    file = generator.metadata.get("file")
    if file is None:
        return None
    decoder = Path(file)
    path = decoder.with_name(f"encoder_{decoder.name}")
    return path if path.is_file() else None


def amortised_starts(generator: Generator, rows: FloatArray) -> FloatArray | None:
    """Mu(x) of every row of `rows` (k, n), shape (k, d); None without an encoder that fits. Estimate."""
    path = encoder_path(generator)
    if path is None:
        return None
    encoder = load_encoder(path)
    shape = encoder.noise_shape
    if shape is None or encoder.observed_dim != rows.shape[1] or encoder.latent_dim != generator.latent_dim:
        return None
    return encoder.push(generator.raw(rows), np.zeros((len(rows), *shape)))
