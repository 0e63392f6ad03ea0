"""Printing numbers soundly: a printed lower bound lies below the value, a printed upper bound above it.

Every routine rounds the exact rational value of its argument (a float is the binary number it is) with the
decimal module, once, so the printed decimal stands in the stated relation to the exact value.
"""

from __future__ import annotations

import decimal
import math
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

Printable: TypeAlias = int | float | Fraction

UNKNOWN = "unknown"
"""What stands for a number that is not known (None or NaN)."""

_PLAIN_EXPONENTS = range(-4, 7)


class Direction(StrEnum):
    """On which side of the value the printed decimal lies."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


_ROUNDING = {
    Direction.DOWN: decimal.ROUND_FLOOR,
    Direction.UP: decimal.ROUND_CEILING,
    Direction.NEAREST: decimal.ROUND_HALF_EVEN,
}


def decimal_text(value: Printable | None, digits: int = 5, direction: Direction = Direction.NEAREST) -> str:
    """Decimal with at most `digits` significant digits on the stated side of `value`.

    Rounded outward (`DOWN`: printed <= value, `UP`: printed >= value) or to nearest. Exact short values print
    short (0.5), to nearest also those that read back as the same float (0.1); integers print in full up to
    10^15, NaN and None as "unknown", infinities as "inf" and "-inf". Bounds, rounded outward.
    Raises ValueError if `digits` < 1.

    >>> decimal_text(0.1, 3, Direction.DOWN), decimal_text(0.1, 3, Direction.UP), decimal_text(0.1, 3)
    ('0.100', '0.101', '0.1')
    """
    if digits < 1:
        raise ValueError(f"`digits` must be >= 1; got {digits}")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, int) and abs(value) <= 10**15:
        return str(value)
    rounded = _rounded(Fraction(value), digits, direction)
    if direction is Direction.NEAREST and isinstance(value, float) and float(rounded) == value:
        # 0.1 is not one tenth in binary, yet one tenth is the shortest decimal that means it.
        rounded = rounded.normalize()
    return _plain_or_scientific(rounded)


def exact_text(value: Printable) -> str:
    """A number as it is written: the decimal that it is, the fraction, or the shortest decimal that reads as the float.

    Exact.

    >>> exact_text(Fraction("0.0927")), exact_text(Fraction(1, 3)), exact_text(0.1), exact_text(8)
    ('0.0927', '1/3', '0.1', '8')
    """
    exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    # As many digits as a decimal of this denominator can have: it divides a power of ten, or it is a fraction.
    digits = len(str(exact.numerator)) + exact.denominator.bit_length()
    decimals = _rounded(exact, digits, Direction.NEAREST)
    return _plain_or_scientific(decimals) if Fraction(decimals) == exact else str(exact)


def interval_text(low: Printable | None, high: Printable | None, digits: int = 5) -> str:
    """`[low, high]`: the printed interval contains the given one. Enclosure, rounded outward.

    >>> interval_text(1 / 3, 2 / 3, 2)
    '[0.33, 0.67]'
    """
    return f"[{decimal_text(low, digits, Direction.DOWN)}, {decimal_text(high, digits, Direction.UP)}]"


def ratio_text(value: Printable | None, digits: int = 4) -> str:
    """A measured ratio (slack), to nearest. Estimate."""
    return decimal_text(value, digits, Direction.NEAREST)


def outward(value: float, digits: int, direction: Direction) -> float:
    """A float on the stated side of `value` that prints with at most `digits` significant digits.

    Where the float nearest to that decimal lies on the other side, `value` itself. Bounds, rounded outward.
    """
    if not math.isfinite(value) or value == 0.0:
        return value
    found = float(_rounded(Fraction(value), digits, direction))
    return value if (found < value if direction is Direction.UP else found > value) else found


def _rounded(value: Fraction, digits: int, direction: Direction) -> decimal.Decimal:
    # Division of two exact decimals is rounded once, correctly, in the context's direction.
    context = decimal.Context(
        prec=digits,
        rounding=_ROUNDING[direction],
        Emin=decimal.MIN_EMIN,
        Emax=decimal.MAX_EMAX,
        traps=[decimal.InvalidOperation, decimal.Overflow],
    )
    quotient = context.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator))
    exact = Fraction(quotient) == value
    return quotient.normalize(context) if exact else quotient


def _plain_or_scientific(value: decimal.Decimal) -> str:
    if value.is_zero():
        return "0"
    if value.adjusted() in _PLAIN_EXPONENTS:
        return f"{value:f}"
    sign, digits, _ = value.as_tuple()
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{value.adjusted():+03d}"
