"""What a user chooses: noise levels, accuracies, observations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.arrays import FloatArray
from certify.generators.derivatives import value
from certify.generators.graph import Generator

ACCURACIES = (Fraction(1, 10), Fraction(1, 2), Fraction(1, 4), Fraction(9, 10), Fraction(1, 100))


def accuracies() -> st.SearchStrategy[Fraction]:
    """Targets epsilon in (0, 1), simplest first."""
    return st.sampled_from(ACCURACIES)


def noise_levels(scale: float, octaves: int = 8) -> st.SearchStrategy[float]:
    """Noise levels beta = scale 2^-k (1, 5/4 or 3/2), k from 0 to `octaves`: from as large as m to far below it."""
    return st.tuples(st.integers(0, octaves), st.sampled_from((1.0, 1.25, 1.5))).map(
        lambda pair: scale * 2.0 ** -pair[0] * pair[1]
    )


@st.composite
def observations(draw: st.DrawFn, generator: Generator, noise: float, rows: int = 1) -> FloatArray:
    """Observations x = G(z) + beta xi (rows, n): z at the origin, among draws of the prior, or far out.

    z and xi are short vectors, so an observation shrinks to G(0).
    """
    latent = np.array(draw(_vectors(rows * generator.latent_dim))).reshape(rows, -1)
    reach = draw(st.sampled_from((1.0, 0.0, 4.0, 16.0)))
    deviation = np.array(draw(_vectors(rows * generator.observed_dim))).reshape(rows, -1)
    return np.asarray(value(generator.graph, reach * latent) + noise * deviation)


def _vectors(size: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.integers(-8, 8).map(lambda k: k / 4.0), min_size=size, max_size=size)
