"""The share of a cell's Gaussian that its box, its ball and the ball inside leave together, from above.

y = L'(z - c) is Gaussian under N_j. On D_j, with the box B on axes I and multipliers u, v >= 0 of the balls,

    exp(g_j) <= exp(sum_I w_i (t_i - low_i)(t_i - high_i)/2) exp(u (|y|^2 - R^2)/2 + v (R_0^2 - |y|^2)/2),
    t_I in B,  R_0 <= |y| <= R.

Let (t, s) = W y, t = t_I, with ||W'W - I|| <= delta, so (1 - delta) |y|^2 <= |t|^2 + |s|^2 <= (1 + delta) |y|^2.
Given t, s is Gaussian with a mean that is affine in t and with one precision, which is diagonal up to what Gershgorin's
discs take from it: its density is at most a product of one-dimensional ones. B is cut into parts, on each of which the
means of s are in intervals. The squares s_1^2, s_2^2, .. are independent then: rounded down to multiples of h, their
sum has a convolution as its law. Every part is cut into boxes, over which the factor in t has an integral
(`exponentials`), and |t|^2 a range, which says what |s|^2 may be. Any axes I, parts, boxes and h give a bound, and so
do smaller u and v and a narrower box that holds all t_I of D_j, each of whose payments is smaller on D_j. Of axes that
are not orthonormal in y nothing is concluded.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat
from scipy import special

from certify.arithmetic.balls import ball, lower, upper
from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.cells import Cells
from certify.envelopes.exponentials import (
    Exponent,
    balls,
    exponent,
    grid,
    linear_image,
    log_density,
    midpoints,
    with_sides,
)
from certify.envelopes.mixture import Mixture

SQUARES = 160
"""Multiples of h up to R^2."""

PARTS = (1, 24, 8, 5, 4)
"""Into which an axis of the box is cut, by the number of axes."""

STEPS = (1, 4, 4, 3, 3)
"""Boxes along an axis of a part, by the number of axes."""

SPREAD = 3.2
"""How far from the middle parts are cut, in widths of the exponent."""

BLOCK = 96
"""Parts whose laws are found at a time."""

SLACK = 1e-9
"""In units of h: what R^2 - |t|^2 may be off by in floats."""

LARGEST_DELTA = 1e-9
MARGIN = 1e-8
"""What products and convolutions of a thousand positive numbers lose in floats, generously."""

LEAST = 1e-200
"""Added to each law and to each of its sums: more than what underflows, by `RADII`, `MOST_TILT` and `MOST_ROOM`."""

RADII = 1e-50, 1e50
"""Between which something is concluded from a ball."""

FARTHEST = 1e3
"""In units of R: sides that are farther off are replaced by nearer ones, which pay less."""

MOST_TILT = 300.0
"""Of u R^2 and v R^2: larger u and v are replaced by smaller ones, which pay less."""

MOST_ROOM = 1e100
"""Of the product over s_i of R in its deviations: beyond it nothing is concluded."""

Places = npt.NDArray[np.intp]


def ball_share(axes: Places, cells: Cells, mixture: Mixture, label: int) -> float:
    """E_{N_j}[exp(g_j); D_j] from above, by the box on these axes and the ball. Call it in a `precision` context.

    Infinite where nothing is known. Guarantee: rounded outward.
    """
    radius, inner = float(cells.outer[label]), float(cells.inner[label])
    low, high = cells.low[label][axes], cells.high[label][axes]
    if not RADII[0] <= radius <= RADII[1]:
        return math.inf
    if inner >= radius:
        return 0.0
    try:
        # Of y = L'(z - c).
        whole = linear_image(cells.root.T, cells.centre, mixture.means[label], mixture.roots[label])
        rows, delta = _turned(axes, cells, *whole)
        law = _Law.of(rows, *whole, len(axes)) if delta <= LARGEST_DELTA else None
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return math.inf
    if law is None:
        return math.inf
    off = ball(delta)
    most, least = upper(ball(radius) ** 2 * (1 + off)), lower(ball(inner) ** 2 * (1 - off))
    reach = math.sqrt(most) * (1.0 + 4 * EPSILON)
    payer = np.maximum(low, -FARTHEST * reach), np.minimum(high, FARTHEST * reach)
    low, high = np.maximum(low, -reach), np.minimum(high, reach)
    if (low > high).any():
        return 0.0
    inside, outside = (ball(min(float(part[label]), MOST_TILT / most)) for part in (cells.inside, cells.outside))
    rise, fall = inside / (1 - off), outside / (1 + off)
    constant = (outside * ball(inner) ** 2 - inside * ball(radius) ** 2 + rise * ball(most)) / 2
    found = _exponent(law, cells.sides[label][axes], payer, low, high, rise - fall, constant)
    if found is None:
        return math.inf
    ends, lows, highs, points, which = _boxes(found, low, high)
    near = np.where((lows <= 0.0) & (highs >= 0.0), 0.0, np.minimum(np.abs(lows), np.abs(highs)))
    far = np.maximum(np.abs(lows), np.abs(highs))
    # What |s|^2 may be, at most and at least.
    up = most - (near**2).sum(axis=1) * (1.0 - 16 * EPSILON)
    down = least - (far**2).sum(axis=1) * (1.0 + 16 * EPSILON)
    left = np.flatnonzero(up >= -SLACK * most / SQUARES)
    used, which = np.unique(which[left], return_inverse=True)
    squares = law.tilted(ends[0][used], ends[1][used], most, upper(rise), lower(fall))
    if squares is None:
        return math.inf
    total = found.integrals(lows[left], highs[left], points[left]) @ squares.between(which, down[left], up[left])
    # What is no number is no bound.
    return float(total) * (1.0 + MARGIN) + LEAST if total >= 0.0 else math.inf


def _turned(axes: Places, cells: Cells, mean: arb_mat, covariance: arb_mat) -> tuple[arb_mat, float]:
    """W, and a bound of ||W'W - I||: its first rows give t_I, by the others s has a diagonal covariance given t."""
    to_t = balls(cells.axes[axes]) * balls(cells.root).transpose().inv() if len(axes) else None
    d = cells.centre.size
    own = midpoints(to_t.tolist())[0] if to_t is not None else np.zeros((0, d))
    spread = midpoints(covariance.tolist())[0]
    if not (np.isfinite(own).all() and np.isfinite(spread).all()):
        return covariance, math.inf
    rest = np.linalg.svd(own)[2][len(axes) :] if len(axes) else np.eye(d)
    shared = rest @ spread @ own.T
    inner = rest @ spread @ rest.T - shared @ np.linalg.solve(own @ spread @ own.T, shared.T)
    rows = balls(np.linalg.eigh(0.5 * (inner + inner.T))[1].T @ rest).tolist()
    turn = arb_mat([*(to_t.tolist() if to_t is not None else []), *rows])
    off = turn.transpose() * turn
    squares = sum((abs(off[i, j] - int(i == j)) ** 2 for i in range(d) for j in range(d)), arb(0))
    return turn, upper(squares.sqrt())


class _Law:
    """Of t, N(mean, covariance), and of s given t: independent, precisions at least `steep`, means affine in t."""

    def __init__(
        self, mean: arb_mat, covariance: arb_mat, start: FloatArray, slope: FloatArray, error: FloatArray,
        slope_error: FloatArray, origin: FloatArray, origin_error: FloatArray, steep: FloatArray, constant: arb,
    ) -> None:  # fmt: skip
        self.mean, self.covariance, self.constant = mean, covariance, constant
        self._start, self._slope, self._origin, self._steep = start, slope, origin, steep
        self._error, self._slope_error, self._origin_error = error, slope_error, origin_error

    @classmethod
    def of(cls, turn: arb_mat, mean: arb_mat, covariance: arb_mat, count: int) -> _Law | None:
        """For (t, s) = W y, t of `count` entries; None where floats say too little."""
        moved, spread = turn * mean, turn * covariance * turn.transpose()
        d = spread.nrows()
        if count == d:
            return None
        precision_matrix = spread.inv()

        def block(matrix: arb_mat, first: range, second: range) -> arb_mat:
            return arb_mat([[matrix[i, j] for j in second] for i in first])

        before, after = range(count), range(count, d)
        inner = block(precision_matrix, after, after)
        steep = [
            lower(inner[i, i] - sum((abs(inner[i, j]) for j in range(d - count) if j != i), arb(0)))
            for i in range(d - count)
        ]
        if not all(0.0 < value < math.inf for value in steep):
            return None
        start, error = midpoints([[moved[i, 0]] for i in after])
        slope, slope_error = np.zeros((d - count, count)), np.zeros((d - count, count))
        origin, origin_error = midpoints([[moved[i, 0]] for i in before]) if count else (np.zeros((0, 1)),) * 2
        if count:
            slope, slope_error = midpoints((-(inner.inv() * block(precision_matrix, after, before))).tolist())
        # The laws of s_i are those of densities: what their product is too large by.
        constant = (inner.det().log() - sum((ball(value).log() for value in steep), arb(0))) / 2
        if not all(np.isfinite(part).all() for part in (start, error, slope, slope_error, origin)):
            return None
        one = block(moved, before, range(1)) if count else arb_mat(0, 1)
        two = block(spread, before, before) if count else arb_mat(0, 0)
        return cls(
            one, two, start.ravel(), slope, error.ravel(), slope_error, origin.ravel(), origin_error.ravel(),
            np.array(steep), constant,
        )  # fmt: skip

    def tilted(self, lows: FloatArray, highs: FloatArray, most: float, rise: float, fall: float) -> _Squares | None:
        """Laws of |s|^2 <= `most` given t in parts (b, r), times exp(rise (|s|^2 - most)/2 - fall |s|^2/2).

        Without exp(`constant`); None where floats say too little.
        """
        middle, half = 0.5 * (lows + highs), 0.5 * (highs - lows)
        gaps = np.abs(middle - self._origin) + half + self._origin_error
        means = self._start + (middle - self._origin) @ self._slope.T
        reach = (half + self._origin_error) @ np.abs(self._slope).T + gaps @ self._slope_error.T + self._error
        sizes = np.abs(self._start) + (gaps + np.abs(middle) + np.abs(self._origin)) @ np.abs(self._slope).T
        reach = reach * (1.0 + 64 * EPSILON) + 64 * EPSILON * sizes
        step, count = most / SQUARES, len(self._steep)
        with np.errstate(over="ignore"):
            room = np.prod(1.0 + np.sqrt(self._steep * most))
        if not (room <= MOST_ROOM and np.isfinite(means).all() and np.isfinite(reach).all()):
            return None
        ends = np.sqrt(step * np.arange(SQUARES + 2))
        points, halves = 0.5 * (ends[:-1] + ends[1:]), 0.5 * np.diff(ends) * (1.0 + 1e-12)
        laws = []
        for steep, mean, error in zip(self._steep, means.T, reach.T, strict=True):
            # In blocks that stay in the cache.
            blocks = [
                _law(
                    float(steep), mean[first : first + BLOCK, None], error[first : first + BLOCK, None], points, halves
                )
                for first in range(0, len(mean), BLOCK)
            ]
            laws.append(np.concatenate([np.zeros((0, points.size)), *blocks]))
        sums = step * np.arange(SQUARES + 1)
        tops = rise * (np.minimum(sums + step * count, most) - most) - fall * sums
        tilts = np.exp(0.5 * tops + 8 * EPSILON * (rise + fall) * most)
        return _Squares(_convolved(laws) * tilts, step, count)


def _law(steep: float, means: FloatArray, reach: FloatArray, points: FloatArray, halves: FloatArray) -> FloatArray:
    """From above for |s| in [point +- half], the integrals of sup_m exp(-steep (s - m)^2/2) (steep/(2 pi))^(1/2).

    m in [mean +- reach] (b, 1). On [p - H, p + H] the exponent -steep dist(s)^2/2, g = dist(p), is concave: below its
    tangent in p. Where it is a parabola there, its bend is counted as well: exp(-steep x^2/2) falls and
    cosh(steep g x) grows, so that the integral of their product is at most the product of their means (Chebyshev).
    """
    found = np.full((len(means), points.size), LEAST)
    wide = halves * (2.0 * math.sqrt(steep / (2 * math.pi)))
    bent = np.minimum(special.erf(halves * math.sqrt(steep / 2)) * (1.0 + 1e-12), wide)
    for sign in (1.0, -1.0):
        gap = np.abs(sign * points - means)
        gap -= reach
        np.maximum(gap, 0.0, out=gap)
        widths = np.where(gap >= halves, bent, wide)
        # exp(y - steep g^2/2) (1 - exp(-2 y))/(2 y), y = steep g H; at most 1, which is right where y overflows.
        with np.errstate(over="ignore", invalid="ignore"):
            falls = gap * (2.0 * steep * halves)
            gap *= -0.25 / halves
            gap += 0.5 + 4 * EPSILON
            gap *= falls
            np.exp(gap, out=gap)
            np.maximum(falls, 1e-12, out=falls)
            gap *= np.expm1(-falls)
            gap /= -falls
        np.fmin(gap, 1.0, out=gap)
        gap *= widths
        found += gap
    return found


def _convolved(laws: list[FloatArray]) -> FloatArray:
    """The laws (b, m) of sums, cut off, of independent numbers with laws (b, m)."""
    found, size = laws[0].copy(), laws[0].shape[1]
    padded = np.zeros(2 * size - 1)
    for law in laws[1:]:
        for one, other in zip(found, law[:, ::-1], strict=True):
            padded[size - 1 :] = one
            one[:] = np.correlate(padded, other, "valid")
    return found


class _Squares:
    """Weights (b, m) of the sums k h, k = 0, 1, .., of `count` numbers rounded down to multiples of h = `step`."""

    def __init__(self, weights: FloatArray, step: float, count: int) -> None:
        none = np.zeros((len(weights), 1))
        self._before = np.concatenate([none, np.cumsum(weights, axis=1)], axis=1)
        self._from = np.concatenate([np.cumsum(weights[:, ::-1], axis=1)[:, ::-1], none], axis=1)
        self._step, self._count = step, count

    def between(self, which: Places, down: FloatArray, up: FloatArray) -> FloatArray:
        """By law `which` (b,) the weight of sums in [down, up] before they were rounded, from above up to `MARGIN`."""
        size = self._before.shape[1] - 1
        last = np.floor(up / self._step * (1.0 + 1e-12) + SLACK) + 1
        first = np.ceil(down / self._step * (1.0 - 1e-12 * np.sign(down)) - SLACK) - self._count
        ends = [np.clip(k, 0, size).astype(np.intp) for k in (first, last)]
        # Both differences are above: where weights fall or grow by much one of them loses what the other keeps.
        one = self._before[which, ends[1]] * (1.0 + 1e-12) - self._before[which, ends[0]] * (1.0 - 1e-12)
        other = self._from[which, ends[0]] * (1.0 + 1e-12) - self._from[which, ends[1]] * (1.0 - 1e-12)
        return np.asarray(np.maximum(np.minimum(one, other), 0.0) + LEAST)


def _exponent(
    law: _Law, sides: FloatArray, payer: tuple[FloatArray, FloatArray], low: FloatArray, high: FloatArray, tilt: arb,
    constant: arb,
) -> Exponent | None:  # fmt: skip
    """Log of what is integrated over t: its density, the sides of the box `payer`, its tilt, and all constants."""
    constant = constant + law.constant
    if not len(low):
        return exponent([], [], constant, low, high)
    parts = log_density(law.covariance, law.mean)
    if parts is None:
        return None
    quadratic, slopes, own = parts
    own = with_sides(quadratic, slopes, own, *payer, sides)
    for i in range(len(low)):
        quadratic[i][i] -= tilt
    return exponent(quadratic, slopes, own + constant, low, high)


def _boxes(
    found: Exponent, low: FloatArray, high: FloatArray
) -> tuple[tuple[FloatArray, FloatArray], FloatArray, FloatArray, FloatArray, Places]:
    """Ends of parts that make up [low, high], of boxes that make up those, points in them, and the part of each."""
    count, most = PARTS[len(low)], STEPS[len(low)]
    parts, boxes, numbers = [], [], []
    for axis, (least, top, middle, width) in enumerate(zip(low, high, found.middle, found.widths, strict=True)):
        first, last = max(least, middle - SPREAD * width), min(top, middle + SPREAD * width)
        inner = np.linspace(first, last, count + 1) if first < last else np.zeros(0)
        ends = np.concatenate([[least], np.unique(inner[(inner > least) & (inner < top)]), [top]])
        pieces = [found.edges(axis, float(a), float(b), most) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        parts.append((ends[:-1], ends[1:]))
        boxes.append([np.concatenate([piece[place] for piece in pieces]) for place in range(3)])
        numbers.append(np.repeat(np.arange(len(pieces)), [len(piece[0]) for piece in pieces]))
    edges = grid([part[0] for part in parts]), grid([part[1] for part in parts])
    lows, highs, points = (grid([box[place] for box in boxes]) for place in range(3))
    which = grid([number.astype(np.float64) for number in numbers]).astype(np.intp)
    flat = np.zeros(len(which), dtype=np.intp)
    for axis, part in enumerate(parts):
        flat = flat * len(part[0]) + which[:, axis]
    return edges, lows, highs, points, flat
