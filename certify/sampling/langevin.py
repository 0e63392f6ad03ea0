"""Unadjusted Langevin chains, plain and projected, on the posterior of any generator (theory S7).

Plain:      U_{k+1} = T(U_k) + sqrt(2 eta_k) xi_k,          T(z) = z - eta_k grad f(z).
Projected:  X_{k+1} = T(P_D(X_k)) + sqrt(2 eta_k) xi_k,     P_D the projection onto the ball D = B(c, R_D).

The law of the chain is not the posterior: its bias is what steps S7a-S7g bound. Draws are `xi` of the
streams (seed, chain), so two runs with one seed and different starts are synchronously coupled.
Source: Pareek & Risteski, arXiv 2107.04652 (the encoder's layers); docs/theory S7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from certify.errors import InputError
from certify.progress import Progress, SilentProgress
from certify.sampling.checkpoints import Checkpoint, request_digest
from certify.sampling.errors import DivergenceError
from certify.sampling.langevin_kernel import Dynamics, advance_langevin
from certify.sampling.randomness import noise_batch, seed_streams
from certify.sampling.recording import Moments, Recorder, recorded_moments, recorded_state, start_recorder
from certify.sampling.target import (
    Ball,
    PosteriorLike,
    Target,
    as_target,
    block_lanes,
    check_ball,
    start_positions,
    step_sizes,
    steps_per_call,
)
from certify.sampling.workers import workers

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LangevinRun:
    """Where the chains ended and what was kept on the way.

    `positions` (chains, d) is X_K, not projected. `exits` (chains,) holds the first k in 0..K with
    |X_k - c| > R_D, -1 if none (always -1 without a ball). `trajectory` (records + 1, chains, d) holds
    X_0, X_r, X_2r, ... for r = record_every, or is None.
    """

    positions: FloatArray
    exits: npt.NDArray[np.int64]
    steps: int
    seed: int
    moments: Moments | None
    trajectory: FloatArray | None

    @property
    def gradient_evaluations(self) -> int:
        """Steps times chains."""
        return self.steps * int(self.positions.shape[0])


def run_langevin(
    posterior: Target | PosteriorLike,
    start: npt.ArrayLike,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    seed: int,
    chains: int | None = None,
    projection: Ball | None = None,
    watch: Ball | None = None,
    record_every: int = 0,
    moments_every: int = 0,
    burn_in: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    noise_scale: float = 1.0,
    damping: float = 0.0,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
) -> LangevinRun:
    """Run `chains` Langevin chains for `steps` steps of `step_size` (a number, or one per step).

    `start` has shape (d,) or (chains, d). `projection` = (c, R_D) projects before every step; `watch` only
    notes exits from its ball. The chain's invariant law is biased: nothing here bounds the bias. Estimate.
    Results are the same bits for any number of `threads` and any division into calls.
    The noise is noise_scale sqrt(2 eta - damping eta^2) xi: `noise_scale` 1 is Langevin, 0 gradient descent on f;
    `damping` 1 is the exponential integrator of `certify.sampling.preconditioned`.
    With `checkpoint` the state is written there every `checkpoint_seconds` and at the end, and a run that finds
    the file of the same request goes on from it, to the same bits on the same machine.

    Raises `InputError` for a wrong shape, steps < 0, step sizes that are not positive and finite, a damping that is
    not in [0, 2/eta], a checkpoint of another run, and `DivergenceError` at the first state that is not finite.
    """
    target = as_target(posterior)
    positions = start_positions(target, start, chains)
    count, dim = positions.shape
    if projection is not None and watch is not None:
        raise InputError("expected `projection` or `watch`, got both")
    centre, radius = check_ball(projection or watch, dim)
    sizes = step_sizes(step_size, steps)
    _check_damping(damping, sizes)
    dynamics = Dynamics(float(noise_scale), float(damping), centre, radius, projection is not None)
    recorder = start_recorder(positions, steps, record_every, moments_every, burn_in, block_lanes(count))
    exits = np.full(count, -1, dtype=np.int64)
    digest = (
        request_digest("Langevin", target, dynamics, positions, sizes, seed, record_every, moments_every, burn_in)
        if checkpoint is not None
        else ""
    )
    file = Checkpoint.open(checkpoint, checkpoint_seconds, digest)
    _run(target, dynamics, recorder, positions, sizes, seed, exits, file, threads, progress or SilentProgress())
    if dynamics.radius < math.inf:
        outside = np.linalg.norm(positions - dynamics.centre, axis=1) > dynamics.radius
        exits[(exits < 0) & outside] = steps
    trajectory = recorder.trajectory if record_every > 0 else None
    return LangevinRun(positions, exits, steps, seed, recorded_moments(recorder, steps, count), trajectory)


def _check_damping(damping: float, sizes: FloatArray) -> None:
    largest = float(sizes.max(initial=0.0))
    if not (damping >= 0.0 and damping * largest <= 2.0):
        raise InputError(f"`damping` must be in [0, 2/`step_size`], `step_size` up to {largest:.6g}; got {damping:g}")


def _run(
    target: Target,
    dynamics: Dynamics,
    recorder: Recorder,
    positions: FloatArray,
    sizes: FloatArray,
    seed: int,
    exits: npt.NDArray[np.int64],
    file: Checkpoint,
    threads: int | None,
    progress: Progress,
) -> None:
    chains, dim = positions.shape
    lanes = block_lanes(chains)
    streams = seed_streams(seed, chains)
    blocks = -(-chains // lanes)
    failures = np.full((blocks, 2), -1, dtype=np.int64)
    call = steps_per_call(target, chains, noise_batch(dim))
    state = {"positions": positions, "streams": streams, "exits": exits, **recorded_state(recorder)}
    done = file.restore(state, sizes.size, noise_batch(dim))
    progress.start("Langevin chains", float(sizes.size))
    if done > 0:
        progress.advance(float(done))
    with workers(threads) as team:
        for first in range(done, sizes.size, call):
            part = np.array(sizes[first : first + call])
            team.run(
                advance_langevin,
                blocks,
                *target,
                dynamics,
                recorder,
                positions,
                streams,
                part,
                first,
                exits,
                failures,
                lanes,
            )
            if np.any(failures >= 0):
                step, chain = min((int(step), int(chain)) for step, chain in failures if step >= 0)
                raise DivergenceError("Langevin", chain, step, float(sizes[step - 1]))
            file.save(state, first + part.size, last=first + part.size == sizes.size)
            progress.advance(float(part.size))
    progress.finish()
