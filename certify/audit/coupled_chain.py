"""Upper end of TV(law U_K, pi_x) for a Langevin chain U, from pairs (U, Y) with Y at its stationary law pi_x.

Y is a MALA chain of the same step, started at an exact draw of pi_x: every Y_k has law pi_x, so P(U_K != Y_K) bounds
the distance whatever the coupling. Both propose from the maximal coupling of their Gaussians with reflected
residuals; U always moves, Y may refuse. What is left apart after K layers is the start not forgotten, and refusals
not yet healed: the discretisation. The pairs are coupled for the last J layers only, U alone runs before: J is free.

Source: Jacob, O'Leary and Atchade, J. R. Stat. Soc. B 82 (2020), section 4 (the coupling of proposals).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.generators.graph import FloatArray
from certify.posteriors.estimates import frequency_interval
from certify.posteriors.posterior import Posterior
from certify.progress import Progress, SilentProgress
from certify.sampling.couplings import MetropolisLangevin, PosteriorDensity, couple
from certify.sampling.couplings.log_density import Evaluate
from certify.sampling.couplings.stepping import merge
from certify.sampling.couplings.streams import ReplicateStreams
from certify.sampling.couplings.transitions import State
from certify.sampling.langevin import run_langevin
from certify.sampling.target import as_target

RELAXATIONS = 6.0
"""Coupled layers, in relaxation times 1/(eta lambda_min) of the curvature at the chain's start."""
EVALUATIONS = 15_000_000
PAIRS = (400, 4000)


@dataclass(frozen=True)
class CoupledEnd:
    """P(U_K != Y_K) <= `upper` with probability >= 1 - `error_probability`; `estimate` is the frequency."""

    estimate: float
    upper: float
    error_probability: float
    pairs: int
    coupled_layers: int


def stationary_coupling(
    posterior: Posterior,
    centre: FloatArray,
    step_size: float,
    layers: int,
    stationary: FloatArray,
    seed: int,
    error_probability: float,
    progress: Progress | None = None,
) -> CoupledEnd:
    """Couple U_0 = `centre` (d,), U <- U - eta grad f(U) + sqrt(2 eta) xi, with MALA from `stationary` (count, d).

    Args:
        posterior: pi_x.
        centre: the chain's start.
        step_size: eta > 0.
        layers: K >= 1.
        stationary: independent draws of pi_x; as many pairs are run as fit the budget, at most `count`.
        seed: of every random number used.
        error_probability: of the upper end.
        progress: told how far the coupled layers have come.
    """
    slowest = max(1.0, float(np.linalg.eigvalsh(posterior.hessian(centre))[0]))
    coupled = min(layers, math.ceil(RELAXATIONS / (step_size * slowest)))
    pairs = min(stationary.shape[0], int(np.clip(EVALUATIONS // coupled, *PAIRS)))
    first = np.tile(centre, (pairs, 1))
    if layers > coupled:
        first = np.asarray(
            run_langevin(posterior, centre, step_size, layers - coupled, seed=seed + 1, chains=pairs).positions
        )
    bars = progress or SilentProgress()
    bars.start("coupled layers", float(coupled))
    with PosteriorDensity(as_target(posterior)).opened() as evaluate:
        apart = _run(evaluate, MetropolisLangevin(step_size), first, stationary[:pairs], coupled, seed, bars)
    bars.finish()
    # One-sided: the whole error on the upper end.
    interval = frequency_interval(apart, pairs, min(1.0, 2 * error_probability))
    return CoupledEnd(interval.estimate, interval.upper, error_probability, pairs, coupled)


def _run(
    evaluate: Evaluate,
    metropolis: MetropolisLangevin,
    starts: FloatArray,
    stationary: FloatArray,
    layers: int,
    seed: int,
    progress: Progress,
) -> int:
    """Number of pairs that differ after `layers` joint steps."""
    everyone, (pairs, dimension) = np.arange(starts.shape[0]), starts.shape
    streams = ReplicateStreams(seed, pairs)
    first, second = (State(points, *evaluate(points)) for points in (starts, stationary))
    for _ in range(layers):
        normals, uniforms = streams.draw(everyone, dimension, 2)
        points = couple(metropolis.means(first), metropolis.means(second), metropolis.spread, normals, uniforms[:, :1])
        moved = State(points.first, *evaluate(points.first))
        proposed = State(points.second, moved.log_densities.copy(), moved.gradients.copy())
        apart = np.flatnonzero(~points.met)
        if apart.size:
            # Equal proposals were evaluated once; the batch that is left is its own.
            densities, gradients = evaluate(np.ascontiguousarray(points.second[apart]))
            proposed.log_densities[apart], proposed.gradients[apart] = densities, gradients
        taken = np.log(uniforms[:, 1]) <= metropolis.log_acceptance(second, proposed)
        first, second = moved, merge(taken, proposed, second)
        progress.advance()
    return int(np.count_nonzero(np.any(first.positions != second.positions, axis=1)))
