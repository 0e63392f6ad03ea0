"""S7: the Langevin chain from c, statement by statement: contraction, centre, moments, exit, divergence, burn-in."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from flint import arb
from scipy.special import gammainccinv

from certify.arithmetic.balls import ball, euclidean_norm, precision
from certify.bounds.bracket import Witness
from certify.generators.graph import FloatArray
from certify.measure.burn_in import TRANSITION_DIMENSION, informative_steps
from certify.measure.burn_in import burn_in_distances as measure_burn_in
from certify.measure.contraction import ContractionQuotient, contraction_quotient
from certify.measure.exits import exit_frequency
from certify.measure.moments import region_moments
from certify.measure.path_divergence import DISCRETISED, path_divergence
from certify.posteriors.estimates import assumed, frequency_interval
from certify.posteriors.gaussian import is_affine
from certify.posteriors.transition import Projection
from certify.proof.checks.intervals import from_distance, from_interval, from_lower_end
from certify.proof.checks.locations import draws, own_rho, preimages, reference
from certify.proof.checks.mode import critical_point_error, found_critical_points, gradient_ball
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.sampling.langevin import ProjectedLangevin
from certify.sampling.options import RunOptions
from certify.sampling.runs import run
from theorems.descent import centre, domain

GRADIENT_BUDGET = 10_000_000
"""Gradient evaluations that one simulated statement may spend at effort 1."""
FEWEST_CHAINS, BURN_IN_CHAINS = 64, 128
SHELL_TIMES = 0.2
"""Relaxation times for which S7d+ is watched."""
VISIBLE = 0.5
"""S7d and S7g are held against measurement on the smaller ball where their own bound is this probability."""


def contraction(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "contraction": the pair of points that T o P_D contracts least."""
    found = contraction_quotient(
        instance.posterior(), domain(instance), instance.number("eta"), instance.count(2000, least=200), instance.seed
    )
    pair = (tuple(found.first.tolist()), tuple(found.second.tolist()))
    return (
        Finding(
            "contraction", found.factor, found.cases, witness=Witness(pair), recheck=lambda: _quotient(instance, found)
        ),
    )


def _quotient(instance: Instance, found: ContractionQuotient) -> arb:
    """The quotient of the pair in balls; undecided (NaN) unless both points lie inside D."""
    region = domain(instance)
    if max(float(np.linalg.norm(point - region.centre)) for point in (found.first, found.second)) >= region.radius:
        return arb("nan")
    with precision():
        eta, posterior = instance.values["eta"], instance.posterior()
        slopes = [gradient_ball(posterior, point) for point in (found.first, found.second)]
        gaps = [ball(float(a)) - ball(float(b)) for a, b in zip(found.first, found.second, strict=True)]
        moved = [gap - eta * (a - b) for gap, a, b in zip(gaps, *slopes, strict=True)]
        return euclidean_norm(moved) / euclidean_norm(gaps)


def centre_of_domain(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "centre": the distance from the mode found to c."""
    found = found_critical_points(instance, 0)
    start = centre(instance)
    if not found.points:
        return (Finding("centre", math.nan, found.cases, reason="no critical point was found"),)
    mode = found.mode.point

    def recheck() -> arb:
        with precision():
            error = critical_point_error(instance.posterior(), mode)
            if math.isnan(error):
                return arb("nan")
            gaps = [ball(float(a)) - ball(float(b)) for a, b in zip(mode, start, strict=True)]
            return euclidean_norm(gaps) + arb(0, ball(error).upper())

    measured = float(np.linalg.norm(mode - start))
    witness = Witness((tuple(mode.tolist()),))
    return (Finding("centre", measured, found.cases, at=own_rho(instance, 0), witness=witness, recheck=recheck),)


def moments(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "variance" and "gradient" of pi_D."""
    found = region_moments(
        instance.posterior(),
        preimages(instance)[0].point,
        _mode(instance),
        domain(instance),
        reference=reference(instance),
        seed=instance.seed,
    )
    return (from_lower_end("variance", found.distance, {}), from_lower_end("mean square gradient", found.gradient, {}))


def exits(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "exit" (bound variables k, t0), on the ball where the bound is `VISIBLE`."""
    steps = int(instance.number("K"))
    deviation = math.sqrt(2 * math.log(3 * steps / VISIBLE))
    found = exit_frequency(
        instance.posterior(),
        preimages(instance)[0].point,
        Projection(centre(instance), exit_radius(instance, deviation)),
        instance.number("eta"),
        steps,
        reference=draws(instance),
        seed=instance.seed,
        gradient_budget=instance.gradient_count(GRADIENT_BUDGET),
    )
    return (from_interval("exit", found.frequency, {"k": found.horizon, "t0": deviation}),)


def diffusion_exits(instance: Instance) -> tuple[Finding, ...]:
    """Finding on S7d+'s "exit" (bound variables R0, w0, tau0), on a ball where the bound is about 1/2.

    The chain with the certificate's small steps stands for the diffusion, which the finding names as its assumption:
    seen only at its steps, it leaves less often.
    """
    d, mu, shift = (instance.number(name) for name in ("d", "mu", "delta1"))
    steps = max(1, round(SHELL_TIMES / (mu * instance.number("eta"))))
    steps = min(steps, max(1, instance.gradient_count(GRADIENT_BUDGET) // FEWEST_CHAINS))
    time = steps * instance.number("eta")
    width = min(math.sqrt(time), 1.0 / math.sqrt(mu))
    # The quantile of chi_d at which e (1 + tau/w^2) times its tail is about `VISIBLE`.
    level = math.sqrt(2 * gammainccinv(d / 2, VISIBLE / (math.e * (1 + time / width**2))))
    radius = shift + width + float(level) / math.sqrt(mu)
    found = exit_frequency(
        instance.posterior(),
        preimages(instance)[0].point,
        Projection(centre(instance), min(radius, instance.number("R_D"))),
        instance.number("eta"),
        steps,
        reference=draws(instance),
        seed=instance.seed + 1,
        gradient_budget=instance.gradient_count(GRADIENT_BUDGET),
    )
    at: dict[str, object] = {
        "R0": min(radius, instance.number("R_D")),
        "w0": width,
        "tau0": found.horizon * instance.number("eta"),
    }
    frequency = found.frequency
    frequency = replace(frequency, assumption=assumed(DISCRETISED, frequency.assumption))
    return (from_interval("exit", frequency, at),)


def exit_radius(instance: Instance, deviation: float) -> float:
    """Smallest R_D that S7d's side condition admits at t = `deviation`."""
    s, eta, d = (instance.number(name) for name in ("s", "eta", "d"))
    return instance.number("delta1") + (s + math.sqrt(2 * eta)) * (math.sqrt(d) + deviation)


def path_divergences(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "divergence" at k = K."""
    steps = int(instance.number("K"))
    found = instance.once(
        "path-divergence",
        lambda: path_divergence(
            instance.posterior(),
            preimages(instance)[0].point,
            domain(instance),
            instance.number("eta"),
            steps,
            reference=draws(instance),
            seed=instance.seed,
            paths=instance.count(10_000, least=2_000),
        ),
    )
    return (from_interval("divergence", found, {"k": steps}),)


def burn_in_distances(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claim "burn-in" (bound variable k), at step counts where the distance is visible."""
    posterior, preimage = instance.posterior(), preimages(instance)[0].point
    steps = informative_steps(posterior, preimage, instance.number("eta"))
    if posterior.latent_dim > TRANSITION_DIMENSION and not is_affine(posterior):
        # Simulated: only the first distances are larger than what a sample can resolve.
        longest = max(1, instance.gradient_count(GRADIENT_BUDGET) // BURN_IN_CHAINS)
        steps = tuple(sorted({min(count, longest) for count in steps[:2]}))
    found = instance.once(
        "burn-in-distances",
        lambda: measure_burn_in(
            posterior,
            preimage,
            centre(instance),
            domain(instance),
            instance.number("eta"),
            steps,
            reference=reference(instance),
            seed=instance.seed,
            chains=int(np.clip(instance.gradient_count(GRADIENT_BUDGET) // sum(steps), BURN_IN_CHAINS, 2048)),
        ),
    )
    # S7f holds with any delta1 >= |z* - c|: the one of this observation is the tightest case.
    own_shift = instance.enclosure(instance.theorem.quantity("delta1").definition, own_rho(instance, 0))
    return tuple(from_distance("burn-in", item.distance, {"k": item.steps, "delta1": own_shift}) for item in found)


def projection_free(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "projection" (bound variables k, t0): exits of the chain from c, which bound the TV.

    S7g holds for every K, so a chain too long for the budget is watched for fewer steps, and one of a single layer,
    where nothing is claimed, for two.
    """
    budget = instance.gradient_count(GRADIENT_BUDGET)
    steps = max(2, min(int(instance.number("K")), budget // FEWEST_CHAINS))
    deviation = math.sqrt(2 * math.log((steps - 1) / VISIBLE))
    s, d, shift = instance.number("s"), instance.number("d"), instance.number("delta1")
    radius = shift + max(shift, s * math.sqrt(d)) + s * deviation
    chains = int(np.clip(budget // steps, FEWEST_CHAINS, 1024))
    kernel, options = ProjectedLangevin((centre(instance), radius)), RunOptions(instance.seed, chains)
    exits = run(kernel, instance.posterior(), centre(instance), instance.number("eta"), steps, options).exits
    left = int(np.sum((exits >= 0) & (exits < steps)))
    return (from_interval("projection", frequency_interval(left, chains), {"k": steps, "t0": deviation}),)


def _mode(instance: Instance) -> FloatArray:
    return found_critical_points(instance, 0).mode.point
