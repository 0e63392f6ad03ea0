"""A proof that a symmetric matrix is positive semidefinite which integers alone can check.

With D = diag(2^e) so that D N D has a diagonal near 1, and B the Cholesky factor of D N D - shift I, rounded to
multiples of 2^-52, R = D N D - B B^T is near shift I: diagonally dominant, R_ii >= sum_(j != i) |R_ij|, so R >= 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.arithmetic.intervals import MatrixBall, exact_matrix, magnitude_upper, multiply, round_down, subtract
from certify.arithmetic.matrices import row_sums_upper

BITS = 52
SHIFTS = tuple(2.0**power for power in range(-44, -19, 4))
"""Multiples of the identity that are tried for R, in this order."""


def semidefinite_factor(matrix: MatrixBall) -> dict[str, Any] | None:
    """The factor that proves N >= 0 for every N of the ball, as `exponents` and `rows`; None where none is found.

    Verified: every entry of R is enclosed, rounded outward.
    """
    diagonal = np.diag(matrix.midpoint)
    if not (matrix.is_finite and (diagonal > 0).all()):
        return None
    exponents = -((np.frexp(diagonal)[1] + 1) // 2)
    powers = exponents[:, None] + exponents[None, :]
    scaled = MatrixBall(np.ldexp(matrix.midpoint, powers), np.ldexp(matrix.radius, powers))
    for shift in SHIFTS:
        try:
            factor = np.linalg.cholesky(scaled.midpoint - shift * np.eye(diagonal.size))
        except np.linalg.LinAlgError:
            return None
        rounded = exact_matrix(np.rint(np.ldexp(factor, BITS)) * 2.0**-BITS)
        if _is_dominant(subtract(scaled, multiply(rounded, rounded.transpose))):
            whole = np.rint(np.ldexp(factor, BITS)).astype(np.int64)
            rows = [[int(entry) for entry in whole[index, : index + 1]] for index in range(diagonal.size)]
            return {"exponents": [int(entry) for entry in exponents], "rows": rows}
    return None


def _is_dominant(rest: MatrixBall) -> bool:
    """Whether every matrix of the ball is diagonally dominant with a diagonal >= 0. Verified."""
    off = magnitude_upper(rest)
    np.fill_diagonal(off, 0.0)
    least = round_down(np.diag(rest.midpoint) - np.diag(rest.radius))
    return bool((least >= row_sums_upper(off)).all())
