"""A barrier method for the semidefinite programs of `certify.bounds.semidefinite`. Estimate: proves nothing.

    minimise  s  (or maximise)  subject to  sign (s E_0 - C^T C) - sum_i T_i (r_i r_i^T - e_i e_i^T) > 0,  T > 0

with E_0 the projection on the first d of N coordinates, r_i the rows of `reach` (k, N), e_i the unit vector
of coordinate d + i. Newton's method on kappa s - log det F - sum log T_i, with kappa growing geometrically:
the constraint matrices have rank two, so gradient and Hessian cost a few products of size N and k and no
general solver is needed (Boyd and Vandenberghe, Convex Optimization, sections 11.3 and 11.6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.definite_systems import scaled_solution
from certify.bounds.effort import Work, cubic_units
from certify.clock import ask, fits

GROWTH = 4.0
"""Factor between successive barrier weights."""

WARM_WEIGHT = 200.0
"""How much larger the first barrier weight is when the search starts near a similar problem's solution."""

CLOSED_FORM_WEIGHT = 10.0
"""The same from multipliers in closed form, which are feasible and some tens of per cent off."""

RELATIVE_GAP = 1e-7
"""Stop when the duality gap (N + k)/kappa is below this share of the objective's scale, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class LinearMatrixInequality:
    """F(s, T) = sign (s E_0 - gram) - reach^T diag(T) reach + diag(0, T), shapes (N, N), (k, N), N = d + k."""

    gram: FloatArray
    reach: FloatArray
    latent_dim: int
    sign: float

    @property
    def count(self) -> int:
        """Number of multipliers. Exact."""
        return int(self.reach.shape[0])

    def matrix(self, s: float, multipliers: FloatArray) -> FloatArray:
        """F(s, T) in floats. Estimate."""
        return self.direction(s, multipliers) - self.sign * self.gram

    def direction(self, s: float, multipliers: FloatArray) -> FloatArray:
        """How F changes with (s, T): linear in both. Estimate."""
        result: FloatArray = (self.reach.T * -multipliers) @ self.reach
        result.flat[:: len(result) + 1] += np.concatenate([np.full(self.latent_dim, self.sign * s), multipliers])
        return result

    def newton_system(
        self, inverse: FloatArray, multipliers: FloatArray, kappa: float
    ) -> tuple[FloatArray, FloatArray]:
        """Gradient and Hessian of the barrier in (s, T), from F^-1. Estimate."""
        d, sign = self.latent_dim, self.sign
        reached = self.reach @ inverse
        pairs = reached @ self.reach.T
        mixed, own = reached[:, d:], inverse[d:, d:]
        gradient = np.concatenate(
            [[sign * (kappa - inverse[:d, :d].trace())], pairs.diagonal() - own.diagonal() - 1.0 / multipliers]
        )
        hessian = np.empty((gradient.size, gradient.size))
        hessian[0, 0] = (inverse[:d, :d] ** 2).sum()
        hessian[0, 1:] = -sign * ((reached[:, :d] ** 2).sum(axis=1) - (inverse[d:, :d] ** 2).sum(axis=1))
        hessian[1:, 0] = hessian[0, 1:]
        hessian[1:, 1:] = pairs**2 - mixed**2 - mixed.T**2 + own**2
        # The diagonal from the second row on.
        hessian.flat[gradient.size + 1 :: gradient.size + 1] += 1.0 / multipliers**2
        return gradient, hessian


def solve(
    problem: LinearMatrixInequality,
    groups: list[slice],
    work: Work,
    relative_gap: float = RELATIVE_GAP,
    start: tuple[float, FloatArray] | None = None,
    weight: float = WARM_WEIGHT,
) -> tuple[float, FloatArray] | None:
    """A strictly feasible (s, T) close to the optimum, or None if no strictly feasible start was found.

    `groups` are the multipliers of the successive layers: a layer's pre-activations depend on earlier coordinates only,
    so multipliers large enough, chosen from the last layer to the first, are feasible. `start` is the solution of a
    similar problem: where it can be made feasible, most of the way is behind it, and the first barrier weight is
    `weight` times that of a search from the beginning. Without groups only a search near the start is made. Estimate.
    """
    size = problem.gram.shape[0] + problem.count
    near = None if start is None else _feasible_near(problem, *start)
    if near is not None:
        s, multipliers = near
        kappa = weight * size / max(abs(s), 1.0)
    elif problem.count and not groups:
        return None
    else:
        found = _feasible_multipliers(problem, groups)
        objective = None if found is None else _feasible_objective(problem, found)
        if found is None or objective is None:
            return None
        s, multipliers = objective, found
        kappa = size / max(abs(s), 1.0)
    while not work.is_spent:
        s, multipliers = _centre(problem, s, multipliers, kappa, work)
        if not (np.isfinite(s) and kappa > 0.0):
            return None
        if size / kappa < relative_gap * max(abs(s), 1e-6):
            break
        kappa *= GROWTH
    return s, multipliers


def _feasible_near(
    problem: LinearMatrixInequality, s: float, multipliers: FloatArray
) -> tuple[float, FloatArray] | None:
    """A strictly feasible point with the multipliers scaled a little and s moved as far as it takes; None: far off."""
    for factor in (1.0, 1.5, 2.5):
        move = 0.05 * max(abs(s), 1.0)
        for _ in range(8):
            trial = s + problem.sign * move
            if _cholesky(problem.matrix(trial, factor * multipliers)) is not None:
                return trial, factor * multipliers
            move *= 2.0
    return None


def _feasible_multipliers(problem: LinearMatrixInequality, groups: list[slice]) -> FloatArray | None:
    d, count = problem.latent_dim, problem.reach.shape[0]
    multipliers = np.zeros(count)
    for group in reversed(groups):
        value = 1.0
        for _ in range(200):
            multipliers[group] = value
            tail = slice(d + group.start, None)
            if _cholesky(problem.matrix(0.0, multipliers)[tail, tail]) is not None:
                multipliers[group] = 2.0 * value
                break
            value *= 2.0
        else:
            return None
    return multipliers


def _feasible_objective(problem: LinearMatrixInequality, multipliers: FloatArray) -> float | None:
    s = problem.sign
    for _ in range(200):
        if _cholesky(problem.matrix(s, multipliers)) is not None:
            return 2.0 * s
        s *= 2.0
    return None


def newton_units(size: int, count: int) -> float:
    """Units of work of one Newton step with N = `size` and k = `count`. Estimate."""
    return cubic_units(size, size, size + 2 * count) + cubic_units(count, count, size + count)


def _centre(
    problem: LinearMatrixInequality, s: float, multipliers: FloatArray, kappa: float, work: Work
) -> tuple[float, FloatArray]:
    """Damped Newton steps at one barrier weight."""
    step_units = newton_units(problem.gram.shape[0], problem.count)
    for _ in range(200):
        if work.is_spent or not fits(step_units):
            break
        work.charge(step_units)
        matrix = problem.matrix(s, multipliers)
        factor = _cholesky(matrix)
        if factor is None:
            break
        gradient, hessian = problem.newton_system(_inverse(factor), multipliers, kappa)
        # Scaling by the diagonal keeps the system solvable when multipliers differ by many orders.
        scale = 1.0 / np.sqrt(hessian.diagonal())
        descent = scaled_solution(hessian, gradient, scale)
        if descent is None:
            break
        step = -descent
        decrement = float(-gradient @ step)
        if not np.isfinite(decrement):
            break
        length = _accepted_length(problem, matrix, multipliers, step, decrement, kappa, factor)
        if length == 0.0:
            break
        s, multipliers = s + length * float(step[0]), multipliers + length * step[1:]
        if decrement < 1e-3:
            break
    return s, multipliers


def _inverse(factor: FloatArray) -> FloatArray:
    """F^-1 from the lower factor of F."""
    # Above the diagonal the factor is zero, and the inverse is not written.
    inverse, _ = lapack.dpotri(factor, lower=1)
    inverse = inverse + inverse.T
    inverse.flat[:: len(inverse) + 1] *= 0.5
    return np.asarray(inverse)


def _accepted_length(
    problem: LinearMatrixInequality,
    matrix: FloatArray,
    multipliers: FloatArray,
    step: FloatArray,
    decrement: float,
    kappa: float,
    factor: FloatArray,
) -> float:
    """Best power of 1/2 as fraction of the Newton step: strictly feasible, lowest barrier (0 if none lowers it).

    The first acceptable length is not enough: full steps at decrement about 3 overshoot and nearly cycle.
    """
    before = 2.0 * np.log(factor.diagonal()).sum()
    change_of_matrix = problem.direction(float(step[0]), step[1:])
    best, best_change, length = 0.0, 0.0, 1.0
    for _ in range(50):
        moved = multipliers + length * step[1:]
        trial = None
        if (moved > 0).all():
            trial = _cholesky(matrix + length * change_of_matrix)
        if trial is not None:
            after = 2.0 * np.log(trial.diagonal()).sum()
            change = kappa * problem.sign * length * float(step[0]) + before - after
            change -= float(np.log(moved / multipliers).sum())
            if change >= best_change and best > 0.0:
                break
            # Rounding in the logarithms must not stop the last, small steps.
            if change < best_change or decrement < 1e-6:
                best, best_change = length, change
            if decrement < 0.1:
                break
        length *= 0.5
    return best


def _cholesky(matrix: FloatArray) -> FloatArray | None:
    ask(1e-6 * matrix.shape[0] ** 3)
    if not np.isfinite(matrix).all():
        return None
    factor, info = lapack.dpotrf(matrix, lower=1)
    return np.asarray(factor) if info == 0 else None
