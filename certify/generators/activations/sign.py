"""The sign function: a piecewise constant activation with a jump, for generators that are constant on pieces.

At the jump no derivative exists. Ranges say so: over an interval that contains 0, sigma' ranges over [0, inf] (the
slopes of secants across the jump) and the higher derivatives over all of R; away from it all of them are 0.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations.function import ActivationFunction, Parameters, Smoothness
from certify.generators.activations.profile import (
    ANYTHING,
    PLUS_INFINITY,
    FloatEnclosure,
    KnotProfile,
    constant_evaluator,
    knots_at,
)


def sign_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """-1, 0 or 1, and zeros; at the jump x = 0 the derivatives are those of both sides."""
    zero = np.zeros_like(x)
    return (np.sign(x), zero, zero, zero)[: order + 1]


def sign_ball(x: arb, parameters: Parameters = ()) -> arb:
    """Enclosure of sgn(x): exact away from 0 and at the exact number 0, else [-1, 1]."""
    if x > 0:
        return arb(1)
    if x < 0:
        return arb(-1)
    return arb(0) if x.is_zero() else arb("nan") if x.is_nan() else arb(-1).union(arb(1))


def sign_series(x: arb_series, parameters: Parameters = ()) -> arb_series:
    """Jet of sgn: a constant away from 0; where the constant term may be 0 it has no derivatives (NaN)."""
    value = sign_ball(x[0])
    decided = bool(x[0] > 0) or bool(x[0] < 0)
    return arb_series([value, *[arb(0) if decided else arb.nan()] * (x.prec - 1)])


def sign_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Range of sgn (order 0) and of its derivatives: constant on both sides of the only knot, 0."""
    if order == 0:
        return KnotProfile(_evaluate, knots_at(0.0, (arb(-1), arb(0), arb(1))), arb(-1), arb(1))
    jump = (arb(0), PLUS_INFINITY) if order == 1 else ANYTHING
    return KnotProfile(constant_evaluator(0.0), knots_at(0.0, jump), arb(0), arb(0))


def _evaluate(x: FloatArray) -> FloatEnclosure:
    return np.sign(x), np.sign(x)


SIGN = ActivationFunction(
    "sign",
    r"\operatorname{sgn}(x)",
    (),
    sign_derivatives,
    sign_ball,
    sign_series,
    lambda parameters: Smoothness.SINGULAR,
    sign_profile,
)
