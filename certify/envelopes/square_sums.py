"""Laws of sums of squares of independent Gaussian numbers s_1, s_2, .., times exp(tilt |s|^2/2), from above.

Squares are rounded down to multiples of h: the law of their sum is a convolution. Means are known up to intervals. All
in floats whose errors are covered: a `MARGIN` on what is put out, and `LEAST`.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt
from scipy import special

from certify.arithmetic.intervals import EPSILON, FloatArray

SQUARES = 240
"""Multiples of h up to the largest sum that is asked for."""

BLOCK = 96
"""Means whose laws are found at a time: blocks that stay in the cache."""

SLACK = 1e-9
"""In units of h: what an end may be off by in floats."""

ROUNDED = 1e-12
"""What the share of a corner may be off by in floats."""

MARGIN = 1e-8
"""What products and convolutions of a thousand positive numbers lose in floats, generously."""

LEAST = 1e-200
"""Added to each law and to each of its sums: more than what underflows, by `MOST_ROOM` and a tilt of at most 300."""

MOST_ROOM = 1e100
"""Of the product over s_i of the largest |s_i| in its deviations: beyond it nothing is concluded."""

Places = npt.NDArray[np.intp]


class SquareSums:
    """Weights (b, m) of the sums k h, k = 0, 1, .., of `count` numbers rounded down to multiples of h = `step`."""

    def __init__(self, weights: FloatArray, step: float, count: int) -> None:
        none = np.zeros((len(weights), 1))
        self._before = np.concatenate([none, np.cumsum(weights, axis=1)], axis=1)
        self._from = np.concatenate([np.cumsum(weights[:, ::-1], axis=1)[:, ::-1], none], axis=1)
        self._step, self._count = step, count

    def between(self, which: Places, down: FloatArray, up: FloatArray) -> FloatArray:
        """By law `which` (b,) the weight of sums in [down, up] before they were rounded, from above up to `MARGIN`."""
        return _interpolated(
            self._before, self._from, which[:, None], np.ones((len(which), 1)), np.zeros((1, 0), np.intp),
            np.arange(len(which)), np.zeros((len(which), 0)), *self._ends(down, up),
        )  # fmt: skip

    def interpolated(
        self, laws: Places, factors: FloatArray, corners: Places, which: Places, shifts: FloatArray, down: FloatArray,
        up: FloatArray,
    ) -> FloatArray:  # fmt: skip
        """The same of sum_c factor_c w_c law_c, laws and factors (p, c) of a cuboid's corners, `which` (b,) cuboid.

        `corners` (c, r) are 0 or 1 along each axis; w_c is the product of the `shifts` (b, r) in [0, 1] along axes
        where c is 1, and of 1 - shift where it is 0. Each shift may be off by `ROUNDED`.
        """
        return _interpolated(self._before, self._from, laws, factors, corners, which, shifts, *self._ends(down, up))

    def _ends(self, down: FloatArray, up: FloatArray) -> tuple[Places, Places]:
        """The first sum that counts, and the first behind those."""
        size = self._before.shape[1] - 1
        last = np.floor(up / self._step * (1.0 + 1e-12) + SLACK) + 1
        first = np.ceil(down / self._step * (1.0 - 1e-12 * np.sign(down)) - SLACK) - self._count
        return np.clip(first, 0, size).astype(np.intp), np.clip(last, 0, size).astype(np.intp)


@numba.njit(cache=True)
def _interpolated(
    before: FloatArray, after: FloatArray, laws: Places, factors: FloatArray, corners: Places, which: Places,
    shifts: FloatArray, first: Places, last: Places,
) -> FloatArray:  # fmt: skip
    found = np.zeros(len(which))
    for b in range(len(which)):
        part, start, end = which[b], first[b], last[b]
        for c in range(len(corners)):
            law, weight = laws[part, c], factors[part, c]
            for axis in range(corners.shape[1]):
                share = shifts[b, axis] if corners[c, axis] == 1 else 1.0 - shifts[b, axis]
                weight *= share + ROUNDED
            # Both differences are above: where weights fall or grow by much one of them loses what the other keeps.
            one = before[law, end] * (1.0 + 1e-12) - before[law, start] * (1.0 - 1e-12)
            other = after[law, start] * (1.0 + 1e-12) - after[law, end] * (1.0 - 1e-12)
            found[b] += weight * (max(min(one, other), 0.0) + LEAST)
    return found


def square_sums(steep: FloatArray, means: FloatArray, reach: FloatArray, most: float, tilt: float) -> SquareSums | None:
    """Sums up to `most` for precisions `steep` (n,) and means in [means +- reach], (b, n), times exp(tilt |s|^2/2).

    `tilt` is at most 300/most in modulus. None where floats say too little. Guarantee: rounded outward.
    """
    step, count = most / SQUARES, len(steep)
    with np.errstate(over="ignore"):
        room = np.prod(1.0 + np.sqrt(steep * most))
    if not (room <= MOST_ROOM and np.isfinite(means).all() and np.isfinite(reach).all()):
        return None
    ends = np.sqrt(step * np.arange(SQUARES + 2))
    points, halves = 0.5 * (ends[:-1] + ends[1:]), 0.5 * np.diff(ends) * (1.0 + 1e-12)
    laws = np.empty((count, len(means), points.size))
    for law, precision, mean, error in zip(laws, steep, means.T, reach.T, strict=True):
        for first in range(0, len(mean), BLOCK):
            rows = slice(first, first + BLOCK)
            law[rows] = square_law(float(precision), tilt, mean[rows, None], error[rows, None], points, halves)
    return SquareSums(convolved(laws), step, count)


def square_law(
    steep: float, tilt: float, means: FloatArray, reach: FloatArray, points: FloatArray, halves: FloatArray
) -> FloatArray:
    """From above for |s| in [point +- half] the integrals of exp(tilt s^2/2) and a Gaussian's density.

    The density is sup_m exp(-steep (s - m)^2/2) (steep/(2 pi))^(1/2), m in [mean +- reach] (b, 1). Of the exponent
    -steep dist(s)^2/2 + tilt s^2/2 on [p - H, p + H], g = dist(p), the first part is concave: below its tangent in p,
    and where g >= H it is a parabola. So the exponent is at most its value in p, its slope there D times x, and
    c x^2/2, c = tilt or tilt - steep. Where c <= 0 exp(c x^2/2) falls and cosh(D x) grows: the integral of their
    product is at most the product of their means (Chebyshev).
    """
    found = np.full((len(means), points.size), LEAST)
    norm = math.sqrt(steep / (2 * math.pi)) * (1.0 + 1e-12)
    farthest = np.abs(points + (halves if tilt > 0.0 else -halves))
    most = np.exp(0.5 * tilt * farthest**2) * (1.0 + 1e-12)
    flat, bent = (norm * _bell(tilt - bend, halves) for bend in (0.0, steep))
    for sign in (1.0, -1.0):
        away = sign * points - means
        gap = np.abs(away)
        gap -= reach
        np.maximum(gap, 0.0, out=gap)
        widths = np.where(gap >= halves, np.minimum(bent, flat), flat)
        # exp(E + y) (1 - exp(-2 y))/(2 y), y = |D| H; at most the largest tilt, which is right where y overflows.
        with np.errstate(over="ignore", invalid="ignore"):
            slopes = np.abs(np.copysign(gap * steep, away) - sign * tilt * points) * halves
            falls = 0.5 * steep * gap * gap
            rises = slopes + 0.5 * tilt * points * points
            heights = rises - falls + 8 * EPSILON * (falls + slopes + np.abs(rises))
            np.exp(heights, out=heights)
            np.maximum(slopes, 1e-12, out=slopes)
            heights *= -np.expm1(-2.0 * slopes) / (2.0 * slopes)
        found += np.fmin(heights, most) * widths
    return np.asarray(found)


def _bell(bend: float, halves: FloatArray) -> FloatArray:
    """int exp(bend x^2/2) over [-half, half] from above."""
    if bend >= 0.0:
        return np.asarray(2.0 * halves * np.exp(0.5 * bend * halves**2) * (1.0 + 1e-12))
    scale = math.sqrt(-0.5 * bend)
    found = special.erf(halves * scale) * (math.sqrt(math.pi) / scale) * (1.0 + 1e-12)
    return np.asarray(np.minimum(found, 2.0 * halves))


@numba.njit(cache=True)
def convolved(laws: FloatArray) -> FloatArray:
    """The laws (b, m) of sums, cut off, of independent numbers with laws (n, b, m)."""
    count, batch, size = laws.shape
    found: FloatArray = laws[0].copy()
    for i in range(1, count):
        for b in range(batch):
            before = found[b].copy()
            found[b, :] = 0.0
            for k in range(size):
                factor = before[k]
                for j in range(size - k):
                    found[b, k + j] += factor * laws[i, b, j]
    return found
