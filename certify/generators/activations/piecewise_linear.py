"""Piecewise linear activations: the identity, ReLU and leaky ReLU, and how a kink is handled in balls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    Parameters,
    Smoothness,
    always_smooth,
)
from certify.generators.activations.profile import (
    ANYTHING,
    MINUS_INFINITY,
    PLUS_INFINITY,
    FloatEnclosure,
    KnotProfile,
    constant_evaluator,
    constant_profile,
    knots_at,
    outward,
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
    value = np.where(x > 0, x, slope * x)
    if order == 0:
        return (value,)
    first = np.where(x > 0, 1.0, slope)
    zero = np.zeros_like(first)
    return (value, first, zero, zero)[: order + 1]


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


def slope_profile(slope: float, order: int) -> KnotProfile:
    """Range of a derivative of max(x, 0) + slope min(x, 0): two lines that meet in a kink at zero.

    Order 1 is the set of slopes between `slope` and 1 at the kink; from order 2 on nothing bounds a kink.
    """
    if order == 0:
        ends = (MINUS_INFINITY if slope > 0 else arb(0) if slope == 0 else PLUS_INFINITY, PLUS_INFINITY)
        return KnotProfile(lambda x: _two_lines(slope, x), knots_at(0.0, (arb(0),)), *ends)
    if slope == 1.0:
        return constant_profile(1.0 if order == 1 else 0.0)
    if order == 1:
        return KnotProfile(
            lambda x: (np.where(x > 0, 1.0, slope), np.where(x > 0, 1.0, slope)),
            knots_at(0.0, (arb(slope), arb(1))),
            arb(slope),
            arb(1),
        )
    return KnotProfile(constant_evaluator(0.0), knots_at(0.0, ANYTHING), arb(0), arb(0))


def _two_lines(slope: float, x: FloatArray) -> FloatEnclosure:
    with np.errstate(over="ignore"):
        low, high = outward(slope * x, slope * x) if slope not in (0.0, 1.0) else (slope * x, slope * x)
    return np.where(x >= 0, x, low), np.where(x >= 0, x, high)


IDENTITY = ActivationFunction(
    "identity",
    "x",
    (),
    identity_derivatives,
    lambda x, parameters: x,
    lambda x, parameters: x,
    always_smooth,
    lambda parameters, order: slope_profile(1.0, order),
)
RELU = ActivationFunction(
    "relu",
    r"\max(x,0)",
    (),
    relu_derivatives,
    _slope_ball,
    _slope_series,
    _continuous,
    lambda parameters, order: slope_profile(0.0, order),
)
LEAKY_RELU = ActivationFunction(
    "leaky_relu",
    r"\max(x,0)+\alpha\min(x,0)",
    (ActivationParameter("alpha", 0.01),),
    leaky_relu_derivatives,
    _slope_ball,
    _slope_series,
    _leaky_smoothness,
    lambda parameters, order: slope_profile(parameters[0], order),
)
