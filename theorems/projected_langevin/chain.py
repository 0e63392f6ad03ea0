"""S8+: the measured total variation distance of the projected chain's last state."""

from __future__ import annotations

import math

from certify.measure.total_variation import TRANSITION_DIMENSION, chain_distance
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate
from certify.posteriors.gaussian import is_affine
from certify.proof.checks.locations import centre, domain, preimages, reference
from certify.proof.instance import Instance
from certify.proof.records import MeasuredDistance
from certify.proof.theorem import Finding
from certify.verdict import Evidence
from theorems.strong_invertibility.distance import too_long_to_simulate


def projected_distance(instance: Instance) -> DistanceEstimate:
    """TV(law X_K, pi_x) of the projected chain at the instance's choices, measured once."""
    return instance.once(
        "projected-distance",
        lambda: chain_distance(
            instance.posterior(),
            preimages(instance)[0].point,
            centre(instance),
            instance.number("eta"),
            int(instance.number("K")),
            domain(instance),
            reference=reference(instance),
            seed=instance.seed,
            gradient_budget=instance.gradient_count(40_000_000),
            progress=instance.progress,
        ),
    )


def projected_to_posterior(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "total"."""
    if too_long_to_simulate(instance):
        reason = "not measured, the chain is too long to simulate: it follows from its steps by the triangle inequality"
        return (Finding("total", math.nan, 0, Evidence.SYMBOLIC, composed=True, reason=reason),)
    found = projected_distance(instance)
    return (
        Finding(
            "total",
            found.estimate,
            1,
            interval=(found.lower, found.upper),
            confidence=1.0 - ERROR_PROBABILITY,
            one_sided=found.upper >= 1.0,
            reason=found.method if found.upper < 1.0 else f"{found.method}; truth is known from below only",
        ),
    )


def published_projected_distance(instance: Instance) -> MeasuredDistance | None:
    """The measured distance for the conclusion, or None where only a lower bound from samples is known."""
    if not (is_affine(instance.posterior()) or instance.generator.latent_dim <= TRANSITION_DIMENSION):
        return None
    if too_long_to_simulate(instance):
        return None
    found = projected_distance(instance)
    return MeasuredDistance(found.estimate, found.lower, found.upper, found.method)
