"""Two groups of observations: half-spaces chosen on one half of the rows, their masses counted on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flint import arb
from scipy.special import ndtr, ndtri

from certify.arithmetic.balls import Real, ball, euclidean_norm, lower, precision
from certify.bounds.bracket import ConstantBrackets
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.estimates import frequency_interval

ERROR_PROBABILITY = 1e-3
"""Probability that one of the two counted masses is below its bound."""
FEWEST = 20
"""Observations below which no groups are looked for."""
ROUNDS, CUTS = 50, 40
RIDGES = (1e-3, 1e-1, 1e1)
"""Of the within-group covariance, relative to its mean variance: from Fisher's direction towards that of the means."""


@dataclass(frozen=True, eq=False)
class TwoGroups:
    """S1 = {<u, x> <= low}, S2 = {<u, x> >= high}; `distance` between them, rounded down; counted masses, at least."""

    direction: FloatArray
    low: float
    high: float
    distance: float
    masses: tuple[float, float]


def group_inputs(
    generator: Generator, brackets: ConstantBrackets, rows: FloatArray, beta: float, labels: FloatArray | None = None
) -> Mapping[str, Real]:
    """`r`, `p1`, `p2` of two groups of the rows (k, n), r = 0 where one of them has no counted row.

    With few rows two halves at distance L, to show the bound.
    """
    assert brackets.M.upper is not None, "A2-M holds"
    slope = float(np.hypot(brackets.M.upper, beta))
    found = two_groups(rows, slope, labels) if len(rows) >= FEWEST else None
    if found is None:
        return {"r": slope, "p1": 0.5, "p2": 0.5}
    if not min(found.masses) > 0.0:
        # Of a group without a counted row no mass is known; of all points, at distance 0 from themselves, it is.
        return {"r": 0.0, "p1": 0.5, "p2": 0.5}
    return {"r": found.distance, "p1": found.masses[0], "p2": found.masses[1]}


def two_groups(rows: FloatArray, slope: float, labels: FloatArray | None = None) -> TwoGroups:
    """The groups whose bound is largest on the even rows, with distance and masses; masses from the odd rows alone.

    Args:
        rows: observations (k, n), k >= 20, independent draws of the data.
        slope: L, for which the cuts are chosen.
        labels: of at least two kinds (k,), each to be told from the rest; None: two groups by 2-means.

    Guarantee: with probability >= 1 - ERROR_PROBABILITY the data have at least these masses on S1 and S2.

    Raises:
        InputError: for fewer rows, or labels of a single kind in the even rows.
    """
    if len(rows) < FEWEST:
        raise InputError(f"two groups need at least {FEWEST} observations; got {len(rows)}")
    first, second = rows[::2], rows[1::2]
    parts = [_two_means(first)] if labels is None else _sides(labels[::2])
    best: tuple[float, FloatArray, float, float] | None = None
    for direction in (line for sides in parts for line in _directions(first, sides)):
        score, low, high = _cuts(first @ direction, slope)
        if best is None or score > best[0]:
            best = (score, direction, low, high)
    assert best is not None
    _, direction, low, high = best
    lines = [_exact_side(row, direction, low, high) for row in second]
    masses = [frequency_interval(lines.count(side), len(lines), ERROR_PROBABILITY).lower for side in (-1, 1)]
    with precision():
        length = euclidean_norm([ball(float(entry)) for entry in direction])
        distance = max(0.0, lower((ball(high) - ball(low)) / length))
    return TwoGroups(direction, low, high, distance, (masses[0], masses[1]))


def _exact_side(row: FloatArray, direction: FloatArray, low: float, high: float) -> int:
    """-1 in S1, 1 in S2, 0 in neither or where balls cannot tell."""
    with precision():
        line = sum((ball(float(x)) * ball(float(u)) for x, u in zip(row, direction, strict=True)), arb(0))
        return -1 if line <= ball(low) else 1 if line >= ball(high) else 0


def _sides(labels: FloatArray) -> list[FloatArray]:
    """Each kind of label against the rest; two kinds are one split."""
    kinds = np.unique(labels)
    if len(kinds) < 2:
        raise InputError("`labels` must be of at least two kinds in the half that is looked at (even rows); got one")
    return [np.asarray(labels == kind) for kind in (kinds[1:] if len(kinds) == 2 else kinds)]


def _two_means(rows: FloatArray) -> FloatArray:
    """Lloyd's iteration from the sign of the first principal component. Which side is True is arbitrary."""
    centred = rows - rows.mean(axis=0)
    sides = centred @ np.linalg.svd(centred, full_matrices=False)[2][0] > 0
    for _ in range(ROUNDS):
        if sides.all() or not sides.any():
            break
        centres = [rows[sides == side].mean(axis=0) for side in (False, True)]
        distances = [np.linalg.norm(rows - centre, axis=1) for centre in centres]
        moved = distances[1] < distances[0]
        if (moved == sides).all():
            break
        sides = moved
    return np.asarray(sides)


def _directions(rows: FloatArray, sides: FloatArray) -> list[FloatArray]:
    if sides.all() or not sides.any():
        return [np.eye(rows.shape[1])[0]]
    parts = [rows[sides == side] for side in (False, True)]
    difference = parts[1].mean(axis=0) - parts[0].mean(axis=0)
    within = sum((part - part.mean(axis=0)).T @ (part - part.mean(axis=0)) for part in parts) / len(rows)
    scale = max(float(np.trace(within)) / len(difference), 1e-300)
    solved = [np.linalg.solve(within + ridge * scale * np.eye(len(difference)), difference) for ridge in RIDGES]
    found = [item / max(float(np.linalg.norm(item)), 1e-300) for item in (difference, *solved)]
    return [item for item in found if np.isfinite(item).all() and item.any()] or [np.eye(rows.shape[1])[0]]


def _cuts(line: FloatArray, slope: float) -> tuple[float, float, float]:
    """Two cuts among quantiles of the projections that give the largest bound, with what the count will lose."""
    cuts = np.unique(np.quantile(line, np.linspace(0.02, 0.98, CUTS)))
    below, above = (_counted(np.array([np.mean(side) for side in sides]), len(line)) for sides in (
        [line <= cut for cut in cuts], [line >= cut for cut in cuts],
    ))  # fmt: skip
    gaps = np.maximum(cuts[None] - cuts[:, None], 0.0) / slope
    scores = np.minimum(
        above[None] - ndtr(-ndtri(below)[:, None] - gaps), below[:, None] - ndtr(-ndtri(above)[None] - gaps)
    )
    scores[np.tril_indices(len(cuts), -1)] = -1.0
    first, second = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return float(scores[first, second]), float(cuts[first]), float(cuts[second])


def _counted(shares: FloatArray, count: int) -> FloatArray:
    """Shares less about what a count of so many on the other half will lose."""
    return np.clip(shares - 3.3 * np.sqrt(shares * (1 - shares) / count) - 4 / count, 1e-9, 1 - 1e-9)
