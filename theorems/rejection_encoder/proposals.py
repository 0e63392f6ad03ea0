"""Theorem R with the radial proposal held against a generator: envelopes, tail, acceptance, the law put out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from certify.arithmetic.balls import Real, ball, precision
from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, frequency_interval, mean_interval
from certify.proof.checks.intervals import from_interval, from_lower_end
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.sharp.curvature import closed_form_curvature
from certify.sharp.estimates import RadialEstimates, radial_estimates
from certify.sharp.far import FarField
from certify.sharp.problem import SharpProblem
from theorems.sharp_langevin.chain import tail_of_whitened
from theorems.sharp_langevin.geometry import envelopes
from theorems.sharp_langevin.places import centre_bounds, own_numbers, whitened

PROPOSALS = 20_000
POINTS = 2000
"""Radii at which phi0 and its masses are tabulated."""

COUNTS = (1, 2, 5)
"""Proposals after which the law is looked at, beside the certificate's own K."""


def own_centre_bounds(
    generator: Generator, brackets: ConstantBrackets, observation: FloatArray, beta: float | None = None
) -> dict[str, float]:
    """The numbers of `sharp-langevin` at the computed centre, under this theorem's names."""
    return {_own_name(name): value for name, value in centre_bounds(generator, brackets, observation, beta).items()}


def envelopes_at_centres(instance: Instance) -> tuple[Finding, ...]:
    """Findings on phi0(|y|) <= F(y) <= U(|y|), bound variable r, on rays from the centre."""
    return tuple(_renamed(finding) for finding in envelopes(instance))


def tails(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the posterior's mass beyond |y| = R0."""
    return tuple(_renamed(finding) for finding in tail_of_whitened(instance) if finding.claim == "tail")


def acceptance(instance: Instance) -> tuple[Finding, ...]:
    """Finding on "acceptance": how often a proposal passes, at the first observation's own numbers."""
    heights = acceptance_probabilities(instance)
    passed = int((instance.random("acceptance").random(len(heights)) < heights).sum())
    found = frequency_interval(passed, len(heights))
    finding = from_interval("acceptance", found, {**_own_numbers(instance)})
    # Where every proposal passes the upper end is that of every probability, and the lower one tells.
    telling, reason = found.upper < 1.0, f"upper end, estimate {found.estimate:.4g}"
    return (replace(finding, measured=found.upper, one_sided=telling, reason=reason),)


def accepted_law(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "distance" after k proposals: TV(law, pi_D) = (1-p)^{k-1} TV(rho, pi_D), both by the proposals.

    With h the probability that a proposal y passes, pi_D/rho = h/E h, so TV(rho, pi_D) = E (1 - h/p)_+, increasing
    in p = E h. The distance to pi_x itself differs by at most pi_x(D^c).
    """
    heights = acceptance_probabilities(instance)
    rate = mean_interval(heights, 0.0, 1.0, ERROR_PROBABILITY / 3)
    ends = []
    for end in (rate.lower, rate.upper):
        values = np.maximum(0.0, 1.0 - heights / max(end, 1e-300))
        ends.append(mean_interval(values, 0.0, 1.0, ERROR_PROBABILITY / 3))
    numbers, tail = _own_numbers(instance), instance.number("tail")
    findings = []
    for count in sorted({*COUNTS, int(instance.number("K"))}):
        low = max(0.0, (1 - rate.upper) ** (count - 1) * ends[0].lower - tail)
        high = min(1.0, (1 - rate.lower) ** (count - 1) * ends[1].upper + tail)
        middle = (1 - rate.estimate) ** (count - 1) * 0.5 * (ends[0].estimate + ends[1].estimate)
        found = IntervalEstimate(middle, low, high, ERROR_PROBABILITY, len(heights), "identity of the law put out")
        findings.append(from_lower_end("distance", found, {**numbers, "k": count}))
    return tuple(findings)


def acceptance_probabilities(instance: Instance) -> FloatArray:
    """exp(-(F(y) - phi0(|y|))) at proposals y with density proportional to exp(-phi0(|y|)) on |y| <= R."""

    def compute() -> FloatArray:
        posterior, estimates = whitened(instance), _own_estimates(instance)
        random, radius = instance.random("proposals"), instance.number("R")
        inside = estimates.radii <= radius
        radii, masses = estimates.radii[inside], estimates.mass[inside]
        count, d = instance.count(PROPOSALS, least=2_000), posterior.point.size
        lengths = np.interp(random.random(count) * masses[-1], masses, radii)
        directions = random.standard_normal((count, d))
        points = lengths[:, None] * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        floor = np.interp(lengths, radii, estimates.lower[inside])
        return np.asarray(np.exp(np.minimum(floor - posterior.potential(points), 0.0)))

    return instance.once("acceptance-probabilities", compute)


def _own_estimates(instance: Instance) -> RadialEstimates:
    numbers = _own_numbers(instance)
    with precision():
        values = {**instance.values, **{name: ball(value) for name, value in numbers.items()}}
        far = FarField(
            instance.generator.latent_dim, values["m"], values["M2"], values["beta"], values["r_c"], values["g"],
            values["b"], values["om"],
        )  # fmt: skip
        curvature = closed_form_curvature(values["e"], values["p_r"], values["phi"], values["om"])
        return radial_estimates(SharpProblem(curvature, far), POINTS)


def _own_numbers(instance: Instance) -> dict[str, Real]:
    """The first observation's numbers in place of the instance's, and the p that they give."""
    numbers: dict[str, Real] = {_own_name(name): value for name, value in own_numbers(instance).items()}
    acceptance_rate = instance.theorem.quantity("p").definition
    assert acceptance_rate is not None, "p is a closed form"
    numbers["p"] = instance.enclosure(acceptance_rate, numbers)
    return numbers


def _renamed(finding: Finding) -> Finding:
    at: Mapping[str, object] = {_own_name(name): value for name, value in finding.at.items()}
    return replace(finding, at=at)


def _own_name(name: str) -> str:
    return "p_r" if name == "p" else name
