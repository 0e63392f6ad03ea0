"""Values of an analytic function at floats, enclosed without trusting any math library.

On each cell [x_i - h/2, x_i + h/2] with x_i = i h, h = 1/32, the function is its Taylor polynomial of degree
n at x_i plus a remainder R (x - x_i)^(n+1), where R is enclosed by the jet of the function at the whole cell
as a ball. The coefficients are computed in balls once and rounded to float64; evaluation then uses only
additions and multiplications, whose rounding IEEE 754 bounds. Error allowance (Higham, Accuracy and Stability,
(5.3)): Horner's rule at degree n commits at most gamma_{2n} sum_j |c_j| |x - x_i|^j, and x - x_i is exact (Sterbenz).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series, ctx

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, precision, upper
from certify.generators.activations.function import Parameters
from certify.generators.activations.profile import FloatEnclosure, outward

Series: TypeAlias = Callable[[arb_series, Parameters], arb_series]

RADIUS = 48
"""Tables reach from -RADIUS to RADIUS (or to zero)."""
CELLS_PER_UNIT = 32
HALF_CELL = 2.0**-6
DEGREE = 9
UNDERFLOW = 2.0**-1060
"""More than all underflows of one evaluation together (each is at most 2^-1075)."""

# All of them exact: dyadic, of few digits.
_ONE, _GAMMA = arb(1), arb(2 * DEGREE + 4) / 2**53
_POWERS = [arb(HALF_CELL) ** j for j in range(DEGREE + 1)]
_SLACK = 1 + arb(2) ** -49
"""The allowance is evaluated in floats with four roundings, and enlarged by this beforehand."""


class TaylorTable:
    """sigma^(order) on [left, right]: row i, made when it is needed, belongs to the cell left * CELLS_PER_UNIT + i.

    Most networks' inputs are within a few units of 0, and a row takes 50 microseconds.
    """

    def __init__(self, series: Series, order: int, left: int, right: int) -> None:
        self.series, self.order = series, order
        self.first = left * CELLS_PER_UNIT
        count = right * CELLS_PER_UNIT - self.first + 1
        self.coefficients = np.empty((DEGREE + 1, count))
        self.constant_error, self.linear_error = np.empty(count), np.empty(count)
        self.is_made = np.zeros(count, dtype=bool)

    def evaluate(self, x: FloatArray) -> FloatEnclosure:
        """Enclosure of the value at every x inside the table. Rounded outward."""
        nearest = np.rint(x * CELLS_PER_UNIT)
        offset = x - nearest / CELLS_PER_UNIT
        cell = nearest.astype(np.int64) - self.first
        if not self.is_made.take(cell).all():
            self._make(cell)
        total = self.coefficients[DEGREE].take(cell)
        for coefficient in self.coefficients[DEGREE - 1 :: -1]:
            total *= offset
            total += coefficient.take(cell)
        error = self.constant_error.take(cell) + np.abs(offset) * self.linear_error.take(cell)
        return outward(total - error, total + error)

    def _make(self, cells: npt.NDArray[np.int64]) -> None:
        """Make the rows of these cells."""
        wanted = np.unique(cells)
        with precision(), _series_length(self.order + DEGREE + 2):
            for row in wanted[~self.is_made[wanted]].tolist():
                *coefficients, constant, linear = _cell(self.series, self.order, self.first + row)
                self.coefficients[:, row] = coefficients
                self.constant_error[row], self.linear_error[row] = constant, linear
                # Last, so that another thread finds the row whole or makes it itself.
                self.is_made[row] = True


@cache
def taylor_table(series: Series, order: int, left: int, right: int) -> TaylorTable:
    """The table of the derivative of `order` of a function without parameters, on [left, right]."""
    return TaylorTable(series, order, left, right)


def value_ball(series: Series, order: int, x: arb) -> arb:
    """Enclosure of the derivative of `order` at a ball."""
    with _series_length(order + 1):
        return _derived(series(arb_series([x, arb(1)]), ()), order, 0)


def tabulated(series: Series, order: int, left: int, right: int, x: FloatArray) -> FloatEnclosure:
    """Enclosure at finite floats: from the table on [left, right], in balls one by one for the few beyond."""
    inside = (x >= left) & (x <= right)
    low, high = taylor_table(series, order, left, right).evaluate(np.where(inside, x, 0.0))
    if not bool(inside.all()):
        with precision():
            values = [value_ball(series, order, arb(entry)) for entry in x[~inside].tolist()]
        low[~inside] = [lower(value) for value in values]
        high[~inside] = [upper(value) for value in values]
    return low, high


def _cell(series: Series, order: int, index: int) -> list[float]:
    """Rounded coefficients of one cell, then the constant and the linear part of its error allowance."""
    jet = series(arb_series([arb(index) / CELLS_PER_UNIT, _ONE]), ())
    around = series(arb_series([arb(index / CELLS_PER_UNIT, HALF_CELL), _ONE]), ())
    exact = [_derived(jet, order, j) for j in range(DEGREE + 1)]
    rounded = [float(coefficient.mid()) for coefficient in exact]
    errors = [abs(c - arb(r)) + _GAMMA * abs(c) for c, r in zip(exact, rounded, strict=True)]
    remainder = abs(_derived(around, order, DEGREE + 1)) * _POWERS[DEGREE]
    linear = sum((error * power for power, error in zip(_POWERS, errors[1:], strict=False)), remainder)
    return [*rounded, upper(errors[0] * _SLACK + UNDERFLOW), upper(linear * _SLACK)]


def _derived(jet: arb_series, order: int, j: int) -> arb:
    """Taylor coefficient j of the derivative of `order`: c_{j+k} (j+k)!/j!."""
    return jet[j + order] * math.perm(j + order, order)


class _series_length:
    """Context in which jets keep `length` coefficients; the previous setting is restored."""

    def __init__(self, length: int) -> None:
        self.length, self.before = length, ctx.cap

    def __enter__(self) -> None:
        self.before, ctx.cap = ctx.cap, self.length

    def __exit__(self, *exception: object) -> None:
        ctx.cap = self.before
