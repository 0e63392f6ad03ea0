"""Integrals of exp(-t'Qt/2 + b't + k) over boxes, from above.

A box is cut into smaller ones, and on each the exponent is at most its tangent at any point p there plus
sum_i e_i (t_i - p_i)^2, e_i = max(0, sum_{j != i} |Q_ij| - Q_ii)/2: a product of exponentials, whose integrals are
known. Any boxes and tangents give a bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.balls import midpoint, upper
from certify.arithmetic.intervals import EPSILON, FloatArray

STEP, REACH = 0.6, 4.5
"""Widths of boxes, and how far from the middle they go, in standard deviations."""

ROUNDING = 256 * EPSILON
"""Share of the sum of magnitudes by which an exponent in floats is off at most."""

MARGIN = 1e-9
"""What exp, expm1, log and sums and products of positive numbers lose in floats, generously."""

LARGEST_ERROR = 1e-3
"""Of an exponent: beyond it nothing is concluded."""

LEAST = 1e-200
"""Added to the integral over each box: more than what underflows."""


@dataclass(frozen=True, eq=False)
class Exponent:
    """-t'Qt/2 + b't + k for t in a box: above the true one there, error included.

    `middle` and `widths` (r,): where it is largest and how it falls, by which boxes are cut (estimates).
    """

    q: FloatArray
    b: FloatArray
    k: float
    middle: FloatArray
    widths: FloatArray

    def integral(self, low: FloatArray, high: FloatArray, most: int) -> float:
        """Over [low, high], within the box, from above; at most so many boxes along an axis. Guarantee: certified."""
        edges = [self.edges(axis, float(low[axis]), float(high[axis]), most) for axis in range(len(low))]
        lows, highs, points = (grid([part[place] for part in edges]) for place in range(3))
        return float(self.integrals(lows, highs, points)[0].sum()) * (1.0 + MARGIN)

    def edges(self, axis: int, low: float, high: float, most: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lower and upper ends of intervals that make up [low, high], and the points of their tangents."""
        middle, width = float(self.middle[axis]), float(self.widths[axis])
        first, last = max(low, middle - REACH * width), min(high, middle + REACH * width)
        if not (first < last and width > 0.0):
            return np.array([low]), np.array([high]), np.array([high if middle > high else low])
        count = int(np.clip(math.ceil((last - first) / (STEP * width)), 1, most))
        ends = np.linspace(first, last, count + 1)
        ends[0], ends[-1] = first, last
        points = 0.5 * (ends[1:] + ends[:-1])
        if low < first:
            ends, points = np.concatenate([[low], ends]), np.concatenate([[first], points])
        if high > last:
            ends, points = np.concatenate([ends, [high]]), np.concatenate([points, [last]])
        return ends[:-1], ends[1:], points

    def integrals(self, lows: FloatArray, highs: FloatArray, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Over boxes (b, r), with tangents at points in them, (b,), from above up to `MARGIN`; infinite if unknown.

        And the mean of t under each of these exponentials, as shares (b, r) of the way from low to high.
        """
        gradients = self.b - points @ self.q
        heights = self.k + points @ self.b - 0.5 * ((points @ self.q) * points).sum(axis=1)
        diagonal = np.diag(self.q)
        bends = np.maximum(0.5 * (np.abs(self.q).sum(axis=1) - np.abs(diagonal) - diagonal), 0.0)
        heights = heights + (bends * np.maximum(highs - points, points - lows) ** 2).sum(axis=1)
        # Of the product the logarithm: its factors may be too large and too small for floats where it is not.
        heights = heights + log_linear_integrals(gradients, lows, highs, points).sum(axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.exp(heights) + LEAST
        # What is no number is no bound.
        return np.where(found >= 0.0, found, np.inf), exponential_means(gradients * (highs - lows))


def grid(parts: Sequence[FloatArray]) -> FloatArray:
    """All combinations of numbers of r lists, (b, r); one that is empty for none."""
    if not parts:
        return np.zeros((1, 0))
    return np.stack([part.ravel() for part in np.meshgrid(*parts, indexing="ij")], axis=1)


def log_linear_integrals(slopes: FloatArray, lows: FloatArray, highs: FloatArray, points: FloatArray) -> FloatArray:
    """Log of int exp(slope (t - point)) over [low, high], up to rounding; no number where low > high."""
    widths = highs - lows
    tops = np.maximum(slopes * (highs - points), slopes * (lows - points))
    falls = np.abs(slopes) * widths
    means = np.where(falls < 1e-8, 1.0, -np.expm1(-np.maximum(falls, 1e-8)) / np.maximum(falls, 1e-8))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(tops + np.log(widths) + np.log(means))


def exponential_means(x: FloatArray) -> FloatArray:
    """The mean of t in [0, 1] with the density exp(x t), up to 1e-12: 1/(1 - e^-x) - 1/x, which is 1/2 + x/12 - .. ."""
    near = np.abs(x) < 1e-3
    far = np.where(near, 1.0, x)
    with np.errstate(over="ignore"):
        found = np.where(near, 0.5 + x / 12.0 - x**3 / 720.0, -1.0 / np.expm1(-far) - 1.0 / far)
    return np.asarray(np.clip(found, 0.0, 1.0))


def exponent(
    quadratic: Sequence[Sequence[arb]], slopes: Sequence[arb], constant: arb, low: FloatArray, high: FloatArray
) -> Exponent | None:
    """The exponent over the box [low, high], (r,); None where floats say too little of it."""
    q, q_error = midpoints(quadratic)
    b, b_error = midpoints([slopes])
    k, k_error = midpoints([[constant]])
    if not (np.isfinite(q).all() and np.isfinite(b).all() and np.isfinite(k).all()):
        return None
    b, b_error, k_middle = b.ravel(), b_error.ravel(), float(k[0, 0])
    reach = np.maximum(np.abs(low), np.abs(high))
    # Tangents are evaluated at points of the box and followed over its width: four times covers both.
    error = 4.0 * float(reach @ q_error @ reach + b_error @ reach + k_error[0, 0])
    error += ROUNDING * float(4.0 * reach @ np.abs(q) @ reach + 4.0 * np.abs(b) @ reach + abs(k_middle))
    if not error <= LARGEST_ERROR:
        return None
    q = 0.5 * (q + q.T)
    try:
        np.linalg.cholesky(q)
        middle, widths = np.linalg.solve(q, b), np.sqrt(np.maximum(np.diag(np.linalg.inv(q)), 0.0))
    except np.linalg.LinAlgError:
        middle, widths = 0.5 * (low + high), 0.125 * (high - low)
    return Exponent(q, b, k_middle + error, np.asarray(middle), np.asarray(widths, dtype=np.float64))


def linear_image(rows: FloatArray, centre: FloatArray, mean: FloatArray, root: FloatArray) -> tuple[arb_mat, arb_mat]:
    """Mean (r, 1) and covariance (r, r) of `rows` (z - centre), z ~ N(mean, (L L')^-1), L = `root`, enclosed.

    LinAlgError where L has no inverse.
    """
    matrix = balls(rows)
    try:
        # (L L')^-1 = Y'Y with L Y = I.
        inverse = balls(root).inv()
    except ZeroDivisionError as error:
        raise np.linalg.LinAlgError("a component's root has no inverse") from error
    spread = matrix * inverse.transpose()
    return matrix * (balls(mean[:, None]) - balls(centre[:, None])), spread * spread.transpose()


def log_density(covariance: arb_mat, mean: arb_mat) -> tuple[list[list[arb]], list[arb], arb] | None:
    """Q, b and k of the logarithm of a Gaussian's density, r variables, enclosed; None where its covariance is not."""
    count = covariance.nrows()
    try:
        inverse = covariance.inv()
    except ZeroDivisionError:
        return None
    linear = inverse * mean
    constant = -(mean.transpose() * linear)[0, 0] / 2 - (covariance.det().log() + count * (2 * arb.pi()).log()) / 2
    return [[inverse[i, j] for j in range(count)] for i in range(count)], [linear[i, 0] for i in range(count)], constant


def with_sides(
    quadratic: list[list[arb]], slopes: list[arb], constant: arb, low: FloatArray, high: FloatArray, sides: FloatArray
) -> arb:
    """Add sum_i w_i (t_i - low_i)(t_i - high_i)/2 to an exponent, in place; its new constant."""
    for i, (least, most, side) in enumerate(zip(low, high, sides, strict=True)):
        a, b, w = arb(float(least)), arb(float(most)), arb(float(side))
        quadratic[i][i] -= w
        slopes[i] -= w * (a + b) / 2
        constant += w * a * b / 2
    return constant


def balls(values: FloatArray) -> arb_mat:
    """A matrix of exact numbers."""
    return arb_mat(np.asarray(values, dtype=np.float64).tolist())


def midpoints(rows: Sequence[Sequence[arb]]) -> tuple[FloatArray, FloatArray]:
    """Midpoints, and by how much at most the entries differ from them: infinite where they are no floats."""
    middle = np.array([[midpoint(entry) for entry in row] for row in rows]).reshape(
        len(rows), len(rows[0]) if rows else 0
    )
    error = np.full(middle.shape, math.inf)
    for place in zip(*np.nonzero(np.isfinite(middle)), strict=True):
        error[place] = upper(abs(rows[place[0]][place[1]] - arb(float(middle[place]))))
    return middle, error
