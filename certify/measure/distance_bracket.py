"""The total variation distance of a MALA chain to the posterior, bracketed from both sides in any dimension.

Upper end: L-lag coupling of MALA, whose invariant law is the posterior itself (ULA's is not, so a coupling of ULA says
nothing about pi_x). Lower end: a held-out event that tells the law of X_t from reference draws. The draws are exact
where they can be had; otherwise they are states X_s of the chain itself, s far beyond the lag, and
TV(X_t, pi) >= TV(X_t, X_s) - TV(X_s, pi) takes the coupling's bound at s off the lower end.

Source: Biswas, Jacob and Vanetti, NeurIPS 2019 (upper end); Clopper and Pearson, Biometrika 26 (1934) (lower end).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.posteriors.gaussian import is_affine, posterior_law
from certify.posteriors.posterior import Posterior
from certify.progress import Progress, SilentProgress
from certify.sampling.couplings import (
    CouplingBound,
    Experiment,
    LaggedRun,
    MetropolisLangevin,
    Transition,
    distance_to_posterior,
    run_lagged_pairs,
    total_variation_bound,
)
from certify.sampling.mala import Mala
from certify.sampling.options import RunOptions
from certify.sampling.runs import run

PILOT_REPLICATES = 64
LAG_FACTOR, HORIZON_FACTOR = 2, 4
LONGEST_PILOT = 100_000
TERMS = 2


@dataclass(frozen=True)
class DistanceBracket:
    """`lower` <= TV(law of X_t, pi_x) <= `upper` at t = `steps`.

    P(TV < lower) <= `lower_error` and P(expected coupling bound > upper) <= `upper_error`; the upper end covers the
    first terms of the coupling's sum, up to step `remainder_steps`, and nothing later. Statistical.
    """

    steps: int
    lower: float
    upper: float
    lower_error: float
    upper_error: float
    estimate_upper: float
    remainder_steps: int
    lower_method: str
    upper_method: str

    @property
    def error_probability(self) -> float:
        """Probability that one of the two ends fails, at most."""
        return min(1.0, self.lower_error + self.upper_error)

    def contains(self, distance: float) -> bool:
        """Whether `distance` lies between the two ends."""
        return self.lower <= distance <= self.upper


def mala_distance_brackets(
    posterior: Posterior,
    start: FloatArray,
    step_size: float,
    steps: Sequence[int],
    *,
    replicates: int = 2000,
    draws: int = 8192,
    seed: int = 0,
    error_probability: float = ERROR_PROBABILITY,
    progress: Progress | None = None,
) -> tuple[DistanceBracket, ...]:
    """Bracket TV(law of X_t from `start` (d,), pi_x) of MALA with step `step_size` at each t in `steps`.

    Args:
        posterior: the posterior pi_x.
        start: the chain's start, shape (d,).
        step_size: h > 0.
        steps: step counts t >= 1.
        replicates: coupled pairs; a pilot of 64 others chooses the lag and the horizon.
        draws: chains and reference draws of the lower end, at least 30.
        seed: of every random number used.
        error_probability: of each end at each t.
        progress: told how far the pairs have come.

    Raises:
        InputError: if `steps` is empty or has an entry below 1, or no pilot pair meets within 100,000 steps.
    """
    if not steps or min(steps) < 1:
        raise InputError(f"`steps` must be integers >= 1; got {list(steps)}")
    transition = MetropolisLangevin(step_size)
    lag = LAG_FACTOR * pilot_lag(posterior, transition, start, seed + 1)
    horizon = max(steps) + HORIZON_FACTOR * lag
    experiment = Experiment(start, lag, replicates, horizon + (TERMS + 1) * lag, seed + 2)
    pairs = run_lagged_pairs(posterior, transition, experiment, progress=progress or SilentProgress())
    # The lower end of a chain's own reference draws spends half of its error on the coupling's bound at `horizon`.
    exact = is_affine(posterior)
    times = [*steps, horizon]
    bound = _bound(pairs, times, error_probability)
    reference_bias, lower_error = 0.0, error_probability
    if not exact:
        late = _bound(pairs, [horizon], error_probability / 2)
        reference_bias, lower_error = float(late.upper[0]), error_probability / 2
    reference = _reference(posterior, start, step_size, horizon, draws, seed + 3)
    brackets = []
    for index, count in enumerate(steps):
        states = run(Mala(), posterior, start, step_size, count, RunOptions(seed + 4 + index, draws)).positions
        event = total_variation_lower(states, reference, lower_error)
        brackets.append(
            DistanceBracket(
                int(count),
                max(0.0, event.lower - reference_bias),
                min(1.0, float(bound.upper[index])),
                error_probability,
                error_probability,
                float(bound.estimate[index]),
                int(bound.remainder_times[index]),
                event.method + ("" if exact else f", less {reference_bias:.3g} for reference states X_{horizon}"),
                f"{replicates} pairs of MALA with lag {lag}: {bound.covers}",
            )
        )
    return tuple(brackets)


def pilot_lag(posterior: Posterior, transition: Transition, start: FloatArray, seed: int) -> int:
    """A lag L at which all of 64 pilot pairs from `start` met within 2L: beyond it the chain has forgotten its start.

    Pairs with a small lag start side by side and meet early, which says nothing about mixing: the lag grows to the
    longest wait tau - L seen until no pair waits longer than the lag itself. Estimate.

    Raises:
        InputError: if a pilot pair has not met after 100,000 steps.
    """
    lag = 1
    while True:
        pilot = run_lagged_pairs(posterior, transition, Experiment(start, lag, PILOT_REPLICATES, LONGEST_PILOT, seed))
        missing = int(np.sum(pilot.censored))
        longest = int(np.max(pilot.meeting_times)) - lag
        if missing or 2 * longest >= LONGEST_PILOT:
            raise InputError(
                f"{missing} of {PILOT_REPLICATES} pilot pairs had not met after {LONGEST_PILOT} steps of lag {lag}; "
                f"take another step size for {transition.name}"
            )
        if longest <= lag:
            return lag
        lag = longest


def _bound(run: LaggedRun, times: Sequence[int], error_probability: float) -> CouplingBound:
    bound = total_variation_bound(run, times, truncation=TERMS, error_probability=error_probability)
    return distance_to_posterior(bound)


def _reference(
    posterior: Posterior, start: FloatArray, step_size: float, horizon: int, draws: int, seed: int
) -> FloatArray:
    """Independent draws (draws, d): of the posterior where it is Gaussian, else of X_horizon."""
    if is_affine(posterior):
        return posterior_law(posterior).sample(draws, np.random.default_rng(seed))
    return run(Mala(), posterior, start, step_size, horizon, RunOptions(seed, draws)).positions


def suggested_step_size(posterior: Posterior, mode: FloatArray) -> float:
    """MALA's step 0.6 d^{-1/3} / lambda_max(Hess f(mode)), a choice that moves and is rarely rejected. Estimate."""
    largest = float(np.linalg.eigvalsh(posterior.hessian(mode))[-1])
    return 0.6 / (math.cbrt(posterior.latent_dim) * largest)
