"""Activations built from the logistic function s(x) = 1/(1 + exp(-x)): sigmoid, tanh, softplus, SiLU.

Every exponential below has an argument <= 0, so nothing overflows; a derivative is a multiple of
s'(x) = q/(1+q)^2 with q = exp(-|x|), which keeps its relative accuracy in both tails.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, arb_series
from scipy.special import expit

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
from certify.generators.activations.profile import MINUS_INFINITY, PLUS_INFINITY, FloatEnclosure, KnotProfile, outward
from certify.generators.activations.smooth import Shape, smooth_activation, smooth_profile
from certify.generators.activations.taylor import RADIUS


def logistic_derivatives(x: FloatArray, order: int) -> tuple[FloatArray, ...]:
    """(s, s', ..., s^(order)) of the logistic function. Estimate, accurate to a few units in the last place."""
    q = np.exp(-np.abs(x))
    slope = q / (1.0 + q) ** 2
    # s'' = s'(1 - 2s), and 1 - 2s = -tanh(x/2) without cancellation; s''' = s'(1 - 6 s').
    parts = (
        lambda: expit(x),
        lambda: slope,
        lambda: -slope * np.tanh(0.5 * x),
        lambda: slope * (1.0 - 6.0 * slope),
    )
    return tuple(part() for part in parts[: order + 1])


def tanh_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """(t, t', ..., t^(order)) of t = tanh, from t' = sech^2 = 4q/(1+q)^2 with q = exp(-2|x|)."""
    t = np.tanh(x)
    if order == 0:
        return (t,)
    q = np.exp(-2.0 * np.abs(x))
    slope = 4.0 * q / (1.0 + q) ** 2
    return (t, slope, -2.0 * t * slope, slope * (4.0 - 6.0 * slope))[: order + 1]


def sigmoid_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """(s, s', s'', s''') of the logistic function."""
    return logistic_derivatives(x, order)


def softplus_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of log(1 + exp(x)): the value, then those of the logistic function."""
    value = np.asarray(np.logaddexp(0.0, x))
    return (value, *(logistic_derivatives(x, order - 1) if order else ()))


def leaky_softplus_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of alpha x + (1 - alpha) log(1 + exp(x))."""
    (alpha,) = parameters
    curved = tuple((1.0 - alpha) * part for part in softplus_derivatives(x, (), order))
    linear = (alpha * x, np.full_like(x, alpha), np.zeros_like(x), np.zeros_like(x))
    return tuple(a + b for a, b in zip(linear, curved, strict=False))


def silu_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of x s(x) by Leibniz' rule: (x s)^(k) = x s^(k) + k s^(k-1)."""
    s = logistic_derivatives(x, order)
    return tuple(x * s[k] + (k * s[k - 1] if k else 0.0) for k in range(order + 1))


def logistic(x: BallLike) -> BallLike:
    """Enclosure (or jet) of 1/(1 + exp(-x)) = exp(x)/(1 + exp(x)).

    The second form keeps the relative accuracy of the left tail, in every coefficient of a jet.
    """
    if constant_term(x).mid() < -1:
        q = x.exp()
        return q / (1 + q)
    return 1 / (1 + (-x).exp())


def softplus_ball(x: arb) -> arb:
    """Enclosure of log(1 + exp(x)) = x + log(1 + exp(-x)), by log1p so that the left tail keeps its accuracy."""
    if x.mid() > 0:
        return x + (-x).exp().log1p()
    return x.exp().log1p()


def softplus_series(x: arb_series) -> arb_series:
    """Jet of softplus: its value, then the integral of softplus'(x(t)) x'(t) = s(x(t)) x'(t)."""
    return softplus_ball(x[0]) + (logistic(x) * x.derivative()).integral()


def _tanh(x: BallLike, parameters: Parameters) -> BallLike:
    return 2 * logistic(2 * x) - 1


def _sigmoid(x: BallLike, parameters: Parameters) -> BallLike:
    return logistic(x)


def _softplus(x: arb_series, parameters: Parameters) -> arb_series:
    return softplus_series(x)


def _leaky_softplus_ball(x: arb, parameters: Parameters) -> arb:
    alpha = arb(parameters[0])
    return alpha * x + (1 - alpha) * softplus_ball(x)


def _leaky_softplus(x: arb_series, parameters: Parameters) -> arb_series:
    alpha = arb(parameters[0])
    return alpha * x + (1 - alpha) * softplus_series(x)


def _silu(x: BallLike, parameters: Parameters) -> BallLike:
    return x * logistic(x)


def _exponential_tail(radius: arb) -> arb:
    """64 (r + 4) exp(-r), decreasing for r >= 0.

    For x <= -48 and q = exp(x): s = sum_n (-1)^(n-1) q^n, softplus = sum_n (-1)^(n-1) q^n/n and 1 + tanh = 2 s(2x),
    so every derivative up to the third lies in (0, 64 q]; those of x s are at most 2 (|x| + 3) q in modulus.
    """
    return 64 * (radius + 4) * (-radius).exp()


def leaky_softplus_profile(parameters: Parameters, order: int) -> KnotProfile:
    """Range of the derivative of alpha x + (1 - alpha) softplus(x), 0 <= alpha <= 1, from that of softplus.

    Order 0 is increasing. From order 1 on the linear part is constant, so the critical points are those of softplus.
    """
    base = smooth_profile(SOFTPLUS_SHAPE, order)
    with precision():
        alpha = arb(parameters[0])
        rest = 1 - alpha
        knots = []
        for knot in base.knots:
            linear = alpha * knot.left if order == 0 else alpha if order == 1 else arb(0)
            knots.append(replace(knot, low=linear + rest * knot.low, high=linear + rest * knot.high))
        if order == 0:
            limits = (arb(0) if alpha == 0 else MINUS_INFINITY, PLUS_INFINITY)
        else:
            limits = (alpha, arb(1)) if order == 1 else (arb(0), arb(0))
        weight = lower(rest), upper(rest)

    def evaluate(x: FloatArray) -> FloatEnclosure:
        low, high = base.evaluate(x)
        curved = outward(low * np.where(low >= 0, *weight), high * np.where(high >= 0, *weight[::-1]))
        linear = parameters[0] * x if order == 0 else np.full_like(x, parameters[0] if order == 1 else 0.0)
        # alpha x is rounded once (order 0 only), the sum once more.
        lines = outward(linear, linear) if order == 0 else (linear, linear)
        return outward(lines[0] + curved[0], lines[1] + curved[1])

    return KnotProfile(evaluate, tuple(knots), *limits)


TANH_SHAPE = Shape(_tanh, 0, 0, -1, lambda: arb(-1), RADIUS, _exponential_tail, tail_is_positive=True)
SIGMOID_SHAPE = Shape(_sigmoid, 0, 1, -1, lambda: arb(0), RADIUS, _exponential_tail, tail_is_positive=True)
SOFTPLUS_SHAPE = Shape(_softplus, 1, 0, 1, lambda: arb(0), RADIUS, _exponential_tail, tail_is_positive=True)
SILU_SHAPE = Shape(_silu, 1, 0, 1, lambda: arb(0), RADIUS, _exponential_tail)

TANH = smooth_activation("tanh", r"\tanh(x)", tanh_derivatives, TANH_SHAPE, lambda x, parameters: x.tanh())
SIGMOID = smooth_activation("sigmoid", r"\frac{1}{1+e^{-x}}", sigmoid_derivatives, SIGMOID_SHAPE)
SOFTPLUS = smooth_activation(
    "softplus", r"\log(1+e^{x})", softplus_derivatives, SOFTPLUS_SHAPE, lambda x, parameters: softplus_ball(x)
)
LEAKY_SOFTPLUS = ActivationFunction(
    "leaky_softplus",
    r"\alpha x+(1-\alpha)\log(1+e^{x})",
    (ActivationParameter("alpha", 0.1, 0.0, 1.0),),
    leaky_softplus_derivatives,
    _leaky_softplus_ball,
    _leaky_softplus,
    always_smooth,
    leaky_softplus_profile,
)
SILU = smooth_activation("silu", r"\frac{x}{1+e^{-x}}", silu_derivatives, SILU_SHAPE)
