"""Synchronously coupled Langevin chains: the same noise from two starts, to watch contraction (theory S7a)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.langevin import Langevin, LangevinRun, ProjectedLangevin
from certify.sampling.options import Recording, RunOptions
from certify.sampling.runs import run
from certify.sampling.target import Ball, PosteriorLike, Target, as_target


@dataclass(frozen=True, eq=False)
class CoupledRun:
    """Two runs with one noise; `distances` (records + 1, chains) holds |X_k - Y_k| at k = 0, r, 2r, ..."""

    first: LangevinRun
    second: LangevinRun
    distances: FloatArray


def run_coupled_langevin(
    posterior: Target | PosteriorLike,
    first_start: npt.ArrayLike,
    second_start: npt.ArrayLike,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    seed: int,
    chains: int | None = None,
    projection: Ball | None = None,
    record_every: int = 1,
    threads: int | None = None,
) -> CoupledRun:
    """Run pairs of chains with the same xi_k; theory S7a says the distance contracts by 1 - eta mu a step.

    Arguments as in `Langevin` and `RunOptions`. A stream is a function of (seed, chain), so two runs with one seed are
    synchronously coupled. Estimate.
    Raises `InputError` if `record_every` < 1 or the starts give different numbers of chains.
    """
    if record_every < 1:
        raise InputError(f"`record_every` must be at least 1; got {record_every}")
    target = as_target(posterior)
    kernel = Langevin() if projection is None else ProjectedLangevin(projection)
    options = RunOptions(seed, chains, threads, recording=Recording(every=record_every))
    first, second = (run(kernel, target, start, step_size, steps, options) for start in (first_start, second_start))
    if first.positions.shape != second.positions.shape:
        raise InputError(
            f"both starts must give as many chains; got {first.positions.shape[0]} and {second.positions.shape[0]}"
        )
    assert first.trajectory is not None and second.trajectory is not None
    return CoupledRun(first, second, np.linalg.norm(first.trajectory - second.trajectory, axis=2))
