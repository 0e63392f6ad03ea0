"""Estimates with their uncertainty: finite-sample confidence intervals and measured distances.

Every interval states its error probability; the ones built here hold for every sample size (no central
limit theorem): Clopper-Pearson for frequencies, Maurer-Pontil's empirical Bernstein inequality for means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from certify.errors import InputError
from certify.generators.graph import FloatArray

ERROR_PROBABILITY = 1e-6
"""Default probability that a measured claim's interval misses the truth."""


@dataclass(frozen=True)
class IntervalEstimate:
    """A number known up to an interval: P(truth outside [lower, upper]) <= `error_probability`, if `assumption` holds.

    `assumption` names what no error probability covers (draws that are not exact); empty where nothing is assumed.
    A deterministic computation (quadrature) has `error_probability` 0 and the half width of its interval is
    an error estimate, not a bound; `method` says which. `cases` counts independent samples or nodes.
    """

    estimate: float
    lower: float
    upper: float
    error_probability: float
    cases: int
    method: str
    assumption: str = ""


@dataclass(frozen=True)
class DistanceEstimate:
    """A measured distance between two laws: an estimate inside [lower, upper], and by which method.

    `error_probability` is that of the interval, 0 where no random number is behind it (quadrature, whose half width is
    an error estimate); `assumption` as for `IntervalEstimate`.
    """

    estimate: float
    lower: float
    upper: float
    method: str
    error_probability: float = 0.0
    assumption: str = ""


def assumed(*assumptions: str) -> str:
    """What rests on all of these assumptions, each named once; empty if none is made."""
    return ", and ".join(dict.fromkeys(item for item in assumptions if item))


def frequency_interval(
    successes: int,
    trials: int,
    error_probability: float = ERROR_PROBABILITY,
    method: str = "independent trials",
    assumption: str = "",
) -> IntervalEstimate:
    """Clopper-Pearson interval of a success probability, each side with half the error.

    Guarantee: for every true probability, P(truth outside) <= error_probability (exact binomial tails); `assumption`
    is what the trials rest on beside that.
    Source: Clopper and Pearson, Biometrika 26 (1934).

    Raises:
        InputError: if `trials` < 1 or `successes` is outside [0, trials].
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise InputError(f"`successes` must be in [0, trials] with trials >= 1; got {successes} of {trials}")
    half = error_probability / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, trials - successes + 1, half))
    high = 1.0 if successes == trials else float(special.betainccinv(successes + 1, trials - successes, half))
    how = f"Clopper-Pearson, {method}"
    return IntervalEstimate(successes / trials, low, high, error_probability, trials, how, assumption)


def mean_interval(
    values: FloatArray,
    low: float,
    high: float,
    error_probability: float = ERROR_PROBABILITY,
    method: str = "independent draws",
    assumption: str = "",
) -> IntervalEstimate:
    """Empirical Bernstein interval of the mean of independent values in [low, high].

    |mean - truth| <= sqrt(2 V log(4/e)/n) + 7 (high - low) log(4/e)/(3(n - 1)) with probability 1 - e,
    V the sample variance. Guarantee: holds for every n >= 2 and every law on [low, high].
    Source: Maurer and Pontil, COLT 2009, Theorem 4 (applied to both sides with e/2).

    Raises:
        InputError: if there are fewer than two values, or one is outside [low, high].
    """
    count = int(values.shape[0])
    if count < 2:
        raise InputError(f"a mean needs at least 2 values; got {count}")
    if not (np.min(values) >= low and np.max(values) <= high):
        raise InputError(f"values must lie in [{low:g}, {high:g}]; got [{np.min(values):g}, {np.max(values):g}]")
    log_term = math.log(4 / error_probability)
    centre = float(np.mean(values))
    half = math.sqrt(2 * float(np.var(values, ddof=1)) * log_term / count)
    half += 7 * (high - low) * log_term / (3 * (count - 1))
    return IntervalEstimate(
        centre,
        max(low, centre - half),
        min(high, centre + half),
        error_probability,
        count,
        f"empirical Bernstein, {method}",
        assumption,
    )


def nonnegative_mean_interval(
    values: FloatArray,
    error_probability: float = ERROR_PROBABILITY,
    method: str = "independent draws",
    assumption: str = "",
) -> IntervalEstimate:
    """Interval of the mean of independent nonnegative values that have no known upper bound.

    The first tenth of the values chooses a cap (twice its maximum); the others, truncated at the cap, go
    through `mean_interval`. Truncation lowers the mean, so the lower end holds for the mean itself, which is
    what refutes a claimed upper bound; the upper end is that of the truncated mean.

    Raises:
        InputError: if there are fewer than 20 values, or one is negative.
    """
    count = int(values.shape[0])
    if count < 20 or np.min(values) < 0:
        raise InputError(f"expected at least 20 nonnegative values; got {count}, smallest {np.min(values):g}")
    pilot = count // 10
    cap = 2 * float(np.max(values[:pilot]))
    interval = mean_interval(np.minimum(values[pilot:], cap), 0.0, cap, error_probability, method)
    return IntervalEstimate(
        float(np.mean(values)),
        interval.lower,
        max(interval.upper, float(np.mean(values))),
        error_probability,
        count,
        f"{interval.method}, upper end of the mean truncated at {cap:.3g}",
        assumption,
    )
