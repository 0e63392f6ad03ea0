"""The exponential, and ELU: alpha (exp(x) - 1) left of zero, x right of it."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    BallLike,
    Parameters,
    Smoothness,
    always_smooth,
)
from certify.generators.activations.piecewise_linear import kink_ball, kink_series
from certify.generators.activations.profile import (
    ANYTHING,
    PLUS_INFINITY,
    FloatEnclosure,
    KnotProfile,
    knots_at,
    outward,
)
from certify.generators.activations.taylor import RADIUS, tabulated


def exp_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """The exponential at every order; infinite, without a warning, where it overflows."""
    with np.errstate(over="ignore"):
        value = np.exp(x)
    return (value,) * (order + 1)


def elu_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of ELU; at the kink x = 0 those of the left piece."""
    (alpha,) = parameters
    left = np.minimum(x, 0.0)
    growth = alpha * np.exp(left)
    value = np.where(x > 0, x, alpha * np.expm1(left))
    return (value, *(np.where(x > 0, 1.0 if k == 1 else 0.0, growth) for k in range(1, order + 1)))


def _elu_smoothness(parameters: Parameters) -> Smoothness:
    # At zero the left slope is alpha and the right slope is 1.
    return Smoothness.ONCE if parameters[0] == 1.0 else Smoothness.CONTINUOUS


def _elu_ball(x: arb, parameters: Parameters) -> arb:
    alpha = arb(parameters[0])
    return kink_ball(x, lambda y: alpha * y.expm1(), lambda y: y)


def _elu_series(x: arb_series, parameters: Parameters) -> arb_series:
    alpha = arb(parameters[0])
    return kink_series(x, lambda y: alpha * (y.exp() - 1), lambda y: y)


def _exp(x: BallLike, parameters: Parameters) -> BallLike:
    return x.exp()


def _expm1(x: BallLike, parameters: Parameters) -> BallLike:
    return x.exp() - 1


def exp_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Every derivative is exp: increasing, from 0 to infinity."""
    return KnotProfile(lambda x: tabulated(_exp, 0, -RADIUS, RADIUS, x), (), arb(0), PLUS_INFINITY)


def elu_profile(parameters: Parameters, order: int) -> KnotProfile:
    """ELU is monotone in every order on each side of its kink at zero, whose one-sided values are a knot.

    At the kink the second derivative exists only in the essential sense and only for alpha = 1, the third never.
    """
    alpha = parameters[0]
    sides = (arb(alpha), arb(1) if order == 1 else arb(0))
    if order == 0:
        kink: tuple[arb, ...] = ()
    elif order == 1 or (order == 2 and alpha == 1.0):
        kink = sides
    else:
        kink = ANYTHING

    def evaluate(x: FloatArray) -> FloatEnclosure:
        left = np.minimum(x, 0.0)
        low, high = tabulated(_expm1 if order == 0 else _exp, 0, -RADIUS, 0, left)
        low, high = outward(alpha * low, alpha * high)
        right = x if order == 0 else np.full_like(x, 1.0 if order == 1 else 0.0)
        return np.where(x > 0, right, low), np.where(x > 0, right, high)

    limits = (-arb(alpha), PLUS_INFINITY) if order == 0 else (arb(0), sides[1])
    return KnotProfile(evaluate, knots_at(0.0, kink), *limits)


EXP = ActivationFunction("exp", r"e^{x}", (), exp_derivatives, _exp, _exp, always_smooth, exp_profile)
ELU = ActivationFunction(
    "elu",
    r"\max(x,0)+\alpha(e^{\min(x,0)}-1)",
    (ActivationParameter("alpha", 1.0, 0.0),),
    elu_derivatives,
    _elu_ball,
    _elu_series,
    _elu_smoothness,
    elu_profile,
)
