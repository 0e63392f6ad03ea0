"""Data sets that scikit-learn ships, split once: the last 50 rows of a fixed permutation are held out."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]

HELD_OUT = 50
UCI = "CC BY 4.0"


def split(rows: NDArray[np.floating], seed: int = 0) -> tuple[Array, Array]:
    """Training rows and the held-out ones, float32."""
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = rows[order].astype(np.float32)
    return shuffled[:-HELD_OUT], shuffled[-HELD_OUT:]


def digits() -> tuple[Array, Array]:
    """The 8x8 digits as rows of 64 grey levels in [0, 1]."""
    from sklearn.datasets import load_digits

    return split(load_digits().data / 16.0)


def digit_counts() -> tuple[Array, Array]:
    """The 8x8 digits as counts 0 to 16, for models of counts; the pixels that are always 0 are left out."""
    from sklearn.datasets import load_digits

    counts = load_digits().data
    return split(counts[:, counts.max(axis=0) > 0])


def large_digits() -> tuple[Array, Array]:
    """The digits at 28x28, the size that tutorials are written for: bilinear, (rows, 28, 28) in [0, 1]."""
    from scipy.ndimage import zoom

    return tuple(zoom(part.reshape(-1, 8, 8), (1, 3.5, 3.5), order=1).astype(np.float32) for part in digits())  # type: ignore[return-value]


def standardised(name: str) -> tuple[Array, Array]:
    """A table (`iris`, `wine`, `breast_cancer`) with every training column of mean 0 and variance 1."""
    train, held_out = table(name)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / deviation, (held_out - mean) / deviation


def table(name: str) -> tuple[Array, Array]:
    """A table (`iris`, `wine`, `breast_cancer`) as it is."""
    from sklearn import datasets

    return split(getattr(datasets, f"load_{name}")().data)
