"""The least Lipschitz constant that lets a model have two groups at a distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.symbolic.functions import EnclosedFunction


class LeastSlope(EnclosedFunction):
    r"""The M with r/sqrt(M^2 + beta^2) = s, 0 where no slope is needed; infinite for s <= 0 < r."""

    nargs = 3

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Inclusion property; NaN where it is undecided whether s is positive."""
        distance, spread, noise = arguments
        if spread <= 0:
            return arb("inf") if distance > 0 else arb(0)
        if not spread > 0:
            return arb("nan")
        slope = distance / spread if spread.is_finite() else arb(0)
        return (slope * slope - noise * noise).max(arb(0)).sqrt()

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """Estimate."""
        distance, spread, noise = (np.asarray(item, dtype=np.float64) for item in arguments)
        slope = np.where(spread > 0, distance / spread, np.inf)
        return np.asarray(np.sqrt(np.maximum(slope**2 - noise**2, 0.0)))

    def _latex(self, printer: Any) -> str:
        distance, spread, noise = (printer._print(argument) for argument in self.args)
        return rf"\sqrt{{\left(({distance})^2/({spread})_+^2-({noise})^2\right)_+}}"
