"""S7, S8 and S8+: the measured total variation distance of a chain's last state, where truth is known or bracketed."""

from __future__ import annotations

from dataclasses import replace

from certify.arithmetic.balls import upper
from certify.measure.total_variation import CHAINS, TRANSITION_DIMENSION, chain_distance
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.gaussian import is_affine
from certify.posteriors.transition import Projection
from certify.proof.checks.intervals import follows, from_distance
from certify.proof.checks.locations import preimages, reference
from certify.proof.instance import Instance
from certify.proof.records import MeasuredDistance
from certify.proof.theorem import Finding
from theorems.descent import centre, domain

LARGEST_SIMULATION = 1e12
"""Multiply-adds that the simulation of the whole chain may cost at effort 1 (about two minutes on two cores)."""
GRADIENT_BUDGET = 40_000_000
TOO_LONG = "not measured, the chain is too long to simulate: it follows from its steps by the triangle inequality"


def measured_distance(instance: Instance, region: Projection | None = None) -> DistanceEstimate:
    """TV(law of the chain after K layers, pi_x) at the instance's choices, measured once; `region`: the projected one.

    None for the plain chain.
    """
    return instance.once(
        "distance" if region is None else "projected-distance",
        lambda: chain_distance(
            instance.posterior(),
            preimages(instance)[0].point,
            centre(instance),
            instance.number("eta"),
            int(instance.number("K")),
            region,
            reference=reference(instance),
            seed=instance.seed,
            gradient_budget=instance.gradient_count(GRADIENT_BUDGET),
            progress=instance.progress,
        ),
    )


def too_long_to_simulate(instance: Instance) -> bool:
    """Whether even a few simulated chains of K layers would cost more than `LARGEST_SIMULATION`."""
    if _is_known(instance):
        return False
    cost = 4 * instance.generator.parameters * CHAINS[0] * instance.number("K")
    return cost > LARGEST_SIMULATION * instance.effort


def chain_to_posterior(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "total" for the plain chain."""
    return _total(instance, None)


def projected_to_posterior(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "total" for the chain that projects onto D."""
    return _total(instance, domain(instance))


def chain_to_domain(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "chain": TV(law U_K, pi_D) differs from the measured one by at most pi_x(outside D)."""
    if too_long_to_simulate(instance):
        return follows("chain", TOO_LONG)
    found, outside = measured_distance(instance), upper(instance.values["tail"])
    ends = max(0.0, found.lower - outside), min(1.0, found.upper + outside)
    return (from_distance("chain", replace(found, lower=ends[0], upper=ends[1])),)


def published_distance(instance: Instance) -> MeasuredDistance | None:
    """The plain chain's measured distance for the conclusion; None where samples alone tell of it, from below."""
    return _published(instance, None)


def published_projected_distance(instance: Instance) -> MeasuredDistance | None:
    """The same for the chain that projects onto D."""
    return _published(instance, domain(instance))


def _total(instance: Instance, region: Projection | None) -> tuple[Finding, ...]:
    if too_long_to_simulate(instance):
        return follows("total", TOO_LONG)
    return (from_distance("total", measured_distance(instance, region)),)


def _published(instance: Instance, region: Projection | None) -> MeasuredDistance | None:
    if not _is_known(instance):
        return None
    found = measured_distance(instance, region)
    return MeasuredDistance(found.estimate, found.lower, found.upper, found.method)


def _is_known(instance: Instance) -> bool:
    """Whether the law of the chain is known in closed form or on a grid, and not through samples alone."""
    return is_affine(instance.posterior()) or instance.generator.latent_dim <= TRANSITION_DIMENSION
