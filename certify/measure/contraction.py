"""Lipschitz quotients of one Langevin drift step T o P_D: what S7a's factor 1 - eta mu is held against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.measure.curvature import curvature_extremes
from certify.posteriors.posterior import Posterior
from certify.posteriors.transition import Projection


@dataclass(frozen=True, eq=False)
class ContractionQuotient:
    """The largest |T P z - T P z'|/|z - z'| found, the pair at which it was found, and the number of pairs."""

    factor: float
    first: FloatArray
    second: FloatArray
    cases: int


def contraction_quotient(
    posterior: Posterior, region: Projection, step_size: float, pairs: int = 2000, seed: int = 0
) -> ContractionQuotient:
    """Search for the pair that T o P_D, T(z) = z - eta grad f(z), contracts least.

    Pairs: random ones at separations from 1e-3 R_D to R_D, inside D, across its boundary and outside; and,
    around the points of extreme curvature found by optimisation in D, short pairs along the extreme
    eigenvectors, where the quotient tends to max |1 - eta lambda|. A witness: it can refute the factor.
    """
    first, second = _random_pairs(region, posterior.latent_dim, pairs, seed)
    close = _extreme_pairs(posterior, region, seed)
    first = np.concatenate((first, close[0]))
    second = np.concatenate((second, close[1]))
    quotients = _quotients(posterior, region, step_size, first, second)
    worst = int(np.argmax(quotients))
    return ContractionQuotient(float(quotients[worst]), first[worst], second[worst], int(quotients.size))


def _quotients(
    posterior: Posterior, region: Projection, step_size: float, first: FloatArray, second: FloatArray
) -> FloatArray:
    images = []
    for points in (first, second):
        projected = region.apply(points)
        images.append(projected - step_size * posterior.gradient(projected))
    separation = np.linalg.norm(first - second, axis=1)
    return np.asarray(np.linalg.norm(images[0] - images[1], axis=1) / separation)


def _random_pairs(region: Projection, dimension: int, pairs: int, seed: int) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    scale = region.radius if math.isfinite(region.radius) else 3.0
    directions = generator.standard_normal((2, pairs, dimension))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    depth = 1.3 * generator.random(pairs) ** (1 / dimension)
    first = region.centre + scale * depth[:, None] * directions[0]
    separation = scale * 10 ** (-3 * generator.random(pairs))
    return first, first + separation[:, None] * directions[1]


def _extreme_pairs(posterior: Posterior, region: Projection, seed: int) -> tuple[FloatArray, FloatArray]:
    """Short pairs along the extreme eigenvectors at the extreme points, pulled inside D to stay there."""
    scale = region.radius if math.isfinite(region.radius) else 3.0
    extremes = curvature_extremes(posterior, region.centre, (region.radius,), seed=seed)[0]
    first, second = [], []
    for extreme in (extremes.smallest, extremes.largest):
        for shortening in (1e-2, 1e-3, 1e-4):
            middle = region.centre + (1 - 2 * shortening) * (extreme.point - region.centre)
            half = shortening * scale * extreme.direction
            first.append(middle + half)
            second.append(middle - half)
    return np.stack(first), np.stack(second)
