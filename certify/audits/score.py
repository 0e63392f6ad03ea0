"""The distance of two laws through the density ratio alone, no normaliser needed.

With s(z) = log p(z) - log q(z) + constant, TV(p, q) = sup_c (p(s > c) - q(s > c)): every event has a difference of
at most TV, and the event p > q is {s > c} at c = the constant (Scheffe). The two distribution functions of s on the
line are known from draws within the band of Dvoretzky, Kiefer and Wolfowitz, for all c together, so both ends of an
interval follow. Source of the constant: Massart, Annals of Probability 18 (1990), one-sided form exp(-2 n a^2), a^2
>= log(2)/(2n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError


@dataclass(frozen=True)
class ScoreInterval:
    """sup_c (p(s > c) - q(s > c)) lies in [lower, upper]; each end fails with probability <= `error_probability`."""

    estimate: float
    lower: float
    upper: float
    error_probability: float


def score_distance(first: FloatArray, second: FloatArray, error_probability: float) -> ScoreInterval:
    """Interval of TV(p, q) from independent scores `first` (n,) under p and `second` (k,) under q.

    `estimate` is the empirical supremum, which exceeds TV by the noise of the sample on average.
    Guarantee: each end alone for every n, k and p, q, if the scores are the log density ratio up to a constant; if they
    are any other function of z, `lower` still bounds TV from below. Estimate in float64 of the scores themselves.

    Raises:
        InputError: if a sample is empty, a score is NaN, or `error_probability` is not in (0, 1/2].
    """
    if min(first.size, second.size) < 1 or not 0 < error_probability <= 0.5:
        raise InputError(
            f"scores of both laws and an error probability in (0, 1/2] are needed; got {first.size} and {second.size} "
            f"scores, {error_probability:g}"
        )
    if np.isnan(first).any() or np.isnan(second).any():
        raise InputError("a log density ratio is NaN")
    left, right = np.sort(first), np.sort(second)
    cuts = np.concatenate((left, right))
    below_first = np.searchsorted(left, cuts, side="right") / left.size
    below_second = np.searchsorted(right, cuts, side="right") / right.size
    advantage = max(0.0, float(np.max(below_second - below_first)))
    # Each of the two one-sided bands takes half of the error.
    room = sum(math.sqrt(math.log(2 / error_probability) / (2 * size)) for size in (left.size, right.size))
    return ScoreInterval(advantage, max(0.0, advantage - room), min(1.0, advantage + room), error_probability)
