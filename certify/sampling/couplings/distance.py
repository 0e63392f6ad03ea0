"""Upper bounds of the distance of a chain's law at time t to its invariant law, from lagged pairs.

With tau the meeting time of pairs with lag L and D_s = |X_s - Y_{s-L}|, where pi is the chain's OWN invariant law,
    TV(law X_t, pi) <= E J_t,  J_t = max(0, ceil((tau - L - t)/L)) = sum_{j >= 1} 1{tau > t + jL},
    W1(law X_t, pi) <= E sum_{j >= 1} D_{t + jL}.
Both are telescoping sums, so that cut after T terms they still hold in the form
    distance(law X_t, pi) <= E[first T terms] + distance(law X_{t + TL}, pi).
Conditions nobody can check by simulation: law X_t tends to pi, and tau has a finite mean. The expectations are
estimated from independent replicates: statistical, never a proof. A pair that has not met leaves E J_t unknown.

Source: Biswas, Jacob and Vanetti, "Estimating convergence of Markov chains with L-lag couplings", NeurIPS 2019,
section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.sampling.couplings.interval import Interval, asymptotic_interval, bounded_mean_interval, column_errors
from certify.sampling.couplings.lagged import LaggedRun
from certify.sampling.couplings.transitions import POSTERIOR
from certify.verdict import Verdict

IntegerArray = npt.NDArray[np.int64]

TOTAL_VARIATION = "total variation"
WASSERSTEIN = "Wasserstein-1"


@dataclass(frozen=True, eq=False)
class CouplingBound:
    """Upper bound of a distance between the law of X_t and the law `target`, at each of `times` (k,).

    `estimate` (k,) is the mean over replicates, `standard_error` (k,) its own; [`lower`, `upper`] covers what `covers`
    says, at each time alone, with probability 1 - `error_probability`. With `censored` > 0 pairs that never met,
    `estimate` and `upper` are infinite and the verdict is `inconclusive`; `truncated_upper` bounds the mean of the
    first terms all the same: distance(law X_t, target) <= truncated_upper + distance(law X_s, target) with s the
    entry of `remainder_times`. Statistical.
    """

    distance: str
    target: str
    times: IntegerArray
    estimate: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    truncated_upper: FloatArray
    remainder_times: IntegerArray
    error_probability: float
    covers: str
    replicates: int
    censored: int

    @property
    def verdict(self) -> Verdict:
        """`supported`, or `inconclusive` if a pair did not meet or a time has no upper end."""
        return Verdict.SUPPORTED if np.all(np.isfinite(self.upper)) else Verdict.INCONCLUSIVE


def total_variation_bound(
    run: LaggedRun,
    times: Sequence[int] | IntegerArray,
    *,
    interval: Interval = Interval.FINITE_SAMPLE,
    truncation: int | None = None,
    error_probability: float = ERROR_PROBABILITY,
) -> CouplingBound:
    """Bound TV(law X_t, `run.target`) at each t in `times`, 0 <= t <= max_steps - lag.

    The finite-sample interval covers E min(J_t, T), T = `truncation` or as many terms as fit into max_steps; either
    must be chosen before the run is looked at. Small T, many replicates and a large lag make it narrow. The
    asymptotic interval covers E J_t as the number of replicates grows; late, where hardly a pair is still apart, it
    is too short.
    Raises `InputError` for a time out of range, truncation < 1 or fewer than two replicates.
    """
    moments, terms = _times_and_terms(run, times, truncation)
    waits = run.meeting_times[:, None] - moments
    # The truncated sum is known even where the pair did not meet: tau > max_steps >= t + TL.
    crossed = np.where(run.censored[:, None], terms, np.minimum(terms, -(-waits // run.lag) - 1))
    counts = np.maximum(0, -(-waits // run.lag) - 1).astype(np.float64)
    truncated = np.maximum(0, crossed).astype(np.float64)
    return _bound(
        TOTAL_VARIATION, run, moments, terms, counts, truncated, terms.astype(np.float64), interval, error_probability
    )


def wasserstein_bound(
    run: LaggedRun,
    times: Sequence[int] | IntegerArray,
    *,
    interval: Interval = Interval.ASYMPTOTIC,
    truncation: int | None = None,
    largest: float | None = None,
    error_probability: float = ERROR_PROBABILITY,
) -> CouplingBound:
    """Bound W1(law X_t, `run.target`), Euclidean cost, at each t in `times`; the run must have kept its distances.

    Distances have no upper end, so a finite-sample interval needs `largest` and covers E min(sum of the first T terms,
    `largest`), which bounds W1 only if the sum is never larger (a bounded region).
    Raises `InputError` as `total_variation_bound` does, and if the distances were not kept or `largest` is missing.
    """
    if run.distances is None:
        raise InputError("`run` has no distances; simulate it with `keep_distances=True`")
    if interval is Interval.FINITE_SAMPLE and not (largest is not None and 0.0 < largest < math.inf):
        raise InputError("a finite-sample interval of a Wasserstein bound needs a finite `largest` > 0; got none")
    moments, terms = _times_and_terms(run, times, truncation)
    sums, truncated = np.empty((2, run.replicates, moments.size))
    for column, (moment, count) in enumerate(zip(moments, terms, strict=True)):
        # Column t + jL - lag of the distances, j = 1, 2, ...; they end where the last pair met.
        every = run.distances[:, moment :: run.lag]
        sums[:, column] = np.sum(every, axis=1)
        truncated[:, column] = np.sum(every[:, :count], axis=1)
    ceiling = np.full(moments.size, math.inf if largest is None else largest)
    return _bound(WASSERSTEIN, run, moments, terms, sums, truncated, ceiling, interval, error_probability)


def distance_to_posterior(bound: CouplingBound, bias_upper: float | None = None) -> CouplingBound:
    """The same bound read as one of the distance to the posterior, which it is for Metropolis-adjusted chains.

    For a chain with another invariant law, `bias_upper` must bound the distance (the same one) of that law to the
    posterior; by the triangle inequality it is added to the expectation, and so to both ends of its interval.
    Raises `InputError` for such a chain without `bias_upper`, or for a bias that is negative or not finite.
    """
    if bias_upper is None:
        if bound.target != POSTERIOR:
            raise InputError(
                f"the coupling bounds the distance to the {bound.target}, which is not the posterior; "
                "run MALA instead, or pass `bias_upper`, a bound of the distance of that law to the posterior"
            )
        return bound
    if not 0.0 <= bias_upper < math.inf:
        raise InputError(f"`bias_upper` must be in [0, inf); got {bias_upper:g}")
    return replace(
        bound,
        target=POSTERIOR,
        estimate=bound.estimate + bias_upper,
        lower=bound.lower + bias_upper,
        upper=np.nextafter(bound.upper + bias_upper, math.inf),
        truncated_upper=np.nextafter(bound.truncated_upper + bias_upper, math.inf),
        covers=f"{bound.covers}, plus {bias_upper:g} for the {bound.target}",
    )


def _times_and_terms(
    run: LaggedRun, times: Sequence[int] | IntegerArray, truncation: int | None
) -> tuple[IntegerArray, IntegerArray]:
    """Times (k,) and the number T of terms of each that a run of max_steps shows, at most `truncation`."""
    moments = np.atleast_1d(np.asarray(times, dtype=np.int64))
    if moments.ndim != 1 or moments.size == 0 or moments.min() < 0 or moments.max() > run.max_steps - run.lag:
        raise InputError(f"`times` must be integers in [0, max_steps - lag] = [0, {run.max_steps - run.lag}]")
    if truncation is not None and truncation < 1:
        raise InputError(f"`truncation` must be at least 1; got {truncation}")
    terms = (run.max_steps - moments) // run.lag
    return moments, terms if truncation is None else np.minimum(terms, truncation)


def _bound(
    distance: str,
    run: LaggedRun,
    moments: IntegerArray,
    terms: IntegerArray,
    values: FloatArray,
    truncated: FloatArray,
    ceiling: FloatArray,
    interval: Interval,
    error_probability: float,
) -> CouplingBound:
    if run.replicates < 2:
        raise InputError(f"an interval needs at least 2 replicates; got {run.replicates}")
    estimate, errors = values.mean(axis=0), column_errors(values)
    if interval is Interval.FINITE_SAMPLE:
        lower, upper = bounded_mean_interval(np.minimum(truncated, ceiling), ceiling, error_probability)
        truncated_upper = upper
        covers = "the mean of the first terms, up to `remainder_times`, for every number of replicates"
        if distance == WASSERSTEIN:
            covers += f", each sum cut at {float(ceiling[0]):g}"
    else:
        lower, upper = asymptotic_interval(estimate, errors, error_probability)
        truncated_upper = asymptotic_interval(truncated.mean(axis=0), column_errors(truncated), error_probability)[1]
        covers = "the mean of all terms, as the number of replicates grows; no upper end where all replicates agree"
        # A sample without spread says nothing to the central limit theorem: its interval would be one point.
        upper, truncated_upper = (np.where(errors > 0.0, end, math.inf) for end in (upper, truncated_upper))
    censored = int(np.count_nonzero(run.censored))
    if censored:
        # Of a pair that has not met nothing bounds the sum: its mean over replicates is not known, nor its error.
        estimate, errors, upper = (np.full(moments.size, math.inf) for _ in range(3))
        covers += f"; no upper end: {censored} of {run.replicates} pairs had not met by step {run.max_steps}"
        if interval is Interval.ASYMPTOTIC:
            lower = np.zeros(moments.size)
    return CouplingBound(
        distance,
        run.target,
        moments,
        estimate,
        errors,
        np.maximum(lower, 0.0),
        upper,
        truncated_upper,
        moments + terms * run.lag,
        error_probability,
        covers,
        run.replicates,
        censored,
    )
