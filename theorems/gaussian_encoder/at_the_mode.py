"""G1 and G2: the posterior against the Gaussian at its mode, on a ball and on all of R^d."""

from __future__ import annotations

import math
from collections.abc import Mapping

from flint import arb

from certify.arithmetic.balls import ball, euclidean_norm, precision
from certify.bounds.bracket import Witness
from certify.measure.gaussian_fit import GaussianFit, quadrature_fit, sampled_fit
from certify.measure.gaussian_third import ThirdDerivativeExtreme, third_derivative_extremes
from certify.measure.tail import QUADRATURE_DIMENSION
from certify.posteriors.gaussian import GaussianLaw, is_affine
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import PosteriorQuadrature, build_quadrature
from certify.posteriors.transition import Projection
from certify.proof.checks.intervals import from_distance, from_interval
from certify.proof.checks.locations import own_rho, preimages, reference
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.verdict import Evidence
from theorems.gaussian_encoder.laws import laplace_law
from theorems.strong_invertibility.curvature import FRACTIONS, LARGEST_RADIUS

DRAWS = 20_000


def third_derivative_on_balls(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claim "third derivative" with the bound variable R0, for every observation."""
    radius = min(instance.number("R"), LARGEST_RADIUS)
    findings = []
    for index, location in enumerate(preimages(instance)):
        posterior = instance.posterior(index)
        for extreme in third_derivative_extremes(
            posterior,
            location.point,
            [fraction * radius for fraction in FRACTIONS],
            samples=instance.dense_count(400, least=60),
            climbs=instance.dense_count(16, least=4),
            iterations=instance.count(40, least=10),
            seed=instance.seed + index,
        ):
            # The search ball is around a computed point: the claim is taken at a radius that contains it.
            with precision():
                reach = ball(extreme.radius) * (1 + arb("1e-12")) + ball(location.distance_upper)
            findings.append(_third_derivative(posterior, extreme, reach))
    return tuple(findings)


def _third_derivative(posterior: Posterior, extreme: ThirdDerivativeExtreme, reach: arb) -> Finding:
    def recheck() -> arb:
        with precision():
            length = euclidean_norm([ball(float(entry)) for entry in extreme.direction])
            return abs(6 * posterior.line_potential_ball(extreme.point, extreme.direction, 3)[3]) / length**3

    witness = Witness((tuple(extreme.point.tolist()),), (tuple(extreme.direction.tolist()),))
    at = {"R0": reach}
    return Finding("third derivative", extreme.value, extreme.cases, at=at, witness=witness, recheck=recheck)


def gaussian_on_ball(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "information", "log-Sobolev" (d <= 2) and "conditional": pi_D' against g_D' on D' = B(z*, R')."""
    if affine(instance):
        return tuple(coincide(name) for name in ("information", "conditional"))
    law = laplace_law(instance)
    fit = measured_fit(instance, law, Projection(law.mean, instance.number("R_inner")))
    findings = [
        from_interval("information", fit.information),
        from_distance("conditional", fit.distance, resolution=instance.resolution),
    ]
    if fit.divergence is not None:
        findings.append(from_interval("log-Sobolev", fit.divergence, {"I": fit.information.upper}))
    return tuple(findings)


def gaussian_at_mode(instance: Instance) -> tuple[Finding, ...]:
    """Finding on "mode Gaussian": TV(pi_x, N(z*, H^{-1}))."""
    if affine(instance):
        return (coincide("mode Gaussian", own_rho(instance, 0)),)
    fit = measured_fit(instance, laplace_law(instance))
    return (from_distance("mode Gaussian", fit.distance, own_rho(instance, 0), resolution=instance.resolution),)


def measured_fit(instance: Instance, law: GaussianLaw, region: Projection | None = None) -> GaussianFit:
    """Distance of the first posterior from `law`, both conditioned on `region` (all of R^d if None)."""
    region = region or Projection(law.mean, math.inf)
    posterior = instance.posterior()
    if posterior.latent_dim <= QUADRATURE_DIMENSION:
        return quadrature_fit(truth(instance), law, region)
    drawn = reference(instance)
    assert drawn is not None, "beyond the quadrature's dimension there are reference draws"
    return sampled_fit(posterior, law, region, drawn, instance.count(DRAWS, least=4000), instance.seed)


def truth(instance: Instance) -> PosteriorQuadrature:
    """The first posterior resolved by quadrature, once."""
    return instance.once("quadrature", lambda: build_quadrature(instance.posterior(), preimages(instance)[0].point))


def affine(instance: Instance) -> bool:
    """Whether G is affine: by structure, or because M2 = 0 is certified."""
    return is_affine(instance.posterior()) or instance.brackets.M2.upper == 0.0


def coincide(claim: str, at: Mapping[str, object] | None = None) -> Finding:
    """The two laws of `claim` are one and the same because G is affine: nothing is left to measure."""
    reason = "G is affine: the posterior is this Gaussian"
    return Finding(
        claim, 0.0, 1, Evidence.SYMBOLIC, at=at or {}, exhaustive=True, recheck=lambda: arb(0), reason=reason
    )
