"""Confidence intervals of means: a finite-sample one by betting for bounded values, and the asymptotic normal one.

Betting is what rare large values ask for: its width is about range log(2/e)/n where almost all values are small,
a third of the empirical Bernstein inequality's.
Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86
(2024).
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from scipy.special import ndtri

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError

_LARGEST_STAKE = 0.9
"""Of the stake at which one value at the end of the range would lose everything."""
_BISECTIONS = 32
"""The end that is returned is the rejected one: fewer bisections only widen the interval."""


class Interval(StrEnum):
    """Which interval: one that holds for every sample size, or one by the central limit theorem."""

    FINITE_SAMPLE = "finite-sample"
    ASYMPTOTIC = "asymptotic"


def check_error_probability(error_probability: float) -> None:
    """Raise `InputError` unless it is in (0, 1)."""
    if not 0.0 < error_probability < 1.0:
        raise InputError(f"`error_probability` must be in (0, 1); got {error_probability:g}")


def bounded_mean_interval(
    values: FloatArray, largest: FloatArray, error_probability: float
) -> tuple[FloatArray, FloatArray]:
    """Ends (k,) of intervals of the k column means of independent rows `values` (n, k), column j in [0, largest_j].

    Guarantee: for each column alone, every n >= 2 and every law on [0, largest_j], P(mean outside) is at most
    error_probability.
    Raises `InputError` for fewer than two rows or a value out of its range.
    """
    check_error_probability(error_probability)
    if values.shape[0] < 2:
        raise InputError(f"an interval needs at least 2 replicates; got {values.shape[0]}")
    if np.any(values < 0.0) or np.any(values > largest):
        raise InputError(f"values must lie in [0, {float(np.max(largest)):g}]; one does not")
    scale = np.where(largest > 0.0, largest, 1.0)
    unit = values / scale
    log_wealth = math.log(2.0 / error_probability)
    upper = scale * _upper(unit, log_wealth)
    lower = scale * (1.0 - _upper(1.0 - unit, log_wealth))
    degenerate = largest == 0.0
    return np.where(degenerate, 0.0, np.maximum(lower, 0.0)), np.where(degenerate, 0.0, upper)


def _upper(values: FloatArray, log_wealth: float) -> FloatArray:
    """Smallest mean m known to be rejected: betting on values below m has then made exp(log_wealth).

    Wealth prod_i (1 + l_i (m - x_i)) has mean 1 under the mean m if l_i depends on x_1, ..., x_{i-1} only
    (Markov's inequality ends the proof); it increases with m, so the rejected means are those above one number.
    """
    count = values.shape[0]
    order = np.arange(1, count + 1)[:, None]
    # Regularised running mean and variance of what came before: the stakes are predictable.
    means = (0.5 + np.cumsum(values, axis=0)) / (order + 1)
    spreads = (0.25 + np.cumsum((values - means) ** 2, axis=0)) / (order + 1)
    before = np.concatenate((np.full((1, values.shape[1]), 0.25), spreads[:-1]))
    stakes = np.sqrt(2.0 * log_wealth / (count * before))
    low, high = np.mean(values, axis=0), np.ones(values.shape[1])
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        room = np.maximum(1.0 - middle, np.finfo(np.float64).tiny)
        wealth = np.sum(np.log1p(np.minimum(stakes, _LARGEST_STAKE / room) * (middle - values)), axis=0)
        rejected = wealth >= log_wealth
        low, high = np.where(rejected, low, middle), np.where(rejected, middle, high)
    return high


def asymptotic_interval(
    means: FloatArray, standard_errors: FloatArray, error_probability: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of means plus or minus the normal quantile times their standard errors. Estimate (n to infinity)."""
    check_error_probability(error_probability)
    reach = -float(ndtri(error_probability / 2.0)) * standard_errors
    return means - reach, means + reach


def column_errors(values: FloatArray) -> FloatArray:
    """Standard errors (k,) of the column means of independent rows (n, k); infinite for one row. Estimate."""
    count = values.shape[0]
    if count < 2:
        return np.full(values.shape[1], math.inf)
    return np.asarray(np.std(values, axis=0, ddof=1) / math.sqrt(count))
