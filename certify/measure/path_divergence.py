"""KL per step between the paths of the diffusion and of the chain: what S7e is held against.

The chain is the diffusion with its drift frozen over each step, so by Girsanov the divergence of the path
laws is (1/4) sum over steps of E int_0^eta |grad f(Y_s) - grad f(Y_0)|^2 ds, and the diffusion started from
pi_D keeps its law: every step contributes the same.
"""

from __future__ import annotations

import math

import numpy as np

from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.measure.moments import draws_inside
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, assumed, nonnegative_mean_interval
from certify.posteriors.gaussian import is_affine
from certify.posteriors.posterior import Posterior
from certify.posteriors.transition import Projection
from certify.sampling.target import Target, potential_and_gradient

SUBSTEPS = 32
DISCRETISED = "Langevin steps stand for the diffusion (their bias is not bounded)"
"""What every path of a diffusion that is simulated rests on."""


def path_divergence(
    posterior: Posterior,
    preimage: FloatArray,
    region: Projection,
    step_size: float,
    steps: int,
    reference: ReferenceDraws | None = None,
    seed: int = 0,
    paths: int = 10_000,
    error_probability: float = ERROR_PROBABILITY,
) -> IntervalEstimate:
    """Measure KL over `steps` steps of size `step_size` by simulating diffusion paths of one step.

    At most `paths` paths start from the draws of pi_x in D (`reference`; None draws them here).

    Affine generator and D = R^d: closed form (steps/2) sum_i (lambda_i eta - 1 + exp(-lambda_i eta)).
    Otherwise 32 Euler-Maruyama substeps from draws of pi_D, stopped on leaving D, and the trapezoid rule in
    time: a relative bias of order eta L/32 that nothing bounds, so the interval's lower end holds at
    `error_probability` under the estimate's `assumption`.

    Raises:
        InputError: if `step_size` <= 0 or `steps` < 1.
        RegionError: if fewer than 1000 draws fall into D.
    """
    if not step_size > 0 or steps < 1:
        raise InputError(f"`step_size` must be > 0 and `steps` >= 1; got {step_size:g} and {steps}")
    if is_affine(posterior) and math.isinf(region.radius):
        rates = step_size * np.linalg.eigvalsh(posterior.hessian(preimage))
        total = 0.5 * steps * float(np.sum(rates + np.expm1(-rates)))
        return IntervalEstimate(total, total * (1 - 1e-9), total * (1 + 1e-9), 0.0, 0, "closed form")
    drawn = reference or reference_draws(posterior, preimage, paths, seed)
    starts = draws_inside(drawn, region)[:paths]
    integrals = _squared_drift_change(posterior, region, starts, step_size, seed + 1)
    interval = nonnegative_mean_interval(
        integrals / 4,
        error_probability,
        f"simulated diffusion paths, starts: {drawn.method}",
        assumed(DISCRETISED, drawn.assumption),
    )
    return IntervalEstimate(
        steps * interval.estimate,
        steps * interval.lower,
        steps * interval.upper,
        error_probability,
        interval.cases,
        interval.method,
        interval.assumption,
    )


def _squared_drift_change(
    posterior: Posterior, region: Projection, starts: FloatArray, step_size: float, seed: int
) -> FloatArray:
    """int_0^eta |grad f(Y_s) - grad f(Y_0)|^2 ds along one simulated path from every start, shape (paths,)."""
    generator = np.random.default_rng(seed)
    substep = step_size / SUBSTEPS
    points = np.array(starts)
    target = Target.from_posterior(posterior)
    initial = potential_and_gradient(target, points)[1]
    gradient = initial
    inside = np.ones(points.shape[0])
    previous = np.zeros(points.shape[0])
    total = np.zeros(points.shape[0])
    for _ in range(SUBSTEPS):
        points = points - substep * gradient + math.sqrt(2 * substep) * generator.standard_normal(points.shape)
        # Both laws are stopped on leaving D, so a path contributes nothing from there on.
        inside *= np.linalg.norm(points - region.centre, axis=1) <= region.radius
        gradient = potential_and_gradient(target, points)[1]
        current = np.sum((gradient - initial) ** 2, axis=1)
        total += inside * 0.5 * substep * (previous + current)
        previous = current
    return total
