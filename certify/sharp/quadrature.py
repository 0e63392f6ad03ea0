"""Rigorous integrals of r^k w(r) exp(-P(r)), w and P polynomials: two independent engines of one inclusion property.

Every integral of the sharp bounds is a sum of such terms over consecutive segments: the envelopes of the potential
are polynomials between the radii where the curvature bound changes its branch.

`analytic_integral` adapts Gauss-Legendre rules whose error is bounded on ellipses in the complex plane (Petras;
Johansson, "Numerical integration in arbitrary-precision ball arithmetic", ICMS 2018). `taylor_integral` cuts into
cells and sums Taylor series at their centres with Lagrange's remainder over the whole cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, TypeAlias

import flint
from flint import acb, acb_poly, arb, arb_poly, arb_series

TAYLOR_CELLS, TAYLOR_ORDER = 32, 24


class Segment(NamedTuple):
    """The integrand r^k weight(r) exp(-exponent(r)) on start <= r <= end (balls), k given to the integrator."""

    start: arb
    end: arb
    exponent: arb_poly
    weight: arb_poly


Integrator: TypeAlias = Callable[[Sequence[Segment], int], arb]


def analytic_integral(segments: Sequence[Segment], power: int) -> arb:
    """Sum over the segments of int r^power weight exp(-exponent) dr.

    Guarantee: inclusion property, also for ends that are balls; wide balls give a wide result, never a wrong one.
    It aims at half the digits of the working precision. Enclosure, rounded outward.

    >>> line = Segment(arb(0), arb(1), arb_poly([0]), arb_poly([1]))
    >>> analytic_integral([line], 1).contains(arb("0.5"))
    True
    """
    total, tolerance = arb(0), arb(2) ** (-flint.ctx.prec // 2)
    for segment in segments:
        if segment.start == segment.end:
            continue
        # The integrand is entire, so no branch cut has to be announced to the integrator.
        weight = None if segment.weight.coeffs() == [1] else acb_poly(segment.weight)
        integrand = partial(_integrand, weight=weight, exponent=acb_poly(segment.exponent), power=power)
        total += acb.integral(integrand, acb(segment.start), acb(segment.end), rel_tol=tolerance).real
    return total


def taylor_integral(segments: Sequence[Segment], power: int) -> arb:
    """The same integrals by Taylor series of order `TAYLOR_ORDER` on `TAYLOR_CELLS` cells of every segment.

    Guarantee: inclusion property. Slower and wider than `analytic_integral`, and with no code in common.
    Enclosure, rounded outward.
    """
    with _series_length(TAYLOR_ORDER + 1):
        return sum((_taylor_segment(segment, power) for segment in segments), arb(0))


def _integrand(r: acb, _analytic: bool, weight: acb_poly | None, exponent: acb_poly, power: int) -> acb:
    # The integrator asks tens of thousands of times: a weight of 1 costs nothing.
    scale = r**power if weight is None else r**power * weight(r)
    return scale * (-exponent(r)).exp()


def _taylor_segment(segment: Segment, power: int) -> arb:
    """Cells [centre - h, centre + h]: even coefficients at the centre, and the remainder's over the cell."""
    half = (segment.end - segment.start) / (2 * TAYLOR_CELLS)
    total = arb(0)
    for cell in range(TAYLOR_CELLS):
        centre = segment.start + (2 * cell + 1) * half
        series = _jet(segment, power, centre)
        everywhere = _jet(segment, power, (centre - half).union(centre + half))
        for order in range(0, TAYLOR_ORDER, 2):
            total += 2 * series[order] * half ** (order + 1) / (order + 1)
        # f(c + s) = sum_{j<n} f_j s^j + f_n(xi) s^n with n even, so the remainder's integral is f_n times this.
        total += everywhere[TAYLOR_ORDER] * 2 * half ** (TAYLOR_ORDER + 1) / (TAYLOR_ORDER + 1)
    return total


def _jet(segment: Segment, power: int, centre: arb) -> arb_series:
    line = arb_series([centre, 1], TAYLOR_ORDER + 1)
    exponent, weight = arb_series([0], TAYLOR_ORDER + 1), arb_series([0], TAYLOR_ORDER + 1)
    for coefficient in reversed(segment.exponent.coeffs()):
        exponent = exponent * line + coefficient
    for coefficient in reversed(segment.weight.coeffs()):
        weight = weight * line + coefficient
    return line**power * weight * (-exponent).exp()


@contextmanager
def _series_length(length: int) -> Iterator[None]:
    """FLINT cuts every series at `ctx.cap` terms: raise it, or the remainder's coefficient would be lost."""
    before = flint.ctx.cap
    flint.ctx.cap = max(before, length)
    try:
        yield
    finally:
        flint.ctx.cap = before
