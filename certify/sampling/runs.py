"""One run of any kernel: chains from their starts through all steps, in parts, with records and checkpoints.

What all kernels share stands here once: streams, blocks of chains, threads, records, checkpoints, progress.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from certify.errors import InputError
from certify.progress import SilentProgress
from certify.sampling.checkpoints import Checkpoint, request_digest
from certify.sampling.kernel import Chains, Kernel, Problem, State
from certify.sampling.kernel_names import find_kernel
from certify.sampling.options import RunOptions
from certify.sampling.randomness import noise_batch, seed_streams
from certify.sampling.recording import recorded_state, start_recorder
from certify.sampling.target import (
    PosteriorLike,
    Target,
    as_target,
    block_lanes,
    start_positions,
    step_sizes,
    steps_per_call,
)
from certify.sampling.workers import workers

Result = TypeVar("Result")


@overload
def run(
    kernel: Kernel[Result],
    target: Target | PosteriorLike,
    start: npt.ArrayLike | None,
    step_size: npt.ArrayLike,
    steps: int,
    options: RunOptions,
) -> Result: ...


@overload
def run(
    kernel: str,
    target: Target | PosteriorLike,
    start: npt.ArrayLike | None,
    step_size: npt.ArrayLike,
    steps: int,
    options: RunOptions,
) -> Any: ...


def run(
    kernel: Any,
    target: Target | PosteriorLike,
    start: npt.ArrayLike | None,
    step_size: npt.ArrayLike,
    steps: int,
    options: RunOptions,
) -> Any:
    """Run `kernel` on the posterior `target` from `start` for `steps` steps of `step_size`. Estimate.

    Args:
        kernel: a unit such as `Langevin()` or `Mala(region=(c, R))`, or the name of one that needs no arguments.
        target: a posterior, or a `Target` where one program serves many.
        start: (d,) or (chains, d); None only for a kernel that draws its own.
        step_size: positive and finite: a number, or one per step.
        steps: at least 0.
        options: seed, chains, threads, checkpoint, recording.

    Returns:
        The kernel's own record. The same bits for any number of threads, any division into calls, and a run that
        was killed and went on from its checkpoint on the same machine.

    Raises:
        UnknownNameError: for a name that no kernel has.
        InputError: for a wrong shape or domain, or a checkpoint of another run.
        DivergenceError: at the first state that is not finite.
    """
    unit: Kernel[Any] = find_kernel(kernel) if isinstance(kernel, str) else kernel
    chains = _start(unit.place(Problem(as_target(target), start, step_size, steps, options)))
    state = unit.init(chains)
    file = Checkpoint.open(options.checkpoint, options.checkpoint_seconds, _digest(unit, chains, state, options))
    _advance(unit, chains, state, file, options)
    return unit.result(chains, state)


def _start(problem: Problem) -> Chains:
    target, options = problem.target, problem.options
    if problem.start is None:
        raise InputError("`start` must have shape (d,) or (chains, d); None is for kernels that draw their own")
    positions = start_positions(target, problem.start, options.chains)
    sizes = step_sizes(problem.step_size, problem.steps)
    lanes, kept = block_lanes(positions.shape[0]), options.recording
    recorder = start_recorder(positions, problem.steps, kept.every, kept.moments_every, kept.burn_in, lanes)
    streams = seed_streams(options.seed, positions.shape[0])
    return Chains(target, positions, streams, sizes, recorder, lanes, options.seed)


def _digest(unit: Kernel[Any], chains: Chains, state: State, options: RunOptions) -> str:
    if options.checkpoint is None:
        return ""
    kept = options.recording
    recording = (kept.every, kept.moments_every, kept.burn_in)
    return request_digest(
        unit.name, chains.target, state.parameters, chains.positions, chains.sizes, chains.seed, *recording
    )


def _advance(unit: Kernel[Any], chains: Chains, state: State, file: Checkpoint, options: RunOptions) -> None:
    batch = noise_batch(chains.positions.shape[1])
    call = steps_per_call(chains.target, chains.count, batch)
    kept = {
        "positions": chains.positions,
        "streams": chains.streams,
        **state.arrays,
        **recorded_state(chains.recorder),
    }
    done = file.restore(kept, chains.steps, batch)
    progress = options.progress or SilentProgress()
    progress.start(f"{unit.name} chains", float(chains.steps))
    if done > 0:
        progress.advance(float(done))
    with workers(options.threads) as team:
        for first in range(done, max(chains.steps, 1), call):
            part = np.array(chains.sizes[first : first + call])
            unit.step(chains, state, first, part, team)
            end = first + part.size
            file.save(kept, end, last=end == chains.steps)
            progress.advance(float(part.size))
    progress.finish()
