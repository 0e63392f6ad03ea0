"""Powers: the square and the reciprocal (a quotient is a product with a reciprocal)."""

from __future__ import annotations

import math

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations.function import ActivationFunction, Domain, Parameters, Smoothness, always_smooth
from certify.generators.activations.profile import (
    ANYTHING,
    MINUS_INFINITY,
    PLUS_INFINITY,
    FloatEnclosure,
    KnotProfile,
    constant_profile,
    knots_at,
    outward,
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


def square_profile(parameters: Parameters, order: int) -> KnotProfile:
    """The square has its minimum at zero; its derivative 2x increases."""
    if order == 0:
        return KnotProfile(_square_evaluate, knots_at(0.0, (arb(0),)), PLUS_INFINITY, PLUS_INFINITY)
    if order == 1:
        return KnotProfile(_double_evaluate, (), MINUS_INFINITY, PLUS_INFINITY)
    return constant_profile(2.0 if order == 2 else 0.0)


def reciprocal_profile(parameters: Parameters, order: int) -> KnotProfile:
    """The derivative (-1)^k k! x^-(k+1) is monotone on each side of its pole at zero, where it may be anything."""
    return KnotProfile(lambda x: _reciprocal_evaluate(order, x), knots_at(0.0, ANYTHING), arb(0), arb(0))


def _reciprocal_series(x: arb_series, parameters: Parameters) -> arb_series:
    """Jet of 1/x; NaN in every coefficient where the constant term may be zero."""
    if x[0].contains(0):
        return arb_series([arb.nan()] * x.prec)
    return 1 / x


def _square_evaluate(x: FloatArray) -> FloatEnclosure:
    with np.errstate(over="ignore"):
        low, high = outward(x * x, x * x)
    return np.where(x == 0, 0.0, np.maximum(low, 0.0)), np.where(x == 0, 0.0, high)


def _double_evaluate(x: FloatArray) -> FloatEnclosure:
    # Doubling is exact unless it overflows; then one step inward of the infinity is a bound on that side.
    with np.errstate(over="ignore"):
        double = 2.0 * x
    low, high = outward(double, double)
    finite = np.isfinite(double)
    return np.where(finite, double, low), np.where(finite, double, high)


def _reciprocal_evaluate(order: int, x: FloatArray) -> FloatEnclosure:
    """K! |1/x|^(k+1) with its sign: at most k + 3 roundings, inside a relative 2^-48 unless it under- or overflows."""
    safe = np.where(x == 0, 1.0, x)
    with np.errstate(over="ignore", under="ignore"):
        inverse = np.abs(1.0 / safe)
        modulus = float(math.factorial(order)) * inverse
        for _ in range(order):
            modulus = modulus * inverse
        low, high = modulus * (1.0 - 2.0**-48), modulus * (1.0 + 2.0**-48)
    # A modulus near the ends of the float range is only known to be small or large.
    tiny, huge = modulus < 1e-290, modulus > 1e290
    low, high = np.where(tiny, 0.0, np.where(huge, 1e289, low)), np.where(tiny, 1e-289, np.where(huge, np.inf, high))
    # The sign of (-1)^k x^-(k+1): always minus for odd k, that of x for even k.
    positive = (x > 0) & (order % 2 == 0)
    return np.where(positive, low, -high), np.where(positive, high, -low)


SQUARE = ActivationFunction(
    "square",
    "x^2",
    (),
    square_derivatives,
    lambda x, parameters: x**2,
    lambda x, parameters: x * x,
    always_smooth,
    square_profile,
)
RECIPROCAL = ActivationFunction(
    "reciprocal",
    "1/x",
    (),
    reciprocal_derivatives,
    lambda x, parameters: 1 / x,
    _reciprocal_series,
    _singular,
    reciprocal_profile,
    domain=Domain.NONZERO,
)
