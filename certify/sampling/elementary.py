"""Elementary functions that vectorise: branch-free, a few units in the last place, NaN and infinities kept.

The mathematical library is called once per element; these are inlined into a loop and cost a tenth.
Every coefficient is a Taylor coefficient or a split constant computed here; the tests measure the errors
against Arb. Estimates: nothing here is rounded outward.
"""

from __future__ import annotations

import math
from typing import Any

import numba

from certify.sampling.numba_options import elementary, generated

_LOG2_E = 1.0 / math.log(2.0)
# ln 2 in two parts: the first has 33 bits, so its product with an exponent is exact.
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
# Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits of the representation.
_ROUND = 1.5 * 2.0**52
_EXP_HIGHEST = 709.7
_EXP_LOWEST = -707.0
_MANTISSA = (1 << 52) - 1
_EXPONENT_BIAS = 1023
_SQRT_HALF = math.sqrt(0.5)


@generated
def float_bits(typing_context: Any, value: Any) -> Any:
    """Bits of a float64 as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(numba.types.int64))

    return numba.types.int64(numba.types.float64), generate


@generated
def bits_float(typing_context: Any, value: Any) -> Any:
    """The float64 with the bits of an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(numba.types.float64))

    return numba.types.float64(numba.types.int64), generate


@elementary
def power_of_two(rounded: float) -> float:
    """2^k for the number k + 1.5 * 2^52 that rounding leaves, -1022 <= k <= 1023."""
    power: float = bits_float((float_bits(rounded) + _EXPONENT_BIAS) << 52)
    return power


@elementary
def expm1_reduced(r: float) -> float:
    """exp(r) - 1 for |r| <= ln(2)/2: the Taylor polynomial of degree 13 (remainder below 2e-17 |r|)."""
    tail = 1.0 / 6227020800.0
    tail = tail * r + 1.0 / 479001600.0
    tail = tail * r + 1.0 / 39916800.0
    tail = tail * r + 1.0 / 3628800.0
    tail = tail * r + 1.0 / 362880.0
    tail = tail * r + 1.0 / 40320.0
    tail = tail * r + 1.0 / 5040.0
    tail = tail * r + 1.0 / 720.0
    tail = tail * r + 1.0 / 120.0
    tail = tail * r + 1.0 / 24.0
    tail = tail * r + 1.0 / 6.0
    tail = tail * r + 0.5
    return r + (r * r) * tail


@elementary
def exp(x: float) -> float:
    """e^x; infinity above 709.7, 0 below -707 (true values there are under 1e-307)."""
    bounded = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    bounded = _EXP_LOWEST if bounded < _EXP_LOWEST else bounded
    rounded = bounded * _LOG2_E + _ROUND
    exponent = rounded - _ROUND
    r = (bounded - exponent * _LN2_HIGH) - exponent * _LN2_LOW
    # 2^k in two factors: k = 1024 is reached just below the overflow.
    half = power_of_two(rounded - 1.0)
    value = (half + half * expm1_reduced(r)) * 2.0
    value = math.inf if x > _EXP_HIGHEST else value
    return 0.0 if x < _EXP_LOWEST else value


@elementary
def expm1(x: float) -> float:
    """e^x - 1 with full relative accuracy near 0; infinity above 709.7."""
    bounded = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    bounded = -40.0 if bounded < -40.0 else bounded
    rounded = bounded * _LOG2_E + _ROUND
    exponent = rounded - _ROUND
    r = (bounded - exponent * _LN2_HIGH) - exponent * _LN2_LOW
    half = power_of_two(rounded - 1.0)
    value = (half * expm1_reduced(r) + (half - 0.5)) * 2.0
    return math.inf if x > _EXP_HIGHEST else value


@elementary
def tanh(x: float) -> float:
    """Hyperbolic tangent, e/(e + 2) with e = exp(2|x|) - 1."""
    magnitude = abs(x)
    # tanh(22) rounds to 1; the bound keeps e finite. NaN compares false and passes through.
    magnitude = 22.0 if magnitude > 22.0 else magnitude
    rounded = (2.0 * magnitude) * _LOG2_E + _ROUND
    exponent = rounded - _ROUND
    r = (2.0 * magnitude - exponent * _LN2_HIGH) - exponent * _LN2_LOW
    scale = power_of_two(rounded)
    e = scale * expm1_reduced(r) + (scale - 1.0)
    return math.copysign(e / (e + 2.0), x)


@elementary
def log(x: float) -> float:
    """Natural logarithm of a normal positive number: k ln 2 + 2 atanh(f/(2+f)), 1 + f in [sqrt(1/2), sqrt(2)]."""
    bits = float_bits(x)
    mantissa = bits_float((bits & _MANTISSA) | (_EXPONENT_BIAS << 52)) * 0.5
    exponent = float((bits >> 52) - (_EXPONENT_BIAS - 1))
    small = mantissa < _SQRT_HALF
    mantissa = mantissa * 2.0 if small else mantissa
    exponent = exponent - 1.0 if small else exponent
    f = mantissa - 1.0
    s = f / (2.0 + f)
    w = s * s
    series = 2.0 / 23.0
    series = series * w + 2.0 / 21.0
    series = series * w + 2.0 / 19.0
    series = series * w + 2.0 / 17.0
    series = series * w + 2.0 / 15.0
    series = series * w + 2.0 / 13.0
    series = series * w + 2.0 / 11.0
    series = series * w + 2.0 / 9.0
    series = series * w + 2.0 / 7.0
    series = series * w + 2.0 / 5.0
    series = series * w + 2.0 / 3.0
    logarithm: float = exponent * _LN2_HIGH + (f - (s * (f - w * series) - exponent * _LN2_LOW))
    return logarithm


@elementary
def log1p_unit(x: float) -> float:
    """log(1 + x) for x in [0, 1], with the rounding of 1 + x corrected."""
    u = 1.0 + x
    return log(u) + (x - (u - 1.0)) / u


@elementary
def sine_quarter(angle: float) -> float:
    """Sine of |angle| <= pi/4: the Taylor polynomial of degree 17."""
    w = angle * angle
    series = 1.0 / 355687428096000.0
    series = series * w - 1.0 / 1307674368000.0
    series = series * w + 1.0 / 6227020800.0
    series = series * w - 1.0 / 39916800.0
    series = series * w + 1.0 / 362880.0
    series = series * w - 1.0 / 5040.0
    series = series * w + 1.0 / 120.0
    series = series * w - 1.0 / 6.0
    return angle + angle * w * series


@elementary
def cosine_quarter(angle: float) -> float:
    """Cosine of |angle| <= pi/4: the Taylor polynomial of degree 16."""
    w = angle * angle
    series = 1.0 / 20922789888000.0
    series = series * w - 1.0 / 87178291200.0
    series = series * w + 1.0 / 479001600.0
    series = series * w - 1.0 / 3628800.0
    series = series * w + 1.0 / 40320.0
    series = series * w - 1.0 / 720.0
    series = series * w + 1.0 / 24.0
    series = series * w - 0.5
    return 1.0 + w * series
