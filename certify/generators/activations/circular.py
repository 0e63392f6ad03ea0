"""Activations from the circle: sin, cos and the arc tangent."""

from __future__ import annotations

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations.function import ActivationFunction, BallLike, Parameters, always_smooth
from certify.generators.activations.profile import PeriodicProfile
from certify.generators.activations.smooth import Shape, smooth_activation
from certify.generators.activations.taylor import RADIUS, tabulated


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


def _sin(x: BallLike, parameters: Parameters) -> BallLike:
    return x.sin()


def _cos(x: BallLike, parameters: Parameters) -> BallLike:
    return x.cos()


def _atan(x: BallLike, parameters: Parameters) -> BallLike:
    return x.atan()


def sin_profile(parameters: Parameters, order: int) -> PeriodicProfile:
    """The derivative of order k of sin is sin(x + k pi/2)."""
    return PeriodicProfile(lambda x: tabulated(_sin, order, -RADIUS, RADIUS, x), order)


def cos_profile(parameters: Parameters, order: int) -> PeriodicProfile:
    """The derivative of order k of cos is sin(x + (k + 1) pi/2)."""
    return PeriodicProfile(lambda x: tabulated(_cos, order, -RADIUS, RADIUS, x), order + 1)


# The zeros of the derivatives of atan up to the fourth are 0, +-1/sqrt 3 and +-1: the tails are monotone.
ATAN_SHAPE = Shape(_atan, 0, 0, -1, lambda: -arb.pi() / 2, RADIUS)

SIN = ActivationFunction("sin", r"\sin(x)", (), sin_derivatives, _sin, _sin, always_smooth, sin_profile)
COS = ActivationFunction("cos", r"\cos(x)", (), cos_derivatives, _cos, _cos, always_smooth, cos_profile)
ATAN = smooth_activation("atan", r"\arctan(x)", atan_derivatives, ATAN_SHAPE)
