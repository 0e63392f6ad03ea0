"""Where the posterior sits, shared by the checks: preimages zh, the centre c, and certified bounds on |zh|."""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from certify.arithmetic.balls import Real, ball, precision
from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import FloatArray, Generator
from certify.measure.descent import DescentDistances, descent_distances
from certify.measure.inverse import PreimageEnclosure, enclose_preimage, preimage
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.measure.tail import QUADRATURE_DIMENSION
from certify.posteriors.gaussian import is_affine
from certify.posteriors.transition import Projection
from certify.proof.instance import Instance

LARGEST_FINITE_RADIUS = 1e100
"""A radius beyond this stands for all of R^d (M2 = 0)."""


def preimage_bound(
    generator: Generator, brackets: ConstantBrackets, observation: FloatArray, beta: float | None = None
) -> dict[str, float]:
    """Certified rho >= |zh| for one observation (A1: |zh - c| <= |G(c) - x|/m at a computed c)."""
    approximate = preimage(generator, observation)
    return {"rho": enclose_preimage(generator, observation, approximate, brackets.m.lower or 0.0).norm_upper}


def preimages(instance: Instance) -> list[PreimageEnclosure]:
    """Enclosures of zh for the instance's observations."""

    def compute() -> list[PreimageEnclosure]:
        lower = instance.brackets.m.lower or 0.0
        return [
            enclose_preimage(instance.generator, row, preimage(instance.generator, row), lower)
            for row in instance.observations
        ]

    return instance.once("preimages", compute)


def own_rho(instance: Instance, index: int) -> dict[str, Real]:
    """Rho of one observation in place of the instance's: the tightest case of a claim that holds for rho >= |zh|."""
    return {"rho": preimages(instance)[index].norm_upper}


def distance_ball(point: FloatArray, enclosure: PreimageEnclosure, error: float = 0.0) -> arb:
    """Enclosure of |z - zh| over all z within `error` of `point`."""
    with precision():
        gaps = [ball(float(a)) - ball(float(b)) for a, b in zip(point, enclosure.point, strict=True)]
        distance = sum((gap * gap for gap in gaps), arb(0)).sqrt()
        slack = ball(enclosure.distance_upper) + ball(error)
        return (distance + arb(0, slack.upper())).nonnegative_part()


def descent(instance: Instance) -> DescentDistances:
    """The descent of S6 for every observation: K_gd steps of size 1/L_Phi from 0."""
    return instance.once(
        "descent",
        lambda: descent_distances(
            instance.generator,
            instance.observations,
            np.array([location.point for location in preimages(instance)]),
            1.0 / instance.number("L_Phi"),
            int(instance.number("K_gd")),
        ),
    )


def reference(instance: Instance) -> ReferenceDraws | None:
    """Draws from the first observation's posterior; None where d <= 2 and quadrature is the truth."""
    if instance.generator.latent_dim <= QUADRATURE_DIMENSION and not is_affine(instance.posterior()):
        return None
    return draws(instance)


def draws(instance: Instance) -> ReferenceDraws:
    """Draws from the first observation's posterior, made once; exact where they can be."""
    return instance.once(
        "draws",
        lambda: reference_draws(
            instance.posterior(),
            preimages(instance)[0].point,
            instance.count(20_000, least=4_000),
            instance.seed,
            instance.brackets.m.lower,
        ),
    )


def centre(instance: Instance) -> FloatArray:
    """C = z_{K_gd} for the first observation, the start of the Langevin chain."""
    return np.asarray(descent(instance).final[0])


def domain(instance: Instance) -> Projection:
    """D = B(c, R_D); all of R^d where every radius is admissible."""
    radius = instance.number("R_D")
    return Projection(centre(instance), math.inf if radius > LARGEST_FINITE_RADIUS else radius)
