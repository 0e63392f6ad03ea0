"""S4 and S5: the posterior's mass away from zh, and how large |zh| is for observations of the model."""

from __future__ import annotations

from dataclasses import replace

from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision
from certify.measure.tail import informative_radii, tail_masses
from certify.measure.typical import exceedance_frequencies
from certify.posteriors.estimates import IntervalEstimate
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


def from_interval(claim: str, estimate: IntervalEstimate, at: dict[str, object]) -> Finding:
    """A finding whose measured value is an estimate with its interval."""
    return Finding(
        claim,
        estimate.estimate,
        max(estimate.cases, 1),
        at=at,
        interval=(estimate.lower, estimate.upper),
        confidence=1.0 - estimate.error_probability if estimate.error_probability else None,
        reason=estimate.method,
    )


def from_lower_end(claim: str, estimate: IntervalEstimate, at: dict[str, object]) -> Finding:
    """A finding judged and shown by the lower end of its interval: affine decoders attain the claim exactly."""
    finding = from_interval(claim, estimate, at)
    reason = f"lower end, estimate {estimate.estimate:.4g}: {estimate.method}"
    return replace(finding, measured=estimate.lower, one_sided=True, reason=reason)
