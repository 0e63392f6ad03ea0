"""Where the sharp bounds sit, shared by their checks: centres c, their certified numbers, draws in coordinates y."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, precision, upper
from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import Generator
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.measure.whitened import WhitenedPosterior
from certify.posteriors.posterior import Posterior
from certify.proof.checks.locations import preimages
from certify.proof.instance import Instance
from certify.sharp.centre import Centre, find_centre

DRAWS = 20_000


def centre_bounds(
    generator: Generator, brackets: ConstantBrackets, observation: FloatArray, beta: float | None = None
) -> dict[str, float]:
    """Certified g, |r_c|, om, e, p, b at the computed centre of one observation; nothing before beta is known."""
    if beta is None:
        return {}
    centre = find_centre(Posterior(generator, observation, beta))
    return _numbers(centre, brackets, beta)


def _numbers(centre: Centre, brackets: ConstantBrackets, beta: float) -> dict[str, float]:
    """Upper ends: sigma_min(J(c)) stands for m in e and p, ||J(c)|| for M in b, where they are better."""
    with precision():
        noise, second = ball(beta), ball(brackets.M2.upper or 0.0)
        near = ball(max(centre.sigma_min_lower, brackets.m.lower or 0.0))
        largest = ball(min(centre.jacobian_upper, brackets.M.upper or centre.jacobian_upper))
        scale = near**2 + noise**2
        return {
            "g": centre.gradient_upper,
            "r_c": centre.residual_upper,
            "om": centre.defect_upper,
            "e": upper(second * noise / scale),
            "p": upper(second * ball(centre.residual_upper) / scale),
            "b": upper((largest / noise) ** 2),
        }


def centres(instance: Instance) -> list[Centre]:
    """The computed centres of the instance's observations."""
    return instance.once(
        "sharp-centres",
        lambda: [find_centre(instance.posterior(index)) for index in range(instance.observations.shape[0])],
    )


def whitened(instance: Instance, index: int = 0) -> WhitenedPosterior:
    """The posterior of one observation in the coordinates of its centre."""
    centre = centres(instance)[index]
    return instance.once(
        f"whitened-{index}", lambda: WhitenedPosterior(instance.posterior(index), centre.point, centre.factor)
    )


def own_numbers(instance: Instance, index: int = 0) -> Mapping[str, Real]:
    """The numbers of one observation in place of the instance's: the tightest case of claims that hold for larger ones.

    phi = (1+a)/(1+b) follows b, so it is given beside it.
    """

    def compute() -> dict[str, Real]:
        numbers: dict[str, Real] = dict(_numbers(centres(instance)[index], instance.brackets, instance.beta))
        with precision():
            numbers["phi"] = (1 + instance.values["a"]) / (1 + ball(numbers["b"]))
        return numbers

    return instance.once(f"sharp-numbers-{index}", compute)


def draws(instance: Instance) -> ReferenceDraws:
    """Draws of the first observation's posterior, made once; exact where they can be."""

    def compute() -> ReferenceDraws:
        square = instance.generator.latent_dim == instance.generator.observed_dim
        around = preimages(instance)[0].point if square else centres(instance)[0].point
        envelope = instance.brackets.m.lower if square else None
        return reference_draws(
            instance.posterior(), around, instance.count(DRAWS, least=4_000), instance.seed, envelope
        )

    return instance.once("sharp-draws", compute)


def draw_radii(instance: Instance) -> FloatArray:
    """|y| of the draws."""
    return np.asarray(np.linalg.norm(whitened(instance).coordinates(draws(instance).points), axis=1))


def potential_ball(posterior: Posterior, point: FloatArray) -> arb:
    """Enclosure of f at a float point (d,)."""
    return posterior.line_potential_ball(point, np.zeros_like(point), 0)[0]
