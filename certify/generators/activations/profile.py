"""Profiles: what is needed to enclose the range of one derivative sigma^(k) over any interval, outward.

A function that is monotone between consecutive knots takes its extreme values over [l, u] at l, at u, or at
a knot inside. A `KnotProfile` therefore holds the complete list of knots (critical points, kinks and poles)
with their values enclosed, the limits at both infinities and an enclosure of the function at floats. Adding a
superfluous knot only widens the result; leaving one out would be wrong, so every construction says why its
list is complete.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, precision, upper
from certify.arithmetic.intervals import round_down, round_up

FloatEnclosure: TypeAlias = tuple[FloatArray, FloatArray]
Evaluator: TypeAlias = Callable[[FloatArray], FloatEnclosure]

MINUS_INFINITY = -arb("inf")
PLUS_INFINITY = arb("inf")
ANYTHING = (MINUS_INFINITY, PLUS_INFINITY)
"""What a derivative tends to, for all that is claimed, on the two sides of a point where there is none."""


class Profile(Protocol):
    """The range of one derivative of one activation."""

    def enclose(self, low: FloatArray, high: FloatArray) -> FloatEnclosure:
        """Enclosure of the range over every closed interval [low_i, high_i] of extended reals."""

    def extrema(self) -> tuple[arb, arb]:
        """Enclosures of the infimum and of the supremum over R (essential ones at kinks)."""


@dataclass(frozen=True)
class Knot:
    """A value the function takes or tends to, known to lie in [low, high], at some point of [left, right]."""

    left: float
    right: float
    low: arb
    high: arb

    @classmethod
    def at(cls, location: float, value: arb) -> Knot:
        """A value, enclosed by a ball, at an exactly known location; a kink or a pole has one knot per side."""
        return cls(location, location, value, value)


@dataclass(frozen=True)
class KnotProfile:
    """A function monotone between knots, with exactly known limits at both infinities."""

    evaluate: Evaluator
    knots: tuple[Knot, ...]
    limit_left: arb
    limit_right: arb

    def enclose(self, low: FloatArray, high: FloatArray) -> FloatEnclosure:
        """Hull of the values at both ends and at the knots between them. Rounded outward."""
        lows, highs = self._at_ends(low[None] if high is low else np.stack((low, high)))
        bottom, top = lows.min(axis=0), highs.max(axis=0)
        for (knot_low, knot_high), knot in zip(self._float_values[2:], self.knots, strict=True):
            inside = (low <= knot.right) & (high >= knot.left)
            if not inside.any():
                continue
            bottom = np.where(inside, np.minimum(bottom, knot_low), bottom)
            top = np.where(inside, np.maximum(top, knot_high), top)
        # No value lies beyond the infimum or the supremum over R: this takes back a rounding at saturation.
        return np.maximum(bottom, self._float_extrema[0]), np.minimum(top, self._float_extrema[1])

    def extrema(self) -> tuple[arb, arb]:
        """Infimum and supremum over R: every knot value and limit is attained or approached, and no others count."""
        limits = (self.limit_left, self.limit_right)
        lows = [value.lower() for value in (*limits, *(knot.low for knot in self.knots))]
        highs = [value.upper() for value in (*limits, *(knot.high for knot in self.knots))]
        return _between(min(lows), min(highs)), _between(max(lows), max(highs))

    def _at_ends(self, x: FloatArray) -> FloatEnclosure:
        finite = np.isfinite(x)
        if finite.all():
            return self.evaluate(x)
        low, high = self.evaluate(np.where(finite, x, 0.0))
        left, right = self._float_values[:2]
        limit_low, limit_high = np.where(x < 0, left[0], right[0]), np.where(x < 0, left[1], right[1])
        return np.where(finite, low, limit_low), np.where(finite, high, limit_high)

    @cached_property
    def _float_extrema(self) -> tuple[float, float]:
        with precision():
            infimum, supremum = self.extrema()
            return lower(infimum), upper(supremum)

    @cached_property
    def _float_values(self) -> list[tuple[float, float]]:
        """Both limits and then every knot's value, rounded outward to floats."""
        with precision():
            pairs = [(limit, limit) for limit in (self.limit_left, self.limit_right)]
            pairs += [(knot.low, knot.high) for knot in self.knots]
            return [(lower(low), upper(high)) for low, high in pairs]


@dataclass(frozen=True)
class PeriodicProfile:
    """sin(x + phase pi/2) for an integer phase: maxima at (1 - phase) pi/2 + 2 pi n, minima half a period on."""

    evaluate: Evaluator
    phase: int

    def enclose(self, low: FloatArray, high: FloatArray) -> FloatEnclosure:
        """Values at the ends, and 1 or -1 where a maximum or minimum may lie between. Rounded outward."""
        finite = np.isfinite(low) & np.isfinite(high)
        start, stop = np.where(finite, low, 0.0), np.where(finite, high, 0.0)
        first, second = self.evaluate(start), self.evaluate(stop)
        quarter = 1 - self.phase
        has_maximum = ~finite | _meets_lattice(start, stop, quarter)
        has_minimum = ~finite | _meets_lattice(start, stop, quarter + 2)
        bottom = np.where(has_minimum, -1.0, np.maximum(np.minimum(first[0], second[0]), -1.0))
        top = np.where(has_maximum, 1.0, np.minimum(np.maximum(first[1], second[1]), 1.0))
        return bottom, top

    def extrema(self) -> tuple[arb, arb]:
        """-1 and 1."""
        return arb(-1), arb(1)


def knots_at(location: float, values: Iterable[arb]) -> tuple[Knot, ...]:
    """A knot for each value that the function takes or tends to at one place."""
    return tuple(Knot.at(location, value) for value in values)


def outward(low: FloatArray, high: FloatArray) -> FloatEnclosure:
    """One float further out on each side: absorbs one rounding to nearest of a correctly rounded operation."""
    return round_down(low), round_up(high)


def constant_evaluator(value: float) -> Evaluator:
    """A function that is exactly `value` everywhere."""

    def evaluate(x: FloatArray) -> FloatEnclosure:
        return np.full_like(x, value), np.full_like(x, value)

    return evaluate


def constant_profile(value: float) -> KnotProfile:
    """The profile of a constant."""
    return KnotProfile(constant_evaluator(value), (), arb(value), arb(value))


def _meets_lattice(start: FloatArray, stop: FloatArray, quarter: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool]]:
    """Whether [start, stop] may meet quarter pi/2 + 2 pi Z; never says no where it does.

    t = x/(2 pi) - quarter/4 has two roundings and the rounding of 2 pi: an error below 4 * 2^-53 (|t| + 1).
    """
    turns = [x / (2.0 * math.pi) - 0.25 * quarter for x in (start, stop)]
    margins = [2.0**-50 * (np.abs(t) + 1.0) for t in turns]
    return np.asarray(np.floor(turns[1] + margins[1]) >= np.ceil(turns[0] - margins[0]))


def larger(first: arb, second: arb) -> arb:
    """Enclosure of the maximum of two numbers enclosed by balls; infinities stay exact."""
    return _between(max(first.lower(), second.lower()), max(first.upper(), second.upper()))


def _between(low: arb, high: arb) -> arb:
    """A ball that contains every number between two exact ones."""
    return low if bool(low == high) else low.union(high)
