"""The Gaussian at one observation's computed point, and how far the posterior is from it: G1* by its own profile."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.arithmetic.balls import precision, upper
from certify.codec import Exact
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.posterior import Posterior
from certify.profiles.certificate import residual_curvature
from certify.profiles.hessian_profile import profile_of, proved_balls
from certify.profiles.records import (
    METHOD,
    GlobalConstants,
    LayerProof,
    ObservationProof,
    claimed_centre,
    exact,
    identity,
    sharp_problem,
)
from certify.sharp.centre import Centre, find_centre
from certify.sharp.certificates import gaussian_layer

EPSILON = Fraction(1, 2)
"""In the record: nothing is asked to be below it."""


@dataclass(frozen=True, eq=False)
class NearbyGaussian:
    """N(c, B B^T) with c, B the floats of `centre` taken as exact, and the record that proves how near it is."""

    centre: Centre
    proof: ObservationProof

    @property
    def distance(self) -> float:
        """TV(pi_x, N(c, B B^T)); 1 where nothing better is certified. Upper bound, rounded outward."""
        return distance_of(self.proof)


def distance_of(proof: ObservationProof) -> float:
    """The distance that a record claims of its Gaussian; 1 where it claims none. Exact: as claimed."""
    return 1.0 if proof.layer is None else min(1.0, proof.layer.tv_bound)


def nearby_gaussian(
    generator: Generator, constants: GlobalConstants, observation: FloatArray, beta: float
) -> NearbyGaussian:
    """The Gaussian of the posterior at `observation` (n,), with its certified distance. Verified."""
    posterior = Posterior(generator, observation, beta)
    found = find_centre(posterior)
    centre = claimed_centre(found)
    bend = residual_curvature(posterior, centre.centre(), constants)
    balls = proved_balls(posterior, found.point, found.factor)
    problem = sharp_problem(centre, bend.value, profile_of(balls), constants, beta)
    layer = gaussian_layer(problem) if problem.far.finite else None
    claimed = None
    if layer is not None:
        with precision():
            claimed = LayerProof(layer.choice.radius, layer.choice.outer, upper(layer.bound.total))
    proof = ObservationProof(
        METHOD,
        identity(generator),
        exact(observation),
        Exact(float(beta)),
        EPSILON,
        constants,
        centre,
        bend,
        balls,
        claimed,
    )
    return NearbyGaussian(found, proof)
