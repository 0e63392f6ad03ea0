"""One Gaussian proposal under the radial envelopes: Theorem R with nothing that a network could not compute.

Coordinates z = c + B y, F(y) = f(z) - f(c). Proposals y = sigma xi, xi ~ N(0, I); D = {|xi|^2/2 <= l}, that is |y| <= R
with R = sigma sqrt(2 l); y is accepted if it is in D and E >= F(y) - |xi|^2/2 + h, E ~ Exp(1). With
    h >= sup_{r <= R} r^2/(2 sigma^2) - phi0(r)
(R1) holds on D with C rho = exp(h - |y|^2/(2 sigma^2)), and a proposal is accepted with probability
    p >= exp(-h) int_0^R r^{d-1} exp(-U) dr / (2^{d/2-1} Gamma(d/2) sigma^d).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb, arb_poly

from certify.arithmetic.balls import ball, lower, upper
from certify.sharp.estimates import RadialEstimates, radial_estimates
from certify.sharp.laws import probability
from certify.sharp.problem import SharpProblem

CELLS = 512
"""Cells of a piece of phi0 on which the supremum is enclosed."""
SCALES = np.linspace(0.9, 2.2, 66)
MOST_PROPOSALS = 10_000


@dataclass(frozen=True)
class ProposalChoice:
    """Sigma, l and R2, all exact floats."""

    scale: float
    limit: float
    outer: float


@dataclass(frozen=True, eq=False)
class ProposalBound:
    """`height` >= h, a float; the acceptance from below and the mass outside from above, as balls."""

    height: float
    acceptance: arb
    tail: arb

    def distance(self, proposals: int) -> float:
        """(R2): (1 - p)^K + t(R), at most 1. Upper bound, rounded outward."""
        missed = probability(1 - ball(max(0.0, lower(self.acceptance)))) ** proposals
        return min(1.0, upper(missed + self.tail))

    def proposals(self, epsilon: Fraction) -> int | None:
        """The least K found whose distance is at most epsilon; None above `MOST_PROPOSALS`. Verified."""
        rate, room = max(0.0, lower(self.acceptance)), float(epsilon) - upper(self.tail)
        if rate <= 0.0 or room <= 0.0:
            return None
        first = 1.0 if rate >= 1.0 else math.log(room) / math.log1p(-rate)
        count = max(1, math.floor(first) if first < MOST_PROPOSALS else MOST_PROPOSALS)
        while count <= MOST_PROPOSALS:
            if ball(self.distance(count)) <= ball(epsilon):
                return count
            count += 1
        return None


def proposal_bound(problem: SharpProblem, choice: ProposalChoice) -> ProposalBound | None:
    """What is certified of a choice; None where its radii are not allowed. Bounds, rounded outward: h from above."""
    sigma, outer = ball(choice.scale), ball(choice.outer)
    radius = sigma * (2 * ball(choice.limit)).sqrt()
    if not problem.allows(radius, outer):
        return None
    height = _height(problem, sigma, upper(radius))
    dimension = arb(problem.dimension)
    whole = arb(2) ** (dimension / 2 - 1) * (dimension / 2).gamma() * sigma**problem.dimension
    acceptance = (-ball(height)).exp() * problem.law.upper_envelope_mass(radius) / whole
    return ProposalBound(height, probability(acceptance), problem.tail(radius, outer))


def _height(problem: SharpProblem, sigma: arb, radius: float) -> float:
    """sup over [0, radius] of r^2/(2 sigma^2) - phi0(r), at least 0. Upper bound, rounded outward.

    On a cell of middle c and half width w the polynomial is at most its value at c plus w times its largest slope.
    """
    pieces = problem.law.envelopes
    parabola = arb_poly([0, 0, 1 / (2 * sigma**2)])
    largest = 0.0
    for piece, following in zip(pieces, (*pieces[1:], None), strict=True):
        start = max(0.0, lower(piece.start))
        end = radius if following is None else min(radius, upper(following.start))
        if start >= end:
            continue
        gap = parabola - piece.lower
        slope, width = gap.derivative(), (ball(end) - ball(start)) / CELLS
        for cell in range(CELLS):
            left, right = ball(start) + cell * width, ball(start) + (cell + 1) * width
            middle, half = (left + right) / 2, (right - left) / 2
            largest = max(largest, upper(gap(middle) + abs(slope(left.union(right))) * half))
    return largest


def best_proposal(problem: SharpProblem, epsilon: float) -> ProposalChoice | None:
    """The choice with the fewest proposals on a grid of sigma and R; None if there is none. Estimate."""
    estimates = radial_estimates(problem)
    best, found = math.inf, None
    for scale in SCALES:
        counts = _counts(estimates, float(scale), epsilon)
        index = int(np.argmin(counts))
        if counts[index] < best:
            radius, outer = float(estimates.radii[index]), float(estimates.radii[estimates.outer[index]])
            best = float(counts[index])
            # R is computed from l and sigma again: R2 is above it beyond doubt.
            found = ProposalChoice(float(scale), 0.5 * (radius / float(scale)) ** 2, max(outer, radius * (1 + 1e-12)))
    return found


def _counts(estimates: RadialEstimates, scale: float, epsilon: float) -> np.ndarray:
    """log(1/(epsilon - t(R)))/-log(1 - p(R)) at every radius of the grid; inf where there is none. Estimate."""
    d, radii = estimates.dimension, estimates.radii
    height = np.maximum.accumulate(np.maximum(0.0, radii**2 / (2 * scale**2) - estimates.lower))
    whole = (d / 2 - 1) * math.log(2.0) + math.lgamma(d / 2) + d * math.log(scale)
    with np.errstate(all="ignore"):
        rates = np.exp(np.log(estimates.inner) + estimates.log_factor - height - whole)
        counts = np.log(epsilon - estimates.tail) / np.log1p(-np.minimum(rates, 1.0 - 1e-15))
    usable = (estimates.tail < epsilon) & (rates > 0) & np.isfinite(counts) & (radii > 0)
    return np.where(usable, np.maximum(counts, 0.0), np.inf)
