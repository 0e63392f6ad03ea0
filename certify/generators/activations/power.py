"""Powers: the square and the reciprocal (a quotient is a product with a reciprocal)."""

from __future__ import annotations

import numpy as np

from certify.generators.activations.function import (
    ActivationFunction,
    FloatArray,
    Parameters,
    Smoothness,
    always_smooth,
)


def square_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """x^2, 2x, 2, 0; infinite, without a warning, where the square overflows."""
    with np.errstate(over="ignore"):
        return (x * x, 2.0 * x, np.full_like(x, 2.0), np.zeros_like(x))[: order + 1]


def reciprocal_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """1/x, -1/x^2, 2/x^3, -6/x^4; infinite, without a warning, at x = 0."""
    with np.errstate(over="ignore", divide="ignore"):
        r = 1.0 / x
        return (r, -(r**2), 2.0 * r**3, -6.0 * r**4)[: order + 1]


def _singular(parameters: Parameters) -> Smoothness:
    return Smoothness.SINGULAR


SQUARE = ActivationFunction(
    name="square",
    tex="x^2",
    parameters=(),
    numeric=square_derivatives,
    ball=lambda x, parameters: x**2,
    series=lambda x, parameters: x * x,
    smoothness=always_smooth,
)
RECIPROCAL = ActivationFunction(
    name="reciprocal",
    tex="1/x",
    parameters=(),
    numeric=reciprocal_derivatives,
    ball=lambda x, parameters: 1 / x,
    series=lambda x, parameters: 1 / x,
    smoothness=_singular,
)
