"""Activations on a block of chains: value and slope of every element in one vectorised pass.

Codes are positions in `ACTIVATION_NAMES`. At a kink the slope is the left piece's, as in
`certify.generators.activations`.
"""

from __future__ import annotations

import math

from certify.arithmetic.arrays import FloatArray
from certify.sampling.elementary import exp, expm1, log1p_unit, tanh
from certify.sampling.numba_options import kernel

ACTIVATION_NAMES = (
    "tanh",
    "sigmoid",
    "softplus",
    "gelu",
    "gelu_tanh",
    "silu",
    "sin",
    "cos",
    "atan",
    "elu",
    "leaky_softplus",
    "relu",
    "leaky_relu",
    "identity",
    "square",
    "exp",
    "reciprocal",
    "sign",
    "swish",
    "mish",
    "erf",
    "log",
    "power",
    "softsign",
    "hard_swish",
)
"""Names that a generator graph may use; the code of an activation is its position here."""

ACTIVATION_CODES = {name: code for code, name in enumerate(ACTIVATION_NAMES)}

(
    _TANH,
    _SIGMOID,
    _SOFTPLUS,
    _GELU,
    _GELU_TANH,
    _SILU,
    _SIN,
    _COS,
    _ATAN,
    _ELU,
    _LEAKY_SOFTPLUS,
    _RELU,
    _LEAKY_RELU,
    _IDENTITY,
    _SQUARE,
    _EXP,
    _RECIPROCAL,
    _SIGN,
    _SWISH,
    _MISH,
    _ERF,
    _LOG,
    _POWER,
    _SOFTSIGN,
    _HARD_SWISH,
) = range(len(ACTIVATION_NAMES))

_SQRT_HALF = math.sqrt(0.5)
_NORMAL_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_GELU_SLOPE = math.sqrt(2.0 / math.pi)
_GELU_CUBIC = 0.044715


@kernel
def activate(code: int, alpha: float, inner: FloatArray, outer: FloatArray) -> None:
    """Write sigma(v) to `outer` and replace v by sigma'(v) in `inner`, for flat arrays of equal length."""
    count = outer.size
    if code == _TANH:
        for i in range(count):
            y = tanh(inner[i])
            outer[i] = y
            inner[i] = 1.0 - y * y
    elif code == _SIGMOID:
        for i in range(count):
            v = inner[i]
            decay = exp(-abs(v))
            small = decay / (1.0 + decay)
            large = 1.0 / (1.0 + decay)
            outer[i] = large if v >= 0.0 else small
            inner[i] = small * large
    elif code in (_SOFTPLUS, _LEAKY_SOFTPLUS):
        _softplus(alpha if code == _LEAKY_SOFTPLUS else 0.0, inner, outer)
    elif code == _GELU:
        for i in range(count):
            v = inner[i]
            probability = 0.5 * math.erfc(-v * _SQRT_HALF)
            outer[i] = v * probability
            inner[i] = probability + v * (_NORMAL_DENSITY * exp(-0.5 * v * v))
    elif code == _GELU_TANH:
        _gelu_tanh(inner, outer)
    elif code in (_SILU, _SWISH):
        slope = alpha if code == _SWISH else 1.0
        for i in range(count):
            v = inner[i]
            y = slope * v
            decay = exp(-abs(y))
            small = decay / (1.0 + decay)
            large = 1.0 / (1.0 + decay)
            rising = large if y >= 0.0 else small
            falling = small if y >= 0.0 else large
            outer[i] = v * rising
            inner[i] = rising + rising * (y * falling)
    elif code == _MISH:
        _mish(inner, outer)
    elif code == _ELU:
        for i in range(count):
            v = inner[i]
            y = alpha * expm1(v if v < 0.0 else 0.0 * v)
            outer[i] = v if v > 0.0 else y
            inner[i] = 1.0 if v > 0.0 else alpha + y
    elif code in (_RELU, _LEAKY_RELU):
        low = alpha if code == _LEAKY_RELU else 0.0
        for i in range(count):
            v = inner[i]
            outer[i] = v if v > 0.0 else low * v
            inner[i] = 1.0 if v > 0.0 else low
    elif code in (_LOG, _POWER):
        _activate_positive(code, alpha, inner, outer)
    else:
        _activate_plain(code, inner, outer)


@kernel
def _softplus(alpha: float, inner: FloatArray, outer: FloatArray) -> None:
    for i in range(outer.size):
        v = inner[i]
        decay = exp(-abs(v))
        small = decay / (1.0 + decay)
        large = 1.0 / (1.0 + decay)
        positive = v if v > 0.0 else 0.0 * v
        outer[i] = alpha * v + (1.0 - alpha) * (positive + log1p_unit(decay))
        inner[i] = alpha + (1.0 - alpha) * (large if v >= 0.0 else small)


@kernel
def _gelu_tanh(inner: FloatArray, outer: FloatArray) -> None:
    for i in range(outer.size):
        v = inner[i]
        # (1 + tanh(u))/2 = 1/(1 + exp(-2u)): the exponential form keeps the lower tail's relative accuracy.
        doubled = (2.0 * _GELU_SLOPE) * (v + _GELU_CUBIC * v * v * v)
        decay = exp(-abs(doubled))
        small = decay / (1.0 + decay)
        large = 1.0 / (1.0 + decay)
        rising = large if doubled >= 0.0 else small
        outer[i] = v * rising
        inner[i] = rising + v * (small * large) * ((2.0 * _GELU_SLOPE) * (1.0 + 3.0 * _GELU_CUBIC * v * v))


@kernel
def _mish(inner: FloatArray, outer: FloatArray) -> None:
    for i in range(outer.size):
        v = inner[i]
        q = exp(-abs(v))
        left = v <= 0.0
        # The gate tanh(softplus(v)) = N/D and its slope 2 N'/D^2, divided by q^2 above 0.
        below = q * q + 2.0 * q + 2.0 if left else 1.0 + 2.0 * q + 2.0 * q * q
        square = q * q if left else 1.0
        gate = (square + 2.0 * q) / below
        rest = (2.0 if left else 2.0 * q * q) / below
        outer[i] = v * gate
        inner[i] = gate + v * (rest * ((2.0 * square + 2.0 * q) / below))


@kernel
def _activate_positive(code: int, alpha: float, inner: FloatArray, outer: FloatArray) -> None:
    for i in range(outer.size):
        v = inner[i]
        if not v >= 0.0:
            outer[i] = math.nan
            inner[i] = math.nan
        elif v == 0.0:
            # Both have an infinite value or slope at 0, unless the exponent is above 1.
            outer[i] = -math.inf if code == _LOG else 0.0 if alpha > 0.0 else 1.0 if alpha == 0.0 else math.inf
            inner[i] = math.inf if code == _LOG else alpha * (0.0 if alpha > 1.0 else 1.0 if alpha == 1.0 else math.inf)
        elif code == _LOG:
            outer[i] = math.log(v)
            inner[i] = 1.0 / v
        else:
            outer[i] = v**alpha
            inner[i] = alpha * v ** (alpha - 1.0)


@kernel
def _activate_plain(code: int, inner: FloatArray, outer: FloatArray) -> None:
    count = outer.size
    if code == _SIN:
        for i in range(count):
            v = inner[i]
            outer[i] = math.sin(v)
            inner[i] = math.cos(v)
    elif code == _COS:
        for i in range(count):
            v = inner[i]
            outer[i] = math.cos(v)
            inner[i] = -math.sin(v)
    elif code == _ATAN:
        for i in range(count):
            v = inner[i]
            outer[i] = math.atan(v)
            inner[i] = 1.0 / (1.0 + v * v)
    elif code == _SQUARE:
        for i in range(count):
            v = inner[i]
            outer[i] = v * v
            inner[i] = 2.0 * v
    elif code == _EXP:
        for i in range(count):
            y = exp(inner[i])
            outer[i] = y
            inner[i] = y
    elif code == _RECIPROCAL:
        for i in range(count):
            y = 1.0 / inner[i]
            outer[i] = y
            inner[i] = -y * y
    elif code == _ERF:
        for i in range(count):
            v = inner[i]
            outer[i] = math.erf(v)
            inner[i] = (2.0 / math.sqrt(math.pi)) * exp(-v * v)
    elif code == _SOFTSIGN:
        for i in range(count):
            v = inner[i]
            inverse = 1.0 / (1.0 + abs(v))
            outer[i] = v * inverse
            inner[i] = inverse * inverse
    elif code == _HARD_SWISH:
        for i in range(count):
            v = inner[i]
            if v > 3.0:
                outer[i] = v
                inner[i] = 1.0
            elif v <= -3.0:
                outer[i] = 0.0
                inner[i] = 0.0
            else:
                outer[i] = v * (v + 3.0) / 6.0
                inner[i] = (2.0 * v + 3.0) / 6.0
    elif code == _SIGN:
        for i in range(count):
            v = inner[i]
            # Zero and NaN are their own sign.
            outer[i] = 1.0 if v > 0.0 else -1.0 if v < 0.0 else v
            inner[i] = 0.0
    else:
        for i in range(count):
            outer[i] = inner[i]
            inner[i] = 1.0
