r"""The radial functionals as functions that may stand in a theorem's closed forms.

Every one takes the shape (d, g, e, p, phi, om) of the problem first: dimension, gradient, the curvature's scales e and
p, the floor phi = (1+a)/(1+b), and the factor's defect om; then radii. Enclosures are the ball engine's, estimates
their midpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, exact_integer, midpoint, precision
from certify.sharp.chain import run_layers
from certify.sharp.curvature import closed_form_curvature
from certify.sharp.far import FarField
from certify.sharp.laws import RadialLaw
from certify.sharp.problem import SharpProblem
from certify.sharp.schedule import Schedule
from certify.symbolic.functions import EnclosedFunction

ESTIMATE_BITS = 64
UNKNOWN = "nan"


class RadialFunction(EnclosedFunction):
    """A functional whose float form is the midpoint of its enclosure, entry by entry."""

    tex = ""
    """TeX with a placeholder {0}, {1}, ... for every argument."""

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """Midpoint of the enclosure at a lower precision. Estimate."""
        columns = np.broadcast_arrays(*(np.asarray(item, dtype=np.float64) for item in arguments))
        result = np.empty(columns[0].shape)
        with precision(ESTIMATE_BITS):
            for index in np.ndindex(*result.shape):
                entries = [float(column[index]) for column in columns]
                finite = all(np.isfinite(entry) for entry in entries)
                result[index] = midpoint(cls.enclose(*(ball(entry) for entry in entries))) if finite else np.nan
        return result

    def _latex(self, printer: Any) -> str:
        return self.tex.format(*(printer._print(argument) for argument in self.args))


class ShellMass(RadialFunction):
    """P_{p0^R}(r > R - w), arguments (d, g, e, p, phi, om, R, w)."""

    nargs = 8
    tex = r"\mathrm{{P}}_{{p_0^{{{6}}}}}\left(r>{6}-{7}\right)"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        radius, width = arguments[6:]
        return _radial(arguments, lambda law: law.outside(radius - width, radius))


class OutsideMass(RadialFunction):
    """P_{p0^{R2}}(r > R), arguments (d, g, e, p, phi, om, R, R2)."""

    nargs = 8
    tex = r"\mathrm{{P}}_{{p_0^{{{7}}}}}\left(r>{6}\right)"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        radius, outer = arguments[6:]
        return _radial(arguments, lambda law: law.outside(radius, outer))


class EnvelopeRatio(RadialFunction):
    """Mass of exp(-U) over mass of exp(-phi0) on |y| <= R, arguments (d, g, e, p, phi, om, R); at most 1."""

    nargs = 7
    tex = r"\frac{{\int_0^{{{6}}}r^{{{0}-1}}e^{{-U(r)}}\,dr}}{{\int_0^{{{6}}}r^{{{0}-1}}e^{{-\varphi_0(r)}}\,dr}}"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        return _radial(arguments, lambda law: law.envelope_ratio(arguments[6]))


class ForceMoment(RadialFunction):
    """E_{p0^R} q(r)^2, arguments (d, g, e, p, phi, om, R)."""

    nargs = 7
    tex = r"\mathrm{{E}}_{{p_0^{{{6}}}}}\,q(r)^2"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        return _radial(arguments, lambda law: law.force_moment(arguments[6]))


class SecondMoment(RadialFunction):
    """E_{p0^R} r^2, arguments (d, g, e, p, phi, om, R)."""

    nargs = 7
    tex = r"\mathrm{{E}}_{{p_0^{{{6}}}}}\,r^2"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        return _radial(arguments, lambda law: law.second_moment(arguments[6]))


class GaussianShift(RadialFunction):
    """E[(g + int_0^chi q)^2 | chi_d <= R], arguments (d, g, e, p, phi, om, R)."""

    nargs = 7
    tex = r"\mathrm{{E}}\left[\left({1}+\int_0^{{\chi}}q\right)^2\,\middle|\,\chi_{{{0}}}\leq {6}\right]"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        return _radial(arguments, lambda law: law.gaussian_shift(arguments[6]))


class LowerEnvelope(RadialFunction):
    """phi0(r), arguments (d, g, e, p, phi, om, r)."""

    nargs = 7
    tex = r"\varphi_0\left({6}\right)"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        return _radial(arguments, lambda law: law.envelope(arguments[6], upper=False))


class UpperEnvelope(RadialFunction):
    """U(r), arguments (d, g, e, p, phi, om, r)."""

    nargs = 7
    tex = r"U\left({6}\right)"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property. Enclosure, rounded outward."""
        return _radial(arguments, lambda law: law.envelope(arguments[6], upper=True))


class ModeResidual(RadialFunction):
    r"""Bound on |r(z*)| at the mode for typical x, arguments (n, d, m, beta, rho, t_x).

    With probability >= 1 - exp(-t^2/2) it is <= beta (sqrt(n+d) + t); for n = d also <= beta^2 rho/m, with rho >= |zh|:
    there m |r| <= |J^T r| = beta^2 |z*| <= beta^2 |zh|.
    """

    nargs = 6
    tex = r"\bar r\left({0},{1},{2},{3},{4},{5}\right)"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; where n = d is not settled the larger form. Enclosure, rounded outward."""
        n, d, m, beta, rho, deviation = arguments
        typical = beta * ((n + d).sqrt() + deviation)
        return typical.min(beta**2 * rho / m) if n == d else typical


class FarMass(RadialFunction):
    """The far field's share of t(R), arguments (d, g, e, p, phi, om, R2, m, M2, beta, r_c, b)."""

    nargs = 12
    tex = (
        r"\sup_{{\alpha}}\frac{{\int_{{{6}}}^{{\infty}}r^{{{0}-1}}e^{{-l_{{\alpha}}}}dr}}"
        r"{{\int_0^{{{6}}}r^{{{0}-1}}e^{{-U}}dr}}"
    )

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Enclosure of the quotient; at most 1, or [0, inf] where the integral may diverge, rounded outward."""
        outer, m, second, beta, residual, b = arguments[6:]

        def value(law: RadialLaw) -> arb:
            far = FarField(law.dimension, m, second, beta, residual, law.gradient, b, arguments[5])
            return SharpProblem(law.curvature, far).far_mass(outer)

        return _radial(arguments, value)


class BurnInTime(RadialFunction):
    """Time spent by K0 harmonic steps, arguments (eta_b, h, K0)."""

    nargs = 3
    tex = r"\sum_{{k<{2}}}\frac{{{0}{1}}}{{{1}+k}}"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Exact schedule, enclosed sum; NaN unless the arguments are exact. Enclosure, rounded outward."""
        schedule = _schedule(*arguments)
        if schedule is None:
            return arb(UNKNOWN)
        return sum((count * ball(time) for time, count in schedule.moving()), arb(0))


class BurnInDistance(RadialFunction):
    """w_{K0} after K0 harmonic steps from w_0, arguments (w_0, mu, Q, eta_b, h, K0)."""

    nargs = 6
    tex = r"w_{{{5}}}\left({0},{1},{2}\right)"

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; NaN unless the schedule's numbers are exact. Enclosure, rounded outward."""
        distance, mu, force = arguments[:3]
        schedule = _schedule(*arguments[3:])
        if schedule is None:
            return arb(UNKNOWN)
        return run_layers([(ball(t), n) for t, n in schedule.moving()], [], mu, arb(0), force, distance).distance


def _radial(arguments: tuple[arb, ...], value: Callable[[RadialLaw], arb]) -> arb:
    """The functional of the law of the shape; NaN where the shape has none."""
    d, gradient, e, p, floor, defect = arguments[:6]
    dimension = exact_integer(d)
    if dimension is None or dimension < 1 or not all(item.is_finite() for item in arguments):
        return arb(UNKNOWN)
    return value(RadialLaw(dimension, closed_form_curvature(e, p, floor, defect), gradient))


def _schedule(first: arb, offset: arb, burn_in: arb) -> Schedule | None:
    length = exact_integer(burn_in)
    if length is None or length < 0 or not (first.is_exact() and offset.is_exact() and first > 0 and offset > 0):
        return None
    return Schedule(_rational(first), _rational(offset), length, Fraction(1), length + 1)


def _rational(value: arb) -> Fraction:
    """The dyadic rational that an exact ball is."""
    mantissa, exponent = value.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
