"""The error function, and GELU in both forms: x Phi(x) with the normal distribution function, and by tanh."""

from __future__ import annotations

import math

import numpy as np
from flint import arb
from scipy.special import erf, ndtr

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball
from certify.generators.activations.function import BallLike, Parameters
from certify.generators.activations.sigmoidal import logistic, logistic_derivatives
from certify.generators.activations.smooth import Shape, smooth_activation

CUBIC_COEFFICIENT = "0.044715"
"""The decimal in the definition of the tanh form (Hendrycks & Gimpel, arXiv 1606.08415)."""

SATURATION = 40.0
"""Beyond it exp(-x^2/2) < 1e-340 is zero in float64, so the Gaussian factor may be taken at +-40."""


def erf_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of erf: with g = 2/sqrt(pi) exp(-x^2), g, -2x g, (4x^2 - 2) g."""
    y = np.clip(x, -SATURATION, SATURATION)
    slope = 2.0 / math.sqrt(math.pi) * np.exp(-y * y)
    return (np.asarray(erf(x)), slope, -2.0 * y * slope, (4.0 * y * y - 2.0) * slope)[: order + 1]


def gelu_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of x Phi(x): Phi + x phi, (2 - x^2) phi, (x^3 - 4x) phi."""
    cumulative = np.asarray(ndtr(x))
    y = np.clip(x, -SATURATION, SATURATION)
    density = np.exp(-0.5 * y * y) / math.sqrt(2.0 * math.pi)
    all_orders = (
        x * cumulative,
        cumulative + y * density,
        (2.0 - y * y) * density,
        (y * y - 4.0) * y * density,
    )
    return all_orders[: order + 1]


def gelu_tanh_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of x s(u(x)), u = 2 sqrt(2/pi) (x + 0.044715 x^3), by the chain rule and Leibniz' rule."""
    scale, cubic = 2.0 * math.sqrt(2.0 / math.pi), float(CUBIC_COEFFICIENT)
    y = np.clip(x, -SATURATION, SATURATION)
    u = scale * (y + cubic * y**3)
    u1, u2, u3 = scale * (1.0 + 3.0 * cubic * y * y), scale * 6.0 * cubic * y, scale * 6.0 * cubic
    s = logistic_derivatives(u, order)
    gate = [s[0]]
    if order >= 1:
        gate.append(s[1] * u1)
    if order >= 2:
        gate.append(s[2] * u1**2 + s[1] * u2)
    if order >= 3:
        gate.append(s[3] * u1**3 + 3.0 * s[2] * u1 * u2 + s[1] * u3)
    return (x * gate[0], *(y * gate[k] + k * gate[k - 1] for k in range(1, order + 1)))


def _erf(x: BallLike, parameters: Parameters) -> BallLike:
    return x.erf()


def _gelu(x: BallLike, parameters: Parameters) -> BallLike:
    # Phi(x) = erfc(-x/sqrt 2)/2 keeps the left tail's relative accuracy.
    return x * (-x / arb(2).sqrt()).erfc() / 2


def _gelu_tanh(x: BallLike, parameters: Parameters) -> BallLike:
    u = 2 * (2 / arb.pi()).sqrt() * (x + ball(CUBIC_COEFFICIENT) * (x * x * x))
    return x * logistic(u)


def _gaussian_tail(radius: arb) -> arb:
    """exp(-4 r), for r >= 12.

    erf: 1 + erf(x) <= exp(-x^2) and the derivatives are at most (4x^2 + 2) 2/sqrt(pi) exp(-x^2), all of them positive.
    x Phi: Phi <= phi and the derivatives are Phi + x phi or a cubic at most times phi: below
    (|x|^3 + 5|x| + 1) exp(-x^2/2) <= exp(-4|x|) because x^2/2 >= 6|x|.
    x s(u): |u| >= 11|x| and the derivatives of u are at most x^2, so those of s(u) are at most 10 x^6 exp(-11|x|)
    (Faa di Bruno, five terms at order 3, |s^(j)(u)| <= 2 exp(-|u|)) and those of x s(u) at most 2 x^8 exp(-11|x|).
    """
    return (-4 * radius).exp()


ERF_SHAPE = Shape(_erf, 0, 0, -1, lambda: arb(-1), 12, _gaussian_tail, tail_is_positive=True)
GELU_SHAPE = Shape(_gelu, 1, 0, 1, lambda: arb(0), 12, _gaussian_tail)
GELU_TANH_SHAPE = Shape(_gelu_tanh, 1, 0, 1, lambda: arb(0), 12, _gaussian_tail)

ERF = smooth_activation("erf", r"\operatorname{erf}(x)", erf_derivatives, ERF_SHAPE)
GELU = smooth_activation("gelu", r"x\,\Phi(x)", gelu_derivatives, GELU_SHAPE)
GELU_TANH = smooth_activation(
    "gelu_tanh", r"\tfrac{x}{2}\bigl(1+\tanh(\sqrt{2/\pi}(x+0.044715x^3))\bigr)", gelu_tanh_derivatives, GELU_TANH_SHAPE
)
