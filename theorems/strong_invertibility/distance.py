"""S7 and S8: the measured total variation distance of the chain's last state, where truth is known or bracketed."""

from __future__ import annotations

import math

from certify.arithmetic.balls import upper
from certify.measure.total_variation import CHAINS, TRANSITION_DIMENSION, chain_distance
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate
from certify.posteriors.gaussian import is_affine
from certify.proof.checks.locations import centre, preimages, reference
from certify.proof.instance import Instance
from certify.proof.records import MeasuredDistance
from certify.proof.theorem import Finding
from certify.verdict import Evidence

LARGEST_SIMULATION = 1e12
"""Multiply-adds that the simulation of the whole chain may cost at effort 1 (about two minutes on two cores)."""


def measured_distance(instance: Instance) -> DistanceEstimate:
    """TV(law U_K, pi_x) of the plain chain at the instance's choices, measured once."""
    return instance.once(
        "distance",
        lambda: chain_distance(
            instance.posterior(),
            preimages(instance)[0].point,
            centre(instance),
            instance.number("eta"),
            int(instance.number("K")),
            reference=reference(instance),
            seed=instance.seed,
            gradient_budget=instance.gradient_count(40_000_000),
            progress=instance.progress,
        ),
    )


def too_long_to_simulate(instance: Instance) -> bool:
    """Whether even a few simulated chains of K layers would cost more than `LARGEST_SIMULATION`."""
    if is_affine(instance.posterior()) or instance.generator.latent_dim <= TRANSITION_DIMENSION:
        return False
    cost = 4 * instance.generator.parameters * CHAINS[0] * instance.number("K")
    return cost > LARGEST_SIMULATION * instance.effort


def _composed(claim: str) -> tuple[Finding, ...]:
    reason = "not measured, the chain is too long to simulate: it follows from its steps by the triangle inequality"
    return (Finding(claim, math.nan, 0, Evidence.SYMBOLIC, composed=True, reason=reason),)


def chain_to_posterior(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "total"."""
    if too_long_to_simulate(instance):
        return _composed("total")
    found = measured_distance(instance)
    return (_finding("total", found, (found.lower, found.upper)),)


def chain_to_domain(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "chain": TV(law U_K, pi_D) differs from the measured one by at most pi_x(outside D)."""
    if too_long_to_simulate(instance):
        return _composed("chain")
    found = measured_distance(instance)
    outside = upper(instance.values["tail"])
    interval = (max(0.0, found.lower - outside), min(1.0, found.upper + outside))
    return (_finding("chain", found, interval),)


def _finding(claim: str, found: DistanceEstimate, interval: tuple[float, float]) -> Finding:
    # An upper end of 1 says nothing: truth is known from below only.
    return Finding(
        claim,
        found.estimate,
        1,
        interval=interval,
        confidence=1.0 - ERROR_PROBABILITY,
        one_sided=found.upper >= 1.0,
        reason=found.method if found.upper < 1.0 else f"{found.method}; truth is known from below only",
    )


def published_distance(instance: Instance) -> MeasuredDistance | None:
    """The measured distance for the conclusion, or None where only a lower bound from samples is known."""
    if not (is_affine(instance.posterior()) or instance.generator.latent_dim <= TRANSITION_DIMENSION):
        return None
    found = measured_distance(instance)
    return MeasuredDistance(found.estimate, found.lower, found.upper, found.method)
