"""Profiles of smooth activations: every critical point isolated in balls, the tails by a stated bound.

Inside [-radius, radius] the zeros of sigma^(k+1) are isolated by ball branch and bound: a cell on which the
enclosure of sigma^(k+1) excludes zero holds no critical point of sigma^(k), every other cell is bisected, and what
is left at width 2^-46 becomes a knot. Completeness of the list is thus part of the computation.

Outside, an activation states its tail and its reflection (`Shape`), from which the right half line follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, precision, upper
from certify.arithmetic.intervals import round_down, round_up
from certify.generators.activations.function import ActivationFunction, Parameters, always_smooth
from certify.generators.activations.profile import PLUS_INFINITY, FloatEnclosure, Knot, KnotProfile
from certify.generators.activations.taylor import Series, tabulated, taylor_table, value_ball

SMALLEST_CELL = 2.0**-46
"""Cell ends stay multiples of it, which float64 holds exactly up to 64: no cell is lost to rounding."""
ROOM_FOR_CELLS = 200_000
"""Far above what any activation needs; reaching it means the function vanishes on an interval."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What is known about sigma away from zero, for a function sigma with a jet `series`.

    Reflection: sigma(x) = slope x + constant + sign mu(-x) for x > 0, slope, constant in {0, 1}, sign = +-1, where mu
    is sigma itself or, where that has no such symmetry, the function with the jet `mirror`.
    Left tail: for x <= -radius and k <= 3, sigma^(k)(x) and mu^(k)(x) lie in [k = 0] limit + [-delta, delta], or in
    [k = 0] limit + [0, delta] where `tail_is_positive`, with delta = tail(radius). With `tail` None the tail is
    instead monotone in every order k <= 3 (all critical points lie within the radius) and tends to [k = 0] limit.
    """

    series: Series
    slope: int
    constant: int
    sign: int
    limit: Callable[[], arb]
    radius: int
    tail: Callable[[arb], arb] | None = None
    tail_is_positive: bool = False
    mirror: Series | None = None

    def left(self, mirrored: bool) -> Series:
        """The jet on the left half line: of sigma, or of what its right half line is made of."""
        return self.mirror if mirrored and self.mirror is not None else self.series


@cache
def smooth_profile(shape: Shape, order: int) -> KnotProfile:
    """The profile of sigma^(order), order <= 3."""
    with precision():
        left = shape.limit() if order == 0 else arb(0)
        right = _reflected_limit(shape, order, left)
        knots = _critical_knots(shape, order)
        if shape.tail is not None:
            knots = (*knots, *_tail_knots(shape, order, shape.tail))
    return KnotProfile(lambda x: _evaluate(shape, order, x), knots, left, right)


def _evaluate(shape: Shape, order: int, x: FloatArray) -> FloatEnclosure:
    """Enclosure at finite floats: the left half line, then the reflection for x > 0. Rounded outward."""
    right = x > 0
    low, high = _evaluate_left(shape, order, -np.abs(x), False)
    if shape.mirror is not None:
        other = _evaluate_left(shape, order, -np.abs(x), True)
        low, high = np.where(right, other[0], low), np.where(right, other[1], high)
    # sigma^(k)(x) = (slope x + constant)^(k) + sign (-1)^k sigma^(k)(-x).
    mirrored_low, mirrored_high = (low, high) if shape.sign * (-1) ** order > 0 else (-high, -low)
    if order > 1 or (shape.slope == 0 and (order == 1 or shape.constant == 0)):
        return np.where(right, mirrored_low, low), np.where(right, mirrored_high, high)
    line = shape.slope * x + shape.constant if order == 0 else np.full_like(x, shape.slope)
    exact = line == 0.0
    # Adding an exact zero rounds nothing; otherwise the sum is one float further out (and the line, with
    # slope and constant in {0, 1} and not both 1, is exact).
    below = np.where(exact, mirrored_low, round_down(line + mirrored_low))
    above = np.where(exact, mirrored_high, round_up(line + mirrored_high))
    return np.where(right, below, low), np.where(right, above, high)


def _evaluate_left(shape: Shape, order: int, x: FloatArray, mirrored: bool) -> FloatEnclosure:
    """Enclosure at floats x <= 0, of sigma^(order) or of mu^(order)."""
    series = shape.left(mirrored)
    if shape.tail is None:
        return tabulated(series, order, -shape.radius, 0, x)
    inside = x >= -shape.radius
    table = taylor_table(series, order, -shape.radius, 0)
    if bool(inside.all()):
        return table.evaluate(x)
    low, high = table.evaluate(np.where(inside, x, 0.0))
    with precision():
        tail_low, tail_high = _tail_range(shape, order, shape.tail)
    return np.where(inside, low, lower(tail_low)), np.where(inside, high, upper(tail_high))


def _tail_range(shape: Shape, order: int, tail: Callable[[arb], arb]) -> tuple[arb, arb]:
    """[low, high] of sigma^(order) on (-inf, -radius]."""
    delta = tail(arb(shape.radius))
    limit = shape.limit() if order == 0 else arb(0)
    return (limit if shape.tail_is_positive else limit - delta), limit + delta


def _tail_knots(shape: Shape, order: int, tail: Callable[[arb], arb]) -> tuple[Knot, Knot]:
    """The starts of both tails: from there on the function is a line plus something in a fixed interval."""
    low, high = _tail_range(shape, order, tail)
    line = arb(shape.slope * shape.radius + shape.constant) if order == 0 else arb(shape.slope if order == 1 else 0)
    mirrored = (low, high) if shape.sign * (-1) ** order > 0 else (-high, -low)
    return (
        Knot(-shape.radius, -shape.radius, low, high),
        Knot(shape.radius, shape.radius, line + mirrored[0], line + mirrored[1]),
    )


def _reflected_limit(shape: Shape, order: int, left: arb) -> arb:
    """The limit at +infinity."""
    if order == 0:
        return PLUS_INFINITY if shape.slope else shape.constant + shape.sign * left
    return arb(shape.slope) if order == 1 else arb(0)


def _critical_knots(shape: Shape, order: int) -> tuple[Knot, ...]:
    """Every zero of sigma^(order+1) in [-radius, radius], each inside a knot with the value of sigma^(order) there."""
    width = 0.25
    cells = [-shape.radius + width * i for i in range(int(2 * shape.radius / width))]
    examined = 0
    while width > SMALLEST_CELL:
        width /= 2
        halves = [half for left in cells for half in (left, left + width)]
        examined += len(halves)
        assert examined < ROOM_FOR_CELLS, "an activation whose derivative vanishes on an interval needs another rule"
        cells = [left for left in halves if not _excludes_zero(shape, order + 1, left, left + width)]
    return tuple(_knot(shape, order, left, right) for left, right in _merged(cells, width))


def _excludes_zero(shape: Shape, order: int, left: float, right: float) -> bool:
    return not value_ball(shape.series, order, _interval(left, right)).contains(0)


def _merged(cells: list[float], width: float) -> list[tuple[float, float]]:
    """Runs of touching cells as single intervals."""
    runs: list[tuple[float, float]] = []
    for left in cells:
        if runs and runs[-1][1] == left:
            runs[-1] = (runs[-1][0], left + width)
        else:
            runs.append((left, left + width))
    return runs


def _knot(shape: Shape, order: int, left: float, right: float) -> Knot:
    """The knot of one isolated critical interval, by the mean value form (sigma^(order) is flat there)."""
    # An odd sigma^(order+1) vanishes at 0, and only there if its own derivative excludes zero nearby.
    odd = shape.sign * (-1) ** (order + 1) < 0 and shape.mirror is None
    if odd and left <= 0 <= right and _excludes_zero(shape, order + 2, left, right):
        return Knot.at(0.0, value_ball(shape.series, order, arb(0)))
    middle = math.fsum((left, right)) / 2
    slope = value_ball(shape.series, order + 1, _interval(left, right))
    value = value_ball(shape.series, order, arb(middle)) + slope * (_interval(left, right) - arb(middle))
    return Knot(left, right, value, value)


def _interval(left: float, right: float) -> arb:
    return arb(left).union(arb(right))


def smooth_activation(
    name: str,
    tex: str,
    numeric: Callable[[FloatArray, Parameters, int], tuple[FloatArray, ...]],
    shape: Shape,
    ball: Callable[[arb, Parameters], arb] | None = None,
) -> ActivationFunction:
    """A smooth activation without parameters, whose ranges follow from its shape; `ball` where its jet does not serve.

    Guarantee: that of `smooth_profile`, if the shape is true.
    """
    # The jet's formula is generic: at a ball it is the function's enclosure.
    jet: Callable[[Any, Parameters], Any] = shape.series
    return ActivationFunction(
        name=name,
        tex=tex,
        parameters=(),
        numeric=numeric,
        ball=ball or jet,
        series=shape.series,
        smoothness=always_smooth,
        profile=lambda parameters, order: smooth_profile(shape, order),
    )
