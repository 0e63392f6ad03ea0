"""The terms and side conditions of Theorem 1* and G1*: each formula once, for every kind of number.

The engine calls these with balls, the search with arrays of floats, a theorem's statement with sympy's symbols
(`certify.symbolic.generic`); the curvature's also with polynomials in r. Notation and proofs: docs/sharp.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from certify.symbolic.generic import Number, euler, one_minus_exp, pi, sqrt


@dataclass(frozen=True)
class SideCondition:
    """left <= right (left < right if `strict`) of the numbers that `left` and `right` name as their arguments."""

    name: str
    left: Callable[..., Number]
    right: Callable[..., Number]
    strict: bool = False

    def sides(self, *numbers: Number) -> tuple[Number, Number]:
        """Both sides, in the kind of number given. Enclosures for balls, rounded outward."""
        return self.left(*numbers), self.right(*numbers)

    def holds(self, *numbers: Number) -> bool:
        """Whether it holds beyond doubt. Verified, for balls; floats are compared as they come out."""
        left, right = self.sides(*numbers)
        return bool(left < right) if self.strict else bool(left <= right)


RADII = (
    SideCondition("radius", lambda R, R2: 0 * R, lambda R, R2: R, strict=True),
    SideCondition("outer radius", lambda R, R2: R, lambda R, R2: R2),
)
"""Of R and R2, which must also lie within the curvature's reach."""

SHELL = (
    SideCondition("positive shell", lambda w, R: 0 * w, lambda w, R: w, strict=True),
    SideCondition("shell", lambda w, R: w, lambda w, R: R, strict=True),
)
"""Of w and R."""

CURVATURE = SideCondition("curvature", lambda mu: 0 * mu, lambda mu: mu, strict=True)
"""Of mu(R)."""

STEP = (
    SideCondition("positive time", lambda eta, mu, q: 0 * eta, lambda eta, mu, q: eta, strict=True),
    SideCondition("short layers", lambda eta, mu, q: one_minus_exp(eta) * (1 + q + mu), lambda eta, mu, q: 2 + 0 * eta),
)
"""Of every layer's time eta, with mu(R) and q(R): s (1 + q + mu) <= 2."""

FAR = (
    SideCondition("far field", lambda m, M2, beta, r_c, om: M2 * r_c, lambda m, M2, beta, r_c, om: m**2 + beta**2,
                  strict=True),
    SideCondition("factor", lambda m, M2, beta, r_c, om: om, lambda m, M2, beta, r_c, om: 1 + 0 * om, strict=True),
)  # fmt: skip
"""Of the global m and M2, beta, |r_c| and the factor's defect: the far field's integral converges."""


def stretched_scale(e: Number, om: Number) -> Number:
    """(1 + om)^{3/2} e: the curvature's scale for a factor of defect om. Enclosure for balls, rounded outward."""
    return (1 + om) * sqrt(1 + om) * e


def distance_from_identity(r: Number, e: Number, p: Number, om: Number) -> Number:
    """q(r) = p + 3 e r + (3/2) e^2 r^2, with p and e enlarged for a factor of defect om.

    Enclosure for balls, rounded outward.
    """
    scale = stretched_scale(e, om)
    return (1 + om) * p + om + 3 * scale * r + (3 * scale**2 / 2) * r**2


def near_floor(r: Number, e: Number, om: Number) -> Number:
    """1 - e r: its square is below J^T J in the coordinates y, while it is positive.

    Enclosure for balls, rounded outward.
    """
    return 1 - stretched_scale(e, om) * r


def curvature_loss(r: Number, e: Number, p: Number, om: Number) -> Number:
    """p + e r + e^2 r^2/2 + om (1 + q): what the residual's curvature and the factor's defect take away.

    Enclosure for balls, rounded outward.
    """
    scale = stretched_scale(e, om)
    return p + scale * r + (scale**2 / 2) * r**2 + om * (1 + distance_from_identity(r, e, p, om))


def gaussian_start_distance(shift: Number, mu: Number) -> Number:
    """w_0 of the start N(c, B B^T), `shift` = E[(g + int_0^chi q)^2 | chi <= R].

    Enclosure for balls, rounded outward.
    """
    return sqrt(shift) / mu


def point_start_distance(second_moment: Number) -> Number:
    """w_0 of the start c, `second_moment` = E_{p0^R} r^2. Enclosure for balls, rounded outward."""
    return sqrt(second_moment)


def force(dimension: Number, moment: Number) -> Number:
    """Q = (d E_{p0^R} q^2)^{1/2}. Enclosure for balls, rounded outward."""
    return sqrt(dimension * moment)


def exit_bound(duration: Number, width: Number, shell: Number) -> Number:
    """Exit bound e (1 + tau/w^2) P_{p0^R}(r > R - w), `shell` the probability (S7d+).

    Enclosure for balls, rounded outward.
    """
    return euler(shell) * (1 + duration / width**2) * shell


def discretisation(force: Number, runs: Sequence[tuple[Number, Number]]) -> Number:
    """Q (sum eta_k^2/8)^{1/2} over runs (eta, count) of equal steps (S7e+). Enclosure for balls, rounded outward."""
    if len(runs) == 1:
        eta, count = runs[0]
        return force * eta * sqrt(count / 8)
    return force * sqrt(sum(count * eta**2 for eta, count in runs) / 8)


def contraction(eta: Number, mu: Number) -> Number:
    """rho = 1 - s mu, s = 1 - exp(-eta). Enclosure for balls, rounded outward."""
    return 1 - one_minus_exp(eta) * mu


def moved(distance: Number, s: Number, mu: Number, power: Number, force: Number, eta: Number) -> Number:
    """The distance after a run of burn-in layers: w <- rho w + (2 sqrt(2)/3) Q eta^{3/2}, `power` = rho^count.

    Enclosure for balls, rounded outward.
    """
    kick = 2 * sqrt(2 + 0 * eta) / 3 * force * eta * sqrt(eta)
    return power * distance + kick * (1 - power) / (s * mu)


def run_spread(s: Number, rho: Number, count: Number) -> Number:
    """Sum of sigma^2 rho^{2j} over j < count, sigma^2 = 2 s - s^2: the noise that a run of equal layers adds.

    Enclosure for balls, rounded outward.
    """
    return (2 * s - s**2) * (1 - rho ** (2 * count)) / (1 - rho**2)


def smoothing(distance: Number, contraction: Number, spread: Number) -> Number:
    """w_{K0} prod rho_k / (2 pi sum sigma_k^2 prod_{j>k} rho_j^2)^{1/2} (S7f+).

    Enclosure for balls, rounded outward.
    """
    return distance * contraction / sqrt(2 * pi(spread) * spread)


def gaussian_leading(shift: Number, mu: Number) -> Number:
    """G1*: (E[(g + int_0^chi q)^2 | chi <= R])^{1/2} / (2 mu^{1/2}). Enclosure for balls, rounded outward."""
    return sqrt(shift) / (2 * sqrt(mu))


CHAIN_TERMS = ("tail", "start_outside", "exit", "discretisation", "smoothing")
"""Theorem 1* is the sum of these."""

LAYER_TERMS = ("leading", "tail", "outside")
"""G1* is the sum of these."""


def total(terms: Sequence[Any]) -> Any:
    """The bound: the sum of its terms, in order. Enclosure for balls, rounded outward."""
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result
