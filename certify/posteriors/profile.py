"""Profiles of one posterior around a computed centre: bounds of its Hessian over balls of growing radius.

Coordinates z = c + B y with B close to A^{-1/2}, F(y) = f(c + B y) - f(c). All that the sharp mixing bounds use of the
generator is how far Hess F is from I over the ball |y| <= r, and its smallest eigenvalue there: two monotone
functions of r, held here as step functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError


@dataclass(frozen=True, eq=False)
class Profile:
    """Step functions q and mu_F on the rings 0 <= |y| <= radii[0], radii[0] < |y| <= radii[1], ...

    radii       (k,), strictly increasing, positive
    q_upper     (k,), non-decreasing:  ||Hess F(y) - I|| <= q_upper[i]           for every |y| <= radii[i]
    mu_lower    (k,), non-increasing:  lambda_min(Hess F(y)) >= mu_lower[i]      for every |y| <= radii[i]

    Whoever builds one vouches for these inequalities: upper and lower bounds, rounded outward. Nothing is said
    beyond the last radius.

    Raises:
        InputError: if the shapes differ or are empty, or the monotony that the rings imply is violated.
    """

    radii: FloatArray
    q_upper: FloatArray
    mu_lower: FloatArray

    def __post_init__(self) -> None:
        for name in ("radii", "q_upper", "mu_lower"):
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.ndim != 1 or values.size == 0 or values.shape != np.shape(self.radii):
                raise InputError(f"`{name}` must have the shape (k,) of `radii` with k >= 1; got {values.shape}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if not (np.isfinite(self.radii).all() and self.radii[0] > 0 and (np.diff(self.radii) > 0).all()):
            raise InputError("`radii` must be positive, finite and strictly increasing")
        if np.isnan(self.q_upper).any() or self.q_upper[0] < 0 or (self.q_upper[1:] < self.q_upper[:-1]).any():
            raise InputError("`q_upper` must be non-negative and non-decreasing")
        if np.isnan(self.mu_lower).any() or (self.mu_lower[1:] > self.mu_lower[:-1]).any():
            raise InputError("`mu_lower` must be non-increasing")

    @property
    def reach(self) -> float:
        """The last certified radius."""
        return float(self.radii[-1])

    def q(self, radius: float) -> float:
        """Upper bound of ||Hess F - I|| over |y| <= `radius`; inf beyond the reach."""
        ring = int(np.searchsorted(self.radii, radius))
        return float(self.q_upper[ring]) if ring < self.radii.size else float("inf")

    def mu(self, radius: float) -> float:
        """Lower bound of lambda_min(Hess F) over |y| <= `radius`; -inf beyond the reach."""
        ring = int(np.searchsorted(self.radii, radius))
        return float(self.mu_lower[ring]) if ring < self.radii.size else float("-inf")

    def tightened(self, q_upper: FloatArray, mu_lower: FloatArray) -> Profile:
        """The better of this profile and other certified bounds at the same radii, each made monotone.

        A bound over the larger ball holds on the smaller one, so q is lowered by the values to its right.
        """
        q = np.minimum.accumulate(np.minimum(self.q_upper, q_upper)[::-1])[::-1]
        mu = np.maximum.accumulate(np.maximum(self.mu_lower, mu_lower)[::-1])[::-1]
        return Profile(self.radii, q, mu)
