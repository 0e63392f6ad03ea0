"""TV(law of the chain's last state, pi_x): what the theorem's conclusion S8 is held against.

Closed form for an affine generator in any d, the transition operator for d <= 2, otherwise a held-out lower
bound between simulated end points and reference draws.
"""

from __future__ import annotations

import math

import numpy as np

from certify.generators.graph import FloatArray
from certify.measure.burn_in import gaussian_distance
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate
from certify.posteriors.gaussian import is_affine, langevin_law, posterior_law
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import Projection, chain_total_variation
from certify.progress import Progress
from certify.sampling.langevin import Langevin, ProjectedLangevin
from certify.sampling.options import RunOptions
from certify.sampling.runs import run

TRANSITION_DIMENSION = 2
GRADIENT_BUDGET = 30_000_000
CHAINS = (128, 4096)
DRAWS = 8192


def chain_distance(
    posterior: Posterior,
    preimage: FloatArray,
    start: FloatArray,
    step_size: float,
    steps: int,
    region: Projection | None = None,
    reference: ReferenceDraws | None = None,
    seed: int = 0,
    gradient_budget: int = GRADIENT_BUDGET,
    error_probability: float = ERROR_PROBABILITY,
    progress: Progress | None = None,
) -> DistanceEstimate:
    """Measure TV(law of the chain from `start` (d,) after `steps` steps, pi_x).

    Args:
        posterior: the posterior pi_x.
        preimage: zh = G^{-1}(x), shape (d,).
        start: the chain's start c, shape (d,).
        step_size: eta > 0.
        steps: K >= 1.
        region: the ball D of the projected chain; None for the plain chain.
        reference: draws from pi_x made beforehand, for the simulated case; None draws them here.
        seed: seed of every random number used.
        gradient_budget: gradient evaluations the simulated case may spend; at least 128 chains are run.
        error_probability: of the interval (the transition operator's half width is a refinement error).
        progress: told how far the simulated chains have come.

    Returns:
        An interval around the distance; in the simulated case a lower bound with the trivial upper end 1.

    Raises:
        MassElsewhereError: if d <= 2 and the posterior has a second basin.
    """
    unprojected = region is None or math.isinf(region.radius)
    if is_affine(posterior) and unprojected:
        law = langevin_law(posterior, start, step_size, steps)
        return gaussian_distance(law, posterior_law(posterior), seed, error_probability)
    if posterior.latent_dim <= TRANSITION_DIMENSION:
        truth = build_quadrature(posterior, preimage)
        return chain_total_variation(truth, start, step_size, (steps,), None if unprojected else region)[0]
    chains = int(np.clip(gradient_budget // max(1, steps), *CHAINS))
    kernel = Langevin() if region is None else ProjectedLangevin((region.centre, region.radius))
    ends = run(kernel, posterior, start, step_size, steps, RunOptions(seed, chains, progress=progress)).positions
    drawn = reference or reference_draws(posterior, preimage, DRAWS, seed + 1)
    return total_variation_lower(ends, drawn.points, error_probability, f", {drawn.method}", drawn.assumption)
