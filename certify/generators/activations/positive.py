"""Functions of x > 0: the logarithm and real powers x^p (square roots and their reciprocals among them).

Where the argument may be zero or negative nothing is known: ranges are all of R and jets NaN, so that no constant is
certified unless the argument is proved positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    Domain,
    Parameters,
    Smoothness,
)
from certify.generators.activations.profile import MINUS_INFINITY, PLUS_INFINITY, FloatEnclosure, Knot, KnotProfile

MOST_FACTORS = 16
"""Half-integer powers up to this many factors are enclosed by square roots and products, others in balls."""


def log_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """The logarithm, 1/x, -1/x^2, 2/x^3; NaN for x < 0, infinite at 0, without a warning."""
    with np.errstate(all="ignore"):
        positive = np.where(x >= 0, x, np.nan)
        r = 1.0 / positive
        return (np.log(positive), r, -(r**2), 2.0 * r**3)[: order + 1]


def power_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """P (p-1) ... (p-k+1) x^(p-k); NaN for x < 0, without a warning."""
    (exponent,) = parameters
    with np.errstate(all="ignore"):
        positive = np.where(x >= 0, x, np.nan)
        factors = [math.prod(exponent - j for j in range(k)) for k in range(order + 1)]
        return tuple(factor * np.power(positive, exponent - k) for k, factor in enumerate(factors))


def log_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Every derivative of the logarithm is monotone on x > 0."""
    limit = PLUS_INFINITY if order == 0 else arb(0)

    def value(x: arb) -> arb:
        return x.log() if order == 0 else (-1) ** (order - 1) * arb.fac_ui(order - 1) / x**order

    return KnotProfile(lambda x: _in_balls(value, x), _nowhere(), limit, limit)


def power_profile(parameters: Parameters, order: int) -> KnotProfile:
    """The derivative c x^(p-k), c = p (p-1) ... (p-k+1), is monotone on x > 0."""
    (exponent,) = parameters
    with precision():
        factor = ball(1)
        for k in range(order):
            factor = factor * (arb(exponent) - k)
        rest = arb(exponent) - order
        size = PLUS_INFINITY if rest > 0 else arb(1) if rest == 0 else arb(0)
        limit = arb(0) if factor == 0 else factor * size
        scale = lower(factor), upper(factor)
    halves = 2.0 * (exponent - order)

    def evaluate(x: FloatArray) -> FloatEnclosure:
        if scale == (0.0, 0.0):
            return np.zeros_like(x), np.zeros_like(x)
        if scale[0] == scale[1] and halves.is_integer() and abs(halves) <= MOST_FACTORS:
            return _by_roots(scale[0], int(halves), x)
        return _in_balls(lambda point: factor * point**rest, x)

    return KnotProfile(evaluate, _nowhere(), limit, limit)


def _nowhere() -> tuple[Knot, Knot]:
    """Anything at all on x <= 0."""
    return (
        Knot(-np.inf, 0.0, MINUS_INFINITY, MINUS_INFINITY),
        Knot(-np.inf, 0.0, PLUS_INFINITY, PLUS_INFINITY),
    )


def _by_roots(factor: float, halves: int, x: FloatArray) -> FloatEnclosure:
    """C x^(halves/2): at most 20 correctly rounded operations, inside a relative 2^-47 unless it overflows."""
    safe = np.where(x > 0, x, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        step = np.sqrt(safe) if halves % 2 else safe
        count = abs(halves) if halves % 2 else abs(halves) // 2
        modulus = np.full_like(safe, abs(factor))
        for _ in range(count):
            modulus = modulus * step if halves > 0 else modulus / step
        low, high = modulus * (1.0 - 2.0**-47), modulus * (1.0 + 2.0**-47)
    # An intermediate result near the ends of the float range leaves the modulus only known to be small or large.
    tiny, huge = modulus < 1e-290, modulus > 1e290
    low, high = np.where(tiny, 0.0, np.where(huge, 1e289, low)), np.where(tiny, 1e-289, np.where(huge, np.inf, high))
    return (low, high) if factor > 0 else (-high, -low)


def _in_balls(function: Callable[[arb], arb], x: FloatArray) -> FloatEnclosure:
    """Enclosure at every positive float; at others, where it is not used, that at 1."""
    points, places = np.unique(np.where(x > 0, x, 1.0), return_inverse=True)
    with precision():
        values = [function(arb(point)) for point in points.tolist()]
        low = np.array([lower(value) for value in values])
        high = np.array([upper(value) for value in values])
    return low[places].reshape(x.shape), high[places].reshape(x.shape)


def _log_series(x: arb_series, parameters: Parameters) -> arb_series:
    return x.log() if x[0] > 0 else _unknown(x)


def _power_ball(x: arb, parameters: Parameters) -> arb:
    return x ** arb(parameters[0]) if x > 0 else arb.nan()


def _power_series(x: arb_series, parameters: Parameters) -> arb_series:
    if not x[0] > 0:
        return _unknown(x)
    if parameters[0] == 0.5:
        return x.sqrt()
    if parameters[0] == -0.5:
        return x.rsqrt()
    return (arb(parameters[0]) * x.log()).exp()


def _unknown(x: arb_series) -> arb_series:
    return arb_series([arb.nan()] * x.prec)


def _singular(parameters: Parameters) -> Smoothness:
    return Smoothness.SINGULAR


LOG = ActivationFunction(
    "log",
    r"\log(x)",
    (),
    log_derivatives,
    lambda x, parameters: x.log() if x > 0 else arb.nan(),
    _log_series,
    _singular,
    log_profile,
    domain=Domain.POSITIVE,
)
POWER = ActivationFunction(
    "power",
    r"x^{p}",
    (ActivationParameter("p", 0.5, -64.0, 64.0),),
    power_derivatives,
    _power_ball,
    _power_series,
    _singular,
    power_profile,
    domain=Domain.POSITIVE,
)
