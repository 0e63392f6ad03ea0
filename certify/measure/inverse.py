"""The preimage zh = G^{-1}(x): numerically for many x at once, and enclosed in balls for one.

Newton on G(z) = x with backtracking on |G(z) - x|: under A1 the Jacobian is nowhere singular, so
Phi(z) = |G(z) - x|^2/2 has no stationary point but zh and the damped iteration cannot stall (Phi's
sublevel sets are bounded because |G(z) - x| >= m |z - zh|).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, euclidean_norm, precision, upper
from certify.errors import CertifyError, InputError
from certify.generators.derivatives import jacobian, value
from certify.generators.graph import Generator
from certify.generators.jets import value_ball

BACKTRACKING_STEPS = 40


class InversionError(CertifyError):
    """Newton's iteration did not reach a preimage."""


@dataclass(frozen=True, eq=False)
class Inversion:
    """Approximate preimages (batch, d), the residual norms |G(z) - x| there (batch,), and the iterations used."""

    points: FloatArray
    residual_norms: FloatArray
    iterations: int


@dataclass(frozen=True, eq=False)
class PreimageEnclosure:
    """zh lies in B(point, distance_upper), and |zh| <= norm_upper. Upper bounds, rounded outward."""

    point: FloatArray
    distance_upper: float
    norm_upper: float


def invert(
    generator: Generator, observations: FloatArray, starts: FloatArray | None = None, iterations: int = 100
) -> Inversion:
    """Solve G(z) = x for every row of `observations` (batch, n = d), from `starts` (batch, d) or from 0.

    Estimate, near machine precision where the iteration converged: look at `residual_norms`.

    Raises:
        InputError: if n != d, where x has no preimage in general.
    """
    _require_square(generator)
    targets = np.atleast_2d(observations)
    points = np.zeros((targets.shape[0], generator.latent_dim)) if starts is None else np.array(starts, dtype=float)
    residual = value(generator.graph, points) - targets
    norms = np.linalg.norm(residual, axis=1)
    floor = 2e-16 * (1 + np.linalg.norm(targets, axis=1))
    active = np.flatnonzero(norms > 0)
    used = 0
    while active.size and used < iterations:
        used += 1
        step = -_solve(jacobian(generator.graph, points[active]), residual[active])
        improved = _line_search(generator, targets, points, residual, norms, active, step)
        # A row whose residual cannot be lowered any more stands at its rounding floor (or is stuck: see norms).
        active = active[improved & (norms[active] > floor[active])]
    return Inversion(points, norms, used)


def preimage(generator: Generator, observation: FloatArray) -> FloatArray:
    """Preimage zh = G^{-1}(x) of one x (n,), shape (d,), near machine precision. Estimate.

    Raises:
        InputError: if n != d.
        InversionError: if the residual stays above 1e-8 of the scale of x and G(0).
    """
    result = invert(generator, observation[None, :])
    origin = value(generator.graph, np.zeros((1, generator.latent_dim)))[0]
    scale = 1 + float(np.linalg.norm(observation)) + float(np.linalg.norm(origin))
    if not result.residual_norms[0] <= 1e-8 * scale:
        raise InversionError(
            f"no preimage of the observation found: |G(z) - x| = {result.residual_norms[0]:.3g} after "
            f"{result.iterations} Newton steps; is the generator strongly invertible?"
        )
    return np.asarray(result.points[0])


def enclose_preimage(
    generator: Generator, observation: FloatArray, approximate: FloatArray, m_lower: float
) -> PreimageEnclosure:
    """Enclose zh around `approximate` (d,): |zh - c| <= |G(c) - x|/m by A1.

    Upper bounds, rounded outward; they hold if `m_lower` <= m and G is onto (A1).

    Raises:
        InputError: if n != d or `m_lower` <= 0.
    """
    _require_square(generator)
    if not m_lower > 0:
        raise InputError(f"`m_lower` must be > 0 to bound the distance to the preimage; got {m_lower:g}")
    with precision():
        point = [ball(float(entry)) for entry in approximate]
        image = value_ball(generator.graph, point)
        gap = [left - ball(float(right)) for left, right in zip(image, observation, strict=True)]
        distance = euclidean_norm(gap) / ball(m_lower)
        return PreimageEnclosure(
            np.asarray(approximate, dtype=np.float64), upper(distance), upper(euclidean_norm(point) + distance)
        )


def _require_square(generator: Generator) -> None:
    if generator.latent_dim != generator.observed_dim:
        raise InputError(
            f"`{generator.name}` maps R^{generator.latent_dim} to R^{generator.observed_dim}; "
            "inversion needs equal dimensions"
        )


def _solve(matrices: FloatArray, right: FloatArray) -> FloatArray:
    """Batched solve; least squares where a Jacobian is singular to the last bit."""
    try:
        return np.asarray(np.linalg.solve(matrices, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.asarray((np.linalg.pinv(matrices) @ right[:, :, None])[:, :, 0])


def _line_search(
    generator: Generator,
    targets: FloatArray,
    points: FloatArray,
    residual: FloatArray,
    norms: FloatArray,
    active: npt.NDArray[np.intp],
    step: FloatArray,
) -> npt.NDArray[np.bool_]:
    """Halve the steps until |G(z) - x| falls; updates the arrays in place and returns which rows improved."""
    improved = np.zeros(active.shape[0], dtype=bool)
    fraction = 1.0
    for _ in range(BACKTRACKING_STEPS):
        waiting = np.flatnonzero(~improved)
        if waiting.size == 0:
            break
        rows = active[waiting]
        trial = points[rows] + fraction * step[waiting]
        trial_residual = value(generator.graph, trial) - targets[rows]
        trial_norms = np.linalg.norm(trial_residual, axis=1)
        good = trial_norms < norms[rows] * (1 - 1e-4 * fraction)
        accepted = rows[good]
        points[accepted], residual[accepted], norms[accepted] = trial[good], trial_residual[good], trial_norms[good]
        improved[waiting[good]] = True
        fraction /= 2
    return improved
