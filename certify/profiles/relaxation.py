"""Linear relaxations: sigma^(k)(p) = s p + o + t with |t| <= gap for every p of an interval, rounded outward.

The interval is cut into cells; on a cell with middle q and half-width h, for g(p) = sigma^(k)(p) - s p,

    g(p) in g(q) + (p - q) g'(q) + [0, h^2/2] [sigma^(k+2)](cell)   or   g(q) + [-h, h] ([sigma^(k+1)](cell) - s),

whichever is narrower. The slope s makes the rest narrow; any s is valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL
from certify.generators.activations import range_enclosure
from certify.generators.activations.ranges import HIGHEST_ORDER

CELLS = 8
"""Cells per interval."""

GOLDEN, GOLDEN_STEPS = 0.618, 16


@dataclass(frozen=True, eq=False)
class Relaxation:
    """`slope` s, `offset` o and `gap`, each of the shape of the intervals; gap is inf where nothing is known."""

    slope: FloatArray
    offset: FloatArray
    gap: FloatArray


def relax(name: str, parameters: tuple[float, ...], order: int, lower: FloatArray, upper: FloatArray) -> Relaxation:
    """Relaxation of sigma^(order), order <= 2, over intervals [lower, upper] of any shape.

    Enclosure, rounded outward.

    >>> line = relax("tanh", (), 0, np.array([-0.1]), np.array([0.1]))
    >>> bool(abs(np.tanh(0.1) - line.slope[0] * 0.1 - line.offset[0]) <= line.gap[0] < 1e-3)
    True
    """
    item = _Derivative(name, parameters, order)
    with np.errstate(invalid="ignore", over="ignore"):
        nodes = lower[..., None] + (upper - lower)[..., None] * np.linspace(0.0, 1.0, CELLS + 1)
        nodes[..., -1] = upper
        nodes = np.where(np.isfinite(nodes), np.maximum.accumulate(nodes, axis=-1), 0.0)
        left, right = nodes[..., :-1], nodes[..., 1:]
        middle = 0.5 * left + 0.5 * right
        half = np.maximum(right - middle, middle - left) * (1 + 4 * EPSILON)
        slope = _best_slope(nodes, item.range(0, nodes, nodes)[0])
        value = item.range(0, middle, middle)
        low, high = _cell_ranges(item, slope[..., None], left, right, middle, half)
        drift = slope[..., None] * middle
        # The sums below have four roundings of numbers no larger than these.
        rounding = 8 * EPSILON * (np.abs(value[0]) + np.abs(value[1]) + np.abs(drift) + np.abs(low) + np.abs(high))
        bottom = (value[0] - drift + low - rounding).min(axis=-1)
        top = (value[1] - drift + high + rounding).max(axis=-1)
        offset = 0.5 * bottom + 0.5 * top
        gap = np.maximum(top - offset, offset - bottom) * (1 + 8 * EPSILON) + 8 * SMALLEST_NORMAL
    known = np.isfinite(lower) & np.isfinite(upper) & np.isfinite(offset) & np.isfinite(gap) & np.isfinite(slope)
    return Relaxation(np.where(known, slope, 0.0), np.where(known, offset, 0.0), np.where(known, gap, np.inf))


def _best_slope(nodes: FloatArray, values: FloatArray) -> FloatArray:
    """Slope s with the narrowest values - s nodes (convex in s) by golden section. Estimate: any slope is valid."""
    steps = np.diff(nodes, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        quotients = np.where(steps > 0, np.diff(values, axis=-1) / steps, 0.0)
    low, high = quotients.min(axis=-1), quotients.max(axis=-1)

    def width(slope: FloatArray) -> FloatArray:
        rest = values - slope[..., None] * nodes
        return np.asarray(rest.max(axis=-1) - rest.min(axis=-1))

    for _ in range(GOLDEN_STEPS):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        smaller = width(first) < width(second)
        low, high = np.where(smaller, low, first), np.where(smaller, second, high)
    return np.asarray(0.5 * (low + high))


def _cell_ranges(
    item: _Derivative, slope: FloatArray, left: FloatArray, right: FloatArray, middle: FloatArray, half: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Range of g - g(middle) over every cell, by the first- or the second-order form, up to the caller's rounding."""
    steep = item.range(1, left, right)
    first = half * np.maximum(np.abs(steep[0] - slope), np.abs(steep[1] - slope)) * (1 + 8 * EPSILON)
    if item.order + 2 > HIGHEST_ORDER:
        return -first, first
    tilt = item.range(1, middle, middle)
    linear = half * np.maximum(np.abs(tilt[0] - slope), np.abs(tilt[1] - slope))
    bend = item.range(2, left, right)
    square = 0.5 * half * half
    low = (np.minimum(bend[0], 0.0) * square - linear) * (1 + 8 * EPSILON)
    high = (np.maximum(bend[1], 0.0) * square + linear) * (1 + 8 * EPSILON)
    return np.fmax(low, -first), np.fmin(high, first)


@dataclass(frozen=True)
class _Derivative:
    """Sigma^(order) and its own derivatives over intervals."""

    name: str
    parameters: tuple[float, ...]
    order: int

    def range(self, more: int, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        return range_enclosure(self.name, self.parameters, self.order + more, lower, upper)
