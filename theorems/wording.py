"""Certified quantities in the sentences of a conclusion: four digits, rounded to the side on which the claim holds."""

from __future__ import annotations

from certify.arithmetic.balls import lower, upper
from certify.arithmetic.rounding import Direction, decimal_text
from certify.proof.certified_choices import Certificate

_STANDS_FOR_INFINITY = 1e100


def at_least(certificate: Certificate, name: str) -> str:
    """A number that the non-negative quantity `name` is not below. Lower bound, rounded outward."""
    value = max(0.0, lower(certificate[name]))
    return decimal_text(value, 4, Direction.DOWN) if value < _STANDS_FOR_INFINITY else "inf"


def at_most(certificate: Certificate, name: str) -> str:
    """A number that the quantity `name` is not above. Upper bound, rounded outward."""
    return decimal_text(upper(certificate[name]), 4, Direction.UP)
