"""Activations over boxes: their ranges, and the planes that stand for them with what the planes leave.

A smooth activation is replaced by its tangent at the centre's input, with the remainder enclosed from the ranges of its
first three derivatives over the inputs; a convex kink by the branch that the range keeps to, or by the chord where the
kink lies inside. Under the assumptions of `certify.arithmetic.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray, round_down, round_up
from certify.envelopes.box_parts import BoxForm, Lines
from certify.generators.activations import activation, range_enclosure
from certify.generators.graph import Activation

CONVEX_KINKS = frozenset({"relu", "leaky_relu"})
"""Activations that are x for x >= 0 and a x with a <= 1 for x <= 0: their chord lies above them."""


@dataclass(frozen=True, eq=False)
class Image:
    """An activation's float `value` at the centre, within `spread` of the exact one, and its range [low, high]."""

    value: FloatArray
    spread: FloatArray
    low: FloatArray
    high: FloatArray


def image_of(node: Activation, source: BoxForm) -> Image:
    """The value at the centre and the range over the inputs, rounded outward."""
    name, parameters = node.name, node.parameters
    if name in CONVEX_KINKS:
        value = ends_at(name, parameters, source.value)
        return Image(value, np.zeros_like(value), *kink_range(name, parameters, source.low, source.high))
    ends = range_enclosure(name, parameters, 0, source.value, source.value)
    value = 0.5 * ends[0] + 0.5 * ends[1]
    return Image(value, ends[1] - ends[0], *range_enclosure(name, parameters, 0, source.low, source.high))


def tangent(node: Activation, source: BoxForm, image: Image) -> Lines:
    """The plane that stands for an activation over the ranges of its inputs, with its remainder. Rounded outward."""
    name, parameters = node.name, node.parameters
    if name in CONVEX_KINKS:
        return _kink_tangent(name, parameters, source)
    low, high, centre = source.low, source.high, source.value
    value = image.value
    below, above = np.minimum(low - centre, 0.0), np.maximum(high - centre, 0.0)
    reach = np.maximum(-below, above) * (1 + 4 * EPSILON)
    steep_low, steep_high = range_enclosure(name, parameters, 1, low, high)
    tilt = range_enclosure(name, parameters, 1, centre, centre)
    # A finite middle of the slopes where the tangent's own is not known (a kink at the centre).
    slope = np.where(np.isfinite(tilt[0]) & (tilt[0] == tilt[0]), 0.5 * tilt[0] + 0.5 * tilt[1], 0.0)
    bend_low, bend_high = range_enclosure(name, parameters, 2, low, high)
    square = 0.5 * reach * reach * (1 + 8 * EPSILON)
    off = np.maximum(np.abs(tilt[1] - slope), np.abs(tilt[0] - slope)) * reach
    curved_low = np.minimum(bend_low, 0.0) * square * (1 + 8 * EPSILON) - off
    curved_high = np.maximum(bend_high, 0.0) * square * (1 + 8 * EPSILON) + off
    # One order more: by the third derivative over the range, or by how much the second varies over it.
    middle = range_enclosure(name, parameters, 2, centre, centre)
    bend = np.clip(_middle(*middle), bend_low, bend_high)
    third = range_enclosure(name, parameters, 3, low, high)
    varied = np.maximum(middle[1] - bend, bend - middle[0]) + np.maximum(np.abs(third[0]), np.abs(third[1])) * reach / 3
    varied = np.fmin(varied, np.maximum(bend_high - bend, bend - bend_low))
    bent_rest = varied * square * (1 + 16 * EPSILON) + off
    curved_low = np.fmax(curved_low, np.minimum(bend, 0.0) * square * (1 + 8 * EPSILON) - bent_rest)
    curved_high = np.fmin(curved_high, np.maximum(bend, 0.0) * square * (1 + 8 * EPSILON) + bent_rest)
    smooth = np.isfinite(curved_low) & np.isfinite(curved_high)
    slope = np.where(smooth, slope, _middle(steep_low, steep_high))
    straight = np.maximum(steep_high - slope, slope - steep_low) * reach * (1 + 8 * EPSILON)
    rest_low = np.fmax(np.where(smooth, curved_low, -np.inf), -straight)
    rest_high = np.fmin(np.where(smooth, curved_high, np.inf), straight)
    bend, bent_rest = np.where(smooth, bend, 0.0), np.where(smooth, bent_rest, np.inf)
    # Where slopes are unbounded the range is all that is known.
    unbounded = ~(np.isfinite(slope) & np.isfinite(rest_low) & np.isfinite(rest_high))
    slope = np.where(unbounded, 0.0, slope)
    rest_low = np.where(unbounded, image.low - value, rest_low)
    rest_high = np.where(unbounded, image.high - value, rest_high)
    rest_low, rest_high, rounding = _rounded_rests(slope, rest_low, rest_high, source, value, image.spread)
    bent_rest = bent_rest + rounding + 8 * EPSILON * (bent_rest + np.abs(bend) * source.reach * source.reach)
    bent_rest = np.where(np.isnan(bent_rest), np.inf, bent_rest)
    return Lines(slope, rest_low, rest_high, bend, bent_rest)


def _kink_tangent(name: str, parameters: tuple[float, ...], source: BoxForm) -> Lines:
    """The branch that the range keeps to, exactly; where the kink lies inside a finite range, the chord."""
    low, high, centre = source.low, source.high, source.value
    value = ends_at(name, parameters, centre)
    slope = np.where(low >= 0, 1.0, np.where(high <= 0, flat_slope(name, parameters), 0.0))
    rest_low, rest_high = np.zeros_like(value), np.zeros_like(value)
    # Few neurons change their branch within a small box: only these need a chord.
    crossing = np.nonzero((low < 0) & (high > 0))
    if crossing[0].size:
        found = _chord(name, parameters, low[crossing], high[crossing], centre[crossing], value[crossing])
        slope[crossing], rest_low[crossing], rest_high[crossing] = found
    rest_low, rest_high, _ = _rounded_rests(slope, rest_low, rest_high, source, value, 0.0)
    none, unknown = np.broadcast_to(0.0, value.shape), np.broadcast_to(np.inf, value.shape)
    return Lines(slope, rest_low, rest_high, none, unknown)


def _chord(
    name: str, parameters: tuple[float, ...], low: FloatArray, high: FloatArray, centre: FloatArray, value: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope and rests around the kink: of the chord, or of the constant where an end is not finite; (k,) each."""
    flat = flat_slope(name, parameters)
    bottom, top = kink_range(name, parameters, low, high)
    finite = np.isfinite(low) & np.isfinite(high)
    start, end = np.where(finite, low, -1.0), np.where(finite, high, 1.0)
    at_start, at_end = ends_at(name, parameters, start), ends_at(name, parameters, end)
    with np.errstate(divide="ignore"):
        chord = (at_end - at_start) / (end - start)
    chord = np.clip(chord, min(flat, 1.0), max(flat, 1.0))
    anchor = value - chord * centre
    # sigma - chord t is piecewise linear: its extremes are at the ends and at the kink, where it is 0.
    ends = at_start - chord * start, at_end - chord * end
    lowest, highest = np.minimum(np.minimum(*ends), 0.0) - anchor, np.maximum(np.maximum(*ends), 0.0) - anchor
    return (
        np.where(finite, chord, 0.0),
        np.where(finite, lowest, bottom - value),
        np.where(finite, highest, top - value),
    )


def kink_range(
    name: str, parameters: tuple[float, ...], low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Range of a convex kink over [low, high], rounded outward."""
    with np.errstate(over="ignore"):
        first, second = ends_at(name, parameters, low), ends_at(name, parameters, high)
    bottom, top = np.minimum(first, second), np.maximum(first, second)
    bottom = np.where((low <= 0) & (high >= 0), np.minimum(bottom, 0.0), bottom)
    if name == "relu":
        return bottom, top
    return round_down(bottom), round_up(top)


def _rounded_rests(
    slope: FloatArray,
    rest_low: FloatArray,
    rest_high: FloatArray,
    source: BoxForm,
    value: FloatArray,
    spread: FloatArray | float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The rests with the rounding of `value`, within `spread` of sigma at the centre, and of the sums; the rounding."""
    low, high, centre = source.low, source.high, source.value
    # A slope of 0 stands where the range is unbounded: then only the ends of sigma's own range were rounded.
    along = np.where(slope == 0, 0.0, np.abs(slope) * (np.abs(centre) + np.abs(low) + np.abs(high)))
    rounding = spread + 32 * EPSILON * (np.abs(value) + along) + SMALLEST_NORMAL
    rest_low = rest_low - rounding - 8 * EPSILON * np.abs(rest_low)
    rest_high = rest_high + rounding + 8 * EPSILON * np.abs(rest_high)
    return np.minimum(rest_low, 0.0), np.maximum(rest_high, 0.0), np.asarray(rounding)


def ends_at(name: str, parameters: tuple[float, ...], at: FloatArray) -> FloatArray:
    """The piecewise linear activation itself; estimate up to one rounding."""
    flat = flat_slope(name, parameters)
    return np.maximum(at, 0.0) if flat == 0 else np.where(at > 0, at, flat * at)


def flat_slope(name: str, parameters: tuple[float, ...]) -> float:
    """Slope a <= 1 of a convex kink on the left."""
    return 0.0 if name == "relu" else activation(name).resolve(parameters)[0]


def _middle(low: FloatArray, high: FloatArray) -> FloatArray:
    return np.where(np.isfinite(low) & np.isfinite(high), 0.5 * low + 0.5 * high, 0.0)
