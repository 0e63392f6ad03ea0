"""Deprecated names of runs, kept for one version: each is one call of `certify.sampling.run`, to the same bits.

    run_langevin(p, start, eta, K, seed=0, chains=9, projection=ball, record_every=10)
is now
    run(ProjectedLangevin(ball), p, start, eta, K, RunOptions(seed=0, chains=9, recording=Recording(every=10)))
"""

from __future__ import annotations

from pathlib import Path
from typing import Required, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from certify.errors import InputError
from certify.progress import Progress
from certify.sampling.langevin import ExponentialIntegrator, Langevin, LangevinRun, ProjectedLangevin
from certify.sampling.mala import Mala, MalaRun
from certify.sampling.options import Recording, RunOptions
from certify.sampling.preconditioned import Preconditioned
from certify.sampling.preconditioning import Preconditioner
from certify.sampling.runs import run
from certify.sampling.target import Ball, PosteriorLike, Target

Posterior = Target | PosteriorLike
Array = npt.ArrayLike


class Options(TypedDict, total=False):
    """The keywords that all of them take: those of `RunOptions` and, flat, of `Recording`."""

    seed: Required[int]
    chains: int | None
    record_every: int
    moments_every: int
    burn_in: int
    threads: int | None
    progress: Progress | None
    checkpoint: str | Path | None
    checkpoint_seconds: float


def run_langevin(
    posterior: Posterior, start: Array, step_size: Array, steps: int, *, projection: Ball | None = None,
    watch: Ball | None = None, noise_scale: float = 1.0, damping: float = 0.0, **options: Unpack[Options],
) -> LangevinRun:  # fmt: skip
    """Deprecated: `run` with `Langevin` (`watch` is its `ball`) or `ProjectedLangevin`."""
    if projection is not None and watch is not None:
        raise InputError("expected `projection` or `watch`, got both")
    free = Langevin(watch, noise_scale, damping)
    kernel = free if projection is None else ProjectedLangevin(projection, noise_scale, damping)
    return run(kernel, posterior, start, step_size, steps, _options(options))


def run_mala(
    posterior: Posterior, start: Array, step_size: Array, steps: int, *, region: Ball | None = None,
    **options: Unpack[Options],
) -> MalaRun:  # fmt: skip
    """Deprecated: `run` with `Mala`."""
    return run(Mala(region), posterior, start, step_size, steps, _options(options))


def run_preconditioned_langevin(
    posterior: Posterior, preconditioner: Preconditioner, start: Array, step_size: Array, steps: int, *,
    projection_radius: float | None = None, noise_scale: float = 1.0, **options: Unpack[Options],
) -> LangevinRun:  # fmt: skip
    """Deprecated: `run` with `Preconditioned` of `Langevin` or of `ProjectedLangevin` on a ball about 0."""
    ball = _ball(preconditioner, projection_radius)
    kernel = Langevin(None, noise_scale) if ball is None else ProjectedLangevin(ball, noise_scale)
    return run(Preconditioned(preconditioner, kernel), posterior, start, step_size, steps, _options(options))


def run_exponential_integrator(
    posterior: Posterior, preconditioner: Preconditioner, start: Array | None, step_size: Array, steps: int, *,
    projection_radius: float | None = None, noise_scale: float = 1.0, **options: Unpack[Options],
) -> LangevinRun:  # fmt: skip
    """Deprecated: `run` with `Preconditioned` of `ExponentialIntegrator`."""
    kernel = ExponentialIntegrator(_ball(preconditioner, projection_radius), noise_scale)
    return run(Preconditioned(preconditioner, kernel), posterior, start, step_size, steps, _options(options))


def run_preconditioned_mala(
    posterior: Posterior, preconditioner: Preconditioner, start: Array, step_size: Array, steps: int, *,
    region_radius: float | None = None, **options: Unpack[Options],
) -> MalaRun:  # fmt: skip
    """Deprecated: `run` with `Preconditioned` of `Mala`."""
    kernel = Mala(_ball(preconditioner, region_radius))
    return run(Preconditioned(preconditioner, kernel), posterior, start, step_size, steps, _options(options))


def _options(given: Options) -> RunOptions:
    recording = Recording(given.get("record_every", 0), given.get("moments_every", 0), given.get("burn_in", 0))
    return RunOptions(
        given["seed"], given.get("chains"), given.get("threads"), given.get("checkpoint"),
        given.get("checkpoint_seconds", 60.0), recording, given.get("progress"),
    )  # fmt: skip


def _ball(preconditioner: Preconditioner, radius: float | None) -> Ball | None:
    return None if radius is None else (np.zeros(preconditioner.centre.size), radius)
