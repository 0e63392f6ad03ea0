"""S4 and S5: the posterior's mass away from zh, and how large |zh| is for observations of the model."""

from __future__ import annotations

from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision
from certify.measure.tail import informative_radii, tail_masses
from certify.measure.typical import exceedance_frequencies
from certify.proof.checks.intervals import from_interval
from certify.proof.checks.locations import own_rho, preimages, reference
from certify.proof.instance import Instance
from certify.proof.theorem import Finding

DEVIATIONS = (0.0, 0.5, 1.0, 2.0, 3.0)


def posterior_tail(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claim "tail" with the bound variable R0, at radii where the mass is neither 0 nor 1."""
    location, posterior = preimages(instance)[0], instance.posterior()
    radii = informative_radii(posterior, location.point, seed=instance.seed)
    masses = tail_masses(posterior, location.point, radii, reference(instance), instance.seed)
    findings = []
    for item in masses:
        with precision():
            # {|z - c| > r} lies inside {|z - zh| > r - |c - zh|}.
            inner = (ball(item.radius) - ball(location.distance_upper)).max(arb(0))
        findings.append(from_interval("tail", item.mass, {"R0": inner, **own_rho(instance, 0)}))
    return tuple(findings)


def typical_observations(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claim "typical" with the bound variable t0."""
    with precision():
        m, beta, d = (instance.values[name] for name in ("m", "beta", "d"))
        ratio = beta / m
        radii = [
            midpoint((1 + ratio) * d.sqrt() + (1 + ratio * ratio).sqrt() * ball(deviation)) for deviation in DEVIATIONS
        ]
    found = exceedance_frequencies(
        instance.generator, instance.beta, radii, samples=instance.count(20_000, least=2_000), seed=instance.seed
    )
    return tuple(
        from_interval("typical", item.frequency, {"t0": deviation})
        for deviation, item in zip(DEVIATIONS, found, strict=True)
    )
