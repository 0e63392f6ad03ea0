"""TV between the chain from c and the chain from pi_D at step K: what S7f is held against.

Measured at steps K where it is not negligible, since at the theorem's own K both it and its bound are tiny.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.generators.graph import FloatArray
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate
from certify.posteriors.gaussian import GaussianLaw, is_affine, langevin_law, posterior_law
from certify.posteriors.gaussian_distance import total_variation_interval, total_variation_line
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import Projection, burn_in_total_variation
from certify.sampling.langevin import ProjectedLangevin
from certify.sampling.options import RunOptions
from certify.sampling.runs import run

TRANSITION_DIMENSION = 2
RELAXATION_TIMES = (0.3, 0.7, 1.5, 3.0)


@dataclass(frozen=True)
class BurnInDistance:
    """TV(law of X_K from c, law of X_K from pi_D) at K = `steps`."""

    steps: int
    distance: DistanceEstimate


def burn_in_distances(
    posterior: Posterior,
    preimage: FloatArray,
    start: FloatArray,
    region: Projection,
    step_size: float,
    steps: Sequence[int],
    reference: ReferenceDraws | None = None,
    seed: int = 0,
    chains: int = 2048,
    error_probability: float = ERROR_PROBABILITY,
) -> tuple[BurnInDistance, ...]:
    """Measure the burn-in distance of the projected chain from `start` = c (d,) at each number of `steps`.

    Affine generator and D = R^d: two Gaussian laws in any d (closed form on the line, exact densities and an
    interval otherwise). d <= 2: transition operator. Otherwise: a held-out lower bound from simulated chains
    (`upper` is then the trivial 1), at most `chains` of them from the draws of pi_x in D (`reference`; None
    draws them here).
    """
    if is_affine(posterior) and math.isinf(region.radius):
        target = posterior_law(posterior)
        distances = [
            gaussian_distance(
                langevin_law(posterior, start, step_size, count),
                langevin_law(posterior, target, step_size, count),
                seed,
                error_probability,
            )
            for count in steps
        ]
    elif posterior.latent_dim <= TRANSITION_DIMENSION:
        truth = build_quadrature(posterior, preimage)
        distances = list(burn_in_total_variation(truth, start, step_size, steps, region))
    else:
        drawn = reference or reference_draws(posterior, preimage, chains, seed)
        stationary = drawn.inside(region)[:chains]
        distances = []
        for index, count in enumerate(steps):
            ends = [
                run(
                    ProjectedLangevin((region.centre, region.radius)),
                    posterior,
                    begin,
                    step_size,
                    count,
                    RunOptions(seed + 2 * index + offset, stationary.shape[0]),
                ).positions
                for offset, begin in enumerate((start, stationary))
            ]
            note = f", starts: {drawn.method}"
            distances.append(total_variation_lower(ends[0], ends[1], error_probability, note, drawn.assumption))
    return tuple(BurnInDistance(int(count), distance) for count, distance in zip(steps, distances, strict=True))


def informative_steps(posterior: Posterior, preimage: FloatArray, step_size: float) -> tuple[int, ...]:
    """Numbers of steps K with K eta lambda_min(Hess f(z*)) about 0.3, 0.7, 1.5 and 3: the distance is visible."""
    mode = find_mode(posterior, preimage)
    rate = step_size * float(np.linalg.eigvalsh(posterior.hessian(mode))[0])
    return tuple(sorted({max(1, math.ceil(time / rate)) for time in RELAXATION_TIMES}))


def gaussian_distance(
    first: GaussianLaw, second: GaussianLaw, seed: int, error_probability: float = ERROR_PROBABILITY
) -> DistanceEstimate:
    """TV of two Gaussian laws: closed form on the line, exact densities with an interval otherwise."""
    if first.mean.size == 1:
        distance = total_variation_line(first, second)
        return DistanceEstimate(distance, max(0.0, distance - 1e-11), distance + 1e-11, "normal distribution function")
    return total_variation_interval(first, second, seed=seed, error_probability=error_probability)
