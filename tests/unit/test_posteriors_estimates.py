"""Confidence intervals: coverage, ends, and the cases they must refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from certify.errors import InputError
from certify.posteriors.estimates import frequency_interval, mean_interval, nonnegative_mean_interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (3, 50), (500, 100_000)])
def test_frequency_ends_solve_the_binomial_tails(successes: int, trials: int) -> None:
    interval = frequency_interval(successes, trials, 1e-3)
    assert interval.lower <= interval.estimate <= interval.upper
    if successes > 0:
        assert stats.binom.sf(successes - 1, trials, interval.lower) == pytest.approx(5e-4, rel=1e-6)
    else:
        assert interval.lower == 0.0
    if successes < trials:
        assert stats.binom.cdf(successes, trials, interval.upper) == pytest.approx(5e-4, rel=1e-6)
    else:
        assert interval.upper == 1.0


def test_frequency_coverage() -> None:
    # The coverage is an exact sum over outcomes, no sampling.
    trials, error = 40, 0.1
    intervals = [frequency_interval(count, trials, error) for count in range(trials + 1)]
    for truth in (0.01, 0.2, 0.5, 0.93):
        covered = sum(
            stats.binom.pmf(count, trials, truth)
            for count, interval in enumerate(intervals)
            if interval.lower <= truth <= interval.upper
        )
        assert covered >= 1 - error


def test_mean_interval_covers_and_shrinks() -> None:
    random = np.random.default_rng(0)
    misses = 0
    for _ in range(300):
        interval = mean_interval(random.beta(1, 20, 400), 0.0, 1.0, 0.1)
        misses += not interval.lower <= 1 / 21 <= interval.upper
    assert misses <= 30
    wide = mean_interval(random.random(1000), 0.0, 1.0)
    narrow = mean_interval(random.random(100_000), 0.0, 1.0)
    assert narrow.upper - narrow.lower < 0.2 * (wide.upper - wide.lower)


def test_mean_interval_survives_a_sample_without_variance() -> None:
    # A rare value that the sample missed: the empirical variance is 0 and only the range term protects.
    interval = mean_interval(np.zeros(300), 0.0, 1.0)
    assert interval.upper > 1 - 1e-6 ** (1 / 300)


def test_mean_of_a_wrong_value_is_excluded() -> None:
    interval = mean_interval(np.random.default_rng(1).random(50_000), 0.0, 1.0)
    assert not interval.lower <= 0.52 <= interval.upper


def test_unbounded_mean_has_a_valid_lower_end() -> None:
    random = np.random.default_rng(2)
    values = random.standard_normal((20_000, 3))
    interval = nonnegative_mean_interval(np.sum(values**2, axis=1))
    assert 2.7 < interval.lower < 3.0 < interval.upper < 3.3
    heavy = nonnegative_mean_interval(random.pareto(1.5, 5000))
    assert heavy.lower <= 2.0


def test_bad_samples_are_refused() -> None:
    with pytest.raises(InputError, match="successes"):
        frequency_interval(3, 2)
    with pytest.raises(InputError, match="successes"):
        frequency_interval(0, 0)
    with pytest.raises(InputError, match="at least 2"):
        mean_interval(np.zeros(1), 0.0, 1.0)
    with pytest.raises(InputError, match="must lie"):
        mean_interval(np.array([0.5, 1.5]), 0.0, 1.0)
    with pytest.raises(InputError, match="must lie"):
        mean_interval(np.array([0.5, np.nan]), 0.0, 1.0)
    with pytest.raises(InputError, match="nonnegative"):
        nonnegative_mean_interval(np.linspace(-1, 1, 100))
