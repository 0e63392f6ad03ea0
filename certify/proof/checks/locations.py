"""Where the posterior sits, shared by the checks: preimages zh, certified bounds on |zh|, draws."""

from __future__ import annotations

from flint import arb

from certify.arithmetic.balls import Real, ball, precision
from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import FloatArray, Generator
from certify.measure.inverse import PreimageEnclosure, enclose_preimage, preimage
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.measure.tail import QUADRATURE_DIMENSION
from certify.posteriors.gaussian import is_affine
from certify.proof.instance import Instance


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
