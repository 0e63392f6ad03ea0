"""The posterior's mass beyond the last radius where its curvature is known, from the global constants alone.

Along a ray |u| = 1, with alpha = |J A^{-1/2} u|/beta and o = 1 - alpha^2 = |A^{-1/2} u|^2 (docs/sharp.md, "Tail"):
    F(r u) >= l_alpha(r) = -g r + o (1 - M2 |r_c|/beta^2) r^2/2
                           + (1/2) max{ alpha r - (M2/(2 beta)) o r^2, m r sqrt(o)/beta }^2,
alpha^2 in [a/(1+a), b/(1+b)]. The supremum over alpha of int_{R2}^inf r^{d-1} exp(-l_alpha) is enclosed by bisecting
intervals of o: on one of them l_alpha is bounded from below by its worst ends, term by term. The worst alpha is
interior, where the two arguments of the maximum change places.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import count

from flint import arb, arb_poly

from certify.arithmetic.balls import lower, midpoint, precision, upper
from certify.sharp import terms
from certify.sharp.quadrature import Integrator, Segment, analytic_integral

MOST_CELLS = 1000
RELATIVE_WIDTH = 1e-3
CELL_PRECISION = 64
"""Bits for the cells of alpha, whose own width is far above the rounding."""
_SMALL = 2.0**-40


@dataclass(frozen=True)
class FarField:
    """The constants of l_alpha: m and M2 hold on all of R^d; b = M^2/beta^2 may come from ||J(c)|| instead of M.

    `defect` = om >= ||B^T A B - I|| of a computed factor B.
    """

    dimension: int
    m: arb
    M2: arb
    beta: arb
    residual: arb
    gradient: arb
    b: arb
    defect: arb
    integrator: Integrator = analytic_integral

    @property
    def finite(self) -> bool:
        """Whether the integral converges for certain: M2 |r_c| < m^2 + beta^2, with the global m. Verified."""
        numbers = self.m, self.M2, self.beta, self.residual, self.defect
        return all(condition.holds(*numbers) for condition in terms.FAR)

    def numerator(self, outer: arb, relative_width: float = RELATIVE_WIDTH, negligible: arb | None = None) -> arb:
        """Enclosure of sup_alpha int_{R2}^inf r^{d-1} exp(-l_alpha) dr, R2 = `outer`, to `relative_width` if it can be.

        The search stops early once the supremum is known to be below `negligible`.

        With a factor B the integral starts at sqrt(1-om) R2, with g/sqrt(1-om), times (1-om)^{-d/2}. Infinite where
        the integral may diverge. Guarantee: inclusion property. Enclosure, rounded outward.
        """
        if not self.finite:
            return arb(0).union(arb("inf"))
        stretch = (1 - self.defect).sqrt()
        start, gradient = stretch * outer, self.gradient / stretch
        with precision(CELL_PRECISION):
            supremum = self._supremum(start, gradient, relative_width, arb(0) if negligible is None else negligible)
        return supremum * stretch ** (-self.dimension)

    def _supremum(self, start: arb, gradient: arb, relative_width: float, negligible: arb) -> arb:
        """Best-first bisection in o = 1 - alpha^2 over [1/(1+b), 1/(1+a)], first cut where it is worst in floats.

        By o and not by alpha^2, which is within rounding of 1 for a small beta.
        """
        a = (self.m / self.beta) ** 2
        low, high = (1 / (1 + self.b)).lower(), (1 / (1 + a)).upper()
        guess = self._worst(low, high, start).max(low).min(high)
        # In units of the value at the guess: in high dimension the integrals themselves are beyond floats.
        unit = self._cell(guess, guess, start, gradient).upper()
        unit = unit if unit.is_finite() and unit > 0 else arb(1)
        small = lower(negligible / unit)
        best = arb(0)
        queue: list[tuple[float, int, arb, arb]] = []
        order = count()

        def add(left: arb, right: arb) -> None:
            heapq.heappush(queue, (-upper(self._cell(left, right, start, gradient) / unit), next(order), left, right))

        for point in (low, guess, high):
            best = best.max((self._cell(point, point, start, gradient) / unit).lower())
        # The two cells cover the interval whatever the guess was; one of them may be a point.
        add(low, guess)
        add(guess, high)
        for _ in range(MOST_CELLS):
            top = -queue[0][0]
            if top <= max(lower(best) * (1 + relative_width), small):
                break
            _, _, left, right = heapq.heappop(queue)
            middle = ((left + right) / 2).mid()
            best = best.max((self._cell(middle, middle, start, gradient) / unit).lower())
            add(left, middle)
            add(middle, right)
        return best.union(arb(-queue[0][0])).nonnegative_part() * unit

    def _worst(self, low: arb, high: arb, start: arb) -> arb:
        """The o at which the maximum changes its argument at r = start: alpha = c o r + m sqrt(o)/beta. Estimate."""
        left, right = midpoint(low), midpoint(high)
        c, m, r = midpoint(self.M2 / (2 * self.beta)), midpoint(self.m / self.beta), midpoint(start)
        for _ in range(60):
            o = 0.5 * (left + right)
            # The square root is rounded the same everywhere, a power is not.
            first_wins = math.sqrt(max(1.0 - o, 0.0)) - c * o * r > m * math.sqrt(o)
            left, right = (o, right) if first_wins else (left, o)
        return arb(left)

    def _cell(self, left: arb, right: arb, start: arb, gradient: arb) -> arb:
        """Enclosure of int_start^inf r^{d-1} exp(-l) for a lower bound l of l_alpha over o in [left, right].

        With left = right it encloses the integral at that o itself.
        """
        o_small, o_large = left, right
        tilt = 1 - self.M2 * self.residual / self.beta**2
        # A lower bound of o * tilt over the cell, whatever the sign of tilt.
        linear = (o_small * tilt).lower().min((o_large * tilt).lower()) if left != right else o_small * tilt
        alpha, bend = (1 - o_large).sqrt(), self.M2 * o_large / (2 * self.beta)
        floor = self.m * o_small.sqrt() / self.beta
        base = arb_poly([0, -gradient, linear / 2])
        near = base + arb_poly([0, 0, alpha**2 / 2, -alpha * bend, bend**2 / 2])
        beyond = base + arb_poly([0, 0, floor**2 / 2])
        # alpha r - bend r^2 >= floor r up to here; both arguments are valid everywhere, so any dyadic cut will do
        # over a cell, and at one alpha the ball itself is the cut.
        if not bend > 0:
            return self._to_infinity(near if alpha > floor else beyond, start)
        switch = ((alpha - floor) / bend).max(start)
        near_part = self.integrator([Segment(start, switch, near, arb_poly([1]))], self.dimension - 1)
        return near_part + self._to_infinity(beyond, switch)

    def _to_infinity(self, exponent: arb_poly, start: arb) -> arb:
        """int_start^inf r^{d-1} exp(-exponent), exponent = linear + quadratic with a positive leading coefficient.

        The integrand h is log-concave: beyond a radius T where -(log h)' >= slope > 0 it integrates to at most
        h(T)/slope. T doubles its distance until that is far below the part before it.
        """
        power = self.dimension - 1
        slope_at = exponent.derivative()
        if not slope_at.coeffs()[-1] > 0:
            return arb(0).union(arb("inf"))
        width = (64 / slope_at.coeffs()[-1]).sqrt().mid()
        total, position = arb(0), start
        for _ in range(200):
            following = position.upper() + width
            total += self.integrator([Segment(position, following, exponent, arb_poly([1]))], power)
            position = following
            slope = slope_at(position) - power / position
            if slope > 0:
                rest = (position**power * (-exponent(position)).exp() / slope).upper()
                if rest <= total.upper() * _SMALL:
                    return total + arb(0).union(rest)
            width = width * arb(1.5)
        return arb(0).union(arb("inf"))
