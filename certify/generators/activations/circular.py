"""Activations from the circle: sin, cos and the arc tangent."""

from __future__ import annotations

import numpy as np

from certify.generators.activations.function import (
    ActivationFunction,
    FloatArray,
    Parameters,
    always_smooth,
)


def sin_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """sin, cos, -sin, -cos."""
    s, c = np.sin(x), np.cos(x)
    return (s, c, -s, -c)[: order + 1]


def cos_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """cos, -sin, -cos, sin."""
    s, c = np.sin(x), np.cos(x)
    return (c, -s, -c, s)[: order + 1]


def atan_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of atan in c = 1/sqrt(1+x^2) and t = x c (both in [-1, 1]): c^2, -2 t c^3, (6 t^2 - 2 c^2) c^4."""
    c = 1.0 / np.hypot(1.0, x)
    t = x * c
    return (np.arctan(x), c**2, -2.0 * t * c**3, (6.0 * t**2 - 2.0 * c**2) * c**4)[: order + 1]


SIN = ActivationFunction(
    name="sin",
    tex=r"\sin(x)",
    parameters=(),
    numeric=sin_derivatives,
    ball=lambda x, parameters: x.sin(),
    series=lambda x, parameters: x.sin(),
    smoothness=always_smooth,
)
COS = ActivationFunction(
    name="cos",
    tex=r"\cos(x)",
    parameters=(),
    numeric=cos_derivatives,
    ball=lambda x, parameters: x.cos(),
    series=lambda x, parameters: x.cos(),
    smoothness=always_smooth,
)
ATAN = ActivationFunction(
    name="atan",
    tex=r"\arctan(x)",
    parameters=(),
    numeric=atan_derivatives,
    ball=lambda x, parameters: x.atan(),
    series=lambda x, parameters: x.atan(),
    smoothness=always_smooth,
)
