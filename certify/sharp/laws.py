"""The radial law p0^R that dominates |y| under the posterior on |y| <= R, and the Gaussian beside it.

p0^R has density proportional to r^{d-1} exp(-phi0(r)) on [0, R]. Along every ray d/dr F(ru) >= phi0'(r), so the ratio
of the density of |y| to that of p0^R, the integral of exp(phi0(r) - F(ru)) over directions u, falls with r: by this
monotone likelihood ratio |y| is stochastically dominated (F >= phi0 alone would not do), and monotone functions of |y|
have at most its expectations (docs/sharp.md, "Envelopes").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_poly

from certify.sharp.curvature import Curvature, EnvelopePiece, segments
from certify.sharp.quadrature import Integrator, Segment, analytic_integral
from certify.symbolic.functions import chi_tail_ball

HALF_SQUARE = arb_poly([0, 0, arb(1) / 2])


@dataclass(frozen=True, eq=False)
class RadialLaw:
    """Dimension d, the curvature bounds and g = |grad F(0)|, with the integrator that encloses everything.

    Guarantee of every method: inclusion property.
    """

    dimension: int
    curvature: Curvature
    gradient: arb
    integrator: Integrator = analytic_integral

    @cached_property
    def envelopes(self) -> tuple[EnvelopePiece, ...]:
        """phi0 and U, piece by piece. Enclosure, rounded outward."""
        return self.curvature.envelopes(self.gradient)

    @cached_property
    def shifts(self) -> tuple[arb_poly, ...]:
        """The function g + int_0^r q, which bounds |grad F(y) - y|, piece by piece. Enclosure, rounded outward."""
        found: list[arb_poly] = []
        value = self.gradient
        for index, piece in enumerate(self.curvature.pieces):
            primitive = piece.q.integral()
            found.append(primitive + (value - primitive(piece.start)))
            if index + 1 < len(self.curvature.pieces):
                value = found[-1](self.curvature.pieces[index + 1].start)
        return tuple(found)

    def envelope(self, radius: arb, upper: bool) -> arb:
        """U(r) or phi0(r) (of every piece that the ball may lie in). Enclosure, rounded outward."""
        found: arb | None = None
        ends = [*(piece.start for piece in self.envelopes[1:]), arb("inf")]
        for piece, end in zip(self.envelopes, ends, strict=True):
            if radius < piece.start or radius > end:
                continue
            here = (piece.upper if upper else piece.lower)(radius)
            found = here if found is None else found.union(here)
        assert found is not None, "the pieces cover every radius"
        return found

    def mass(self, start: arb, end: arb) -> arb:
        """int_start^end r^{d-1} exp(-phi0) dr, not normalised. Enclosure, rounded outward."""
        return self.integrator(segments(self.envelopes, start, end, upper=False), self.dimension - 1)

    def upper_envelope_mass(self, end: arb) -> arb:
        """int_0^end r^{d-1} exp(-U) dr: a lower bound of the posterior's mass in |y| <= end over the sphere's area.

        Enclosure, rounded outward.
        """
        return self.integrator(segments(self.envelopes, arb(0), end, upper=True), self.dimension - 1)

    def envelope_ratio(self, radius: arb) -> arb:
        """Mass of exp(-U) over that of exp(-phi0) on |y| <= radius: the least acceptance of the radial proposal.

        Enclosure, rounded outward.
        """
        return probability(self.upper_envelope_mass(radius) / self.mass(arb(0), radius))

    def outside(self, radius: arb, outer: arb) -> arb:
        """P_{p0^outer}(r > radius) for 0 <= radius <= outer. Enclosure, rounded outward."""
        if radius <= 0:
            return arb(1)
        beyond = self.mass(radius, outer)
        return probability(beyond / (beyond + self.mass(arb(0), radius)))

    def force_moment(self, radius: arb) -> arb:
        """E_{p0^R} q(r)^2: the mean square of how fast the drift beyond -y changes. Enclosure, rounded outward."""
        return self._moment(radius, [piece.q * piece.q for piece in self.curvature.pieces])

    def second_moment(self, radius: arb) -> arb:
        """E_{p0^R} r^2: how far a start at the centre is from the posterior on the ball. Enclosure, rounded outward."""
        return self._moment(radius, [arb_poly([0, 0, 1])] * len(self.curvature.pieces))

    def gaussian_shift(self, radius: arb) -> arb:
        """E[(g + int_0^chi q)^2 | chi_d <= R]: the relative Fisher information of N(0, I) on the ball, bounded.

        Enclosure, rounded outward.
        """
        ends = [*(piece.start for piece in self.curvature.pieces[1:]), radius]
        parts = [
            Segment(piece.start.min(radius), end.min(radius), HALF_SQUARE, shift * shift)
            for piece, end, shift in zip(self.curvature.pieces, ends, self.shifts, strict=True)
            if not piece.start >= radius
        ]
        whole = [Segment(arb(0), radius, HALF_SQUARE, arb_poly([1]))]
        power = self.dimension - 1
        return (self.integrator(parts, power) / self.integrator(whole, power)).nonnegative_part()

    def gaussian_outside(self, radius: arb) -> arb:
        """P(chi_d > radius). Enclosure, rounded outward."""
        return chi_tail_ball(arb(self.dimension), radius)

    def _moment(self, radius: arb, weights: list[arb_poly]) -> arb:
        parts = segments(self.envelopes, arb(0), radius, upper=False, weights=weights)
        return (self.integrator(parts, self.dimension - 1) / self.mass(arb(0), radius)).nonnegative_part()


def probability(value: arb) -> arb:
    """A ball known to hold a probability, cut to [0, 1]; all of it where nothing is known.

    Enclosure, rounded outward.

    >>> probability(arb(1, 0.5)).contains(arb(1)), probability(arb(1, 0.5)) > 1
    (True, False)
    """
    return value.nonnegative_part().min(arb(1)) if value.is_finite() else arb(0).union(arb(1))
