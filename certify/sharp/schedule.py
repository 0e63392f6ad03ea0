"""The step schedule of Theorem 1*: harmonic steps while moving, equal steps while smoothing.

Burn-in: the w_{k+1} of Theorem 1* is increasing in w_k, so the smallest w_{K0} comes from making each smallest in
turn: mu exp(-eta) w_k = sqrt(2) Q sqrt(eta). Then 1/w_k^2 grows linearly and eta_k like 1/(k + h), h = 3/(2 mu eta_b).
Smoothing: for a given duration sum eta_k^2 is smallest for equal steps. Any other schedule is as valid, only longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError

RUN_SHARE = 16
"""Runs of the burn-in are this many times shorter than the harmonic steps' own scale h + k."""


@dataclass(frozen=True)
class Schedule:
    """Times eta_k ~ first h/(h + k) for k < burn_in, h = `offset`, then `step`, `layers` in all; exact rationals.

    Raises:
        InputError: unless 0 <= burn_in < layers and the numbers are positive.
    """

    first: Fraction
    offset: Fraction
    burn_in: int
    step: Fraction
    layers: int

    def __post_init__(self) -> None:
        if not 0 <= self.burn_in < self.layers:
            raise InputError(f"`burn_in` must be in [0, layers) = [0, {self.layers}); got {self.burn_in}")
        if not (self.first > 0 and self.offset > 0 and self.step > 0):
            raise InputError("`first`, `offset` and `step` must be positive")

    def moving(self) -> tuple[tuple[Fraction, int], ...]:
        """Runs (time, count) of the burn-in: equal steps over stretches of (h + k)/`RUN_SHARE` layers. Exact."""
        runs, k = [], 0
        while k < self.burn_in:
            count = min(max(1, (int(self.offset) + k) // RUN_SHARE), self.burn_in - k)
            # The harmonic step at the middle of the run.
            middle = self.offset + k + Fraction(count - 1, 2)
            runs.append((self.first * self.offset / middle, count))
            k += count
        return tuple(runs)

    def smoothing(self) -> tuple[tuple[Fraction, int], ...]:
        """The one run of equal steps after the burn-in. Exact."""
        return ((self.step, self.layers - self.burn_in),)

    def times(self) -> Iterator[Fraction]:
        """The times eta_k of all layers, in order. Exact."""
        for time, count in (*self.moving(), *self.smoothing()):
            yield from repeat(time, count)


def longest_step(mu: FloatArray, q: FloatArray) -> FloatArray:
    """Largest eta with s (1 + q + mu) <= 2, s = 1 - exp(-eta), a little below it; at most 8. Entrywise. Estimate.

    >>> longest_step(np.array([0.0, 1.0]), np.array([0.0, 2.0])).round(6).tolist()
    [8.0, 0.693147]
    """
    shrink = np.minimum(2.0 / (1.0 + q + mu) * (1.0 - 1e-9), 1.0 - np.exp(-8.0))
    return np.asarray(-np.log1p(-shrink))


def first_step(mu: FloatArray, force: FloatArray, distance: FloatArray, longest: FloatArray) -> FloatArray:
    """Eta with the smallest w_1: mu exp(-eta) w_0 = sqrt(2) Q sqrt(eta), cut at `longest`, entrywise. Estimate."""
    low, high = np.zeros_like(longest), longest.copy()
    for _ in range(50):
        middle = (low + high) / 2
        longer = mu * np.exp(-middle) * distance > np.sqrt(2.0) * force * np.sqrt(middle)
        low, high = np.where(longer, middle, low), np.where(longer, high, middle)
    return np.asarray(np.maximum(low, 1e-9))
