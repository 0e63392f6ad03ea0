"""Mean and covariance of a posterior by adaptive importance sampling. Estimate: where proposals and regions are put.

A Gaussian is fitted again and again to its own weighted draws. Weights exp(t (-f - log q)) are tempered by the largest
t <= 1 that leaves enough of them effective, so that a start far from the posterior gets there in steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.likelihood import Likelihood, potential
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Graph

DRAWS, LAST_DRAWS, ROUNDS = 2048, 16384, 30
EFFECTIVE = 0.1
"""Share of the draws that must be effective."""

WIDENING = 1.1
"""Standard deviations are widened by this before the next draws: tails are seen rather than missed."""


@dataclass(frozen=True, eq=False)
class Moments:
    """`mean` (d,), lower triangular `factor` (d, d) of the covariance, and log int exp(-f), all of them estimates."""

    mean: FloatArray
    factor: FloatArray
    log_integral: float


def posterior_moments(graph: Graph, likelihood: Likelihood, start: Mixture | None = None, seed: int = 0) -> Moments:
    """Mean, covariance and integral of exp(-f); one mode's where there are several far apart.

    Raises:
        LinAlgError: where no covariance is found.
    """
    random, d = np.random.default_rng([seed, 0x3A]), graph.latent_dim
    mean, factor = (np.zeros(d), np.eye(d)) if start is None else (start.means[0], np.linalg.inv(start.roots[0]).T)
    settled, log_integral = False, -math.inf
    for _ in range(ROUNDS):
        count = LAST_DRAWS if settled else DRAWS
        wide = WIDENING * factor
        noise = random.standard_normal((count, d))
        points = mean + noise @ wide.T
        logs = 0.5 * (noise * noise).sum(axis=1) - potential(graph, likelihood, points)
        weights, power = _tempered(logs)
        volume = np.log(np.abs(np.diag(wide))).sum() + 0.5 * d * math.log(2 * math.pi)
        log_integral = float(logs.max() + math.log(np.exp(logs - logs.max()).mean()) + volume)
        mean = weights @ points
        gaps = points - mean
        spread = (weights[:, None] * gaps).T @ gaps
        factor = np.asarray(np.linalg.cholesky(spread + 1e-12 * np.trace(spread) * np.eye(d)), dtype=np.float64)
        if settled:
            break
        settled = power == 1.0
    return Moments(mean, factor, log_integral)


def _tempered(logs: FloatArray) -> tuple[FloatArray, float]:
    """Weights exp(t logs) with sum 1, and t."""

    def at(power: float) -> FloatArray:
        weights = np.exp(power * (logs - logs.max()))
        return np.asarray(weights / weights.sum())

    def enough(power: float) -> bool:
        return bool(1.0 / (at(power) ** 2).sum() >= EFFECTIVE * len(logs))

    if enough(1.0):
        return at(1.0), 1.0
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if enough(middle) else (low, middle)
    return at(low), low
