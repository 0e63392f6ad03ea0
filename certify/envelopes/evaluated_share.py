"""The share a = sum_j w_j E_{N_j}[exp(g_j); D_j] of proposals that are evaluated (`cells`), from above.

On D_j all but the terms of g_j on a few axes I are at most 0, and t_I = A_I (z - c) is Gaussian: N(m, S) with
S = A_I (L L')^-1 A_I'. So, B the ends of the box on these axes,

    E_{N_j}[exp(g_j); D_j] <= int over B of N(t; m, S) exp(sum_I w_i (t_i - low_i)(t_i - high_i)/2) dt.

The exponent is a quadratic -t'Qt/2 + b't + k. B is cut into boxes, and on each the exponent is at most its tangent at
any point p there plus sum_i e_i (t_i - p_i)^2, e_i = max(0, sum_{j != i} |Q_ij| - Q_ii)/2: a product of exponentials,
whose integrals are known. Any axes, boxes and tangents give a bound; the least of those tried is kept.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.cells import Cells
from certify.envelopes.mixture import Mixture

MOST_AXES = 4
STEP, REACH = 0.6, 4.5
"""Widths of boxes, and how far from the middle they go, in standard deviations."""

MOST_STEPS = {1: 40, 2: 16, 3: 14, 4: 8}
"""Boxes along an axis, by the number of axes."""

ROUNDING = 256 * EPSILON
"""Share of the sum of magnitudes by which an exponent in floats is off at most."""

MARGIN = 1e-9
"""What exp, expm1 and a sum of positive numbers in floats lose, generously."""

LARGEST_ERROR = 1e-3
"""Of an exponent: beyond it nothing is concluded."""


def evaluated_upper(cells: Cells, mixture: Mixture) -> float:
    """The share of proposals that are evaluated, from above: at most 1. Guarantee: rounded outward.

    LinAlgError where a root or the axes have no inverse.
    """
    with precision():
        weights = [ball(float(weight)) for weight in mixture.weights]
        total = sum(weights, arb(0))
        found = sum(
            (weight / total * ball(_cell_share(cells, mixture, label)) for label, weight in enumerate(weights)), arb(0)
        )
        return min(1.0, upper(found))


def _cell_share(cells: Cells, mixture: Mixture, label: int) -> float:
    """E_{N_j}[exp(g_j); D_j] from above."""
    low, high = cells.low[label], cells.high[label]
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return 1.0
    mean, covariance = _coordinates(cells, mixture, label)
    spread = np.sqrt(np.maximum([midpoint(covariance[i, i]) for i in range(low.size)], 1e-300))
    order = np.argsort((high - low) / spread, kind="stable")
    best = 1.0
    for count in range(1, min(MOST_AXES, low.size) + 1):
        axes = np.sort(order[:count])
        best = min(best, _bound_on(axes, mean, covariance, low[axes], high[axes], cells.sides[label][axes]))
    return best


def _coordinates(cells: Cells, mixture: Mixture, label: int) -> tuple[arb_mat, arb_mat]:
    """Mean (d, 1) and covariance (d, d) of t = A (z - c) under N_j."""
    axes = _balls(cells.axes)
    gap = _balls(mixture.means[label][:, None]) - _balls(cells.centre[:, None])
    try:
        # (L L')^-1 = Y'Y with L Y = I.
        inverse = _balls(mixture.roots[label]).inv()
    except ZeroDivisionError as error:
        raise np.linalg.LinAlgError("a component's root has no inverse") from error
    spread = axes * inverse.transpose()
    return axes * gap, spread * spread.transpose()


def _balls(values: FloatArray) -> arb_mat:
    return arb_mat([[ball(float(value)) for value in row] for row in values])


def _bound_on(
    axes: npt.NDArray[np.intp], mean: arb_mat, covariance: arb_mat, low: FloatArray, high: FloatArray, sides: FloatArray
) -> float:
    """The integral over the box on these axes from above; infinite where floats say too little."""
    count = len(axes)
    block = arb_mat([[covariance[int(i), int(j)] for j in axes] for i in axes])
    centre = arb_mat([[mean[int(i), 0]] for i in axes])
    try:
        inverse = block.inv()
    except ZeroDivisionError:
        return math.inf
    linear = inverse * centre
    constant = -(centre.transpose() * linear)[0, 0] / 2 - (block.det().log() + count * (2 * arb.pi()).log()) / 2
    quadratic = [[inverse[i, j] for j in range(count)] for i in range(count)]
    slopes = [linear[i, 0] for i in range(count)]
    for i, (least, most, side) in enumerate(zip(low, high, sides, strict=True)):
        a, b, w = ball(float(least)), ball(float(most)), ball(float(side))
        quadratic[i][i] -= w
        slopes[i] -= w * (a + b) / 2
        constant += w * a * b / 2
    q, q_error = _floats(quadratic)
    (b_middle,), (b_error,) = _floats([slopes])
    (k_middle,), (k_error,) = (part[0] for part in _floats([[constant]]))
    if not (np.isfinite(q).all() and np.isfinite(b_middle).all() and math.isfinite(k_middle)):
        return math.inf
    reach = np.maximum(np.abs(low), np.abs(high))
    # Tangents are evaluated at points of the box and followed over its width: four times covers both.
    error = 4.0 * (reach @ q_error @ reach + b_error @ reach + k_error)
    error += ROUNDING * (4.0 * reach @ np.abs(q) @ reach + 4.0 * np.abs(b_middle) @ reach + abs(k_middle))
    if not error <= LARGEST_ERROR:
        return math.inf
    q = 0.5 * (q + q.T)
    middle, deviation = _shape(q, b_middle)
    if middle is None:
        middle = np.array([midpoint(centre[i, 0]) for i in range(count)])
        deviation = np.sqrt(np.maximum([midpoint(block[i, i]) for i in range(count)], 0.0))
    edges = [
        _edges(float(low[i]), float(high[i]), float(middle[i]), float(deviation[i]), MOST_STEPS[count])
        for i in range(count)
    ]
    return _summed(q, b_middle, float(k_middle) + error, edges)


def _floats(rows: list[list[arb]]) -> tuple[FloatArray, FloatArray]:
    """Midpoints, and by how much at most the entries differ from them: infinite where they are no floats."""
    middle = np.array([[midpoint(entry) for entry in row] for row in rows])
    error = np.full(middle.shape, math.inf)
    for place in zip(*np.nonzero(np.isfinite(middle)), strict=True):
        error[place] = upper(abs(rows[place[0]][place[1]] - ball(float(middle[place]))))
    return middle, error


def _shape(q: FloatArray, b: FloatArray) -> tuple[FloatArray | None, FloatArray]:
    """Where the exponent is largest and its widths along the axes; None where it has no maximum. Estimate."""
    try:
        np.linalg.cholesky(q)
        return np.asarray(np.linalg.solve(q, b)), np.sqrt(np.diag(np.linalg.inv(q)))
    except np.linalg.LinAlgError:
        return None, np.zeros(0)


def _edges(low: float, high: float, middle: float, deviation: float, most: int) -> tuple[FloatArray, FloatArray]:
    """Ends of the intervals that an axis is cut into, and the points of their tangents."""
    first, last = max(low, middle - REACH * deviation), min(high, middle + REACH * deviation)
    if not (first < last and deviation > 0.0):
        return np.array([low, high]), np.array([high if middle > high else low])
    count = int(np.clip(math.ceil((last - first) / (STEP * deviation)), 1, most))
    ends = np.linspace(first, last, count + 1)
    ends[0], ends[-1] = first, last
    points = 0.5 * (ends[1:] + ends[:-1])
    if low < first:
        ends, points = np.concatenate([[low], ends]), np.concatenate([[first], points])
    if high > last:
        ends, points = np.concatenate([ends, [high]]), np.concatenate([points, [last]])
    return ends, points


def _summed(q: FloatArray, b: FloatArray, k: float, edges: list[tuple[FloatArray, FloatArray]]) -> float:
    """The sum over all boxes of the integrals of their exponentials, from above for an exponent below `k` plus."""
    points, lows, highs = (
        np.stack([part.ravel() for part in np.meshgrid(*parts, indexing="ij")], axis=1)
        for parts in (
            [at for _, at in edges], [ends[:-1] for ends, _ in edges], [ends[1:] for ends, _ in edges]
        )
    )  # fmt: skip
    gradients = b - points @ q
    heights = k + points @ b - 0.5 * np.einsum("bi,ij,bj->b", points, q, points)
    diagonal = np.diag(q)
    bends = np.maximum(0.5 * (np.abs(q).sum(axis=1) - np.abs(diagonal) - diagonal), 0.0)
    heights += (bends * np.maximum(highs - points, points - lows) ** 2).sum(axis=1)
    widths = highs - lows
    tops = np.maximum(gradients * (highs - points), gradients * (lows - points))
    falls = np.abs(gradients) * widths
    means = np.where(falls < 1e-8, 1.0, -np.expm1(-np.maximum(falls, 1e-8)) / np.maximum(falls, 1e-8))
    with np.errstate(over="ignore"):
        found = float((np.exp(heights + tops.sum(axis=1)) * (widths * means).prod(axis=1)).sum()) * (1.0 + MARGIN)
    return found if math.isfinite(found) else math.inf
