"""Extreme eigenvalues of Hess f over balls around zh: what S2's mu(R) and L(R) are held against.

Points are drawn in the ball (most of them on its sphere, where the curvature is usually extreme), then the
worst ones are improved by projected ascent along the gradient of the eigenvalue, D^3 f[u, u, .], taken by
central differences of Hess f.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.posteriors.posterior import Posterior


@dataclass(frozen=True, eq=False)
class ExtremeEigenvalue:
    """u^T Hess f(point) u = value for the unit vector `direction`. A witness, not a bound."""

    value: float
    point: FloatArray
    direction: FloatArray


@dataclass(frozen=True, eq=False)
class CurvatureExtremes:
    """Smallest and largest eigenvalue of Hess f found in B(centre, radius), and how many points were tried."""

    radius: float
    smallest: ExtremeEigenvalue
    largest: ExtremeEigenvalue
    cases: int


def curvature_extremes(
    posterior: Posterior,
    centre: FloatArray,
    radii: Sequence[float],
    samples: int = 400,
    ascents: int = 5,
    iterations: int = 25,
    seed: int = 0,
) -> tuple[CurvatureExtremes, ...]:
    """Search B(centre, R) for the extreme eigenvalues of Hess f, for each R of `radii` (`math.inf` is all of R^d).

    `smallest.value` is an upper bound of the true infimum and `largest.value` a lower bound of the supremum,
    up to float rounding (witnesses): they can refute mu(R) and L(R), never prove them.
    """
    generator = np.random.default_rng(seed)
    results = []
    for radius in radii:
        points = _ball_points(generator, centre, radius, samples)
        hessians = posterior.hessian(points)
        spectra = np.linalg.eigvalsh(hessians)
        extremes, cases = [], samples
        for sign, column in ((-1.0, 0), (1.0, -1)):
            order = np.argsort(-sign * spectra[:, column])[:ascents]
            best, tried = _ascend(posterior, centre, radius, points[order], sign, iterations)
            extremes.append(best)
            cases += tried
        results.append(CurvatureExtremes(float(radius), extremes[0], extremes[1], cases))
    return tuple(results)


def _ball_points(generator: np.random.Generator, centre: FloatArray, radius: float, count: int) -> FloatArray:
    """The centre, then directions at the full radius (three in four) or uniformly deep inside."""
    directions = generator.standard_normal((count, centre.size))
    if math.isinf(radius):
        points = centre + 3 * directions
    else:
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        depth = np.where(np.arange(count) % 4 < 3, 1.0, generator.random(count))
        points = centre + radius * depth[:, None] * directions
    points[0] = centre
    return np.asarray(points)


def _ascend(
    posterior: Posterior, centre: FloatArray, radius: float, starts: FloatArray, sign: float, iterations: int
) -> tuple[ExtremeEigenvalue, int]:
    """Maximise sign * (extreme eigenvalue) over the ball from every start; the best end and the points tried."""
    column = -1 if sign > 0 else 0
    points = np.array(starts)
    eigenvalues, vectors = np.linalg.eigh(posterior.hessian(points))
    values, directions = sign * eigenvalues[:, column], vectors[:, :, column]
    scale = radius if math.isfinite(radius) else 1.0
    lengths = np.full(points.shape[0], 0.5 * scale)
    tried = 0
    for _ in range(iterations):
        slope = sign * _eigenvalue_gradient(posterior, points, directions, 1e-4 * scale)
        norm = np.linalg.norm(slope, axis=1, keepdims=True)
        trial = _project(points + lengths[:, None] * slope / np.maximum(norm, 1e-300), centre, radius)
        trial_eigenvalues, trial_vectors = np.linalg.eigh(posterior.hessian(trial))
        tried += points.shape[0] * (2 * centre.size + 1)
        better = sign * trial_eigenvalues[:, column] > values
        points[better] = trial[better]
        values[better] = sign * trial_eigenvalues[better, column]
        directions[better] = trial_vectors[better][:, :, column]
        lengths = np.where(better, 1.5 * lengths, 0.4 * lengths)
        if np.max(lengths) < 1e-7 * scale:
            break
    best = int(np.argmax(values))
    return ExtremeEigenvalue(float(sign * values[best]), points[best].copy(), directions[best].copy()), tried


def _eigenvalue_gradient(
    posterior: Posterior, points: FloatArray, directions: FloatArray, spacing: float
) -> FloatArray:
    """D^3 f(z)[u, u, e_i] for every row and coordinate, by central differences; shape of `points`."""
    count, dimension = points.shape
    shifts = spacing * np.concatenate((np.eye(dimension), -np.eye(dimension)))
    hessians = posterior.hessian((points[:, None, :] + shifts[None]).reshape(-1, dimension))
    hessians = hessians.reshape(count, 2, dimension, dimension, dimension)
    quadratic = np.einsum("bsijk,bj,bk->bsi", hessians, directions, directions)
    return np.asarray((quadratic[:, 0] - quadratic[:, 1]) / (2 * spacing))


def _project(points: FloatArray, centre: FloatArray, radius: float) -> FloatArray:
    if math.isinf(radius):
        return points
    offset = points - centre
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    return np.asarray(centre + offset * np.minimum(1.0, radius / np.maximum(distance, 1e-300)))
