"""The rotation of the latents that costs a diagonal encoder least, for many observations at once.

z' = R^T z has the prior of z, so a decoder G(R z') is the same model, and only the encoder sees a difference: in KL its
price at N(c_k, Sigma_k) is (sum_i log (R^T A_k R)_ii - log det A_k)/2, A_k = Sigma_k^{-1}. For one observation the
eigenvectors of Sigma make it 0; for several the sum over k falls with every plane rotation below.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from certify.generators.graph import FloatArray

SWEEPS, ANGLES, REFINEMENTS = 30, 33, 4
LEAST_GAIN = 1e-10
"""Nats per observation below which a sweep is the last one."""


def cheapest_rotation(covariances: Sequence[FloatArray]) -> FloatArray:
    """An orthogonal R (d, d) at which the mean price over `covariances` (d, d) each is least, as found. Estimate.

    Plane by plane the best of all angles; no sweep makes it dearer. A local minimum, from R = I and from the
    eigenvectors of the mean precision.
    """
    precisions = np.array([np.linalg.inv(covariance) for covariance in covariances])
    starts = np.eye(precisions.shape[1]), np.linalg.eigh(precisions.mean(axis=0))[1]
    return min((_descended(precisions, start) for start in starts), key=lambda R: _mean_log(precisions, R))


def rotated_price(covariance: FloatArray, rotation: FloatArray) -> float:
    """KL of the best Gaussian with independent coordinates z' = R^T z, relative to N(c, Sigma). Estimate."""
    turned = rotation.T @ np.linalg.inv(covariance) @ rotation
    return max(0.0, 0.5 * float(np.log(np.diag(turned)).sum() - np.linalg.slogdet(turned)[1]))


def _mean_log(precisions: FloatArray, rotation: FloatArray) -> float:
    diagonal = np.einsum("ji,kjl,li->ki", rotation, precisions, rotation)
    return float(np.log(diagonal).sum(axis=1).mean())


def _descended(precisions: FloatArray, rotation: FloatArray) -> FloatArray:
    turned = np.einsum("ji,kjl,lm->kim", rotation, precisions, rotation)
    before = _mean_log(precisions, rotation)
    for _ in range(SWEEPS):
        for i, j in itertools.combinations(range(len(rotation)), 2):
            angle = _best_angle(turned[:, i, i], turned[:, i, j], turned[:, j, j])
            plane = np.eye(len(rotation))
            plane[i, i] = plane[j, j] = np.cos(angle)
            plane[i, j], plane[j, i] = -np.sin(angle), np.sin(angle)
            turned = np.einsum("ji,kjl,lm->kim", plane, turned, plane)
            rotation = rotation @ plane
        after = _mean_log(precisions, rotation)
        if before - after < LEAST_GAIN:
            break
        before = after
    return rotation


def _best_angle(first: FloatArray, mixed: FloatArray, second: FloatArray) -> float:
    """The angle in [0, pi/2] with the least mean log of both diagonal entries; 0 costs what it costs now."""

    def cost(angles: FloatArray) -> FloatArray:
        c, s = np.cos(angles)[:, None], np.sin(angles)[:, None]
        crossed = 2 * c * s * mixed
        ends = c * c * first + crossed + s * s * second, s * s * first - crossed + c * c * second
        return np.asarray(sum(np.log(np.maximum(end, 1e-300)).mean(axis=1) for end in ends))

    angles = np.linspace(0.0, np.pi / 2, ANGLES)
    best = float(angles[np.argmin(cost(angles))])
    width = angles[1]
    for _ in range(REFINEMENTS):
        angles = np.append(np.linspace(best - width, best + width, ANGLES), best)
        best, width = float(angles[np.argmin(cost(angles))]), 2 * width / (ANGLES - 1)
    return best if cost(np.array([best]))[0] < cost(np.zeros(1))[0] else 0.0
