"""The normal distribution function and its quantile, for closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb
from scipy.special import ndtr, ndtri

from certify.arithmetic.arrays import FloatArray
from certify.symbolic.functions import EnclosedFunction


class NormalMass(EnclosedFunction):
    r"""Phi(t) = P(w <= t), w standard normal."""

    nargs = 1

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; Phi increases, so the ends of the ball span it, infinite ones included."""
        (threshold,) = arguments
        return _mass(threshold.lower()).union(_mass(threshold.upper()))

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """Estimate by scipy."""
        return np.asarray(ndtr(np.asarray(arguments[0], dtype=np.float64)))

    def _latex(self, printer: Any) -> str:
        return rf"\Phi\left({printer._print(self.args[0])}\right)"


class NormalQuantile(EnclosedFunction):
    r"""Phi^{-1}(p); -inf for p <= 0 and inf for p >= 1."""

    nargs = 1

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; NaN where it is undecided on which side of 0 or 1 the ball lies."""
        (mass,) = arguments
        if mass <= 0:
            return arb("-inf")
        if mass >= 1:
            return arb("inf")
        if not (mass > 0 and mass < 1):
            return arb("nan")
        return arb(2).sqrt() * (2 * mass - 1).erfinv()

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """Estimate by scipy."""
        return np.asarray(ndtri(np.clip(np.asarray(arguments[0], dtype=np.float64), 0.0, 1.0)))

    def _latex(self, printer: Any) -> str:
        return rf"\Phi^{{-1}}\left({printer._print(self.args[0])}\right)"


def _mass(threshold: arb) -> arb:
    if threshold.is_nan():
        return threshold
    if not threshold.is_finite():
        return arb(1) if threshold > 0 else arb(0)
    return (-threshold / arb(2).sqrt()).erfc() / 2
