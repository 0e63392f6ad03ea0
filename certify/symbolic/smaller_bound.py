"""The smaller of two upper bounds of one number, of which one may not be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.symbolic.functions import EnclosedFunction


class SmallerBound(EnclosedFunction):
    r"""min{a, b} of two upper bounds; a bound that could not be enclosed (NaN) is no bound, and the other one stands.

    Unlike `sp.Min` it is not NaN where one argument is: each argument is an upper bound of the same number on its own.
    """

    nargs = 2

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        """Ball of the smaller bound over all points of the balls; NaN only if both arguments are."""
        first, second = arguments
        if first.is_nan():
            return second
        return first if second.is_nan() else first.min(second)

    @classmethod
    def estimate(cls, *arguments: npt.ArrayLike) -> FloatArray:
        """The smaller number, vectorised; NaN only if both are. Estimate."""
        first, second = (np.asarray(argument, dtype=np.float64) for argument in arguments)
        return np.asarray(np.fmin(first, second))

    def _latex(self, printer: Any) -> str:
        first, second = (printer._print(argument) for argument in self.args)
        return rf"\min\left({first}, {second}\right)"
