"""Special functions that the theorems' closed forms need and sympy does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball


class EnclosedFunction(sp.Function):  # type: ignore[misc]  # sympy is untyped
    """A special function that may stand in a theorem's closed forms.

    A subclass gives `nargs`, `enclose` and `estimate`, and `_latex` where its name is not its TeX; nothing else
    has to know it. It stays unevaluated in sympy: numbers come from the two readings alone.
    """

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Ball that contains the value at every point of the balls `arguments` (inclusion property)."""
        raise NotImplementedError(f"`{cls.__name__}` has no enclosure")

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """The function in floats, vectorised by broadcasting. Estimate."""
        raise NotImplementedError(f"`{cls.__name__}` has no float form")


class ChiTail(EnclosedFunction):
    r"""Upper tail P(chi_d > r) of the norm of a standard Gaussian in R^d.

    For r >= 0 it is the regularised upper incomplete gamma function Q(d/2, r^2/2); for r < 0 it is 1.
    """

    nargs = 2

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; see `chi_tail_ball`."""
        dimension, threshold = arguments
        return chi_tail_ball(dimension, threshold)

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """Estimate by scipy's incomplete gamma function."""
        dimension, threshold = arguments
        return chi_tail_estimate(dimension, threshold)

    def _latex(self, printer: Any) -> str:
        dimension, threshold = (printer._print(argument) for argument in self.args)
        return rf"\mathrm{{P}}\left(\chi_{{{dimension}}} > {threshold}\right)"


def chi_tail_ball(dimension: arb, threshold: arb) -> arb:
    """Enclosure of P(chi_d > r) for every r in `threshold`.

    Guarantee: inclusion property; a threshold ball that reaches below 0 gives a ball that reaches up to 1.
    """
    if threshold.is_nan():
        return arb("nan")
    if threshold <= 0:
        return arb(1)
    # The tail is non-increasing in r, so the enclosure over a ball is spanned by the values at its ends.
    return _chi_tail_exact(dimension, threshold.upper()).union(_chi_tail_exact(dimension, threshold.lower()))


def _chi_tail_exact(dimension: arb, threshold: arb) -> arb:
    if threshold <= 0:
        return arb(1)
    tail = (threshold * threshold / 2).gamma_upper(dimension / 2, regularized=1)
    if tail.is_nan():
        # Far beyond the range of exponents: P(chi_d > r) <= exp(-(r - sqrt d)^2/2) for r >= sqrt d.
        excess = threshold - dimension.sqrt()
        cap = (-excess * excess / 2).exp() if excess > 0 else arb(1)
        return arb(0).union(cap.upper())
    return tail.nonnegative_part().min(ball(1))


def chi_tail_estimate(dimension: npt.ArrayLike, threshold: npt.ArrayLike) -> FloatArray:
    """P(chi_d > r) in floats, vectorised. Estimate."""
    from scipy.special import gammaincc

    clipped = np.maximum(np.asarray(threshold, dtype=np.float64), 0.0)
    return np.asarray(gammaincc(np.asarray(dimension) / 2.0, clipped * clipped / 2.0))
