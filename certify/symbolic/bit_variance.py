r"""The variance of one posterior bit: v(beta) = E[p(1-p)], p = 1/(1+exp(-2(1+beta xi)/beta^2)), xi standard normal.

With u = (1 + beta xi)/beta^2, p(1-p) = 1/(4 cosh^2 u); shifting the Gaussian and dropping the odd part leaves

    v(beta) = beta exp(-1/(2 beta^2)) / (4 sqrt(2 pi)) * I(beta),   I(beta) = int exp(-beta^2 u^2/2) / cosh(u) du.

The integrand is analytic for |Im u| < pi/2. The trapezoidal sum of step h is therefore off by at most
2 B/(exp(2 pi a/h) - 1) for every a < pi/2, where B bounds int |f(u + ia)| du; here B = exp(beta^2 a^2/2) pi/cos(a), as
|cosh(u + ia)|^2 = sinh^2 u + cos^2 a >= cos^2 a cosh^2 u. Source: L. Trefethen, J. Weideman, SIAM Review 56 (2014),
Theorem 5.1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import acb, arb, ctx

from certify.arithmetic.arrays import FloatArray
from certify.symbolic.functions import EnclosedFunction

WIDEST_STRIP = 1.4
"""The shift a of the contour; below pi/2, where 1/cosh has its poles."""


class BitVariance(EnclosedFunction):
    """v(beta), increasing in beta from 0 to 1/4."""

    nargs = 1

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; see `bit_variance_ball`."""
        (beta,) = arguments
        return bit_variance_ball(beta)

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """Estimate by the trapezoidal rule in floats."""
        (beta,) = arguments
        return bit_variance_estimate(beta)

    def _latex(self, printer: Any) -> str:
        return rf"v\left({printer._print(self.args[0])}\right)"


def bit_variance_ball(beta: arb) -> arb:
    """Enclosure of v(beta) for every beta > 0 in the ball, of size 1e-300 to 1e300; NaN if the ball is not positive.

    Inclusion property: the trapezoidal sum, its error and the terms left out are all taken at the whole ball.
    """
    if not beta > 0:
        return arb("nan")
    # In w = c u with c a power of two next to beta (1 for beta < 1) the integrand is about as wide for every beta.
    exponent = max(0, math.frexp(float(beta.mid()))[1] - 1)
    c = arb(2.0**exponent)
    scaled = beta / c
    size = float(scaled.mid())
    strip = min(WIDEST_STRIP * 2.0 ** min(exponent, 10), 2.0 / size)
    step = arb(2.0**-20) * math.floor(2.0**20 * 2.0 * math.pi * strip / (0.7 * ctx.prec + 10.0))
    reach = min((0.7 * ctx.prec + 10.0) * 2.0 ** min(exponent, 10), math.sqrt(2.0 * ctx.prec) / size + 1.0)
    count = math.ceil(reach / float(step)) + 1
    total = arb(1)
    for k in range(1, count):
        w = k * step
        total += 2 * (-((scaled * w) ** 2) / 2).exp() / (w / c).cosh()
    # Terms left out: f(w) <= 2 exp(-w/c) exp(-b^2 w^2/2), b = beta/c, and (w + h)^2 >= w^2 + 2 w h: a geometric series.
    first = count * step
    ratio = (-step / c - scaled**2 * first * step).exp()
    omitted = 2 * step * 2 * (-((scaled * first) ** 2) / 2 - first / c).exp() / (1 - ratio)
    # |f(w + ia)| <= exp(b^2 (a^2 - w^2)/2) / cos(a/c), and 1/cosh(w/c) times that: the smaller integral bounds both.
    a = arb(strip)
    width = (c * arb.pi()).min((2 * arb.pi()).sqrt() / scaled)
    bound = (scaled**2 * a**2 / 2).exp() * width / (a / c).cos()
    error = 2 * bound / ((2 * arb.pi() * a / step).exp() - 1)
    integral = step * total + arb(0).union(omitted.upper()) + arb(0, error.upper())
    return scaled * (-1 / (2 * beta**2)).exp() / (4 * (2 * arb.pi()).sqrt()) * integral


def bit_variance_by_integral(beta: arb) -> arb:
    """The same number from its definition, by FLINT's adaptive integration: a second engine, to be held against.

    Enclosure of int p(1-p) phi(t) dt over |t| <= T, and of the tails, which p(1-p) <= 1/4 bounds by erfc.
    """
    if not beta > 0:
        return arb("nan")

    noise, square = acb(beta), acb(beta) ** 2

    def density(t: acb, analytic: bool) -> acb:
        u = (1 + noise * t) / square
        return (-t * t / 2).exp() * (2 * u.cosh()) ** -2

    reach = arb(math.ceil(math.sqrt(1.4 * ctx.prec) + 1.0 / float(beta.lower())))
    centre = -1 / arb(float(beta.mid()))
    integral = acb.integral(density, acb(-reach), acb(centre)) + acb.integral(density, acb(centre), acb(reach))
    tail = (reach / arb(2).sqrt()).erfc() / 4
    return integral.real / (2 * arb.pi()).sqrt() + arb(0).union(tail.upper())


def bit_variance_estimate(beta: npt.ArrayLike) -> FloatArray:
    """v(beta) in floats, vectorised. Estimate."""
    noise = np.asarray(beta, dtype=np.float64)[..., None]
    # In the variable w = u max(1, beta) the integrand is as wide as 1/cosh for every beta.
    w = np.linspace(-45.0, 45.0, 1801)
    u = w / np.maximum(1.0, noise)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        values = np.exp(-((noise * u) ** 2) / 2) / np.cosh(u)
        integral = values.sum(axis=-1) * (w[1] - w[0]) / np.maximum(1.0, noise[..., 0])
        scale = noise[..., 0] * np.exp(-1.0 / (2.0 * noise[..., 0] ** 2)) / (4.0 * math.sqrt(2.0 * math.pi))
        return np.asarray(scale * integral)
