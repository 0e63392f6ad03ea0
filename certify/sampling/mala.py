"""Metropolis-adjusted Langevin chains: draws whose invariant law is the posterior itself.

Proposal y = x - eta grad f(x) + sqrt(2 eta) xi, accepted with probability
min(1, pi(y) q(y, x) / (pi(x) q(x, y))), q(x, y) ~ exp(-|y - x + eta grad f(x)|^2/(4 eta)).
Source: Roberts and Tweedie, "Exponential convergence of Langevin distributions and their discrete
approximations", Bernoulli 2 (1996).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from certify.progress import Progress, SilentProgress
from certify.sampling.checkpoints import Checkpoint, request_digest
from certify.sampling.errors import DivergenceError
from certify.sampling.mala_kernel import advance_mala
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
class MalaRun:
    """Where the chains ended, how often they moved, and what was kept on the way.

    `positions` (chains, d); `log_densities` (chains,) is -f there, without the normalising constant;
    `acceptance` (chains,) the fraction of accepted proposals; `trajectory` (records + 1, chains, d) holds
    X_0, X_r, X_2r, ... for r = record_every, or is None.
    """

    positions: FloatArray
    log_densities: FloatArray
    acceptance: FloatArray
    steps: int
    seed: int
    moments: Moments | None
    trajectory: FloatArray | None

    @property
    def acceptance_rate(self) -> float:
        """Mean over the chains. Estimate."""
        return float(self.acceptance.mean())

    @property
    def gradient_evaluations(self) -> int:
        """Steps times chains."""
        return self.steps * int(self.positions.shape[0])


def run_mala(
    posterior: Target | PosteriorLike,
    start: npt.ArrayLike,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    seed: int,
    chains: int | None = None,
    region: Ball | None = None,
    record_every: int = 0,
    moments_every: int = 0,
    burn_in: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
) -> MalaRun:
    """Run `chains` MALA chains for `steps` steps of `step_size` (a number, or one per step).

    `start` has shape (d,) or (chains, d). With `region` = (c, R) the invariant law is the posterior
    conditioned on B(c, R): proposals outside are rejected, and every start must lie inside. The chain is only
    close to its invariant law after its mixing time, which nothing here bounds. Estimate.
    Results are the same bits for any number of `threads` and any division into calls.

    `checkpoint` as in `run_langevin`: a killed run goes on from its file to the same bits.

    Raises `InputError` for a wrong shape, steps < 0, step sizes that are not positive and finite, a start
    outside the region or a checkpoint of another run, `DivergenceError` if f is not finite at a start.
    """
    target = as_target(posterior)
    positions = start_positions(target, start, chains)
    count, dim = positions.shape
    centre, radius = check_ball(region, dim, positions)
    sizes = step_sizes(step_size, steps)
    recorder = start_recorder(positions, steps, record_every, moments_every, burn_in, block_lanes(count))
    digest = (
        request_digest("MALA", target, centre, radius, positions, sizes, seed, record_every, moments_every, burn_in)
        if checkpoint is not None
        else ""
    )
    file = Checkpoint.open(checkpoint, checkpoint_seconds, digest)
    potentials, accepted = _run(
        target, (centre, radius), recorder, positions, sizes, seed, file, threads, progress or SilentProgress()
    )
    return MalaRun(
        positions,
        -potentials,
        accepted / max(steps, 1),
        steps,
        seed,
        recorded_moments(recorder, steps, count),
        recorder.trajectory if record_every > 0 else None,
    )


def _run(
    target: Target,
    region: tuple[FloatArray, float],
    recorder: Recorder,
    positions: FloatArray,
    sizes: FloatArray,
    seed: int,
    file: Checkpoint,
    threads: int | None,
    progress: Progress,
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Advance the chains in place; returns their potentials and numbers of accepted proposals."""
    chains, dim = positions.shape
    steps, lanes = sizes.size, block_lanes(chains)
    streams = seed_streams(seed, chains)
    potentials, accepted = np.full(chains, math.nan), np.zeros(chains, dtype=np.int64)
    state = {
        "positions": positions,
        "streams": streams,
        "potentials": potentials,
        "accepted": accepted,
        **recorded_state(recorder),
    }
    call = steps_per_call(target, chains, noise_batch(dim))
    done = file.restore(state, steps, noise_batch(dim))
    progress.start("MALA chains", float(steps))
    if done > 0:
        progress.advance(float(done))
    with workers(threads) as team:
        # A run of no steps still makes one call, which evaluates f at the start.
        for first in range(done, max(steps, 1), call):
            part = np.array(sizes[first : first + call])
            team.run(
                advance_mala,
                -(-chains // lanes),
                *target,
                recorder,
                *region,
                positions,
                potentials,
                streams,
                part,
                first,
                accepted,
                lanes,
            )
            if not np.all(np.isfinite(potentials)):
                chain = int(np.argmin(np.isfinite(potentials)))
                raise DivergenceError("MALA", chain, first, float(sizes[first]) if steps > 0 else 0.0)
            file.save(state, first + part.size, last=first + part.size == steps)
            progress.advance(float(part.size))
    progress.finish()
    return potentials, accepted
