"""Piecewise linear activations: the identity, ReLU and leaky ReLU, and how a kink is handled in balls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flint import arb, arb_series

from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    FloatArray,
    Parameters,
    Smoothness,
    always_smooth,
)


def kink_ball(x: arb, left: Callable[[arb], arb], right: Callable[[arb], arb]) -> arb:
    """Enclosure of a function that is `left` on (-inf, 0] and `right` on [0, inf), continuous at 0."""
    if x <= 0:
        return left(x)
    if x >= 0:
        return right(x)
    # The ball straddles zero (or is NaN): each half is enclosed by its own piece, up to the shared point 0.
    return left(x.min(arb(0))).union(right(x.max(arb(0))))


def kink_series(
    x: arb_series, left: Callable[[arb_series], arb_series], right: Callable[[arb_series], arb_series]
) -> arb_series:
    """Jet of a function that is `left` on (-inf, 0) and `right` on (0, inf).

    A jet whose constant term may be zero has no derivatives there: its coefficients are NaN from order 1 on.
    """
    centre = x[0]
    if centre < 0:
        return left(x)
    if centre > 0:
        return right(x)
    value = kink_ball(centre, lambda y: left(arb_series([y]))[0], lambda y: right(arb_series([y]))[0])
    return arb_series([value, *[arb.nan()] * (x.prec - 1)])


def _slopes_derivatives(x: FloatArray, slope: float, order: int) -> tuple[FloatArray, ...]:
    first = np.where(x > 0, 1.0, slope)
    zero = np.zeros_like(first)
    return (np.where(x > 0, x, slope * x), first, zero, zero)[: order + 1]


def identity_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """x, 1, 0, 0."""
    zero = np.zeros_like(x)
    return (x, zero + 1.0, zero, zero)[: order + 1]


def relu_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """max(x, 0), its slope, zeros; at the kink x = 0 the left piece's."""
    return _slopes_derivatives(x, 0.0, order)


def leaky_relu_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Leaky ReLU, x or alpha x, its slope, zeros; at the kink x = 0 the left piece's."""
    return _slopes_derivatives(x, parameters[0], order)


def _continuous(parameters: Parameters) -> Smoothness:
    return Smoothness.CONTINUOUS


def _leaky_smoothness(parameters: Parameters) -> Smoothness:
    return Smoothness.SMOOTH if parameters[0] == 1.0 else Smoothness.CONTINUOUS


def _slope_ball(x: arb, parameters: Parameters) -> arb:
    slope = arb(parameters[0]) if parameters else arb(0)
    return kink_ball(x, lambda y: slope * y, lambda y: y)


def _slope_series(x: arb_series, parameters: Parameters) -> arb_series:
    slope = arb(parameters[0]) if parameters else arb(0)
    return kink_series(x, lambda y: slope * y, lambda y: y)


IDENTITY = ActivationFunction(
    name="identity",
    tex="x",
    parameters=(),
    numeric=identity_derivatives,
    ball=lambda x, parameters: x,
    series=lambda x, parameters: x,
    smoothness=always_smooth,
)
RELU = ActivationFunction(
    name="relu",
    tex=r"\max(x,0)",
    parameters=(),
    numeric=relu_derivatives,
    ball=_slope_ball,
    series=_slope_series,
    smoothness=_continuous,
)
LEAKY_RELU = ActivationFunction(
    name="leaky_relu",
    tex=r"\max(x,0)+\alpha\min(x,0)",
    parameters=(ActivationParameter("alpha", 0.01),),
    numeric=leaky_relu_derivatives,
    ball=_slope_ball,
    series=_slope_series,
    smoothness=_leaky_smoothness,
)
