"""A held-out lower bound on the total variation distance of two laws that are known through samples only.

TV(p, q) >= p(A) - q(A) for every event A. The event is chosen on one third of the samples (the best
half-space, ellipsoid or ratio-of-Gaussians region among a few), its two probabilities are measured on the
other two, and the Clopper-Pearson ends give a lower bound that holds at the stated error probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate, frequency_interval
from certify.posteriors.gaussian import GaussianLaw

Score = Callable[[FloatArray], FloatArray]
MINIMAL_SAMPLES = 30


@dataclass(frozen=True, eq=False)
class _Event:
    """{z : sign (score(z) - threshold) > 0} and its advantage p(A) - q(A) on the training third."""

    score: Score
    threshold: float
    sign: float
    advantage: float

    def count(self, points: FloatArray) -> int:
        return int(np.sum(self.sign * (self.score(points) - self.threshold) > 0))


def total_variation_lower(
    first: FloatArray,
    second: FloatArray,
    error_probability: float = ERROR_PROBABILITY,
    note: str = "",
    assumption: str = "",
) -> DistanceEstimate:
    """Lower bound of TV between the laws of two independent samples (n, d) and (k, d), rows independent.

    Guarantee: `lower` <= TV with probability >= 1 - error_probability, if what the samples rest on (`assumption`)
    holds; without that no error probability is named. `estimate` is the held-out advantage,
    an estimate of a lower bound; `upper` is the trivial 1.

    Raises:
        InputError: if a sample has fewer than 30 rows.
    """
    if min(first.shape[0], second.shape[0]) < MINIMAL_SAMPLES:
        raise InputError(
            f"a held-out bound needs {MINIMAL_SAMPLES} points of each law; got {first.shape[0]} and {second.shape[0]}"
        )
    event = max(
        (_best_threshold(score, first[::3], second[::3]) for score in _scores(first[::3], second[::3])),
        key=lambda candidate: candidate.advantage,
    )
    held_out = [points[np.arange(points.shape[0]) % 3 > 0] for points in (first, second)]
    inside = [frequency_interval(event.count(points), points.shape[0], error_probability) for points in held_out]
    return DistanceEstimate(
        max(0.0, inside[0].estimate - inside[1].estimate),
        max(0.0, inside[0].lower - inside[1].upper),
        1.0,
        f"held-out event, {held_out[0].shape[0]} against {held_out[1].shape[0]} points"
        f"{'' if assumption else f', lower end at error {error_probability:g}'}{note}",
        error_probability,
        assumption,
    )


def _scores(first: FloatArray, second: FloatArray) -> list[Score]:
    """Coordinates, Fisher's direction, the distance to the pooled mean, and the log ratio of fitted Gaussians."""
    laws = [_fitted(first), _fitted(second)]
    pooled = GaussianLaw((laws[0].mean + laws[1].mean) / 2, (laws[0].covariance + laws[1].covariance) / 2)
    fisher: FloatArray = np.asarray(np.linalg.solve(pooled.covariance, laws[0].mean - laws[1].mean), dtype=np.float64)
    scores: list[Score] = [_projection(axis) for axis in np.eye(first.shape[1])]
    scores.append(_projection(fisher))
    scores.append(pooled.log_density)
    scores.append(lambda points: laws[0].log_density(points) - laws[1].log_density(points))
    return scores


def _projection(direction: FloatArray) -> Score:
    return lambda points: np.asarray(points @ direction)


def _fitted(points: FloatArray) -> GaussianLaw:
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    ridge = 1e-10 * float(np.trace(covariance)) + np.finfo(np.float64).tiny
    return GaussianLaw(points.mean(axis=0), covariance + ridge * np.eye(points.shape[1]))


def _best_threshold(score: Score, first: FloatArray, second: FloatArray) -> _Event:
    """The half line of score values with the largest difference of training frequencies."""
    left, right = np.sort(score(first)), np.sort(score(second))
    values = np.concatenate((left, right))
    above_first = 1 - np.searchsorted(left, values, side="right") / left.size
    above_second = 1 - np.searchsorted(right, values, side="right") / right.size
    difference = above_first - above_second
    index = int(np.argmax(np.abs(difference)))
    sign = 1.0 if difference[index] >= 0 else -1.0
    return _Event(score, float(values[index]), sign, float(abs(difference[index])))
