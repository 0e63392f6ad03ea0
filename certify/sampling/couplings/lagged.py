"""Chains coupled with a lag: X runs `lag` steps ahead of Y, and both step together until X_t = Y_{t - lag}.

X and Y are two copies of one chain from the same law of starts. The meeting time tau = inf {t >= lag : X_t = Y_{t-lag}}
is all that the bound in total variation needs, the distances |X_t - Y_{t-lag}| all that Wasserstein's does.
Source: Biswas, Jacob and Vanetti, "Estimating convergence of Markov chains with L-lag couplings", NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.progress import Progress, SilentProgress
from certify.sampling.couplings.log_density import Evaluate, LogDensity, as_log_density
from certify.sampling.couplings.maximal import BoolArray, Residual
from certify.sampling.couplings.stepping import Stepper, join, rows
from certify.sampling.couplings.streams import IndexArray, ReplicateStreams
from certify.sampling.couplings.transitions import State, Transition
from certify.sampling.target import PosteriorLike, Target

Observe: TypeAlias = Callable[[int, IndexArray, FloatArray, FloatArray | None], None]
"""Called with t, replicates (k,), X_t (k, d), and Y_{t-lag} (k, d) where the chains had not met before t."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """What is simulated: `replicates` independent lagged pairs, each for at most `max_steps` steps of X.

    X_0 and Y_0 are independent draws of N(start, start_deviation^2 I), a point if the deviation is 0.
    Replicate i draws from a stream that is a function of (seed, i) alone.
    Raises `InputError` for a number out of its range, or `max_steps` <= `lag`.
    """

    start: npt.ArrayLike
    lag: int
    replicates: int
    max_steps: int
    seed: int
    start_deviation: float = 0.0
    residual: Residual = Residual.REFLECTION

    def __post_init__(self) -> None:
        for name in ("lag", "replicates"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1; got {getattr(self, name)}")
        if self.max_steps <= self.lag:
            raise InputError(f"`max_steps` must be larger than `lag` = {self.lag}; got {self.max_steps}")
        if not 0.0 <= self.start_deviation < np.inf:
            raise InputError(f"`start_deviation` must be in [0, inf); got {self.start_deviation:g}")

    def starts(self, dim: int, streams: ReplicateStreams) -> FloatArray:
        """X_0 and Y_0 of every replicate, shape (2, replicates, d)."""
        centre = np.atleast_1d(np.asarray(self.start, dtype=np.float64))
        if centre.shape != (dim,) or not np.all(np.isfinite(centre)):
            raise InputError(f"`start` must be finite with shape ({dim},); got shape {centre.shape}")
        noise, _ = streams.draw(np.arange(self.replicates), 2 * dim, 0)
        return centre + self.start_deviation * noise.reshape(self.replicates, 2, dim).swapaxes(0, 1)


@dataclass(frozen=True, eq=False)
class LaggedRun:
    """Meeting times of independent replicates.

    `meeting_times` (replicates,): tau, or `max_steps` where `censored` (replicates,) says that the pair had not met by
    then, so that only tau > max_steps is known. `distances` (replicates, T): column i is |X_t - Y_{t-lag}| at
    t = lag + i, zero from tau on, or None. `target` is the law whose distance the meeting times bound: the chain's own
    invariant law. `evaluations` counts points at which the log density was evaluated.
    """

    meeting_times: IndexArray
    censored: BoolArray
    distances: FloatArray | None
    lag: int
    max_steps: int
    seed: int
    chain: str
    target: str
    evaluations: int

    @property
    def replicates(self) -> int:
        """Number of independent pairs."""
        return int(self.meeting_times.size)


def run_lagged_pairs(
    law: LogDensity | Target | PosteriorLike,
    transition: Transition,
    experiment: Experiment,
    *,
    keep_distances: bool = False,
    progress: Progress | None = None,
) -> LaggedRun:
    """Simulate lagged pairs of a chain until they meet, or until `max_steps`.

    `law` is a posterior, a target, or a `CallableDensity`. `keep_distances` keeps what a Wasserstein bound needs, one
    number per replicate and step. Estimate (a simulation).

    Raises `InputError` for a bad experiment, a gradient that is needed and not there, or a start without a finite
    density; `DivergenceError` if ULA leaves the finite numbers.
    """
    columns: list[FloatArray] = []

    def observe(time: int, replicates: IndexArray, first: FloatArray, second: FloatArray | None) -> None:
        if second is not None:
            column = np.zeros(experiment.replicates)
            column[replicates] = np.linalg.norm(first - second, axis=1)
            columns.append(column)

    meeting_times, evaluations = simulate(
        law, transition, experiment, observe if keep_distances else None, 0, progress or SilentProgress()
    )
    return LaggedRun(
        np.where(meeting_times < 0, experiment.max_steps, meeting_times),
        meeting_times < 0,
        np.stack(columns, axis=1) if keep_distances else None,
        experiment.lag,
        experiment.max_steps,
        experiment.seed,
        transition.name,
        transition.target,
        evaluations,
    )


def simulate(
    law: LogDensity | Target | PosteriorLike,
    transition: Transition,
    experiment: Experiment,
    observe: Observe | None,
    horizon: int,
    progress: Progress,
) -> tuple[IndexArray, int]:
    """Run all pairs until they met and X reached `horizon`; meeting times (-1: not by max_steps) and evaluations.

    `observe` sees every X_t for t <= horizon and, until the pair meets, every (X_t, Y_{t-lag}), each replicate once
    per t and kind. Raises as `run_lagged_pairs` does.
    """
    density = as_log_density(law)
    if transition.uses_gradient and not density.has_gradient:
        raise InputError(f"{transition.name} needs `gradient`; give it, or run a random walk")
    transition.spread.check_dim(density.dim)
    with density.opened() as evaluate:
        counted = _Counted(evaluate)
        streams = ReplicateStreams(experiment.seed, experiment.replicates)
        stepper = Stepper(transition, counted, streams, experiment.residual)
        pairs = _start(stepper, experiment, density.dim, observe)
        progress.start(f"lagged pairs of {transition.name}", float(experiment.replicates))
        meeting_times = _run(stepper, experiment, pairs, observe, horizon, progress)
        progress.finish()
    return meeting_times, counted.points


class _Counted:
    """An evaluation that counts its points."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self.points = 0

    def __call__(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        self.points += points.shape[0]
        return self._evaluate(points)


def _start(stepper: Stepper, experiment: Experiment, dim: int, observe: Observe | None) -> tuple[State, State]:
    """X_lag and Y_0 of every replicate."""
    everyone = np.arange(experiment.replicates)
    starts = experiment.starts(dim, stepper.streams)
    first, second = (stepper.state(positions) for positions in starts)
    for state in (first, second):
        if not (np.all(np.isfinite(state.log_densities)) and np.all(np.isfinite(state.gradients))):
            raise InputError("log density and gradient must be finite at every start; move `start` into the support")
    for time in range(experiment.lag):
        if observe is not None:
            observe(time, everyone, first.positions, None)
        first = stepper.advance(first, everyone, time + 1)
    return first, second


def _run(
    stepper: Stepper,
    experiment: Experiment,
    pairs: tuple[State, State],
    observe: Observe | None,
    horizon: int,
    progress: Progress,
) -> IndexArray:
    first, second = pairs
    meeting_times = np.full(experiment.replicates, -1, dtype=np.int64)
    apart = np.arange(experiment.replicates)
    met = np.empty(0, dtype=np.int64)
    single = rows(first, np.zeros(experiment.replicates, dtype=np.bool_))
    # A chain that rejected all of its first `lag` proposals may still stand where the other starts.
    equal = np.all(first.positions == second.positions, axis=1)
    for time in range(experiment.lag, experiment.max_steps + 1):
        if time > experiment.lag:
            if met.size > 0:
                single = stepper.advance(single, met, time)
            first, second, equal = stepper.advance_pair(first, second, apart, time)
        if observe is not None:
            observe(time, apart, first.positions, second.positions)
            if met.size > 0:
                observe(time, met, single.positions, None)
        if np.any(equal):
            meeting_times[apart[equal]] = time
            if time < horizon:
                met, single = np.concatenate((met, apart[equal])), join(single, rows(first, equal))
            apart, first, second = apart[~equal], rows(first, ~equal), rows(second, ~equal)
            progress.advance(float(np.count_nonzero(equal)))
        if time >= horizon:
            met, single = met[:0], rows(single, np.zeros(met.size, dtype=np.bool_))
            if apart.size == 0:
                break
    return meeting_times
