"""Minimisers of f: batched Newton descent with a positive-definite modified Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.posteriors.posterior import Posterior

CURVATURE_FLOOR = 1e-6
BACKTRACKING_STEPS = 30


@dataclass(frozen=True, eq=False)
class Minimisers:
    """End points (starts, d) of the descents, f there (starts,) and |grad f| there (starts,)."""

    points: FloatArray
    potentials: FloatArray
    gradient_norms: FloatArray

    @property
    def best(self) -> FloatArray:
        """The end point of least f, shape (d,)."""
        return np.asarray(self.points[int(np.argmin(self.potentials))])


def minimise_potential(posterior: Posterior, starts: FloatArray, iterations: int = 60) -> Minimisers:
    """Descend f from every row of `starts` (s, d) by Newton steps with backtracking.

    The step solves |H| p = -grad f, |H| = Q max(|Lambda|, floor) Q^T, a descent direction at saddles too; it
    is halved until f falls (Armijo). Estimate: local minimisers to about square root of machine precision in
    f and near machine precision in z. Starts at which f or its derivatives overflow are left out.

    Raises:
        InputError: if they overflow at every start, as where x lies 1e160 noise levels from the image of G.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.array(starts, dtype=np.float64)
        parts = (posterior.potential(points)[:, None], posterior.gradient(points), posterior.hessian(points))
        known = np.all([np.isfinite(part.reshape(len(points), -1)).all(axis=1) for part in parts], axis=0)
        if not known.any():
            raise InputError(
                "no mode was found: the potential or its derivatives overflow at every start of the descent"
            )
        return _descend(posterior, points[known], iterations)


def _descend(posterior: Posterior, points: FloatArray, iterations: int) -> Minimisers:
    values = posterior.potential(points)
    for _ in range(iterations):
        gradient = posterior.gradient(points)
        eigenvalues, vectors = np.linalg.eigh(posterior.hessian(points))
        scale = np.maximum(np.abs(eigenvalues), CURVATURE_FLOOR * np.max(np.abs(eigenvalues), axis=1, keepdims=True))
        step = -np.einsum("bij,bj->bi", vectors, np.einsum("bij,bi->bj", vectors, gradient) / scale)
        points, values, moved = _backtrack(posterior, points, values, step, np.sum(gradient * step, axis=1))
        if not np.any(moved):
            break
    return Minimisers(points, values, np.linalg.norm(posterior.gradient(points), axis=1))


def _backtrack(
    posterior: Posterior, points: FloatArray, values: FloatArray, step: FloatArray, slope: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Armijo backtracking of every row at once; rows that cannot lower f any more stay where they are."""
    size = np.linalg.norm(step, axis=1)
    active = size > 1e-15 * (1 + np.linalg.norm(points, axis=1))
    moved = np.zeros(points.shape[0], dtype=np.float64)
    fraction = 1.0
    for _ in range(BACKTRACKING_STEPS):
        rows = np.flatnonzero(active)
        if rows.size == 0:
            break
        trial = points[rows] + fraction * step[rows]
        trial_values = posterior.potential(trial)
        # The allowance is the rounding error of f itself: without it Newton stops one step short of the mode.
        allowance = 4e-16 * (1 + np.abs(values[rows]))
        good = trial_values <= values[rows] + 1e-4 * fraction * slope[rows] + allowance
        accepted = rows[good]
        points[accepted] = trial[good]
        moved[accepted] = 1.0
        values[accepted] = trial_values[good]
        active[accepted] = False
        fraction /= 2
    return points, values, moved


def find_mode(posterior: Posterior, start: FloatArray | None = None) -> FloatArray:
    """The minimiser of f reached from `start` (d,), from 0 and from a few prior points; the best of them.

    Estimate: the global minimiser where f has one basin (S3), the lowest one found otherwise.
    """
    dimension = posterior.latent_dim
    starts = [np.zeros(dimension)]
    if start is not None:
        starts.append(np.asarray(start, dtype=np.float64))
    starts.extend(np.random.default_rng(0).standard_normal((6, dimension)))
    return minimise_potential(posterior, np.stack(starts)).best
