"""The posterior in the coordinates of the sharp bounds, z = c + B y: potential, derivatives, extreme curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import ball, euclidean_norm
from certify.posteriors.posterior import Posterior, line_derivatives_ball
from certify.sampling.preconditioning import Preconditioner

CLIMB_SCALES = (0.3, 0.1, 0.03, 0.01)


@dataclass(frozen=True, eq=False)
class WhitenedPosterior:
    """F(y) = f(c + B y) - f(c) for a posterior, c = `point` (d,), B = `factor` (d, d). Floats are estimates."""

    posterior: Posterior
    point: FloatArray
    factor: FloatArray

    @cached_property
    def preconditioner(self) -> Preconditioner:
        """The same map for the samplers."""
        return Preconditioner.create(self.point, self.factor)

    def latent(self, coordinates: FloatArray) -> FloatArray:
        """The points z = c + B y of coordinates (batch, d)."""
        return np.asarray(self.point + coordinates @ self.factor.T)

    def coordinates(self, points: FloatArray) -> FloatArray:
        """The coordinates y = B^{-1}(z - c) of points (batch, d)."""
        return self.preconditioner.coordinates(points)

    def potential(self, coordinates: FloatArray) -> FloatArray:
        """F at coordinates (batch, d), shape (batch,)."""
        return np.asarray(
            self.posterior.potential(self.latent(coordinates)) - self.posterior.potential(self.point[None])
        )

    def gradient(self, coordinates: FloatArray) -> FloatArray:
        """Gradient of F, B^T grad f(z), at coordinates (batch, d)."""
        return np.asarray(self.posterior.gradient(self.latent(coordinates)) @ self.factor)

    def hessian(self, coordinates: FloatArray) -> FloatArray:
        """Hessian of F, B^T Hess f(z) B, at coordinates (batch, d), shape (batch, d, d)."""
        return np.asarray(self.factor.T @ self.posterior.hessian(self.latent(coordinates)) @ self.factor)

    def coordinate_balls(self, direction: FloatArray) -> list[arb]:
        """Enclosure of B^{-1} v for a vector v (d,) of z-space, at the ambient precision."""
        column = arb_mat([[ball(float(entry))] for entry in direction])
        solved = ball_matrix(self.factor).solve(column)
        return [solved[i, 0] for i in range(solved.nrows())]

    def radius_ball(self, point: FloatArray) -> arb:
        """Enclosure of |y| = |B^{-1}(z - c)| for the exact float point z (d,)."""
        gaps = arb_mat([[ball(float(z)) - ball(float(c))] for z, c in zip(point, self.point, strict=True)])
        solved = ball_matrix(self.factor).solve(gaps)
        return euclidean_norm([solved[i, 0] for i in range(solved.nrows())])

    def rayleigh_ball(self, point: FloatArray, direction: FloatArray) -> arb:
        """Enclosure of v^T Hess f(z) v/|B^{-1} v|^2, a Rayleigh quotient of Hess F at the float point z."""
        length = euclidean_norm(self.coordinate_balls(direction))
        return line_derivatives_ball(self.posterior, point, direction).curvature / length**2


@dataclass(frozen=True, eq=False)
class WhitenedExtreme:
    """An eigenvalue of Hess F found in |y| <= radius: its value, the float point z, the direction B u in z-space."""

    radius: float
    value: float
    point: FloatArray
    direction: FloatArray
    cases: int


def extreme_eigenvalues(
    whitened: WhitenedPosterior, radii: Sequence[float], samples: int, rounds: int, seed: int
) -> list[tuple[WhitenedExtreme, WhitenedExtreme]]:
    """For each radius the smallest eigenvalue of Hess F found in |y| <= radius, and the one farthest from 1.

    Random points of the sphere and the ball, then hill climbing from the best. Witnesses, not bounds.
    """
    random = np.random.default_rng(seed)
    found = []
    for radius in radii:
        start = _ball_points(random, whitened.point.size, radius, samples)
        pair = []
        for farthest in (False, True):
            points, cases = start, samples
            values = _score(whitened, points, farthest)
            for scale in np.repeat(CLIMB_SCALES, rounds):
                best = points[np.argsort(values)[-8:]]
                near = best.repeat(4, axis=0) + scale * radius * random.standard_normal((4 * len(best), best.shape[1]))
                lengths = np.linalg.norm(near, axis=1, keepdims=True)
                near = near * np.minimum(1.0, radius / np.maximum(lengths, 1e-300))
                points = np.concatenate([best, near])
                values = _score(whitened, points, farthest)
                cases += len(near)
            pair.append(_extreme(whitened, points[int(np.argmax(values))], radius, farthest, cases))
        found.append((pair[0], pair[1]))
    return found


def _score(whitened: WhitenedPosterior, points: FloatArray, farthest: bool) -> FloatArray:
    spectra = np.linalg.eigvalsh(whitened.hessian(points))
    return np.asarray(np.max(np.abs(spectra - 1.0), axis=1) if farthest else -spectra[:, 0])


def _extreme(
    whitened: WhitenedPosterior, coordinates: FloatArray, radius: float, farthest: bool, cases: int
) -> WhitenedExtreme:
    spectrum, vectors = np.linalg.eigh(whitened.hessian(coordinates[None])[0])
    column = int(np.argmax(np.abs(spectrum - 1.0))) if farthest else 0
    point = whitened.latent(coordinates[None])[0]
    return WhitenedExtreme(radius, float(spectrum[column]), point, whitened.factor @ vectors[:, column], cases)


def _ball_points(random: np.random.Generator, dimension: int, radius: float, count: int) -> FloatArray:
    """Half of the points on the sphere, half inside."""
    directions = random.standard_normal((count, dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.where(np.arange(count) % 2 == 0, 1.0, random.random(count) ** (1 / dimension))
    return np.asarray(directions * (radius * (1 - 1e-12) * lengths)[:, None])
