"""Preconditioned chains: Langevin, projected Langevin, MALA and the exponential integrator, with z = c + B y.

Langevin:     z <- z - eta B B^T grad f(z) + sqrt(2 eta) B xi, after P_D if there is a radius,
              P_D(z) = c + B clip_R(B^{-1}(z - c)), clip_R the radial projection onto |y| <= R.
Exponential:  z <- z' - s B B^T grad f(z') + sqrt(2 s - s^2) B xi, z' = P_D(z), s = 1 - exp(-eta): the exact
              solution over time eta of the Langevin equation of y whose drift beyond -y is frozen, so that a
              Gaussian posterior with B B^T its covariance is invariant, whatever the steps.
MALA:         the first as a proposal, accepted in proportion to the posterior.
Source: docs/theory, sharper theorems, section 3 (Theorem 1*, "Chain").
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from certify.progress import Progress
from certify.sampling.langevin import LangevinRun, run_langevin
from certify.sampling.mala import MalaRun, run_mala
from certify.sampling.preconditioning import Preconditioner, gaussian_start, precondition
from certify.sampling.recording import Moments
from certify.sampling.target import Ball, PosteriorLike, Target, step_sizes

FloatArray = npt.NDArray[np.float64]


def run_preconditioned_langevin(
    posterior: Target | PosteriorLike,
    preconditioner: Preconditioner,
    start: npt.ArrayLike,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    seed: int,
    chains: int | None = None,
    projection_radius: float | None = None,
    record_every: int = 0,
    moments_every: int = 0,
    burn_in: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
    noise_scale: float = 1.0,
) -> LangevinRun:
    """Run preconditioned Langevin chains; everything given and returned is in z, as in `run_langevin`.

    With `projection_radius` = R the chain projects onto |B^{-1}(z - c)| <= R before every step and `exits` are
    those from that ellipsoid. The invariant law is biased. Estimate. Raises as `run_langevin`.
    """
    run = run_langevin(
        precondition(posterior, preconditioner),
        preconditioner.coordinates(start),
        step_size,
        steps,
        seed=seed,
        chains=chains,
        projection=_ball(preconditioner, projection_radius),
        record_every=record_every,
        moments_every=moments_every,
        burn_in=burn_in,
        threads=threads,
        progress=progress,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        noise_scale=noise_scale,
    )
    return _langevin_in_latent(run, preconditioner)


def run_exponential_integrator(
    posterior: Target | PosteriorLike,
    preconditioner: Preconditioner,
    start: npt.ArrayLike | None,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    seed: int,
    chains: int | None = None,
    projection_radius: float | None = None,
    record_every: int = 0,
    moments_every: int = 0,
    burn_in: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
    noise_scale: float = 1.0,
) -> LangevinRun:
    """Run the exponential integrator for times eta_k = `step_size` (a number, or one per layer): s_k = 1 - exp(-eta_k).

    `start` in z, or None: independent draws of N(c, B B^T) (`gaussian_start` with `seed`), one chain unless
    `chains` says more. Everything returned is in z, `exits` as in `run_preconditioned_langevin`. Estimate.
    Raises as `run_langevin`.
    """
    target = precondition(posterior, preconditioner)
    if start is None:
        count = chains if chains is not None else target.observations.shape[0]
        start = gaussian_start(preconditioner, count, seed)
    # Checked at its own shape: a number stays a number, however many steps there are.
    step_sizes(step_size, steps)
    shrinks = -np.expm1(-np.asarray(step_size, dtype=np.float64))
    run = run_langevin(
        target,
        preconditioner.coordinates(start),
        shrinks,
        steps,
        seed=seed,
        chains=chains,
        projection=_ball(preconditioner, projection_radius),
        record_every=record_every,
        moments_every=moments_every,
        burn_in=burn_in,
        threads=threads,
        progress=progress,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        noise_scale=noise_scale,
        damping=1.0,
    )
    return _langevin_in_latent(run, preconditioner)


def run_preconditioned_mala(
    posterior: Target | PosteriorLike,
    preconditioner: Preconditioner,
    start: npt.ArrayLike,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    seed: int,
    chains: int | None = None,
    region_radius: float | None = None,
    record_every: int = 0,
    moments_every: int = 0,
    burn_in: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
) -> MalaRun:
    """Run preconditioned MALA chains; everything given and returned is in z, as in `run_mala`.

    The invariant law is the posterior, with `region_radius` = R conditioned on |B^{-1}(z - c)| <= R. Estimate.
    Raises as `run_mala`.
    """
    run = run_mala(
        precondition(posterior, preconditioner),
        preconditioner.coordinates(start),
        step_size,
        steps,
        seed=seed,
        chains=chains,
        region=_ball(preconditioner, region_radius),
        record_every=record_every,
        moments_every=moments_every,
        burn_in=burn_in,
        threads=threads,
        progress=progress,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
    )
    return replace(
        run,
        positions=preconditioner.latent(run.positions),
        moments=_moments_in_latent(run.moments, preconditioner),
        trajectory=None if run.trajectory is None else preconditioner.latent(run.trajectory),
    )


def _ball(preconditioner: Preconditioner, radius: float | None) -> Ball | None:
    return None if radius is None else (np.zeros(preconditioner.centre.size), radius)


def _langevin_in_latent(run: LangevinRun, preconditioner: Preconditioner) -> LangevinRun:
    return replace(
        run,
        positions=preconditioner.latent(run.positions),
        moments=_moments_in_latent(run.moments, preconditioner),
        trajectory=None if run.trajectory is None else preconditioner.latent(run.trajectory),
    )


def _moments_in_latent(moments: Moments | None, preconditioner: Preconditioner) -> Moments | None:
    if moments is None:
        return None
    factor = preconditioner.factor
    return Moments(preconditioner.latent(moments.mean), factor @ moments.covariance @ factor.T, moments.count)
