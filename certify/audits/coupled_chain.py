"""Upper end of TV(law of a chain's last state, pi) for a chain of layers, from pairs with a chain at its stationary
law.

    U <- P U - s_k grad F(P U) + sqrt(v_k) xi_k,   P the projection onto the ball of radius R around 0 (R may be
    infinite), Y a Metropolis chain of the same proposals without projection, started at an exact draw of pi ~
    exp(-F). Every Y_k has law pi, so P(U_K != Y_K) bounds the distance whatever the coupling. Both propose from the
    maximal coupling of their Gaussians with reflected residuals; U always moves, Y may refuse. What is left apart
    after K layers is the start not forgotten, and refusals not yet healed: the discretisation.

Source: Jacob, O'Leary and Atchade, J. R. Stat. Soc. B 82 (2020), section 4 (the coupling of proposals).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.posteriors.estimates import frequency_interval
from certify.progress import Progress
from certify.sampling.couplings import LogDensity, Spread, couple
from certify.sampling.couplings.log_density import Evaluate
from certify.sampling.couplings.stepping import merge
from certify.sampling.couplings.streams import ReplicateStreams
from certify.sampling.couplings.transitions import State


@dataclass(frozen=True, eq=False)
class LayerSteps:
    """Shifts s_k > 0 and variances v_k > 0 of the layers, both (K,), and the radius of the projection."""

    shifts: FloatArray
    variances: FloatArray
    radius: float = math.inf


@dataclass(frozen=True)
class CoupledEnd:
    """P(U_K != Y_K) <= `upper` with probability >= 1 - the error asked for; `estimate` is the frequency."""

    estimate: float
    upper: float
    pairs: int
    coupled_layers: int


def stationary_coupling(
    density: LogDensity,
    starts: FloatArray,
    stationary: FloatArray,
    steps: LayerSteps,
    seed: int,
    error_probability: float,
    progress: Progress,
) -> CoupledEnd:
    """Couple U_0 = `starts` (pairs, d) with Y_0 = `stationary` (pairs, d), independent draws of pi.

    Args:
        density: -F and its gradient.
        starts: independent draws of the law of U_0.
        stationary: independent draws of pi, independent of the starts.
        steps: the layers.
        seed: of every random number used.
        error_probability: of the upper end.
        progress: told how far the layers have come.
    """
    layers, pairs = steps.shifts.size, starts.shape[0]
    progress.start("coupled layers", float(layers))
    with density.opened() as evaluate:
        apart = _run(evaluate, starts, stationary, steps, seed, progress)
    progress.finish()
    # One-sided: the whole error on the upper end.
    interval = frequency_interval(apart, pairs, min(1.0, 2 * error_probability))
    return CoupledEnd(interval.estimate, interval.upper, pairs, layers)


def clipped(points: FloatArray, radius: float) -> FloatArray:
    """The rows projected onto the ball of this radius around 0."""
    if math.isinf(radius):
        return points
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points * (radius / np.maximum(norms, radius)))


def _run(
    evaluate: Evaluate,
    starts: FloatArray,
    stationary: FloatArray,
    steps: LayerSteps,
    seed: int,
    progress: Progress,
) -> int:
    """Number of pairs that differ after the last layer."""
    everyone, (pairs, dimension) = np.arange(starts.shape[0]), starts.shape
    streams = ReplicateStreams(seed, pairs)
    last, inner = starts, clipped(starts, steps.radius)
    first, second = State(inner, *evaluate(inner)), State(stationary, *evaluate(stationary))
    for shift, variance in zip(steps.shifts, steps.variances, strict=True):
        normals, uniforms = streams.draw(everyone, dimension, 2)
        spread = Spread(math.sqrt(variance))
        points = couple(_means(first, shift), _means(second, shift), spread, normals, uniforms[:, :1])
        last, inner = points.first, clipped(points.first, steps.radius)
        first = State(inner, *evaluate(np.ascontiguousarray(inner)))
        proposed = State(points.second, first.log_densities.copy(), first.gradients.copy())
        # Where the proposals are one point and it was not projected, it has been evaluated already.
        others = np.flatnonzero(~points.met | np.any(inner != points.second, axis=1))
        if others.size:
            densities, gradients = evaluate(np.ascontiguousarray(points.second[others]))
            proposed.log_densities[others], proposed.gradients[others] = densities, gradients
        taken = np.log(uniforms[:, 1]) <= _log_acceptance(second, proposed, shift, variance)
        second = merge(taken, proposed, second)
        progress.advance()
    return int(np.count_nonzero(np.any(last != second.positions, axis=1)))


def _means(state: State, shift: float) -> FloatArray:
    return np.asarray(state.positions + shift * state.gradients)


def _log_acceptance(state: State, proposal: State, shift: float, variance: float) -> FloatArray:
    """Sum log pi(y) - log pi(x) + log q(y, x) - log q(x, y) for q(x, .) = N(x - s grad F(x), v I)."""
    there = np.sum((proposal.positions - _means(state, shift)) ** 2, axis=1)
    back = np.sum((state.positions - _means(proposal, shift)) ** 2, axis=1)
    return np.asarray(proposal.log_densities - state.log_densities + (there - back) / (2 * variance))
