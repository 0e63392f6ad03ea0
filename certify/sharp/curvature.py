"""Curvature bounds of one posterior over growing balls, and the envelopes of its potential that follow from them.

Coordinates z = c + B y, B close to A^{-1/2}, A = I + J(c)^T J(c)/beta^2, F(y) = f(z) - f(c), g >= |grad F(0)|. Two
monotone functions of the radius are known: q(r) >= ||Hess F - I|| and mu(r) <= lambda_min(Hess F) for |y| <= r. Here
they are polynomials on consecutive pieces, so that their double integrals are polynomials too:

    phi0(r) = int_0^r (-g + int_0^s mu) ds <= F(r u) <= U(r) = g r + r^2/2 + int_0^r int_0^s q,   |u| = 1.

Closed forms (docs/sharp.md, "Curvature"): with a = m^2/beta^2, b = M^2/beta^2, e = M2 beta/(m^2+beta^2),
p = M2 |r(c)|/(m^2+beta^2),
    q(r) = p + 3 e r + (3/2) e^2 r^2,   mu(r) = max{(1 - e r)_+^2, (1+a)/(1+b)} - (p + e r + e^2 r^2/2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flint import arb, arb_poly

from certify.arithmetic.balls import ball
from certify.posteriors.profile import Profile
from certify.sharp import terms
from certify.sharp.quadrature import Segment

ONE = arb_poly([1])


class Piece(NamedTuple):
    """Bounds as polynomials of r for r >= start, up to the next piece's start."""

    start: arb
    mu: arb_poly
    q: arb_poly


class EnvelopePiece(NamedTuple):
    """phi0 and U as polynomials of r from `start` on."""

    start: arb
    lower: arb_poly
    upper: arb_poly


@dataclass(frozen=True, eq=False)
class Curvature:
    """The two bounds, piece by piece from radius 0 up to `reach` (infinite for the closed forms)."""

    pieces: tuple[Piece, ...]
    reach: arb

    def q(self, radius: arb) -> arb:
        """Enclosure of q at a radius (of every branch that the ball may lie in), rounded outward."""
        return self._over(radius, lambda piece: piece.q(radius))

    def mu(self, radius: arb) -> arb:
        """Enclosure of mu at a radius (of every branch that the ball may lie in), rounded outward."""
        return self._over(radius, lambda piece: piece.mu(radius))

    def _over(self, radius: arb, value: Callable[[Piece], arb]) -> arb:
        if not radius <= self.reach:
            return arb("nan")
        # A step function's value at its break is the left piece's: the bound holds on the closed ball.
        found: arb | None = None
        for piece, following in zip(self.pieces, (*self.pieces[1:], None), strict=True):
            behind = following is not None and radius > following.start
            ahead = not radius >= piece.start or (piece.start > 0 and bool(radius == piece.start))
            if behind or (ahead and radius <= piece.start):
                continue
            here = value(piece)
            found = here if found is None else found.union(here)
        assert found is not None, "the pieces cover every radius up to the reach"
        return found

    def envelopes(self, gradient: arb) -> tuple[EnvelopePiece, ...]:
        """phi0 and U on every piece for g = `gradient`, integrated twice and continued at the breaks.

        Enclosure, rounded outward.
        """
        found: list[EnvelopePiece] = []
        slopes = (-gradient, gradient)
        values = (arb(0), arb(0))
        for index, piece in enumerate(self.pieces):
            lower = _continued(piece.mu, piece.start, slopes[0], values[0])
            upper = _continued(ONE + piece.q, piece.start, slopes[1], values[1])
            found.append(EnvelopePiece(piece.start, lower, upper))
            if index + 1 < len(self.pieces):
                end = self.pieces[index + 1].start
                slopes = (lower.derivative()(end), upper.derivative()(end))
                values = (lower(end), upper(end))
        return tuple(found)


def _continued(second: arb_poly, start: arb, slope: arb, value: arb) -> arb_poly:
    """The polynomial with second derivative `second`, and this slope and value at `start`."""
    first = second.integral()
    first = first + (slope - first(start))
    whole = first.integral()
    return whole + (value - whole(start))


def closed_form_curvature(e: arb, p: arb, floor: arb, defect: arb | None = None) -> Curvature:
    """The closed forms with floor = (1+a)/(1+b).

    `defect` = om >= ||B^T A B - I||, om < 1: with W = A^{1/2} B, ||W^T W - I|| <= om, the Hessian in y is W^T H W, H
    that of the exact factor at |W y| <= sqrt(1+om) |y|. So q becomes (1+om) q + om and mu loses om ||H|| <= om (1 + q),
    with e scaled by sqrt(1+om); the page's (1+om)^{3/2} e is larger, hence valid, and used for q.
    Enclosure, rounded outward.
    """
    om, r = arb(0) if defect is None else defect, arb_poly([0, 1])
    q = terms.distance_from_identity(r, e, p, om)
    loss = terms.curvature_loss(r, e, p, om)
    near = terms.near_floor(r, e, om) ** 2 - loss
    stretched = terms.stretched_scale(e, om)
    if stretched == 0:
        return Curvature((Piece(arb(0), near, q),), arb("inf"))
    switch = ((1 - floor.sqrt()) / stretched).nonnegative_part()
    return Curvature((Piece(arb(0), near, q), Piece(switch, floor - loss, q)), arb("inf"))


def profile_curvature(profile: Profile) -> Curvature:
    """The step functions of a certified profile, exact up to its last radius. Enclosure, rounded outward."""
    starts = [arb(0), *(ball(float(radius)) for radius in profile.radii[:-1])]
    pieces = tuple(
        Piece(start, arb_poly([ball(float(mu))]), arb_poly([ball(float(q))]))
        for start, mu, q in zip(starts, profile.mu_lower, profile.q_upper, strict=True)
    )
    return Curvature(pieces, ball(profile.reach))


def segments(
    pieces: Sequence[EnvelopePiece], start: arb, end: arb, upper: bool, weights: Sequence[arb_poly] | None = None
) -> list[Segment]:
    """The integrand exp(-phi0) (or exp(-U) with `upper`) on [start, end], cut at the breaks; one weight a piece.

    Enclosure, rounded outward.
    """
    found = []
    ends = [*(piece.start for piece in pieces[1:]), end]
    for index, (piece, last) in enumerate(zip(pieces, ends, strict=True)):
        if piece.start >= end or last <= start:
            continue
        low, high = piece.start.max(start), last.min(end)
        weight = ONE if weights is None else weights[index]
        found.append(Segment(low, high, piece.upper if upper else piece.lower, weight))
    return found
