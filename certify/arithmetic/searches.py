"""Two searches that everything shares: the largest number that is feasible, and a proposal that balls confirm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

P = TypeVar("P")
C = TypeVar("C")

MARGINS = tuple(Fraction(1, 10**digits) for digits in (9, 6, 4, 2))
"""Relative distances kept from a target, in turn: for what the floats of a proposal may be off."""
FROM_THE_EDGE = (Fraction(0), *(Fraction(1, 10**digits) for digits in (7, 5, 3, 2, 1)))
"""Relative distances kept from the end of a feasible range, in turn, the end itself first."""

STRIDE = 8
"""Exponents between two that a search asks first."""


def confirmed(
    propose: Callable[[float], P | None], confirm: Callable[[P], C | None], margins: Sequence[Fraction] = MARGINS
) -> C | None:
    """What `confirm` gives for the first proposal that it accepts; None if it accepts none.

    `propose(share)` searches in floats with the share 1 - margin of the target; None says that there is nothing there,
    nor closer. `confirm` decides in balls. Verified: by `confirm`, as far as that goes.
    """
    for margin in margins:
        proposal = propose(float(1 - margin))
        if proposal is None:
            return None
        found = confirm(proposal)
        if found is not None:
            return found
    return None


def largest(feasible: Callable[[float], bool], low: float, high: float, halvings: int, geometric: bool = True) -> float:
    """The largest number found in [low, high] that is feasible, given that `low` is and `high` is not.

    Bisection of the logarithm (`geometric`, low > 0) or of the interval: exact to (high - low) 2^-halvings, or that of
    the logarithms, where the feasible numbers are an interval; a feasible number (or `low`) in any case. Estimate.
    """
    for _ in range(halvings):
        middle = math.sqrt(low * high) if geometric else (low + high) / 2
        low, high = (middle, high) if feasible(middle) else (low, middle)
    return low


def first_feasible(feasible: Callable[[float], bool], scale: float, exponents: Sequence[int]) -> float | None:
    """scale 2^e for the first exponent e at which it is feasible; None if it is at none of them.

    One exponent in STRIDE is asked first, then those between the first feasible one of these and the one before, or
    all others. Exact: a number that is feasible, or None where no exponent is; the first of them wherever one run of
    the exponents is feasible, or the first run has STRIDE of them.
    """
    strides = range(STRIDE - 1, len(exponents), STRIDE)
    reached = next((index for index in strides if feasible(scale * 2.0 ** exponents[index])), None)
    if reached is None:
        left = [index for index in range(len(exponents)) if index not in strides]
    else:
        left = list(range(reached - STRIDE + 1, reached))
    found = next((index for index in left if feasible(scale * 2.0 ** exponents[index])), reached)
    return None if found is None else scale * 2.0 ** exponents[found]
