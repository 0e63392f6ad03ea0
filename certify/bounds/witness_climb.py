"""Random climbing from many starts at once: for objectives whose gradient says nothing (kinks) or costs too much.

Every start keeps its best row and a step length. A round tries, for all of them in one batch, Gaussian steps, a step
along one coordinate, the last successful move again, and the difference of two other starts; a step that improves
nothing is shortened, and a start that has shrunk to nothing begins again near the best one. On a kinked network this
walks across the regions on which the network is affine. Estimates: nothing here is a bound.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.effort import Work

GAUSSIAN = 2
"""Gaussian steps per start and round, beside one coordinate step, one repeated move and one difference."""

TRIES = GAUSSIAN + 3
"""Rows tried per start and round."""

LONGER, SHORTER, SHORTEST = 1.6, 0.75, 1e-4
"""Factors of a step after a success and after a failure, and the share of its first length at which it starts anew."""

FLAT = 32
"""Rounds after which an objective that had one value everywhere is taken to be constant."""

Objective = Callable[[FloatArray], FloatArray]


def climb(
    objective: Objective,
    project: Callable[[FloatArray], FloatArray],
    starts: FloatArray,
    lengths: FloatArray,
    rounds: int,
    work: Work,
    rng: np.random.Generator,
) -> tuple[FloatArray, float]:
    """The row (k,) of largest objective found, and its value (-inf where no start has one). Estimate.

    Args:
        objective: values (batch,) of rows (batch, k); NaN counts as -inf.
        project: nearest admissible rows (batch, k).
        starts: rows (starts, k) to begin with.
        lengths: first step lengths, (starts,).
        rounds: rounds at most; the deadline of `work` is asked in each.
        work: a cap in seconds.
        rng: of the moves.

    """
    rows = project(starts)
    values, (count, k) = _values(objective, rows), rows.shape
    steps, moves = lengths.copy(), np.zeros_like(rows)
    flat = bool((values == values[0]).all())
    for done in range(rounds):
        if work.is_spent or (flat and done == FLAT):
            break
        tried = project(_proposals(rows, moves, steps, rng).reshape(-1, k))
        scores = _values(objective, tried).reshape(count, -1)
        flat = flat and bool((scores == values[0]).all())
        chosen = np.argmax(scores, axis=1)
        best = scores[np.arange(count), chosen]
        better = best > values
        found = tried.reshape(count, -1, k)[np.arange(count), chosen]
        moves = np.where(better[:, None], found - rows, 0.0)
        rows, values = np.where(better[:, None], found, rows), np.where(better, best, values)
        steps = np.where(better, LONGER, SHORTER) * steps
        stuck = steps < SHORTEST * lengths
        if stuck.any():
            leader = int(np.argmax(values))
            # The leader keeps its row; the others come to look around it.
            stuck_others = stuck & (np.arange(count) != leader)
            fresh = rows[leader] + lengths[:, None] * rng.standard_normal(rows.shape) / np.sqrt(k)
            rows = np.where(stuck_others[:, None], project(fresh), rows)
            values = np.where(stuck_others, _values(objective, rows) if stuck_others.any() else values, values)
            steps = np.where(stuck, 0.5 * lengths, steps)
    leader = int(np.argmax(values))
    return rows[leader], float(values[leader])


def _proposals(rows: FloatArray, moves: FloatArray, steps: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Rows to try, (starts, tries, k)."""
    count, k = rows.shape
    length = steps[:, None, None]
    gaussian = rows[:, None] + length * rng.standard_normal((count, GAUSSIAN, k)) / np.sqrt(k)
    axis = np.zeros((count, 1, k))
    axis[np.arange(count), 0, rng.integers(k, size=count)] = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    first, second = rng.permutation(count), rng.permutation(count)
    difference = rows + 0.5 * (rows[first] - rows[second])
    again = rows + 1.5 * moves
    return np.concatenate([gaussian, rows[:, None] + length * axis, again[:, None], difference[:, None]], axis=1)


def _values(objective: Objective, rows: FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        found = objective(rows)
    return np.where(np.isfinite(found), found, -np.inf)
