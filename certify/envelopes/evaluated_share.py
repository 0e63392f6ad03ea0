"""The share a = sum_j w_j E_{N_j}[exp(g_j); D_j] of proposals that are evaluated (`cells`), from above.

On D_j all but the terms of g_j on a few axes I are at most 0, and t_I = A_I (z - c) is Gaussian: N(m, S) with
S = A_I (L L')^-1 A_I'. So, B the ends of the box on these axes,

    E_{N_j}[exp(g_j); D_j] <= int over B of N(t; m, S) exp(sum_I w_i (t_i - low_i)(t_i - high_i)/2) dt,

of which `exponentials` has an upper bound; with the ball's part of g_j `ball_share` has another. Any axes give a bound:
the least of those tried is kept.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.envelopes.ball_share import ball_share
from certify.envelopes.cells import Cells
from certify.envelopes.exponentials import exponent, linear_image, log_density, with_sides
from certify.envelopes.mixture import Mixture

MOST_STEPS = {1: 40, 2: 16, 3: 14, 4: 8}
"""Boxes along an axis, by the number of axes: these are tried."""

MOST_BALL_AXES, NARROW = 6, 1.99
"""Axes on which boxes are looked at together with balls: those that are cut, narrower than the ball."""


def evaluated_upper(cells: Cells, mixture: Mixture) -> float:
    """The share of proposals that are evaluated, from above: at most 1. Guarantee: rounded outward.

    LinAlgError where a root or the axes have no inverse.
    """
    if not all((part >= 0.0).all() for part in (cells.inside, cells.outside, cells.sides, cells.inner)):
        return 1.0
    # What overflows is no bound.
    with precision(), np.errstate(all="ignore"):
        weights = [ball(float(weight)) for weight in mixture.weights]
        total = sum(weights, arb(0))
        found = sum(
            (weight / total * ball(_cell_share(cells, mixture, label)) for label, weight in enumerate(weights)), arb(0)
        )
        return min(1.0, upper(found))


def _cell_share(cells: Cells, mixture: Mixture, label: int) -> float:
    """E_{N_j}[exp(g_j); D_j] from above."""
    low, high = cells.low[label], cells.high[label]
    if (low > high).any():
        return 0.0
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return 1.0
    # Of t = A (z - c).
    mean, covariance = linear_image(cells.axes, cells.centre, mixture.means[label], mixture.roots[label])
    spread = np.sqrt(np.maximum([midpoint(covariance[i, i]) for i in range(low.size)], 1e-300))
    order = np.argsort((high - low) / spread, kind="stable")
    found = [1.0]
    for count, most in MOST_STEPS.items():
        if count <= low.size:
            found.append(_bound_on(np.sort(order[:count]), mean, covariance, cells, label, most))
    cut = int(((high - low) < NARROW * cells.outer[label]).sum())
    found.append(ball_share(np.sort(order[: min(cut, MOST_BALL_AXES, low.size - 1)]), cells, mixture, label))
    # What is no number is no bound.
    return min(value for value in found if value >= 0.0)


def _bound_on(
    axes: npt.NDArray[np.intp], mean: arb_mat, covariance: arb_mat, cells: Cells, label: int, most: int
) -> float:
    """The integral over the box on these axes from above; infinite where floats say too little."""
    low, high = cells.low[label][axes], cells.high[label][axes]
    block = arb_mat([[covariance[int(i), int(j)] for j in axes] for i in axes])
    centre = arb_mat([[mean[int(i), 0]] for i in axes])
    parts = log_density(block, centre)
    if parts is None:
        return math.inf
    quadratic, slopes, constant = parts
    constant = with_sides(quadratic, slopes, constant, low, high, cells.sides[label][axes])
    found = exponent(quadratic, slopes, constant, low, high)
    return math.inf if found is None else found.integral(low, high, most)
