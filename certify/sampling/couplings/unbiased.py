"""Unbiased estimators of expectations under a chain's invariant law, from lagged pairs.

    H_{k:m} = (1/(m-k+1)) [ sum_{t=k}^m h(X_t) + sum_{t=k+L}^{tau-1} v_t (h(X_t) - h(Y_{t-L})) ],
    v_t = floor((t-k)/L) - ceil(max(L, t-m)/L) + 1.
E H_{k:m} = pi(h), pi the chain's OWN invariant law, for every k <= m, if law X_t tends to pi, tau has geometric tails
and h has more than two moments along the chain; nothing here checks these conditions.

Sources: Jacob, O'Leary and Atchade, "Unbiased Markov chain Monte Carlo methods with couplings", J. R. Stat. Soc. B 82
(2020); Biswas, Jacob and Vanetti, NeurIPS 2019 (the lag).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.progress import Progress, SilentProgress
from certify.sampling.couplings.interval import asymptotic_interval, column_errors
from certify.sampling.couplings.lagged import Experiment, simulate
from certify.sampling.couplings.log_density import LogDensity
from certify.sampling.couplings.streams import IndexArray
from certify.sampling.couplings.transitions import Transition
from certify.sampling.target import PosteriorLike, Target
from certify.verdict import Verdict

TestFunction = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class UnbiasedEstimate:
    """Mean of independent unbiased estimates of the expectation of h (p components) under the law `target`.

    `values` (replicates, p) are the single estimates, `chain_averages` their first part, which is biased; `variance`
    (p,) is that of one estimate, `standard_error` (p,) that of `mean` (p,); [`lower`, `upper`] (p,) is the asymptotic
    normal interval. `evaluations` counts points evaluated by all replicates, so evaluations/replicates times variance
    is the cost to compare estimators by. If `censored` > 0 pairs never met, their estimates do not exist: `mean`,
    `variance` and `standard_error` are NaN and the interval is the whole line. Statistical.
    """

    target: str
    mean: FloatArray
    variance: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    error_probability: float
    values: FloatArray
    chain_averages: FloatArray
    meeting_times: IndexArray
    censored: int
    evaluations: int

    @property
    def verdict(self) -> Verdict:
        """`supported`, or `inconclusive` where a pair did not meet."""
        return Verdict.INCONCLUSIVE if self.censored else Verdict.SUPPORTED

    @property
    def cost_times_variance(self) -> FloatArray:
        """Evaluations of one replicate times its variance, (p,): smaller is better. Estimate."""
        return self.variance * (self.evaluations / self.meeting_times.size)


def unbiased_expectation(
    law: LogDensity | Target | PosteriorLike,
    transition: Transition,
    experiment: Experiment,
    test_function: TestFunction,
    *,
    first_time: int,
    last_time: int,
    error_probability: float = ERROR_PROBABILITY,
    progress: Progress | None = None,
) -> UnbiasedEstimate:
    """Estimate E h by H_{k:m}, k = `first_time`, m = `last_time`, averaged over `experiment.replicates` pairs.

    `test_function` maps points (n, d) to (n,) or (n, p). A good k is a high quantile of the meeting times and m a
    multiple of k (Jacob, O'Leary and Atchade). The mean is unbiased for any choice made before the run.
    Raises `InputError` unless 0 <= first_time <= last_time <= max_steps and there are two replicates or more, for a
    test function of the wrong shape, and as `run_lagged_pairs` does.
    """
    if not 0 <= first_time <= last_time <= experiment.max_steps:
        raise InputError(
            f"expected 0 <= `first_time` <= `last_time` <= max_steps = {experiment.max_steps}; "
            f"got {first_time} and {last_time}"
        )
    if experiment.replicates < 2:
        raise InputError(f"a variance needs at least 2 replicates; got {experiment.replicates}")
    sums = _Sums(experiment, test_function, first_time, last_time)
    meeting_times, evaluations = simulate(
        law, transition, experiment, sums.observe, last_time, progress or SilentProgress()
    )
    return _summary(sums, meeting_times, transition.target, evaluations, error_probability)


def correction_weight(time: int, lag: int, first_time: int, last_time: int) -> int:
    """v_t: the number of l in [k, m] and j >= 1 with l + j lag = t."""
    fewest_lags = -(-max(lag, time - last_time) // lag)
    return max(0, (time - first_time) // lag - fewest_lags + 1)


class _Sums:
    """Running sums of h along the chains; the number of components is known after the first call of h."""

    def __init__(self, experiment: Experiment, test_function: TestFunction, first_time: int, last_time: int) -> None:
        self._experiment = experiment
        self._test_function = test_function
        self._first_time, self._last_time = first_time, last_time
        self.averages = np.zeros((experiment.replicates, 0))
        self.corrections = np.zeros((experiment.replicates, 0))

    def observe(self, time: int, replicates: IndexArray, first: FloatArray, second: FloatArray | None) -> None:
        """Add h(X_t), and v_t (h(X_t) - h(Y_{t-L})) of the pairs that are apart."""
        averaged = self._first_time <= time <= self._last_time
        weight = correction_weight(time, self._experiment.lag, self._first_time, self._last_time)
        corrected = second is not None and weight > 0
        if replicates.size == 0 or not (averaged or corrected):
            return
        length = self._last_time - self._first_time + 1
        leading = self._evaluate(first)
        if averaged:
            self.averages[replicates] += leading / length
        if second is not None and weight > 0:
            self.corrections[replicates] += weight * (leading - self._evaluate(second)) / length

    def _evaluate(self, points: FloatArray) -> FloatArray:
        values = np.asarray(self._test_function(points.copy()), dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[0] != points.shape[0] or values.shape[1] == 0:
            raise InputError(
                f"`test_function` must map (n, d) to (n,) or (n, p); got {values.shape} for n = {points.shape[0]}"
            )
        if self.averages.shape[1] == 0:
            self.averages, self.corrections = np.zeros((2, self._experiment.replicates, values.shape[1]))
        return values


def _summary(
    sums: _Sums, meeting_times: IndexArray, target: str, evaluations: int, error_probability: float
) -> UnbiasedEstimate:
    values = sums.averages + sums.corrections
    censored = int(np.count_nonzero(meeting_times < 0))
    mean, errors = values.mean(axis=0), column_errors(values)
    lower, upper = asymptotic_interval(mean, errors, error_probability)
    variance = values.var(axis=0, ddof=1)
    if censored:
        # A missing correction would bias the mean, and so would leaving its replicate out.
        values = np.where(meeting_times[:, None] < 0, math.nan, values)
        mean, errors, variance = (np.full(mean.size, math.nan) for _ in range(3))
        lower, upper = np.full(mean.size, -math.inf), np.full(mean.size, math.inf)
    return UnbiasedEstimate(
        target,
        mean,
        variance,
        errors,
        lower,
        upper,
        error_probability,
        values,
        sums.averages,
        meeting_times,
        censored,
        evaluations,
    )
