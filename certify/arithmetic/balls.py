"""Balls: exact entry into and outward exit from Arb's real interval arithmetic (python-flint).

Inclusion property. Every function here that returns an `arb` returns a ball that contains the exact
result for every choice of real numbers in the argument balls. Functions whose name ends in `_lower`
or `_upper` return a float on the stated side of every real number in the ball.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

import flint
from flint import arb, fmpq

from certify.errors import InputError

Real: TypeAlias = int | float | str | Fraction | arb

WORKING_PRECISION = 128
"""Bits of the working precision of a certified evaluation."""


@contextmanager
def precision(bits: int = WORKING_PRECISION) -> Iterator[None]:
    """Run a block at `bits` of working precision and restore the previous precision. Exact.

    >>> with precision(64):
    ...     ball("0.1").rel_accuracy_bits() > 60
    True
    """
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def fraction(value: int | float | str | Fraction) -> Fraction:
    """Rational value of a decimal literal (str), a float (the binary number it is) or a rational. Exact.

    >>> fraction("0.1"), fraction(0.5)
    (Fraction(1, 10), Fraction(1, 2))
    """
    try:
        # A decimal exponent without a bound would be expanded to that many digits.
        if isinstance(value, str) and "/" not in value and abs(Decimal(value).adjusted()) > 5000:
            raise InputError(f"expected a number between 1e-5000 and 1e5000, got `{value}`")
        return Fraction(value)
    except InputError:
        raise
    except (ValueError, ArithmeticError) as error:
        raise InputError(f"expected a finite number, got `{value}`") from error


def ball(value: Real) -> arb:
    """Ball around an exact number.

    A str is read as the decimal it spells, a float as the binary number it is, and infinities
    (float or "inf") as the extended real number. Enclosure, rounded outward.

    >>> ball("0.1") * 10 == ball(1), (ball("0.1") * 10).contains(ball(1))
    (False, True)
    """
    if isinstance(value, arb):
        return value
    if isinstance(value, (float, str)) and str(value).strip().lower() in {"inf", "+inf", "infinity"}:
        return arb("inf")
    rational = fraction(value)
    return arb(fmpq(rational.numerator, rational.denominator))


def lower(value: arb) -> float:
    """Largest float known to be <= every real number in the ball (-inf for NaN or an unbounded ball).

    Lower bound, rounded outward.

    >>> lower(ball("0.1")) < 0.1 == 0.1, lower(ball(0.5))
    (True, 0.5)
    """
    if value.is_nan():
        return -math.inf
    candidate = float(value.lower())
    if math.isnan(candidate):
        return -math.inf
    # float() rounds to nearest, so the candidate may lie above: step down until it provably does not.
    while candidate > -math.inf and not arb(candidate) <= value.lower():
        candidate = math.nextafter(candidate, -math.inf)
    return candidate


def upper(value: arb) -> float:
    """Smallest float known to be >= every real number in the ball (+inf for NaN or an unbounded ball).

    Upper bound, rounded outward.

    >>> upper(ball(1) / 3) > 1 / 3, upper(ball("inf"))
    (True, inf)
    """
    return -lower(-value)


def exact_integer(value: arb) -> int | None:
    """The integer that an exact ball of size below 2^62 stands for, or None.

    FLINT aborts the process when asked for an integer of astronomical size, hence the limit. Exact.

    >>> exact_integer(ball(12)), exact_integer(ball("0.5"))
    (12, None)
    """
    if not (value.is_exact() and value.is_finite() and abs(value) < 2**62 and value.is_integer()):
        return None
    integer = value.unique_fmpz()
    return None if integer is None else int(integer)


def midpoint(value: arb) -> float:
    """Float nearest to the midpoint. Estimate, for display only."""
    return float(value.mid())


def euclidean_norm(entries: Sequence[arb]) -> arb:
    """Ball that contains the Euclidean norm of every vector in the given balls; no square overflows or vanishes.

    Enclosure, rounded outward.
    """
    # The square of a ball around zero reaches below zero, where the root is undefined and no square lies.
    return sum((entry * entry for entry in entries), arb(0)).nonnegative_part().sqrt()
