"""Affine forms of a graph over boxes c + u, |u_j| <= R_j: every node's value as a plane plus a remainder, batched.

Inclusion property. For box i of a batch, every node, every u in the box and every entry

    v(c + u) in value + slope . u + shift + [-radius, radius],    v(c + u) in [low, high],

where `value` is the float at u = 0, and lies in [low, high] as well, so that a tangent there has its remainder bounded
by derivatives over [low, high]. Rounding goes into `radius`. An activation is replaced by its tangent at the
centre's pre-activation (by the chord where a convex kink lies inside), with the remainder enclosed from the ranges of
sigma' and sigma''. Under the assumptions of `certify.arithmetic.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray, round_down, round_up
from certify.envelopes.box_parts import BoxForm, Lines, Plane
from certify.envelopes.box_rows import nodes_with_rows, row_plane
from certify.envelopes.box_sums import Chosen, choice_of, chosen, shared_plane
from certify.envelopes.box_weights import weights_of
from certify.generators.activations import activation, range_enclosure
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

CONVEX_KINKS = frozenset({"relu", "leaky_relu"})
"""Activations that are x for x >= 0 and a x with a <= 1 for x <= 0: their chord lies above them."""


@dataclass(frozen=True, eq=False)
class BoxForms:
    """The forms of every node over a batch of boxes with centres (b, d) and half-widths (b, d)."""

    graph: Graph
    centres: FloatArray
    halves: FloatArray
    nodes: tuple[BoxForm, ...]
    lines: dict[int, Lines]
    choices: dict[int, Chosen]


def box_forms(graph: Graph, centres: FloatArray, halves: FloatArray) -> BoxForms:
    """Forms over the boxes `centres` +- `halves`, both (b, d). Rounded outward."""
    nodes: list[BoxForm] = []
    lines: dict[int, Lines] = {}
    choices: dict[int, Chosen] = {}
    with_rows = nodes_with_rows(graph)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for position, node in enumerate(graph.nodes):
            match node:
                case Input():
                    nodes.append(_coordinates(centres, halves))
                case Affine():
                    nodes.append(_affine(node, nodes[node.source], halves))
                case Sum():
                    choice = choice_of(graph, node)
                    if choice is not None:
                        item, choices[position] = chosen(choice, nodes, halves)
                        nodes.append(_met(item.value, item.slope, item.shift, item.radius, item.low, item.high, halves))
                    else:
                        item = _sum([nodes[source] for source in node.sources], node.coefficients, halves)
                        shared = shared_plane(graph, node, nodes, lines, halves)
                        nodes.append(item if shared is None else _closer(item, shared, halves))
                case Product():
                    nodes.append(_product(nodes[node.sources[0]], nodes[node.sources[1]], halves))
                case Activation():
                    source = nodes[node.source]
                    image = _image(node, source)
                    lines[position] = tangent(node, source, image)
                    nodes.append(_activated(source, image, lines[position], halves))
            if position in with_rows:
                found = row_plane(graph, position, nodes, lines, choices, halves)
                nodes[-1] = _closer(nodes[-1], found, halves)
    return BoxForms(graph, centres, halves, tuple(nodes), lines, choices)


def _closer(item: BoxForm, found: Plane, halves: FloatArray) -> BoxForm:
    """The form with the plane that has the smaller remainder; the ranges of both."""
    better = found.radius < item.radius
    met = _met(item.value, found.slope, found.shift, found.radius, item.low, item.high, halves)
    return BoxForm(
        item.value,
        np.where(better[..., None], found.slope, item.slope),
        np.where(better, found.shift, item.shift),
        np.where(better, found.radius, item.radius),
        met.low,
        met.high,
    )


@dataclass(frozen=True, eq=False)
class _Image:
    """An activation's float `value` at the centre, within `spread` of the exact one, and its range [low, high]."""

    value: FloatArray
    spread: FloatArray
    low: FloatArray
    high: FloatArray


def _image(node: Activation, source: BoxForm) -> _Image:
    name, parameters = node.name, node.parameters
    if name in CONVEX_KINKS:
        value = ends_at(name, parameters, source.value)
        return _Image(value, np.zeros_like(value), *kink_range(name, parameters, source.low, source.high))
    ends = range_enclosure(name, parameters, 0, source.value, source.value)
    value = 0.5 * ends[0] + 0.5 * ends[1]
    return _Image(value, ends[1] - ends[0], *range_enclosure(name, parameters, 0, source.low, source.high))


def tangent(node: Activation, source: BoxForm, image: _Image) -> Lines:
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
    return _rounded_lines(slope, rest_low, rest_high, source, value, image.spread, bend, bent_rest)


def _kink_tangent(name: str, parameters: tuple[float, ...], source: BoxForm) -> Lines:
    """The branch that the range keeps to, exactly; where the kink lies inside a finite range, the chord."""
    low, high, centre = source.low, source.high, source.value
    flat = flat_slope(name, parameters)
    value = ends_at(name, parameters, centre)
    bottom, top = kink_range(name, parameters, low, high)
    crossing, finite = (low < 0) & (high > 0), np.isfinite(low) & np.isfinite(high)
    start, end = np.where(finite, low, -1.0), np.where(finite, high, 1.0)
    at_start, at_end = ends_at(name, parameters, start), ends_at(name, parameters, end)
    with np.errstate(divide="ignore"):
        chord = np.where(crossing, (at_end - at_start) / (end - start), 0.0)
    chord = np.clip(chord, min(flat, 1.0), max(flat, 1.0))
    anchor = value - chord * centre
    # sigma - chord t is piecewise linear: its extremes are at the ends and at the kink, where it is 0.
    ends = at_start - chord * start, at_end - chord * end
    lowest, highest = np.minimum(np.minimum(*ends), 0.0) - anchor, np.maximum(np.maximum(*ends), 0.0) - anchor
    branch = np.where(low >= 0, 1.0, np.where(high <= 0, flat, 0.0))
    slope = np.where(crossing & finite, chord, branch)
    rest_low = np.where(crossing, np.where(finite, lowest, bottom - value), 0.0)
    rest_high = np.where(crossing, np.where(finite, highest, top - value), 0.0)
    none, unknown = np.zeros_like(value), np.full_like(value, np.inf)
    return _rounded_lines(slope, rest_low, rest_high, source, value, none, none, unknown)


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


def _rounded_lines(
    slope: FloatArray,
    rest_low: FloatArray,
    rest_high: FloatArray,
    source: BoxForm,
    value: FloatArray,
    spread: FloatArray,
    bend: FloatArray,
    bent_rest: FloatArray,
) -> Lines:
    """Lines whose rests hold the rounding of `value`, within `spread` of sigma at the centre, and of the sums."""
    low, high, centre = source.low, source.high, source.value
    # A slope of 0 stands where the range is unbounded: then only the ends of sigma's own range were rounded.
    along = np.where(slope == 0, 0.0, np.abs(slope) * (np.abs(centre) + np.abs(low) + np.abs(high)))
    rounding = spread + 32 * EPSILON * (np.abs(value) + along) + SMALLEST_NORMAL
    rest_low = rest_low - rounding - 8 * EPSILON * np.abs(rest_low)
    rest_high = rest_high + rounding + 8 * EPSILON * np.abs(rest_high)
    bent_rest = bent_rest + rounding + 8 * EPSILON * (bent_rest + np.abs(bend) * source.reach * source.reach)
    bent_rest = np.where(np.isnan(bent_rest), np.inf, bent_rest)
    return Lines(slope, np.minimum(rest_low, 0.0), np.maximum(rest_high, 0.0), bend, bent_rest)


def ends_at(name: str, parameters: tuple[float, ...], at: FloatArray) -> FloatArray:
    """The piecewise linear activation itself; estimate up to one rounding."""
    flat = flat_slope(name, parameters)
    return np.maximum(at, 0.0) if flat == 0 else np.where(at > 0, at, flat * at)


def flat_slope(name: str, parameters: tuple[float, ...]) -> float:
    """Slope a <= 1 of a convex kink on the left."""
    return 0.0 if name == "relu" else activation(name).resolve(parameters)[0]


def _middle(low: FloatArray, high: FloatArray) -> FloatArray:
    return np.where(np.isfinite(low) & np.isfinite(high), 0.5 * low + 0.5 * high, 0.0)


def _coordinates(centres: FloatArray, halves: FloatArray) -> BoxForm:
    count, d = centres.shape
    zero = np.zeros((count, d))
    low = np.nextafter(centres - halves, -np.inf)
    high = np.nextafter(centres + halves, np.inf)
    return BoxForm(centres, np.broadcast_to(np.eye(d), (count, d, d)), zero, zero, low, high)


def _affine(node: Affine, source: BoxForm, halves: FloatArray) -> BoxForm:
    weights, inner = weights_of(node), node.weight.shape[1]
    growth = (inner + 16) * EPSILON
    plane = np.einsum("bkd,bd->bk", np.abs(source.slope), halves)
    size = np.abs(source.value) + plane + np.abs(source.shift) + source.radius
    value = weights.forward(source.value) + node.bias
    slope = weights.planes(source.slope)
    shift = weights.forward(source.shift)
    rounding = growth * (weights.spread(size) + np.abs(node.bias)) + _underflow(halves, inner + 1)
    radius = (weights.spread(source.radius) + 2 * rounding) * (1 + 4 * growth)
    middle = 0.5 * source.low + 0.5 * source.high
    half = np.maximum(source.high - middle, middle - source.low) * (1 + 4 * EPSILON)
    image = weights.forward(middle) + node.bias
    wide = weights.spread(half + growth * np.abs(middle)) * (1 + 4 * growth) + growth * np.abs(node.bias)
    wide = wide + (inner + 1) * SMALLEST_NORMAL
    return _met(value, slope, shift, radius, image - wide, image + wide, halves)


def _sum(sources: list[BoxForm], coefficients: tuple[float, ...], halves: FloatArray) -> BoxForm:
    growth = 4 * (len(sources) + 4) * EPSILON
    value, slope, shift = (np.zeros_like(part) for part in (sources[0].value, sources[0].slope, sources[0].shift))
    radius, low, high, size = (np.zeros_like(value) for _ in range(4))
    for factor, item in zip(coefficients, sources, strict=True):
        value = value + factor * item.value
        slope = slope + factor * item.slope
        shift = shift + factor * item.shift
        radius = radius + abs(factor) * item.radius
        first, second = factor * item.low, factor * item.high
        low, high = low + np.minimum(first, second), high + np.maximum(first, second)
        plane = np.einsum("bkd,bd->bk", np.abs(item.slope), halves)
        size = size + abs(factor) * (np.abs(item.value) + plane + np.abs(item.shift) + item.radius)
    rounding = growth * size + _underflow(halves, 2 * len(sources))
    radius = (radius + rounding) * (1 + growth)
    return _met(value, slope, shift, radius, low - rounding, high + rounding, halves)


def _product(first: BoxForm, second: BoxForm, halves: FloatArray) -> BoxForm:
    growth = 32 * EPSILON
    a, b = first.value, second.value
    value = a * b
    slope = a[..., None] * second.slope + b[..., None] * first.slope
    shift = a * second.shift + b * first.shift
    mixed = first.reach * second.reach
    size = (np.abs(a) + first.reach) * (np.abs(b) + second.reach)
    radius = (np.abs(a) * second.radius + np.abs(b) * first.radius + mixed + growth * size) * (1 + growth)
    corners = [x * y for x in (first.low, first.high) for y in (second.low, second.high)]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    rounding = growth * size + SMALLEST_NORMAL
    return _met(value, slope, shift, radius + _underflow(halves, 4), low - rounding, high + rounding, halves)


def _activated(source: BoxForm, image: _Image, lines: Lines, halves: FloatArray) -> BoxForm:
    slope = lines.slope[..., None] * source.slope
    middle = 0.5 * lines.rest_low + 0.5 * lines.rest_high
    shift = lines.slope * source.shift + middle
    plane = np.einsum("bkd,bd->bk", np.abs(source.slope), halves)
    size = np.abs(lines.slope) * (plane + np.abs(source.shift) + source.radius) + np.abs(middle)
    radius = np.abs(lines.slope) * source.radius + np.maximum(lines.rest_high - middle, middle - lines.rest_low)
    radius = (radius + 16 * EPSILON * size) * (1 + 8 * EPSILON) + _underflow(halves, 2)
    return _met(image.value, slope, shift, radius, image.low, image.high, halves)


def _underflow(halves: FloatArray, terms: int) -> FloatArray:
    """What `terms` products below the normal range can cost in each coefficient, summed over the box, (b, 1)."""
    return np.asarray(terms * SMALLEST_NORMAL * (1 + halves.sum(axis=1, keepdims=True)))


def _met(
    value: FloatArray,
    slope: FloatArray,
    shift: FloatArray,
    radius: FloatArray,
    low: FloatArray,
    high: FloatArray,
    halves: FloatArray,
) -> BoxForm:
    """The form with the interval [low, high] met with its own range; what is undefined is the whole line.

    The float `value` may be off the exact one by a rounding: the interval is widened to hold it too.
    """
    plane = np.einsum("bkd,bd->bk", np.abs(slope), halves)
    spread = (plane + radius) * (1 + (halves.shape[1] + 8) * EPSILON) + SMALLEST_NORMAL
    centre = value + shift
    spread = spread + 4 * EPSILON * (np.abs(value) + np.abs(shift))
    bottom, top = centre - spread, centre + spread
    low = np.fmax(np.nextafter(low, -np.inf), bottom)
    high = np.fmin(np.nextafter(high, np.inf), top)
    unknown = ~(np.isfinite(low) & np.isfinite(high))
    low, high = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
    low, high = np.fmin(low, value), np.fmax(high, value)
    radius = np.where(np.isfinite(radius) & np.isfinite(shift), radius, np.inf)
    return BoxForm(value, slope, np.where(np.isfinite(shift), shift, 0.0), radius, low, high)
