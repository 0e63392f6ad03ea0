"""Growth rates from runs of which some were cut off: coverage, and what ignoring the cut would say."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm

from certify.circuits.growth import fit_growth
from certify.errors import InputError

RATE, INTERCEPT, SPREAD, LIMIT = 0.5, 3.0, 0.8, 2.0**11
BITS = np.repeat(np.arange(6, 21, 2), 6).astype(float)


def costs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = 2.0 ** (INTERCEPT + RATE * BITS + SPREAD * random.standard_normal(len(BITS)))
    return np.minimum(true, LIMIT), true > LIMIT


@pytest.mark.statistical
def test_the_interval_covers_the_true_rate_as_often_as_it_says() -> None:
    """60 intervals of 95 %: at most 45 hits have a probability below 1e-6 at that coverage, over .99 at one of 60 %."""
    covered = 0
    for seed in range(60):
        found = fit_growth(BITS, *costs(seed))
        assert found.rate_lower < found.rate < found.rate_upper and found.censored > 0
        covered += found.rate_lower <= RATE <= found.rate_upper
    assert binom.cdf(45, 60, 0.95) < 1e-6 and binom.cdf(45, 60, 0.6) > 0.99
    assert covered > 45


@pytest.mark.parametrize("seed", range(4))
def test_no_other_line_or_spread_is_likelier(seed: int) -> None:
    capped, cut = costs(seed)
    logs = np.log2(capped)
    found = fit_growth(BITS, capped, cut)

    def likelihood(rate: float, intercept: float, spread: float) -> float:
        law = norm(intercept + rate * BITS, spread)
        return float(np.where(cut, law.logsf(logs), law.logpdf(logs)).sum())

    best = likelihood(found.rate, found.intercept, found.spread)
    assert best == pytest.approx(found.log_likelihood, abs=1e-8)
    for step in (0.3, 1e-2, 1e-4):
        for rate, intercept, spread in product((-step, 0.0, step), repeat=3):
            elsewhere = likelihood(found.rate + rate, found.intercept + intercept, found.spread * math.exp(spread))
            assert elsewhere <= best + 1e-8


def test_taking_the_limit_for_a_cost_would_understate_the_rate() -> None:
    capped, cut = costs(0)
    honest, naive = fit_growth(BITS, capped, cut), fit_growth(BITS, capped, np.zeros_like(cut))
    assert naive.rate_upper < honest.rate


def test_costs_without_spread_have_a_narrow_interval() -> None:
    found = fit_growth([4, 8, 12, 16], [16.0, 256.0, 4096.0, 65536.0], [False] * 4)
    assert found.rate == pytest.approx(1.0, abs=1e-4) and found.rate_upper - found.rate_lower < 0.02


@pytest.mark.parametrize(
    ("bits", "values", "cut", "says"),
    [
        ([1, 2], [1.0], [False], "one shape"),
        ([1, 2, 3], [1.0, 0.0, 2.0], [False] * 3, "positive"),
        ([1, 2, 3], [1.0, 2.0, 2.0], [False, True, True], "three finished runs"),
        ([2, 2, 2], [1.0, 2.0, 2.0], [False] * 3, "two numbers of bits"),
    ],
)
def test_samples_without_a_rate_are_refused(bits: list[int], values: list[float], cut: list[bool], says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_growth(bits, values, cut)
