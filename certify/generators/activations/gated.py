"""Activations that are their argument times a gate: Swish x s(b x) of any slope b > 0, and Mish x tanh(softplus(x)).

A product of two branches would have neither a finite M2 nor M3; as functions of one variable both have. Swish is SiLU
in other units, sigma(x) = silu(b x)/b, so every range follows from SiLU's. With q = exp(-|x|) the gate of Mish is

    tanh(softplus(x)) = q (q + 2)/(q^2 + 2 q + 2) for x <= 0,      1 - 2 q^2/(1 + 2 q + 2 q^2) for x > 0.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, precision, upper
from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    BallLike,
    Parameters,
    always_smooth,
    constant_term,
)
from certify.generators.activations.profile import FloatEnclosure, KnotProfile, outward
from certify.generators.activations.sigmoidal import SILU_SHAPE, logistic, logistic_derivatives
from certify.generators.activations.smooth import Shape, smooth_activation, smooth_profile
from certify.generators.activations.taylor import RADIUS

SATURATION = 800.0
"""Beyond it every exponential below is zero in float64."""


def swish_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of x s(b x): b^(k-1) (y s^(k)(y) + k s^(k-1)(y)) at y = b x."""
    (slope,) = parameters
    with np.errstate(over="ignore"):
        y = np.clip(slope * x, -SATURATION, SATURATION)
    s = logistic_derivatives(y, order)
    return (x * s[0], *(slope ** (k - 1) * (y * s[k] + k * s[k - 1]) for k in range(1, order + 1)))


def mish_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of x w(x) for the gate w = N/D, N = q (q + 2), D = N + 2, q = exp(x), by Leibniz' rule.

    w' = 2 N'/D^2 with N' = 2 q (q + 1); above 0 all is divided by q^2, so nothing overflows.
    """
    y = np.clip(x, -SATURATION, SATURATION)
    q = np.exp(-np.abs(y))
    left = y <= 0
    # With d = D or D/q^2, one of N, N', N'', N''' over d: r_k = sum_j j^k c_j q^j / d.
    d = np.where(left, q * q + 2.0 * q + 2.0, 1.0 + 2.0 * q + 2.0 * q * q)
    square, linear = np.where(left, q * q, 1.0), np.where(left, 2.0 * q, 2.0 * q)
    r = [(2.0**k * square + linear) / d for k in range(order + 1)]
    # 2/D = 1 - w, small on the right.
    rest = np.where(left, 2.0, 2.0 * q * q) / d
    gate = [r[0]]
    if order >= 1:
        gate.append(rest * r[1])
    if order >= 2:
        gate.append(rest * (r[2] - 2.0 * r[1] ** 2))
    if order >= 3:
        gate.append(rest * (r[3] - 6.0 * r[1] * r[2] + 6.0 * r[1] ** 3))
    return (x * gate[0], *(y * gate[k] + k * gate[k - 1] for k in range(1, order + 1)))


def swish_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Range of b^(k-1) silu^(k)(b x), with the critical points of SiLU divided by b."""
    return _swish_profile(parameters[0], order)


@cache
def _swish_profile(slope: float, order: int) -> KnotProfile:
    base = smooth_profile(SILU_SHAPE, order)
    with precision():
        factor = arb(slope) ** (order - 1)
        places = [(arb(knot.left) / slope, arb(knot.right) / slope) for knot in base.knots]
        knots = tuple(
            replace(knot, left=lower(left), right=upper(right), low=factor * knot.low, high=factor * knot.high)
            for knot, (left, right) in zip(base.knots, places, strict=True)
        )
        weight = lower(factor), upper(factor)

    def evaluate(x: FloatArray) -> FloatEnclosure:
        with np.errstate(over="ignore", under="ignore"):
            low, high = base.enclose(*outward(slope * x, slope * x))
            return outward(low * np.where(low >= 0, *weight), high * np.where(high >= 0, *weight[::-1]))

    return KnotProfile(evaluate, knots, base.limit_left, base.limit_right)


def _swish(x: BallLike, parameters: Parameters) -> BallLike:
    return x * logistic(arb(parameters[0]) * x)


def _mish(x: BallLike, parameters: Parameters) -> BallLike:
    if constant_term(x).mid() > 0:
        return x + _mish_mirror(-x, parameters)
    q = x.exp()
    growth = q * (q + 2)
    return x * (growth / (growth + 2))


def _mish_mirror(x: BallLike, parameters: Parameters) -> BallLike:
    """Mish(-x) + x = 2 x q^2/(1 + 2 q + 2 q^2), q = exp(x)."""
    q = x.exp()
    return x * (2 * (q * q) / (1 + 2 * q + 2 * (q * q)))


def _mish_tail(radius: arb) -> arb:
    """64 (r + 4) exp(-r), decreasing for r >= 0.

    The gate q (q + 2)/(q^2 + 2q + 2) is a power series in q = exp(x) with coefficients of modulus at most 5 (Cauchy on
    |q| = 1, where the denominator is at least .7), so for x <= -48 its derivatives are at most 6 q, and those of x
    times the gate at most 6 (|x| + 3) q. In the mirror, 2 q^2/(1 + 2q + 2q^2) has coefficients at most 2^(n+1) (Cauchy
    on |q| = 1/2) and starts at q^2: its derivatives are at most q.
    """
    return 64 * (radius + 4) * (-radius).exp()


MISH_SHAPE = Shape(_mish, 1, 0, 1, lambda: arb(0), RADIUS, _mish_tail, mirror=_mish_mirror)

SWISH = ActivationFunction(
    "swish",
    r"\frac{x}{1+e^{-\beta x}}",
    (ActivationParameter("beta", 1.0, 1e-100, 1e100),),
    swish_derivatives,
    _swish,
    _swish,
    always_smooth,
    swish_profile,
)
MISH = smooth_activation("mish", r"x\tanh(\log(1+e^{x}))", mish_derivatives, MISH_SHAPE)
