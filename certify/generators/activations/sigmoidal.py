"""Activations built from the logistic function s(x) = 1/(1 + exp(-x)): sigmoid, tanh, softplus, SiLU.

Every exponential below has an argument <= 0, so nothing overflows; a derivative is a multiple of
s'(x) = q/(1+q)^2 with q = exp(-|x|), which keeps its relative accuracy in both tails.
"""

from __future__ import annotations

import numpy as np
from flint import arb
from scipy.special import expit

from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    BallLike,
    FloatArray,
    Parameters,
    always_smooth,
    is_right_of_zero,
)


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
    """Enclosure (or jet) of 1/(1 + exp(-x)); both branches are the same function."""
    if is_right_of_zero(x):
        return 1 / (1 + (-x).exp())
    return 1 - 1 / (1 + x.exp())


def softplus(x: BallLike) -> BallLike:
    """Enclosure (or jet) of log(1 + exp(x)) = x + log(1 + exp(-x))."""
    if is_right_of_zero(x):
        return x + (1 + (-x).exp()).log()
    return (1 + x.exp()).log()


def _tanh(x: BallLike, parameters: Parameters) -> BallLike:
    return 2 * logistic(2 * x) - 1


def _sigmoid(x: BallLike, parameters: Parameters) -> BallLike:
    return logistic(x)


def _softplus(x: BallLike, parameters: Parameters) -> BallLike:
    return softplus(x)


def _leaky_softplus(x: BallLike, parameters: Parameters) -> BallLike:
    alpha = arb(parameters[0])
    return alpha * x + (1 - alpha) * softplus(x)


def _silu(x: BallLike, parameters: Parameters) -> BallLike:
    return x * logistic(x)


TANH = ActivationFunction(
    name="tanh",
    tex=r"\tanh(x)",
    parameters=(),
    numeric=tanh_derivatives,
    ball=lambda x, parameters: x.tanh(),
    series=_tanh,
    smoothness=always_smooth,
)
SIGMOID = ActivationFunction(
    name="sigmoid",
    tex=r"\frac{1}{1+e^{-x}}",
    parameters=(),
    numeric=sigmoid_derivatives,
    ball=_sigmoid,
    series=_sigmoid,
    smoothness=always_smooth,
)
SOFTPLUS = ActivationFunction(
    name="softplus",
    tex=r"\log(1+e^{x})",
    parameters=(),
    numeric=softplus_derivatives,
    ball=_softplus,
    series=_softplus,
    smoothness=always_smooth,
)
LEAKY_SOFTPLUS = ActivationFunction(
    name="leaky_softplus",
    tex=r"\alpha x+(1-\alpha)\log(1+e^{x})",
    parameters=(ActivationParameter("alpha", 0.1, 0.0, 1.0),),
    numeric=leaky_softplus_derivatives,
    ball=_leaky_softplus,
    series=_leaky_softplus,
    smoothness=always_smooth,
)
SILU = ActivationFunction(
    name="silu",
    tex=r"\frac{x}{1+e^{-x}}",
    parameters=(),
    numeric=silu_derivatives,
    ball=_silu,
    series=_silu,
    smoothness=always_smooth,
)
