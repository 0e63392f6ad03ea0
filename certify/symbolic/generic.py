"""Elementary functions of whatever a formula is evaluated in: balls, polynomials of balls, floats, sympy expressions.

A formula written once with these and with + - * / ** is its own statement (sympy), its enclosure (balls, inclusion
property) and its estimate (floats or arrays): there is no second copy that could differ.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from flint import arb

Number: TypeAlias = Any
"""An `arb`, a float, an array of floats or a sympy expression."""


def sqrt(x: Number) -> Number:
    """Square root."""
    if isinstance(x, arb):
        return x.sqrt()
    return sp.sqrt(x) if isinstance(x, sp.Basic) else np.sqrt(x)


def one_minus_exp(x: Number) -> Number:
    """1 - exp(-x), without cancellation where x is small."""
    if isinstance(x, arb):
        return -(-x).expm1()
    return 1 - sp.exp(-x) if isinstance(x, sp.Basic) else -np.expm1(-x)


def minimum(x: Number, y: Number) -> Number:
    """The smaller of the two; of expressions as they stand: asking sympy which it is takes longer than a proof."""
    if isinstance(x, arb) or isinstance(y, arb):
        return arb(x).min(y)
    return sp.Min(x, y, evaluate=False) if _symbolic(x, y) else np.minimum(x, y)


def maximum(x: Number, y: Number) -> Number:
    """The larger of the two; of expressions as they stand."""
    if isinstance(x, arb) or isinstance(y, arb):
        return arb(x).max(y)
    return sp.Max(x, y, evaluate=False) if _symbolic(x, y) else np.maximum(x, y)


def _symbolic(x: Number, y: Number) -> bool:
    return isinstance(x, sp.Basic) or isinstance(y, sp.Basic)


def euler(like: Number) -> Number:
    """Euler's number, as a number like `like`."""
    if isinstance(like, arb):
        return arb.const_e()
    return sp.E if isinstance(like, sp.Basic) else np.e


def pi(like: Number) -> Number:
    """The number pi, as a number like `like`."""
    if isinstance(like, arb):
        return arb.pi()
    return sp.pi if isinstance(like, sp.Basic) else np.pi
