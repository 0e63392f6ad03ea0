"""The search for the ball and the number of proposals of Theorem R: proposed in floats, certified in balls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, midpoint, precision
from certify.arithmetic.searches import confirmed
from certify.proof.optimiser import Certificate, certify_choices, certify_within
from certify.proof.theorem import Theorem
from certify.sharp.estimates import RadialEstimates, radial_estimates
from theorems.sharp_langevin.strategy import end_of_noise, problem_of

PROPOSAL_LIMIT = 10_000
"""Noise that takes more proposals than this is not called admitted."""


@dataclass(frozen=True)
class RejectionStrategy:
    """Picks R, R2 and K."""

    proposal_limit: int = PROPOSAL_LIMIT

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Fewest proposals found with distance <= epsilon, certified; None if there are none."""
        estimates = _estimates(theorem, inputs)
        if estimates is None:
            return None
        epsilon = midpoint(ball(inputs["epsilon"]))

        def propose(share: float) -> dict[str, Fraction] | None:
            counts = proposals(estimates, epsilon * share)
            index = int(np.argmin(counts))
            few = counts[index] <= self.proposal_limit
            return _choices(estimates, index, int(counts[index])) if few else None

        return confirmed(propose, lambda choices: certify_within(theorem, inputs, choices))

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The smallest distance of a million proposals, certified; None if there is none."""
        estimates, count = _estimates(theorem, inputs), 10**6
        if estimates is None:
            return None
        with np.errstate(all="ignore"):
            distance = (1.0 - _rates(estimates)) ** count + estimates.tail
        distance[~np.isfinite(distance)] = np.inf
        index = int(np.argmin(distance))
        if not np.isfinite(distance[index]):
            return None
        with precision():
            return certify_choices(theorem, inputs, _choices(estimates, index, count))

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """End of the noise levels admitted from 0 on (infinite where every one is), with its certificate."""
        epsilon = midpoint(ball(inputs["epsilon"]))

        def feasible(beta: float) -> bool:
            estimates = _estimates(theorem, {**inputs, "beta": beta})
            return estimates is not None and bool(proposals(estimates, epsilon).min() <= self.proposal_limit)

        return end_of_noise(theorem, inputs, feasible, lambda beta: self.shortest(theorem, {**inputs, "beta": beta}))


def proposals(estimates: RadialEstimates, epsilon: float) -> FloatArray:
    """K(R) = ceil(log(1/(epsilon - t(R)))/-log(1 - p(R))) at every radius of the grid; inf where t(R) >= epsilon."""
    room, rates = epsilon - estimates.tail, _rates(estimates)
    with np.errstate(all="ignore"):
        counts = np.ceil(np.log(room) / np.log1p(-np.minimum(rates, 1.0 - 1e-15)))
    return np.where((room > 0) & (rates > 0) & np.isfinite(counts), np.maximum(counts, 1.0), np.inf)


def _rates(estimates: RadialEstimates) -> FloatArray:
    with np.errstate(all="ignore"):
        rates = estimates.inner / estimates.mass
    return np.where(np.isfinite(rates), rates, 0.0)


def _estimates(theorem: Theorem, inputs: Mapping[str, Real]) -> RadialEstimates | None:
    problem = problem_of(theorem, inputs, residual="p_r")
    if problem is None:
        return None
    with precision():
        return radial_estimates(problem)


def _choices(estimates: RadialEstimates, index: int, count: int) -> dict[str, Fraction]:
    assert math.isfinite(count), "a certificate has finitely many proposals"
    outer = float(estimates.radii[estimates.outer[index]])
    return {"R": Fraction(float(estimates.radii[index])), "R2": Fraction(outer), "K": Fraction(count)}
