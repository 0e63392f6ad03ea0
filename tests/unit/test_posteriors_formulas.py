"""The printed formula of each interval, term by term, and what an interval says of itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from certify.errors import InputError
from certify.posteriors.estimates import ERROR_PROBABILITY, frequency_interval, mean_interval, nonnegative_mean_interval


@pytest.mark.parametrize(("low", "high", "error"), [(0.0, 1.0, 0.1), (-2.0, 3.0, 1e-6)])
def test_the_empirical_bernstein_interval_is_the_sum_of_its_two_terms(low: float, high: float, error: float) -> None:
    values = np.tile([0.25, 0.75], 2000)
    variance = (0.25**2) * values.size / (values.size - 1)
    log_term = math.log(4 / error)
    half = math.sqrt(2 * variance * log_term / 4000) + 7 * (high - low) * log_term / (3 * 3999)
    found = mean_interval(values, low, high, error, "draws")
    assert (found.estimate, found.cases, found.error_probability) == (0.5, 4000, error)
    assert found.lower == pytest.approx(0.5 - half, rel=1e-12) and found.upper == pytest.approx(0.5 + half, rel=1e-12)
    assert found.method == "empirical Bernstein, draws"


def test_ends_are_cut_at_the_range_and_values_may_lie_on_it() -> None:
    found = mean_interval(np.array([0.0, 1.0]), 0.0, 1.0)
    assert (found.lower, found.upper, found.cases, found.error_probability) == (0.0, 1.0, 2, ERROR_PROBABILITY)
    assert found.method == "empirical Bernstein, independent draws"


def test_a_frequency_says_how_it_was_found() -> None:
    found = frequency_interval(3, 12, 0.05, "runs")
    assert (found.estimate, found.error_probability, found.cases) == (0.25, 0.05, 12)
    assert found.method == "Clopper-Pearson, runs"
    assert frequency_interval(3, 12).method == "Clopper-Pearson, independent trials"
    assert frequency_interval(3, 12) == frequency_interval(3, 12, ERROR_PROBABILITY)
    assert frequency_interval(1, 1).estimate == 1.0
    with pytest.raises(InputError, match="successes"):
        frequency_interval(-1, 2)


def test_a_mean_without_a_known_end_is_truncated_at_twice_the_pilot_s_maximum() -> None:
    values = np.concatenate([np.full(10, 1.0), np.full(50, 0.5), np.full(39, 0.25), [9.0]])
    found = nonnegative_mean_interval(values, 1e-3, "draws")
    inner = mean_interval(np.minimum(values[10:], 2.0), 0.0, 2.0, 1e-3, "draws")
    assert found.estimate == values.mean() and found.lower == inner.lower
    assert found.upper == max(inner.upper, values.mean())
    assert (found.error_probability, found.cases) == (1e-3, 100)
    assert found.method == "empirical Bernstein, draws, upper end of the mean truncated at 2"
    assert nonnegative_mean_interval(values).error_probability == ERROR_PROBABILITY
    assert "independent draws" in nonnegative_mean_interval(values).method


def test_the_upper_end_is_never_below_the_mean_that_was_seen() -> None:
    values = np.concatenate([np.full(100, 1e-3), np.full(900, 1.0)])
    assert nonnegative_mean_interval(values, 0.1).upper == values.mean()


def test_how_few_values_are_enough() -> None:
    assert nonnegative_mean_interval(np.zeros(20)).cases == 20
    assert frequency_interval(0, 1).estimate == 0.0
    with pytest.raises(InputError, match="at least 20"):
        nonnegative_mean_interval(np.ones(19))
    with pytest.raises(InputError, match="nonnegative"):
        nonnegative_mean_interval(np.append(np.ones(30), -1e-9))
