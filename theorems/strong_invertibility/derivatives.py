"""S1: the formulae for grad f and Hess f against the Taylor jet of f, both in balls, and in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, midpoint, precision
from certify.bounds.bracket import Witness
from certify.generators.jets import directional_derivatives_ball
from certify.measure.derivatives import polynomial_identity
from certify.posteriors.posterior import line_derivatives_ball
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.verdict import Evidence


def derivative_formulae(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "gradient", "hessian" (at random points and directions) and "polynomial".

    Bound variables: zu = z.u, jr = (J u).r, uu = |u|^2, jj = |J u|^2, rh = r.D^2G[u,u], r = G(z) - x.
    """
    random = instance.random("S1")
    cases = instance.count(12, least=3)
    gradient: list[Finding] = []
    hessian: list[Finding] = []
    for index in range(cases):
        point = random.standard_normal(instance.generator.latent_dim) * 2.0 ** random.uniform(-2, 2)
        direction = random.standard_normal(instance.generator.latent_dim)
        observation = index % instance.observations.shape[0]
        with precision():
            at = _contractions(instance, observation, point, direction)
            line = line_derivatives_ball(instance.posterior(observation), point, direction)
        witness = Witness((tuple(point.tolist()),), (tuple(direction.tolist()),))
        for found, name, measured in ((gradient, "gradient", line.slope), (hessian, "hessian", line.curvature)):
            found.append(_identity(name, measured, at, witness))
    return (*gradient, *hessian, _exact_identities(instance.seed))


def _exact_identities(seed: int) -> Finding:
    cubic = polynomial_identity(dimensions=(1, 2), degree=3, maps=1, seed=seed)
    quadratic = polynomial_identity(dimensions=(3,), degree=2, maps=1, seed=seed)
    failures = cubic.failures + quadratic.failures
    return Finding(
        "polynomial",
        float(failures),
        cubic.identities + quadratic.identities,
        Evidence.SYMBOLIC,
        recheck=lambda: arb(failures),
        reason="exact rational arithmetic on random polynomial maps",
    )


def _identity(name: str, measured: arb, at: dict[str, arb], witness: Witness) -> Finding:
    return Finding(name, midpoint(measured), 1, at=at, witness=witness, recheck=lambda: measured)


def _contractions(instance: Instance, index: int, point: FloatArray, direction: FloatArray) -> dict[str, arb]:
    image, first, second = directional_derivatives_ball(instance.generator.graph, point.tolist(), direction.tolist(), 2)
    residual = [left - ball(float(right)) for left, right in zip(image, instance.observations[index], strict=True)]
    place = [ball(float(entry)) for entry in point]
    along = [ball(float(entry)) for entry in direction]
    return {
        "zu": _dot(place, along),
        "jr": _dot(first, residual),
        "uu": _dot(along, along),
        "jj": _dot(first, first),
        "rh": _dot(residual, second),
    }


def _dot(left: Sequence[arb], right: Sequence[arb]) -> arb:
    return sum((one * other for one, other in zip(left, right, strict=True)), arb(0))
