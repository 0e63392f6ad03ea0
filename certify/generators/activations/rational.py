"""Piecewise rational activations: softsign x/(1 + |x|) and HardSwish, x max(0, min(1, x/6 + 1/2))."""

from __future__ import annotations

import math

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations.function import ActivationFunction, BallLike, Parameters, Smoothness
from certify.generators.activations.piecewise_linear import kink_ball, kink_series
from certify.generators.activations.profile import (
    ANYTHING,
    PLUS_INFINITY,
    FloatEnclosure,
    Knot,
    KnotProfile,
    knots_at,
    outward,
)

KINK = 3.0
"""HardSwish is 0 below -3, the parabola x (x + 3)/6 between, and x above 3."""


def softsign_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """x/u, 1/u^2, -2 sgn(x)/u^3, 6/u^4 with u = 1 + |x|; at 0 those of the left piece."""
    u = 1.0 + np.abs(x)
    side = np.where(x > 0, -1.0, 1.0)
    with np.errstate(under="ignore"):
        return (x / u, 1.0 / u / u, side * 2.0 / u / u / u, 6.0 / u / u / u / u)[: order + 1]


def hard_swish_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """The pieces 0, x (x + 3)/6, x and their derivatives; at the kinks those of the left piece."""
    y = np.clip(x, -KINK, KINK)
    below, above = x <= -KINK, x > KINK
    parabola = (y * (y + KINK) / 6.0, (2.0 * y + KINK) / 6.0, np.full_like(y, 1.0 / 3.0), np.zeros_like(y))
    lines = (x, np.ones_like(y), np.zeros_like(y), np.zeros_like(y))
    return tuple(np.where(below, 0.0, np.where(above, lines[k], parabola[k])) for k in range(order + 1))


def softsign_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Odd, increasing from -1 to 1; its slope is largest, and its second derivative jumps, at 0."""
    kinks: dict[int, tuple[arb, ...]] = {
        0: (),
        1: (arb(1),),
        2: (arb(2), arb(-2)),
        3: ANYTHING,
    }
    limits = (arb(-1), arb(1)) if order == 0 else (arb(0), arb(0))
    return KnotProfile(lambda x: _softsign_evaluate(order, x), knots_at(0.0, kinks[order]), *limits)


def hard_swish_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Every derivative is monotone between the kinks -3 and 3, but for the minimum -3/8 at -3/2."""
    if order == 0:
        knots = (Knot.at(-KINK, arb(0)), Knot.at(-KINK / 2, arb(-3) / 8), Knot.at(KINK, arb(3)))
        return KnotProfile(lambda x: _hard_swish_evaluate(0, x), knots, arb(0), PLUS_INFINITY)
    first, second = ((arb(0), arb("-0.5")), (arb("1.5"), arb(1))) if order == 1 else (ANYTHING, ANYTHING)
    sides = (*knots_at(-KINK, first), *knots_at(KINK, second))
    return KnotProfile(lambda x: _hard_swish_evaluate(order, x), sides, arb(0), arb(1 if order == 1 else 0))


def _softsign_evaluate(order: int, x: FloatArray) -> FloatEnclosure:
    """At most six correctly rounded operations: inside a relative 2^-49 and two of the smallest numbers."""
    u = 1.0 + np.abs(x)
    with np.errstate(under="ignore"):
        modulus = np.abs(x) / u if order == 0 else np.full_like(x, float(math.factorial(order))) / u
        for _ in range(order):
            modulus = modulus / u
        ends = outward(*outward(modulus * (1.0 - 2.0**-49), modulus * (1.0 + 2.0**-49)))
    low, high = np.maximum(ends[0], 0.0), ends[1]
    negative = (x < 0 if order == 0 else x > 0) & (order % 2 == 0)
    low, high = np.where(negative, -high, low), np.where(negative, -low, high)
    zero = (x == 0) & (order == 0)
    return np.where(zero, 0.0, low), np.where(zero, 0.0, high)


def _hard_swish_evaluate(order: int, x: FloatArray) -> FloatEnclosure:
    """Exact outside of [-3, 3]; inside, factors and quotient have at most four roundings, each relative."""
    middle = hard_swish_derivatives(x, (), order)[order]
    slack = 2.0**-50 * np.abs(middle)
    # Only the value and the slope of the parabola, and its second derivative 1/3, are rounded.
    rounded = (np.abs(x) < KINK) & (order < 3)
    if order == 1:
        slack = np.full_like(x, 2.0**-50)
    low, high = outward(middle - slack, middle + slack)
    return np.where(rounded, low, middle), np.where(rounded, high, middle)


def _softsign_ball(x: arb, parameters: Parameters) -> arb:
    return kink_ball(x, lambda y: y / (1 - y), lambda y: y / (1 + y))


def _softsign_series(x: arb_series, parameters: Parameters) -> arb_series:
    return kink_series(x, lambda y: y / (1 - y), lambda y: y / (1 + y))


def _parabola(x: BallLike) -> BallLike:
    return x * (x + 3) / 6


def _hard_swish_ball(x: arb, parameters: Parameters) -> arb:
    def right(y: arb) -> arb:
        return kink_ball(y - 6, lambda v: _parabola(v + 3), lambda v: v + 3)

    return kink_ball(x + 3, lambda y: arb(0), right)


def _hard_swish_series(x: arb_series, parameters: Parameters) -> arb_series:
    def right(y: arb_series) -> arb_series:
        return kink_series(y - 6, lambda v: _parabola(v + 3), lambda v: v + 3)

    return kink_series(x + 3, lambda y: 0 * y, right)


SOFTSIGN = ActivationFunction(
    "softsign",
    r"\frac{x}{1+|x|}",
    (),
    softsign_derivatives,
    _softsign_ball,
    _softsign_series,
    lambda parameters: Smoothness.ONCE,
    softsign_profile,
)
HARD_SWISH = ActivationFunction(
    "hard_swish",
    r"x\max(0,\min(1,\tfrac{x}{6}+\tfrac12))",
    (),
    hard_swish_derivatives,
    _hard_swish_ball,
    _hard_swish_series,
    lambda parameters: Smoothness.CONTINUOUS,
    hard_swish_profile,
)
