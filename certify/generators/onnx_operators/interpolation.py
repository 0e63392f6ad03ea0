"""Resizing one axis as ONNX defines it: the source position of every output, and the sources it is mixed from.

Positions are computed three times: exactly, in float32 as runtimes do, and in float64. Where rounding decides
(the extent of the output, the nearest source) and the three differ, the file means different things to different
engines and is refused. Linear and cubic weights depend continuously on the position and are rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.sparse as sp

from certify.generators.onnx_operators.values import IntArray

Number = Any
"""A Fraction, or a numpy float: the three arithmetics share one formula."""

ARITHMETICS: tuple[Callable[[Number], Number], ...] = (Fraction, np.float32, np.float64)


class AmbiguousError(Exception):
    """Engines of different precision resize this axis differently."""


@dataclass(frozen=True)
class Axis:
    """One axis: its extent, the extent after resizing, and the scale as a ratio of numbers of the file.

    `scale` is exactly `numerator / denominator`; a scale from the file has the denominator 1.
    """

    extent: int
    target: int
    numerator: Fraction
    denominator: int = 1


def scaled_extent(extent: int, scale: float) -> int:
    """floor(extent * scale); raises AmbiguousError where float32 rounds the product to another integer."""
    exact = math.floor(Fraction(scale) * extent)
    if exact != math.floor(np.float32(scale) * np.float32(extent)):
        raise AmbiguousError(f"the extent {extent} times the scale {scale:.9g} is an integer in float32 only")
    return exact


def positions(axis: Axis, transform: str, number: Callable[[Number], Number]) -> list[Number]:
    """The source coordinate of every output in the arithmetic of `number`; KeyError for an unknown transform."""
    scale = number(axis.numerator) / number(axis.denominator)
    half, zero = number(0.5), number(0)
    outputs = [number(index) for index in range(axis.target)]

    def half_pixel(x: Number) -> Number:
        return (x + half) / scale - half

    def symmetric(x: Number) -> Number:
        # The centre stays where it is when the target extent is the floor of extent * scale.
        fitted = number(axis.target) / (scale * number(axis.extent))
        return number(axis.extent) / number(2) * (number(1) - fitted) + half_pixel(x)

    def align_corners(x: Number) -> Number:
        return x * number(axis.extent - 1) / number(axis.target - 1) if axis.target > 1 else zero

    rules: dict[str, Callable[[Number], Number]] = {
        "align_corners": align_corners,
        "asymmetric": lambda x: x / scale,
        "half_pixel": half_pixel,
        "half_pixel_symmetric": symmetric,
        "pytorch_half_pixel": lambda x: half_pixel(x) if axis.target > 1 else zero,
        "tf_half_pixel_for_nn": lambda x: (x + half) / scale,
    }
    return [rules[transform](x) for x in outputs]


def nearest_sources(axis: Axis, transform: str, rounding: str) -> IntArray:
    """The source of each output; AmbiguousError where arithmetics differ, KeyError for an unknown mode."""
    half = Fraction(1, 2)
    rules: dict[str, Callable[[Fraction], int]] = {
        "ceil": math.ceil,
        "floor": math.floor,
        "round_prefer_ceil": lambda x: math.floor(x + half),
        "round_prefer_floor": lambda x: math.ceil(x - half),
    }
    readings = [
        [
            min(max(rules[rounding](Fraction(float(x)) if number is not Fraction else x), 0), axis.extent - 1)
            for x in positions(axis, transform, number)
        ]
        for number in ARITHMETICS
    ]
    if any(reading != readings[0] for reading in readings):
        raise AmbiguousError("a source position is so near to a tie that float32 and exact arithmetic differ")
    return np.array(readings[0], dtype=np.int64)


def mixing_matrix(
    axis: Axis, transform: str, cubic: Fraction | None, exclude_outside: bool
) -> tuple[sp.csr_array, bool]:
    """The matrix (target, extent) of linear or cubic interpolation, and whether an entry had to be rounded.

    Linear weights are those of the two neighbours; cubic weights (Keys 1981, coefficient `cubic`) those of four.
    Sources outside the axis are its ends, or are left out and the weights divided by their sum.
    """
    rows: list[dict[int, Fraction]] = []
    for position in positions(axis, transform, Fraction):
        base = math.floor(position)
        reach = range(base, base + 2) if cubic is None else range(base - 1, base + 3)
        taps = {source: _weight(abs(position - source), cubic) for source in reach}
        if exclude_outside and cubic is not None:
            taps = {source: weight for source, weight in taps.items() if 0 <= source < axis.extent}
            total = sum(taps.values())
            if total == 0:
                raise AmbiguousError("every weight of an output lies outside of the axis")
            taps = {source: weight / total for source, weight in taps.items()}
        row: dict[int, Fraction] = {}
        for source, weight in taps.items():
            inside = min(max(source, 0), axis.extent - 1)
            row[inside] = row.get(inside, Fraction(0)) + weight
        rows.append({source: weight for source, weight in sorted(row.items()) if weight != 0})
    exact = [weight for row in rows for weight in row.values()]
    entries = [float(weight) for weight in exact]
    pointers = np.cumsum([0, *(len(row) for row in rows)])
    matrix = sp.csr_array((entries, [source for row in rows for source in row], pointers), (axis.target, axis.extent))
    return matrix, any(Fraction(entry) != weight for entry, weight in zip(entries, exact, strict=True))


def _weight(distance: Fraction, cubic: Fraction | None) -> Fraction:
    """The interpolation kernel at a distance: the hat function, or Keys' cubic."""
    s = distance
    if cubic is None:
        return max(1 - s, Fraction(0))
    if s <= 1:
        return (cubic + 2) * s**3 - (cubic + 3) * s**2 + 1
    return cubic * (s**3 - 5 * s**2 + 8 * s - 4) if s < 2 else Fraction(0)
