"""A linear programme with many rows of which few bind: solved with some, and given those that its solution violates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray

TOLERANCE = 1e-3
"""By how much a row may be violated: what comes out is a candidate that is certified elsewhere."""


def least_cover(rows: FloatArray, bounds: Sequence[tuple[float, float | None]]) -> FloatArray | None:
    """The x of least sum within `bounds` with rows x >= 1; None where there is none. Estimate."""
    from scipy.optimize import linprog

    found = linprog(np.ones(rows.shape[1]), -rows, -np.ones(len(rows)), bounds=bounds, method="highs")
    return np.asarray(found.x) if found.status == 0 and found.x.sum() > 0 else None


def solved_by_cuts(
    matrix: FloatArray,
    first: npt.NDArray[np.intp],
    solve: Callable[[FloatArray], FloatArray | None],
    cuts: int,
    rounds: int,
) -> FloatArray | None:
    """x with matrix x >= 1, or None where `solve` finds none. Estimate.

    `solve` is given the rows `first` of the matrix (b, k), and in every round the `cuts` most violated ones too.
    Where it fails in a later round, as solvers do on rows that are nearly the same, what was found before is enlarged
    until it holds for every row.
    """
    chosen, found, least = first, None, 0.0
    for _ in range(rounds):
        better = solve(matrix[chosen])
        if better is None:
            return found / least if found is not None and least > 0.0 else None
        found = better
        covered = matrix @ found
        least = float(covered.min())
        violated = np.argsort(covered)[:cuts]
        violated = violated[covered[violated] < 1.0 - TOLERANCE]
        if not len(violated):
            break
        chosen = np.union1d(chosen, violated)
    return found
