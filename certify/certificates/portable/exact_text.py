"""Exact numbers as text: hexadecimal floats, and claims as rationals with few digits, rounded outward."""

from __future__ import annotations

import math
from fractions import Fraction

from certify.arithmetic.arrays import FloatArray

DIGITS = 9
"""Significant digits of a claim."""


def hexadecimal(values: FloatArray) -> list[str]:
    """Floats as hexadecimal text. Exact."""
    return [float(value).hex() for value in values.ravel()]


def rounded_up(value: Fraction, digits: int = DIGITS) -> Fraction:
    """The least decimal >= `value` with `digits` significant digits. Upper bound.

    >>> rounded_up(Fraction(2, 3), 3), rounded_up(Fraction(-2, 3), 3)
    (Fraction(667, 1000), Fraction(-333, 500))
    """
    if value == 0:
        return value
    place = Fraction(10) ** (digits - 1 - math.floor(math.log10(abs(value))))
    return math.ceil(value * place) / place


def rounded_down(value: Fraction, digits: int = DIGITS) -> Fraction:
    """The greatest decimal <= `value` with `digits` significant digits. Lower bound."""
    return -rounded_up(-value, digits)
