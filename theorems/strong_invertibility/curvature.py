"""S2: extreme eigenvalues of Hess f over balls around zh against mu(R0) and L(R0)."""

from __future__ import annotations

from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.bounds.bracket import Witness
from certify.measure.curvature import CurvatureExtremes, ExtremeEigenvalue, curvature_extremes
from certify.posteriors.posterior import Posterior, line_derivatives_ball
from certify.proof.checks.locations import preimages
from certify.proof.instance import Instance
from certify.proof.theorem import Finding

FRACTIONS = (0.05, 0.25, 1.0)
LARGEST_RADIUS = 8.0
"""Where every radius is admissible (M2 = 0) the search stays where a sample of the prior lies."""


def curvature_on_balls(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "lower" and "upper", with the bound variable R0, for every observation."""
    radius = min(instance.number("R"), LARGEST_RADIUS)
    radii = [fraction * radius for fraction in FRACTIONS]
    findings: list[Finding] = []
    for index, location in enumerate(preimages(instance)):
        posterior = instance.posterior(index)
        for extremes in curvature_extremes(
            posterior,
            location.point,
            radii,
            samples=instance.dense_count(300, least=40),
            ascents=instance.dense_count(5),
            iterations=instance.dense_count(25, least=4),
            seed=instance.seed + index,
        ):
            # The search ball is around a computed point: the claim is taken at a radius that contains it.
            with precision():
                reach = ball(extremes.radius) * (1 + arb("1e-12")) + ball(location.distance_upper)
            findings += [
                _finding("lower", posterior, extremes, extremes.smallest, reach),
                _finding("upper", posterior, extremes, extremes.largest, reach),
            ]
    return tuple(findings)


def _finding(
    name: str, posterior: Posterior, extremes: CurvatureExtremes, extreme: ExtremeEigenvalue, reach: arb
) -> Finding:
    return Finding(
        name,
        extreme.value,
        extremes.cases,
        at={"R0": reach},
        witness=Witness((tuple(extreme.point.tolist()),), (tuple(extreme.direction.tolist()),)),
        recheck=lambda: rayleigh_quotient_ball(posterior, extreme),
    )


def rayleigh_quotient_ball(posterior: Posterior, extreme: ExtremeEigenvalue) -> arb:
    """Enclosure of u^T Hess f(z) u/|u|^2 at the witness."""
    with precision():
        length = sum((ball(float(entry)) ** 2 for entry in extreme.direction), arb(0))
        return line_derivatives_ball(posterior, extreme.point, extreme.direction).curvature / length
