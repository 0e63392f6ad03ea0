"""The Gaussian at one observation's computed point, and how far the posterior is from it: G1* by its own profile."""

from __future__ import annotations

from dataclasses import dataclass

from certify.arithmetic.balls import precision, upper
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.posterior import Posterior
from certify.profiles.certificate import residual_curvature
from certify.profiles.hessian_profile import profile_of, proved_balls
from certify.profiles.records import GlobalConstants, claimed_centre, sharp_problem
from certify.sharp.centre import Centre, find_centre
from certify.sharp.certificates import gaussian_layer


@dataclass(frozen=True, eq=False)
class NearbyGaussian:
    """N(c, B B^T) with c, B the floats of `centre` taken as exact: TV(pi_x, N(c, B B^T)) <= `distance`.

    `distance` is rounded up, and 1 where nothing better is certified.
    """

    centre: Centre
    distance: float


def nearby_gaussian(
    generator: Generator, constants: GlobalConstants, observation: FloatArray, beta: float
) -> NearbyGaussian:
    """The Gaussian of the posterior at `observation` (n,), with its certified distance. Verified."""
    posterior = Posterior(generator, observation, beta)
    found = find_centre(posterior)
    centre = claimed_centre(found)
    bend = residual_curvature(posterior, centre.centre(), constants)
    profile = profile_of(proved_balls(posterior, found.point, found.factor))
    problem = sharp_problem(centre, bend.value, profile, constants, beta)
    layer = gaussian_layer(problem) if problem.far.finite else None
    with precision():
        return NearbyGaussian(found, 1.0 if layer is None else min(1.0, upper(layer.bound.total)))
