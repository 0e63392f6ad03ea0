"""The share of a cell's Gaussian that its box, its ball and the ball inside leave together, from above.

y = L'(z - c) is Gaussian under N_j. On D_j, with the box B on axes I and multipliers u, v >= 0 of the balls,

    exp(g_j) <= exp(sum_I w_i (t_i - low_i)(t_i - high_i)/2) exp(u (|y|^2 - R^2)/2 + v (R_0^2 - |y|^2)/2),
    t_I in B,  R_0 <= |y| <= R.

Let (t, s) = W y, t = t_I, with ||W'W - I|| <= delta, so (1 - delta) |y|^2 <= |t|^2 + |s|^2 <= (1 + delta) |y|^2.
Given t, s is Gaussian with a mean m(t) that is affine and with one precision, which is diagonal up to what Gershgorin's
discs take from it: its density is at most a product of one-dimensional ones, of precisions p_i. So |s|^2, with what the
balls pay in s, has a law that is a convolution (`square_sums`), if m(t) is one point.

B is cut into parts. Let t be in a part with the middle t_0 and the corners v, and l_i = p_i (s_i - m_i(t_0)):

    density(s; m(t)) <= density(s; m(t_0)) exp(sum_i l_i (m_i(t) - m_i(t_0))),

which is convex along each axis of t, hence at most its interpolation between corners,

    density(s; m(t)) <= sum_v c_v(t) density(s; m(v)) exp(sum_i p_i (m_i(v) - m_i(t_0))^2/2),

c_v >= 0 of sum 1, linear in each t_i: what is lost is of second order. Parts are cut into boxes, on which |t|^2 has a
range, which says what |s|^2 may be, and the factor in t is at most an exponential (`exponentials`), with which c_v has
a mean. Far from where the share is, on parts that are wide, all means of s are in intervals instead. Any axes I, parts,
boxes and h give a bound, and so do smaller u and v and a narrower box that holds all t_I of D_j, each of whose payments
is smaller on D_j. Of axes that are not orthonormal in y nothing is concluded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    linear_image,
    log_density,
    midpoints,
    with_sides,
)
from certify.envelopes.mixture import Mixture
from certify.envelopes.square_sums import MARGIN, SLACK, SQUARES, SquareSums, square_sums

FIRST_PARTS, MOST_PARTS, NEAR = 60, 600, 0.25
"""Of the box, then of where the share is, unless over each the means of s move by less than so many deviations."""

FIRST_BOXES, MOST_BOXES, FINE = 4_000, 40_000, 0.5
"""Into which parts are cut, unless over each |t|^2 moves by less than so many multiples of h along any axis."""

OUTSIDE, OUTER = 1e-4, 4
"""Of the share, on either side of where parts are cut along an axis, and boxes there."""

MOST_IN_ALL = 1_000_000
"""Boxes, those outside of where parts are cut too: many axes would have more than memory holds."""

LARGEST_DELTA = 1e-9

LEAST = 1e-200
"""Added to what is summed: more than what underflows, by `RADII` and `MOST_TILT`."""

RADII = 1e-50, 1e50
"""Between which something is concluded from a ball."""

FARTHEST = 1e3
"""In units of R: sides that are farther off are replaced by nearer ones, which pay less."""

MOST_TILT = 300.0
"""Of u R^2 and v R^2: larger u and v are replaced by smaller ones, which pay less."""

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
    constant = (outside * ball(inner) ** 2 - inside * ball(radius) ** 2) / 2
    found = _exponent(law, cells.sides[label][axes], payer, low, high, rise - fall, constant)
    if found is None:
        return math.inf
    best, cores = math.inf, [*zip(low, high, strict=True)]
    for most_parts, most_boxes in ((FIRST_PARTS, FIRST_BOXES), (MOST_PARTS, MOST_BOXES)):
        widths = np.array([last - first for first, last in cores])
        farthest = np.array([max(abs(first), abs(last)) for first, last in cores])
        counts = _counts(law.drifts * widths / NEAR, np.ones(len(axes), dtype=np.intp), most_parts)
        fine = _counts(2.0 * farthest * widths / (FINE * most / SQUARES), counts, most_boxes)
        parts = _parts(found, low, high, cores, counts, -(-fine // counts))
        if parts is None:
            return best
        parts = parts.within(most)
        shares = _shares(law, found, parts, most, least, upper(rise - fall))
        # What is no number is no bound.
        total = math.inf if shares is None else float(shares.sum())
        if shares is None or not total >= 0.0:
            return best
        best = min(best, total * (1.0 + MARGIN) + LEAST)
        if not shares.size:
            return best
        cores = [_core(parts.lows[:, axis], parts.highs[:, axis], shares) for axis in range(len(axes))]
    return best


@dataclass(frozen=True, eq=False)
class _Parts:
    """A box cut into parts by `edges` along each axis, and those into boxes.

    cores                 along each axis the first part that is narrow, and the first behind those
    lows, highs, points   (b, r), of the boxes: ends, and where tangents are taken
    places                (b, r), the part along each axis that a box is in
    """

    edges: Sequence[FloatArray]
    cores: Sequence[tuple[int, int]]
    lows: FloatArray
    highs: FloatArray
    points: FloatArray
    places: Places

    def within(self, square: float) -> _Parts:
        """Without boxes on which |t|^2 is larger."""
        kept = self.squares()[0] <= square * (1.0 + SLACK)
        lows, highs, points = (part[kept] for part in (self.lows, self.highs, self.points))
        return _Parts(self.edges, self.cores, lows, highs, points, self.places[kept])

    def squares(self) -> tuple[FloatArray, FloatArray]:
        """|t|^2 at least and at most, for every box."""
        near = np.where((self.lows <= 0.0) & (self.highs >= 0.0), 0.0, np.minimum(abs(self.lows), abs(self.highs)))
        far = np.maximum(np.abs(self.lows), np.abs(self.highs))
        return (near**2).sum(axis=1) * (1.0 - 16 * EPSILON), (far**2).sum(axis=1) * (1.0 + 16 * EPSILON)

    @property
    def is_narrow(self) -> npt.NDArray[np.bool_]:
        """Boxes (b,) of parts that are narrow along every axis."""
        first, last = (np.array([core[end] for core in self.cores], dtype=np.intp) for end in (0, 1))
        return np.asarray(((self.places >= first) & (self.places < last)).all(axis=1))

    def distinct(self, places: Places) -> tuple[Places, Places]:
        """The different ones of `places` (b, r), and which of them each is."""
        sizes = [len(edges) for edges in self.edges]
        flat = np.ravel_multi_index(tuple(places.T), sizes)
        found = np.bincount(flat, minlength=math.prod(sizes)) > 0
        used = np.stack(np.unravel_index(np.flatnonzero(found), sizes), axis=1)
        return used, (np.cumsum(found) - 1)[flat]

    def ends(self, places: Places) -> FloatArray:
        """The edges with these numbers, (b, r)."""
        return np.stack([edges[place] for edges, place in zip(self.edges, places.T, strict=True)], axis=1)


def _shares(law: _Law, found: Exponent, parts: _Parts, most: float, least: float, tilt: float) -> FloatArray | None:
    """The share of every box, (b,), from above up to `MARGIN`; None where floats say too little."""
    if not parts.edges:
        one = np.zeros((1, 0))
        squares = law.tilted(one, one, most, tilt)
        ends = np.array([least]), np.array([most])
        if squares is None:
            return None
        return found.integrals(one, one, one)[0] * squares.between(np.zeros(1, np.intp), *ends)
    small, large = parts.squares()
    # What |s|^2 may be, at most and at least.
    up, down = most - small, least - large
    masses, means = found.integrals(parts.lows, parts.highs, parts.points)
    shares, narrow = np.zeros(len(masses)), parts.is_narrow
    wide, which = parts.distinct(parts.places[~narrow])
    squares = law.tilted(parts.ends(wide), parts.ends(wide + 1), most, tilt)
    if squares is None:
        return None
    shares[~narrow] = masses[~narrow] * squares.between(which, down[~narrow], up[~narrow])
    corners = np.array([*itertools.product((0, 1), repeat=len(parts.edges))], dtype=np.intp)
    cuboids, which = parts.distinct(parts.places[narrow])
    used, laws = parts.distinct((cuboids[:, None] + corners).reshape(-1, corners.shape[1]))
    at = parts.ends(used)
    squares = law.tilted(at, at, most, tilt)
    if squares is None:
        return None
    lows, widths = parts.ends(cuboids), parts.ends(cuboids + 1) - parts.ends(cuboids)
    factors = np.stack([law.corner_factors(widths * (corner - 0.5)) for corner in corners], axis=1)
    # Where in its part the exponential of a box has its mean, from 0 to 1.
    inner = parts.lows[narrow] - lows[which] + means[narrow] * (parts.highs[narrow] - parts.lows[narrow])
    shifts = np.clip(inner / widths[which], 0.0, 1.0)
    shares[narrow] = masses[narrow] * squares.interpolated(
        laws.reshape(factors.shape), factors, corners, which, shifts, down[narrow], up[narrow]
    )
    return shares


def _core(lows: FloatArray, highs: FloatArray, shares: FloatArray) -> tuple[float, float]:
    """Where along an axis nearly all of a share is."""
    places, which = np.unique(lows, return_inverse=True)
    sums = np.cumsum(np.bincount(which, shares))
    first = int(np.searchsorted(sums, OUTSIDE * sums[-1]))
    last = int(np.searchsorted(sums, (1.0 - OUTSIDE) * sums[-1]))
    return float(places[min(first, len(places) - 1)]), float(highs[which == min(last, len(places) - 1)].max())


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

    @property
    def drifts(self) -> FloatArray:
        """By how many deviations the mean of s moves with t, (r,)."""
        return np.sqrt(self._steep @ self._slope**2)

    def corner_factors(self, offsets: FloatArray) -> FloatArray:
        """exp(sum_i p_i (m_i(t_0 + offset) - m_i(t_0))^2/2) for `offsets` (b, r), from above."""
        error = self._slope_error + 64 * EPSILON * np.abs(self._slope)
        moves = np.abs(offsets @ self._slope.T) + np.abs(offsets) @ error.T
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(0.5 * (moves**2 @ self._steep) * (1.0 + 64 * EPSILON)) * (1.0 + 1e-12))

    def tilted(self, lows: FloatArray, highs: FloatArray, most: float, tilt: float) -> SquareSums | None:
        """Laws of |s|^2 <= `most` given t in [lows, highs], (b, r), times exp(tilt |s|^2/2).

        Without exp(`constant`); None where floats say too little.
        """
        middle, half = 0.5 * (lows + highs), 0.5 * (highs - lows)
        gaps = np.abs(middle - self._origin) + half + self._origin_error
        means = self._start + (middle - self._origin) @ self._slope.T
        reach = (half + self._origin_error) @ np.abs(self._slope).T + gaps @ self._slope_error.T + self._error
        sizes = np.abs(self._start) + (gaps + np.abs(middle) + np.abs(self._origin)) @ np.abs(self._slope).T
        reach = reach * (1.0 + 64 * EPSILON) + 64 * EPSILON * sizes
        return square_sums(self._steep, means, reach, most, tilt)


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


def _parts(
    found: Exponent, low: FloatArray, high: FloatArray, cores: Sequence[tuple[float, float]], counts: Places,
    steps: Places,
) -> _Parts | None:  # fmt: skip
    """[low, high] cut into so many parts of its core along each axis, those into so many boxes, and what is beyond.

    None for more than `MOST_IN_ALL`.
    """
    edges, inner, boxes = [], [], []
    for axis, ((first, last), count, most) in enumerate(zip(cores, counts, steps, strict=True)):
        least, top = float(low[axis]), float(high[axis])
        own = np.unique(np.clip(np.linspace(first, last, count + 1), least, top))
        start = int(own[0] > least)
        ends = np.concatenate([[least][:start], own, [top][: int(own[-1] < top)]])
        stop = start + len(own) - 1
        if len(ends) == 1:
            ends = np.repeat(ends, 2)
        pieces = [
            _even(a, b, most) if start <= part < stop else found.edges(axis, a, b, OUTER)
            for part, (a, b) in enumerate(itertools.pairwise(ends.tolist()))
        ]
        numbers = np.repeat(np.arange(len(pieces)), [len(piece[0]) for piece in pieces])
        edges.append(ends)
        inner.append((start, stop))
        boxes.append([*(np.concatenate([piece[place] for piece in pieces]) for place in range(3)), numbers])
    if math.prod(len(box[0]) for box in boxes) > MOST_IN_ALL:
        return None
    lows, highs, points, places = (grid([box[place] for box in boxes]) for place in range(4))
    return _Parts(edges, inner, lows, highs, points, places.astype(np.intp))


def _even(low: float, high: float, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lower ends, upper ends and middles of intervals that make up [low, high]."""
    ends = np.linspace(low, high, count + 1)
    ends[0], ends[-1] = low, high
    return ends[:-1], ends[1:], 0.5 * (ends[:-1] + ends[1:])


def _counts(moves: FloatArray, start: Places, most: int) -> Places:
    """Into how many axes are cut, from `start` on, so that none moves by more than 1 in any; at most so many in all."""
    counts = start.copy()
    moves = np.where(np.isfinite(moves), moves, 0.0)
    while len(counts):
        axis = int(np.argmax(moves / counts))
        if moves[axis] <= counts[axis] or counts.prod() // counts[axis] * (counts[axis] + 1) > most:
            break
        counts[axis] += 1
    return counts
