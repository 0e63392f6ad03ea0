"""The normals of the samplers' streams: moments, distribution, tails, independence, and planted faults.

Every check is an exact or asymptotic test at level 1e-6; with about a dozen checks the false-alarm
probability of this file under fresh seeds is below 2e-5. The seeds are fixed, so a run cannot flicker.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from certify.arithmetic.arrays import FloatArray
from certify.sampling.randomness import standard_normals
from tests.kolmogorov import kolmogorov_p_value

pytestmark = pytest.mark.statistical

LEVEL = 1e-6


def smallest_p_value(draws: FloatArray) -> float:
    """Smallest p-value of: mean, variance, skewness and fourth moment, Kolmogorov-Smirnov, tails beyond 2, 3, 4."""
    flat = draws.ravel()
    count = flat.size
    root = math.sqrt(count)
    scores = (
        flat.mean() * root,
        (np.mean(flat**2) - 1.0) * root / math.sqrt(2.0),
        np.mean(flat**3) * root / math.sqrt(15.0),
        (np.mean(flat**4) - 3.0) * root / math.sqrt(96.0),
    )
    values = [2.0 * stats.norm.sf(abs(score)) for score in scores]
    values.append(kolmogorov_p_value(flat, "norm"))
    for threshold in (2.0, 3.0, 4.0):
        outside = int(np.sum(np.abs(flat) > threshold))
        values.append(stats.binomtest(outside, count, 2.0 * stats.norm.sf(threshold)).pvalue)
    return float(min(values))


def correlation_p_value(first: FloatArray, second: FloatArray) -> float:
    """Two-sided p-value of the hypothesis that two arrays of standard normals are independent, by their product."""
    return float(2.0 * stats.norm.sf(abs(np.mean(first * second)) * math.sqrt(first.size)))


@pytest.mark.parametrize(("chains", "count"), [(1, 400_000), (1000, 1000), (200_000, 4)])
def test_draws_are_standard_normal_along_and_across_chains(chains: int, count: int) -> None:
    assert smallest_p_value(standard_normals(11, chains, count)) > LEVEL


def test_draws_are_uncorrelated_in_time_across_chains_pairs_and_seeds() -> None:
    draws = standard_normals(12, 1000, 1000)
    half = draws.shape[1] // 2
    for first, second in (
        (draws[:, :-1], draws[:, 1:]),
        (draws[:-1], draws[1:]),
        (draws[:, :half], draws[:, half:]),
        (draws[:, :half] ** 2 - 1.0, (draws[:, half:] ** 2 - 1.0) / 2.0),
        (draws, standard_normals(13, 1000, 1000)),
    ):
        assert correlation_p_value(first, second) > LEVEL


def test_the_battery_catches_planted_faults() -> None:
    draws = standard_normals(14, 400, 1000)
    assert smallest_p_value(draws * 1.02) < LEVEL
    assert smallest_p_value(draws + 0.02) < LEVEL
    assert smallest_p_value(np.clip(draws, -3.5, 3.5)) < LEVEL
    assert correlation_p_value(draws, 0.01 * draws + draws[::-1]) < LEVEL


def test_the_radius_and_angle_of_a_pair_cover_their_range() -> None:
    draws = standard_normals(15, 200_000, 2)
    turns = np.arctan2(draws[:, 1], draws[:, 0]) / (2.0 * math.pi) + 0.5
    assert kolmogorov_p_value(turns, "uniform") > LEVEL
    assert kolmogorov_p_value(np.exp(-0.5 * np.sum(draws**2, axis=1)), "uniform") > LEVEL
