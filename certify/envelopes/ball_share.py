"""The share of a cell's Gaussian that its box, its ball and the ball inside leave together, from above.

y = L'(z - c) is Gaussian under N_j. On D_j, with the box B on axes I and multipliers u, v >= 0 of the balls,

    exp(g_j) <= exp(sum_I w_i (t_i - low_i)(t_i - high_i)/2) exp(u (|y|^2 - R^2)/2 + v (R_0^2 - |y|^2)/2),
    t_I in B,  R_0 <= |y| <= R.

Let (t, s) = W y, t = t_I, with ||W'W - I|| <= delta, so (1 - delta) |y|^2 <= |t|^2 + |s|^2 <= (1 + delta) |y|^2.
Given t, s is Gaussian with a mean that is affine in t and with one precision, which is diagonal up to what Gershgorin's
discs take from it: its density is at most a product of one-dimensional ones. B is cut into parts, on each of which the
means of s are in intervals. The squares s_1^2, s_2^2, .. are independent then: rounded down to multiples of h, their
sum has a convolution as its law. Every part is cut into boxes, over which the factor in t has an integral
(`exponentials`), and |t|^2 a range, which says what |s|^2 may be. Any axes I, parts, boxes and h give a bound.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat

from certify.arithmetic.balls import ball, lower, upper
from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.cells import Cells
from certify.envelopes.exponentials import (
    Exponent,
    balls,
    exponent,
    grid,
    log_density,
    log_linear_integrals,
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

SLACK = 1e-9
"""In units of h: what R^2 - |t|^2 may be off by in floats."""

LARGEST_DELTA = 1e-9
MARGIN = 1e-8
"""What products and convolutions of a thousand positive numbers lose in floats, generously."""

LEAST = 1e-290
"""Added to each of them: what underflows."""

Places = npt.NDArray[np.intp]


def ball_share(axes: Places, cells: Cells, mixture: Mixture, label: int) -> float:
    """E_{N_j}[exp(g_j); D_j] from above, by the box on these axes and the ball. Call it in a `precision` context.

    Infinite where nothing is known. Guarantee: rounded outward.
    """
    # What overflows is infinite or no number, and bounds nothing.
    with np.errstate(all="ignore"):
        return _share(axes, cells, mixture, label)


def _share(axes: Places, cells: Cells, mixture: Mixture, label: int) -> float:
    radius, inner = float(cells.outer[label]), float(cells.inner[label])
    low, high = cells.low[label][axes], cells.high[label][axes]
    try:
        whole = _whitened(cells, mixture, label)
        rows, delta = _turned(axes, cells, *whole)
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return math.inf
    if not (delta <= LARGEST_DELTA and math.isfinite(radius)):
        return math.inf
    off = ball(delta)
    most, least = upper(ball(radius) ** 2 * (1 + off)), lower(ball(inner) ** 2 * (1 - off))
    reach = math.sqrt(most) * (1.0 + 4 * EPSILON)
    if not math.isfinite(most):
        return math.inf
    low, high = np.maximum(low, -reach), np.minimum(high, reach)
    if (low > high).any():
        return 0.0
    try:
        law = _Law.of(rows, *whole, len(axes))
    except ZeroDivisionError:
        return math.inf
    if law is None:
        return math.inf
    rise, fall = ball(float(cells.inside[label])) / (1 - off), ball(float(cells.outside[label])) / (1 + off)
    constant = (ball(float(cells.outside[label])) * ball(inner) ** 2) / 2
    constant -= ball(float(cells.inside[label])) * ball(radius) ** 2 / 2
    found = _exponent(law, cells.sides[label][axes], low, high, rise - fall, constant)
    if found is None:
        return math.inf
    ends, lows, highs, integrals, which = _boxes(found, low, high)
    near = np.where((lows <= 0.0) & (highs >= 0.0), 0.0, np.minimum(np.abs(lows), np.abs(highs)))
    far = np.maximum(np.abs(lows), np.abs(highs))
    # What |s|^2 may be, at most and at least.
    up = most - (near**2).sum(axis=1) * (1.0 - 16 * EPSILON)
    down = least - (far**2).sum(axis=1) * (1.0 + 16 * EPSILON)
    weights = law.tilted(*ends, most, upper(rise), lower(fall)).between(which, down, up)
    total = float(np.where(weights == 0.0, 0.0, integrals * weights).sum()) * (1.0 + MARGIN)
    # What is no number is no bound.
    return total if total >= 0.0 else math.inf


def _whitened(cells: Cells, mixture: Mixture, label: int) -> tuple[arb_mat, arb_mat]:
    """Mean (d, 1) and covariance (d, d) of y = L'(z - c) under N_j."""
    turn = balls(cells.root).transpose()
    gap = balls(mixture.means[label][:, None]) - balls(cells.centre[:, None])
    spread = turn * balls(mixture.roots[label]).inv().transpose()
    return turn * gap, spread * spread.transpose()


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
        slope_error: FloatArray, origin: FloatArray, steep: FloatArray, constant: arb,
    ) -> None:  # fmt: skip
        self.mean, self.covariance, self.constant = mean, covariance, constant
        self._start, self._slope, self._origin, self._steep = start, slope, origin, steep
        self._error, self._slope_error = error, slope_error

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
        origin = midpoints([[moved[i, 0]] for i in before])[0].ravel() if count else np.zeros(0)
        if count:
            slope, slope_error = midpoints((-(inner.inv() * block(precision_matrix, after, before))).tolist())
        constant = inner.det().log() / 2 - (d - count) * (2 * arb.pi()).log() / 2
        if not all(np.isfinite(part).all() for part in (start, error, slope, slope_error, origin)):
            return None
        one = block(moved, before, range(1)) if count else arb_mat(0, 1)
        two = block(spread, before, before) if count else arb_mat(0, 0)
        return cls(
            one, two, start.ravel(), slope, error.ravel(), slope_error, origin, np.array(steep), constant
        )  # fmt: skip

    def tilted(self, lows: FloatArray, highs: FloatArray, most: float, rise: float, fall: float) -> _Squares:
        """Laws of |s|^2 <= `most` given t in parts (b, r), times exp((rise - fall) |s|^2/2), less exp(`constant`)."""
        middle, half = 0.5 * (lows + highs), 0.5 * (highs - lows)
        gaps = np.abs(middle - self._origin) + half
        means = self._start + (middle - self._origin) @ self._slope.T
        reach = half @ np.abs(self._slope).T + gaps @ self._slope_error.T + self._error
        sizes = np.abs(self._start) + (gaps + np.abs(middle) + np.abs(self._origin)) @ np.abs(self._slope).T
        reach = reach * (1.0 + 64 * EPSILON) + 64 * EPSILON * sizes
        step, count = most / SQUARES, len(self._steep)
        ends = np.sqrt(step * np.arange(SQUARES + 2))
        inner, outer = ends[:-1] * (1.0 - 4 * EPSILON), ends[1:] * (1.0 + 4 * EPSILON)
        points, steep = 0.5 * (inner + outer), self._steep[:, None]
        found = np.full((len(lows), count, SQUARES + 1), LEAST)
        # -steep dist(s, [mean +- reach])^2/2 is concave in s: below its tangent in the middle of each interval.
        for sign in (1.0, -1.0):
            gap = sign * points - means[:, :, None]
            gap = np.sign(gap) * np.maximum(np.abs(gap) - reach[:, :, None], 0.0)
            lines = log_linear_integrals(-sign * steep * gap, inner, outer, points)
            found += np.exp(lines - 0.5 * steep * gap**2)
        sums = step * np.arange(SQUARES + 1)
        tops = rise * np.minimum(sums + step * count, most) - fall * sums
        tilts = np.exp(0.5 * tops + 8 * EPSILON * (rise + fall) * most)
        laws = np.array([_convolved(law) for law in found]) * tilts
        # What is no number is no bound.
        return _Squares(np.where(laws >= 0.0, laws, np.inf), step, count)


def _convolved(laws: FloatArray) -> FloatArray:
    """The law of a sum, cut off, of independent numbers with laws (c, m)."""
    found = np.ones(1)
    for law in laws:
        found = np.convolve(found, law)[: law.size]
    return found


class _Squares:
    """Weights (b, m) of the sums k h, k = 0, 1, .., of `count` numbers rounded down to multiples of h = `step`."""

    def __init__(self, weights: FloatArray, step: float, count: int) -> None:
        self._before = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
        self._step, self._count = step, count

    def between(self, which: Places, down: FloatArray, up: FloatArray) -> FloatArray:
        """By law `which` (b,) the weight of sums in [down, up] before they were rounded, from above up to `MARGIN`."""
        size = self._before.shape[1] - 1
        last = np.floor(up / self._step * (1.0 + 1e-12) + SLACK) + 1
        first = np.ceil(down / self._step * (1.0 - 1e-12 * np.sign(down)) - SLACK) - self._count
        # What is no number takes all.
        begin = np.where(first > 0, np.minimum(first, size), 0).astype(np.intp)
        end = np.where(last < size, np.maximum(last, 0), size).astype(np.intp)
        found = self._before[which, end] * (1.0 + 1e-12) - self._before[which, begin] * (1.0 - 1e-12)
        found = np.where(np.isnan(found), np.inf, np.maximum(found, 0.0))
        return np.asarray(np.where(up < -SLACK * self._step, 0.0, found))


def _exponent(
    law: _Law, sides: FloatArray, low: FloatArray, high: FloatArray, tilt: arb, constant: arb
) -> Exponent | None:
    """Log of what is integrated over t: its density, sides and tilt, and all constants."""
    constant = constant + law.constant
    if not len(low):
        return exponent([], [], constant, low, high)
    parts = log_density(law.covariance, law.mean)
    if parts is None:
        return None
    quadratic, slopes, own = parts
    own = with_sides(quadratic, slopes, own, low, high, sides)
    for i in range(len(low)):
        quadratic[i][i] -= tilt
    return exponent(quadratic, slopes, own + constant, low, high)


def _boxes(
    found: Exponent, low: FloatArray, high: FloatArray
) -> tuple[tuple[FloatArray, FloatArray], FloatArray, FloatArray, FloatArray, Places]:
    """Ends of parts that make up [low, high], of boxes that make up parts, their integrals, and each one's part."""
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
    return edges, lows, highs, found.integrals(lows, highs, points), flat
