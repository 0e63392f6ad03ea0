"""Newton steps in floats: positive definite systems whose unknowns differ by many orders of magnitude."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from certify.arithmetic.arrays import FloatArray


def scaled_solution(matrix: FloatArray, right: FloatArray, scale: FloatArray, ridge: float = 0.0) -> FloatArray | None:
    """x with A x = b for a positive definite A (k, k), b (k,), by Cholesky's factors of S A S + ridge I. Estimate.

    S = diag(scale), usually A's diagonal to the power -1/2. None where the factorisation fails; by LAPACK directly, as
    wrappers cost more than small systems.
    """
    if not right.size:
        return right
    scaled = scale[:, None] * matrix * scale
    factor, info = lapack.dpotrf(scaled + ridge * np.eye(right.size) if ridge else scaled, clean=0)
    return np.asarray(scale * lapack.dpotrs(factor, scale * right)[0]) if info == 0 else None
