"""The noise of a Gaussian proposal: xi -> scale F xi with xi ~ N(0, I), F lower triangular or the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError


@dataclass(frozen=True, eq=False)
class Spread:
    """Covariance scale^2 F F^T, given by `scale` > 0 and a Cholesky factor F (d, d), or None for F = I.

    Raises `InputError` unless the scale is positive and finite and F is finite, square, lower triangular with a
    positive diagonal (what `numpy.linalg.cholesky` returns).
    """

    scale: float
    factor: FloatArray | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0.0):
            raise InputError(f"the proposal's scale must be in (0, inf); got {self.scale:g}")
        if self.factor is None:
            return
        factor = np.array(self.factor, dtype=np.float64)
        if factor.ndim != 2 or factor.shape[0] != factor.shape[1]:
            raise InputError(f"`factor` must have shape (d, d); got {factor.shape}")
        if not (np.all(np.isfinite(factor)) and np.all(np.triu(factor, 1) == 0.0) and np.all(np.diag(factor) > 0.0)):
            raise InputError(
                "`factor` must be finite and lower triangular with a positive diagonal; "
                "take numpy.linalg.cholesky of the covariance"
            )
        factor.setflags(write=False)
        object.__setattr__(self, "factor", factor)

    def check_dim(self, dim: int) -> None:
        """Raise `InputError` unless F fits points of dimension `dim`."""
        if self.factor is not None and self.factor.shape[0] != dim:
            raise InputError(f"`factor` must have shape ({dim}, {dim}); got {self.factor.shape}")

    def colour(self, noise: FloatArray) -> FloatArray:
        """Noise scale F xi for every row of `noise` (n, d)."""
        return self.scale * (noise if self.factor is None else noise @ self.factor.T)

    def whiten(self, offsets: FloatArray) -> FloatArray:
        """(scale F)^{-1} v for every row of `offsets` (n, d): the inverse of `colour`."""
        if self.factor is None:
            return offsets / self.scale
        solved = solve_triangular(self.factor, offsets.T, lower=True, check_finite=False)
        return np.asarray(solved.T / self.scale)

    def precondition(self, gradients: FloatArray) -> FloatArray:
        """F F^T v for every row of `gradients` (n, d)."""
        return gradients if self.factor is None else (gradients @ self.factor) @ self.factor.T


def as_spread(spread: Spread | float) -> Spread:
    """A number is the standard deviation of an isotropic Gaussian."""
    return spread if isinstance(spread, Spread) else Spread(float(spread))
