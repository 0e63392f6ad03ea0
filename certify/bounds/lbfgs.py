"""L-BFGS from many starts at once. Estimates: a place of small value has no value of its own here.

On a network of a dozen neurons an evaluation costs as much for sixteen points as for one, so the starts take their
steps together; `scipy.optimize` takes one start at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.clock import now

Objective: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Values (rows,) and gradients (rows, k) at places (rows, k)."""

STEPS = 80
"""Steps after which a descent ends."""

MEMORY = 12
"""Pairs of a step and the change of the gradient along it that a direction is made of."""

TRIALS = 20
"""Lengths tried for a step; a descent for which none is good ends where it is."""

SUFFICIENT = 1e-4
"""Share of the decrease promised by the gradient that a step has to bring (Armijo)."""

STEEP = 0.9
"""Share of the slope at the start of a step that is still there at its end if a longer step is tried (Wolfe)."""

LONGER = 4.0
"""How many times longer that step is."""

LEAST_DECREASE = 2e-9
"""Decrease relative to max(1, |value|) below which a descent ends."""

LEAST_SLOPE = 1e-5
"""Largest entry of the gradient at which a descent ends."""


def descend(objective: Objective, starts: FloatArray, deadline: float) -> FloatArray:
    """Places (rows, k) of no higher value than the starts; a start whose value is not finite stays. Estimate."""
    places = np.array(starts, dtype=np.float64)
    with np.errstate(all="ignore"):
        values, gradients = objective(places)
        going = np.isfinite(values) & np.isfinite(gradients).all(axis=1)
        memory = _Memory()
        for _ in range(STEPS):
            going &= np.abs(gradients).max(axis=1, initial=0.0) > LEAST_SLOPE
            rows = np.flatnonzero(going)
            if rows.size == 0 or now() > deadline:
                break
            directions = memory.directions(gradients, rows)
            found = _step(objective, places[rows], values[rows], gradients[rows], directions, deadline)
            moved, new_places, new_values, new_gradients = found
            decrease = values[rows] - new_values
            going[rows] = moved & (decrease > LEAST_DECREASE * np.maximum(1.0, np.abs(new_values)))
            changes = np.zeros((2, *places.shape))
            changes[:, rows] = new_places - places[rows], new_gradients - gradients[rows]
            memory.keep(*changes)
            places[rows], values[rows], gradients[rows] = new_places, new_values, new_gradients
    return places


def _step(
    objective: Objective,
    places: FloatArray,
    values: FloatArray,
    gradients: FloatArray,
    directions: FloatArray,
    deadline: float,
) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray, FloatArray]:
    """Where a step with sufficient decrease was found, (rows,), and place, value and gradient after it."""
    slopes = _dot(gradients, directions)
    lengths = np.ones(len(places))
    moved = np.zeros(len(places), dtype=bool)
    rows, origins, firsts = np.flatnonzero(slopes < 0.0), places, values
    places, values, gradients = places.copy(), values.copy(), gradients.copy()
    for _ in range(TRIALS):
        if rows.size == 0 or now() > deadline:
            break
        trials = origins[rows] + lengths[rows, None] * directions[rows]
        found, slants = objective(trials)
        promised = lengths[rows] * slopes[rows]
        is_enough = (found <= firsts[rows] + SUFFICIENT * promised) & np.isfinite(slants).all(axis=1)
        is_better = is_enough & (found < values[rows])
        kept = rows[is_better]
        places[kept], values[kept], gradients[kept] = trials[is_better], found[is_better], slants[is_better]
        is_steep = is_better & (_dot(slants, directions[rows]) < STEEP * slopes[rows])
        is_too_long = ~is_enough & ~moved[rows]
        # The parabola through the value, its slope and the trial is least here, a tenth to a half of the way.
        least = promised / (2.0 * (firsts[rows] + promised - found))
        shorter = np.clip(np.where(np.isfinite(least), least, 0.1), 0.1, 0.5)
        lengths[rows] *= np.where(is_steep, LONGER, shorter)
        moved[kept] = True
        rows = rows[is_steep | is_too_long]
    return moved, places, values, gradients


class _Memory:
    """The last steps of all descents and the gradients' changes; a pair that shows no convexity counts nothing."""

    def __init__(self) -> None:
        self.pairs: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self.scales: FloatArray | None = None

    def keep(self, steps: FloatArray, changes: FloatArray) -> None:
        """Steps and changes of the gradient, (rows, k); 0 for a descent that has ended."""
        curvatures, squares = _dot(steps, changes), _dot(changes, changes)
        is_convex = curvatures > 1e-10 * squares
        inverses = np.where(is_convex, 1.0 / np.where(is_convex, curvatures, 1.0), 0.0)
        scales = np.ones(len(steps)) if self.scales is None else self.scales
        self.scales = np.where(is_convex, curvatures / np.where(is_convex, squares, 1.0), scales)
        self.pairs = [*self.pairs[1 - MEMORY :], (steps, changes, inverses)]

    def directions(self, gradients: FloatArray, rows: npt.NDArray[np.intp]) -> FloatArray:
        """-H g for the given rows, H the inverse Hessian that the pairs tell; at first -g of length at most 1."""
        found = gradients[rows]
        if self.scales is None:
            return np.asarray(-found / np.maximum(1.0, np.linalg.norm(found, axis=1))[:, None])
        pairs = [(steps[rows], changes[rows], inverses[rows]) for steps, changes, inverses in self.pairs]
        shares = []
        for steps, changes, inverses in reversed(pairs):
            shares.append(inverses * _dot(steps, found))
            found = found - shares[-1][:, None] * changes
        found = found * self.scales[rows, None]
        for (steps, changes, inverses), share in zip(pairs, reversed(shares), strict=True):
            found = found + (share - inverses * _dot(changes, found))[:, None] * steps
        return -found


def _dot(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ij,ij->i", left, right))
