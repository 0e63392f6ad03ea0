"""Critical points of f from many starts: what S3's statements on the mode and on unimodality are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import CertifyError
from certify.posteriors.mode import minimise_potential
from certify.posteriors.posterior import Posterior

NEWTON_TOLERANCE = 1e-9
SAME_POINT = 1e-6


class SearchError(CertifyError):
    """The search for critical points converged from no start."""


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A zero of grad f: its potential, |z*|, |z* - zh| and the number of negative Hessian eigenvalues there."""

    point: FloatArray
    potential: float
    norm: float
    distance: float
    negative_eigenvalues: int


@dataclass(frozen=True, eq=False)
class CriticalPoints:
    """Distinct critical points found, lowest f first (the first is the global minimiser found), from `cases` starts."""

    points: tuple[CriticalPoint, ...]
    cases: int
    unconverged: int

    @property
    def mode(self) -> CriticalPoint:
        """The critical point of least f."""
        return self.points[0]

    @property
    def farthest(self) -> CriticalPoint:
        """The critical point farthest from the preimage."""
        return max(self.points, key=lambda item: item.distance)


def critical_points(posterior: Posterior, preimage: FloatArray, starts: int = 160, seed: int = 0) -> CriticalPoints:
    """Search for every critical point of f, saddles included.

    Starts: zh, 0, prior draws, far points (3 standard deviations of the prior) and points around zh at scales
    from beta to 1. Half descend f (minimisers only); all minimise |grad f|^2 by Levenberg-Marquardt steps.
    Estimate: what is found exists; that nothing else exists is not shown.

    Raises:
        SearchError: if no start converged.
    """
    candidates = _starts(posterior, preimage, starts, seed)
    descended = minimise_potential(posterior, candidates[: max(2, starts // 2)]).points
    ends = np.concatenate((descended, _stationary_points(posterior, candidates)))
    ends, converged = _polish(posterior, ends)
    hessians = posterior.hessian(ends)
    spectra = np.linalg.eigvalsh(hessians)
    potentials = posterior.potential(ends)
    found: list[CriticalPoint] = []
    for index in np.argsort(potentials):
        near = any(np.linalg.norm(ends[index] - item.point) <= SAME_POINT * (1 + item.norm) for item in found)
        if converged[index] and not near:
            found.append(
                CriticalPoint(
                    ends[index].copy(),
                    float(potentials[index]),
                    float(np.linalg.norm(ends[index])),
                    float(np.linalg.norm(ends[index] - preimage)),
                    int(np.sum(spectra[index] < 0)),
                )
            )
    if not found:
        raise SearchError(f"no critical point of f found from {ends.shape[0]} starts; is f finite at the starts?")
    return CriticalPoints(tuple(found), int(ends.shape[0]), int(np.sum(~converged)))


def _starts(posterior: Posterior, preimage: FloatArray, count: int, seed: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((count, posterior.latent_dim))
    scales = np.geomspace(min(posterior.beta, 1.0), 1.0, max(1, count // 2))
    around = preimage + scales[:, None] * noise[: scales.size]
    prior = noise[scales.size : 2 * scales.size]
    prior[::2] *= 3.0
    # Interleaved, so that any leading part of the list holds near and far starts alike.
    rest = np.concatenate((around[: prior.shape[0], None], prior[:, None]), axis=1).reshape(-1, posterior.latent_dim)
    return np.concatenate((preimage[None], np.zeros((1, posterior.latent_dim)), rest))


def _stationary_points(posterior: Posterior, starts: FloatArray, iterations: int = 60) -> FloatArray:
    """Levenberg-Marquardt on grad f = 0: step -(H^2 + tau I)^{-1} H g, tau adapted row by row."""
    points = np.array(starts)
    gradient = posterior.gradient(points)
    norms = np.linalg.norm(gradient, axis=1)
    hessians = posterior.hessian(points)
    damping = np.full(points.shape[0], 1e-2)
    for _ in range(iterations):
        eigenvalues, vectors = np.linalg.eigh(hessians)
        squares = eigenvalues**2
        ridge = damping[:, None] * np.max(squares, axis=1, keepdims=True)
        rotated = np.einsum("bij,bi->bj", vectors, gradient)
        step = -np.einsum("bij,bj->bi", vectors, rotated * eigenvalues / (squares + ridge))
        trial = points + step
        trial_gradient = posterior.gradient(trial)
        trial_norms = np.linalg.norm(trial_gradient, axis=1)
        better = trial_norms < norms
        points[better], gradient[better], norms[better] = trial[better], trial_gradient[better], trial_norms[better]
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-16, 1e8)
        if np.any(better):
            hessians[better] = posterior.hessian(points[better])
        if np.all(np.linalg.norm(step, axis=1) <= NEWTON_TOLERANCE * (1 + np.linalg.norm(points, axis=1))):
            break
    return points


def _polish(posterior: Posterior, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Three plain Newton steps; a row has converged when the last one is below the tolerance and never left."""
    size = np.full(points.shape[0], np.inf)
    polished = np.array(points)
    for _ in range(3):
        hessians = posterior.hessian(polished)
        # Singular Hessians (degenerate critical points) take the least-squares step.
        inverse = np.linalg.pinv(hessians, rcond=1e-13, hermitian=True)
        step = -np.einsum("bij,bj->bi", inverse, posterior.gradient(polished))
        size = np.linalg.norm(step, axis=1)
        small = size <= 0.1 * (1 + np.linalg.norm(polished, axis=1))
        polished[small] += step[small]
    return polished, size <= NEWTON_TOLERANCE * (1 + np.linalg.norm(polished, axis=1))
