"""How often the chain started from pi_D leaves D before step K: what S7d's 3 K exp(-t^2/2) is held against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, frequency_interval
from certify.posteriors.posterior import Posterior
from certify.posteriors.transition import Projection
from certify.progress import Progress
from certify.sampling.langevin import ProjectedLangevin
from certify.sampling.options import RunOptions
from certify.sampling.runs import run

GRADIENT_BUDGET = 10_000_000
CHAINS = (64, 1024)


@dataclass(frozen=True)
class ExitFrequency:
    """Measured P(the chain leaves D before step `horizon`)."""

    frequency: IntervalEstimate
    horizon: int


def exit_frequency(
    posterior: Posterior,
    preimage: FloatArray,
    region: Projection,
    step_size: float,
    steps: int,
    reference: ReferenceDraws | None = None,
    seed: int = 0,
    gradient_budget: int = GRADIENT_BUDGET,
    error_probability: float = ERROR_PROBABILITY,
    progress: Progress | None = None,
) -> ExitFrequency:
    """Start independent chains from pi_D and count those with |X_k - c| > R_D for some k < `horizon`.

    The starts are draws of pi_x in D (`reference`; None draws them here). Chains: as many as the budget of
    gradient evaluations pays for, from 64 to 1024; if it does not pay for 64 chains of `steps` steps, the
    horizon is shortened (S7d holds for every K, so hold it against the claim at `horizon`). Up to its exit
    the projected chain is the plain one, so one run serves both. The Brownian interpolation between steps is
    not watched: the frequency is of the event at step times, a smaller one.

    Raises:
        InputError: if no draw of the reference falls into D.
    """
    if math.isinf(region.radius):
        return ExitFrequency(
            IntervalEstimate(0.0, 0.0, 0.0, 0.0, 0, "D is all of R^d: there is nothing to leave"), steps
        )
    chains = int(np.clip(gradient_budget // max(1, steps), *CHAINS))
    horizon = min(steps, max(1, gradient_budget // chains))
    drawn = reference or reference_draws(posterior, preimage, 2 * chains, seed)
    starts = drawn.inside(region)[:chains]
    if starts.shape[0] == 0:
        raise InputError("no reference draw falls into D; the region is too far from the posterior's mass")
    kernel = ProjectedLangevin((region.centre, region.radius))
    exits = run(kernel, posterior, starts, step_size, horizon, RunOptions(seed, progress=progress)).exits
    left = exits[(exits >= 0) & (exits < horizon)]
    interval = frequency_interval(
        int(left.size),
        starts.shape[0],
        error_probability,
        f"independent chains, starts: {drawn.method}",
        drawn.assumption,
    )
    return ExitFrequency(interval, horizon)
