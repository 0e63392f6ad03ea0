"""One posterior seen from a computed point: what the sharp bounds need to know of it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb

from certify.arithmetic.balls import Real, ball
from certify.posteriors.profile import Profile
from certify.sharp import terms
from certify.sharp.curvature import Curvature, closed_form_curvature, profile_curvature
from certify.sharp.far import FarField
from certify.sharp.laws import RadialLaw, probability
from certify.sharp.quadrature import Integrator, analytic_integral

NEGLIGIBLE = 1e-9
"""Mass of the far field below which its supremum over alpha is not looked at more closely."""


@dataclass(frozen=True, eq=False)
class SharpProblem:
    """Curvature bounds up to `reach`, g = |grad F(0)|, and the far field beyond. All balls; inclusion property."""

    curvature: Curvature
    far: FarField
    integrator: Integrator = analytic_integral

    @property
    def dimension(self) -> int:
        """Latent dimension d. Exact."""
        return self.far.dimension

    @property
    def gradient(self) -> arb:
        """The norm g = |B^T grad f(c)|. Enclosure, rounded outward."""
        return self.far.gradient

    @cached_property
    def law(self) -> RadialLaw:
        """The dominating radial law and the envelopes. Enclosure, rounded outward."""
        return RadialLaw(self.dimension, self.curvature, self.gradient, self.integrator)

    def allows(self, radius: arb, outer: arb) -> bool:
        """Whether 0 < R <= R2 <= reach beyond doubt: the far field alone speaks beyond R2. Verified."""
        in_order = all(condition.holds(radius, outer) for condition in terms.RADII)
        return in_order and bool(self.curvature.reach >= outer)

    def tail(self, radius: arb, outer: arb) -> arb:
        """t(R) >= pi_x(|y| > R) by way of R2 = `outer` >= R: shell mass plus the far field over the inner mass.

        Guarantee: enclosure of the bound, cut to [0, 1]. Enclosure, rounded outward.
        """
        return probability(self.law.outside(radius, outer) + self.far_mass(outer))

    def far_mass(self, outer: arb) -> arb:
        """Far field over the inner mass: bounds pi_x(|y| > R2) at R2 = `outer`; [0, inf] where it may diverge.

        Enclosure, rounded outward.
        """
        inner = self.law.upper_envelope_mass(outer)
        return self.far.numerator(outer, negligible=NEGLIGIBLE * inner.lower()) / inner


def closed_form_problem(
    dimension: int,
    m: Real,
    M: Real,
    M2: Real,
    beta: Real,
    gradient: Real,
    residual: Real,
    defect: Real = 0,
    *,
    sigma_min: Real | None = None,
    jacobian_norm: Real | None = None,
    integrator: Integrator = analytic_integral,
) -> SharpProblem:
    """The problem of the global constants with g = `gradient` and |r(c)| = `residual` measured at c.

    `sigma_min` <= sigma_min(J(c)) may replace m in e and p, `jacobian_norm` >= ||J(c)|| may replace M in b;
    `defect` = om bounds ||B^T A B - I|| of a computed factor B (0: the exact square root of A^{-1}).
    Enclosure, rounded outward.
    """
    low, high, second, noise, distance = (ball(item) for item in (m, M, M2, beta, residual))
    g, om = ball(gradient), ball(defect)
    near = low if sigma_min is None else low.max(ball(sigma_min))
    b = ((high if jacobian_norm is None else high.min(ball(jacobian_norm))) / noise) ** 2
    scale = near**2 + noise**2
    floor = (1 + (low / noise) ** 2) / (1 + b)
    curvature = closed_form_curvature(second * noise / scale, second * distance / scale, floor, om)
    far = FarField(dimension, low, second, noise, distance, g, b, om, integrator)
    return SharpProblem(curvature, far, integrator)


def profile_problem(profile: Profile, constants: SharpProblem) -> SharpProblem:
    """The same posterior with a certified profile of its own in place of the closed forms; the far field stays.

    The profile must be that of F(y) = f(c + B y) - f(c) for the very c, B and observation of `constants`.
    Enclosure, rounded outward.
    """
    return SharpProblem(profile_curvature(profile), constants.far, constants.integrator)
