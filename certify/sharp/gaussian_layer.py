"""G1*: how far the posterior is from the single Gaussian N(c, A^{-1}) at a computed point c.

TV(pi_x, N(c, B B^T)) <= (1/(2 sqrt(mu(R)))) (E[(g + int_0^chi q)^2 | chi <= R])^{1/2} + t(R) + P(chi_d > R):
log-Sobolev inequality of the posterior on the ball, Fisher information of the Gaussian relative to it, Pinsker
(docs/sharp.md, "One Gaussian layer").
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import Real, ball
from certify.sharp import terms
from certify.sharp.problem import SharpProblem


@dataclass(frozen=True)
class GaussianLayerBound:
    """The terms of G1*, enclosed. `admissible`: mu(R) > 0 and the radii are allowed, beyond doubt.

    Where the radii are not even in order, nothing is evaluated and every term is NaN.
    """

    tail: arb
    outside: arb
    leading: arb
    mu: arb
    shift: arb
    admissible: bool

    @property
    def total(self) -> arb:
        """TV(pi_x, N(c, B B^T)) is at most this if `admissible`. Enclosure of the bound, rounded outward."""
        total: arb = terms.total([getattr(self, name) for name in terms.LAYER_TERMS])
        return total


def gaussian_layer_bound(problem: SharpProblem, radius: Real, outer: Real) -> GaussianLayerBound:
    """G1* at the radii R = `radius` and R2 = `outer` >= R.

    Guarantee: every field an enclosure of the bound's term. Enclosure, rounded outward.
    """
    R, R2 = ball(radius), ball(outer)
    if not problem.allows(R, R2):
        nan = arb("nan")
        return GaussianLayerBound(nan, nan, nan, nan, nan, admissible=False)
    mu, shift = problem.curvature.mu(R), problem.law.gaussian_shift(R)
    return GaussianLayerBound(
        problem.tail(R, R2), problem.law.gaussian_outside(R), terms.gaussian_leading(shift, mu), mu, shift,
        terms.CURVATURE.holds(mu) and problem.far.finite,
    )  # fmt: skip
