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
from certify.envelopes.box_activations import Image, image_of, tangent
from certify.envelopes.box_chain import Chain
from certify.envelopes.box_parts import BoxForm, Lines, Plane, spread
from certify.envelopes.box_rows import nodes_with_rows, row_plane
from certify.envelopes.box_sums import Chosen, choice_of, chosen, shared_plane
from certify.envelopes.box_weights import weights_of
from certify.envelopes.chain_forms import ChainForms, chain_forms
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum


@dataclass(frozen=True, eq=False)
class BoxForms:
    """The forms of every node over a batch of boxes with centres (b, d) and half-widths (b, d).

    Between the ends of a chain, where there is one, `nodes` has forms with no boxes.
    """

    graph: Graph
    centres: FloatArray
    halves: FloatArray
    nodes: tuple[BoxForm, ...]
    lines: dict[int, Lines]
    choices: dict[int, Chosen]
    chain: ChainForms | None = None


def box_forms(graph: Graph, centres: FloatArray, halves: FloatArray, chain: Chain | None = None) -> BoxForms:
    """Forms over the boxes `centres` +- `halves`, both (b, d), the nodes of `chain` by float32. Rounded outward."""
    nodes: list[BoxForm] = []
    lines: dict[int, Lines] = {}
    choices: dict[int, Chosen] = {}
    with_rows = nodes_with_rows(graph)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        chained = None if chain is None else chain_forms(chain, centres, halves)
        for position, node in enumerate(graph.nodes):
            if chained is not None and 0 < position <= chained.chain.last:
                nodes.append(_chained(chained, halves) if position == chained.chain.last else _NOT_HELD)
                continue
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
                    image = image_of(node, source)
                    lines[position] = tangent(node, source, image)
                    nodes.append(_activated(source, image, lines[position], halves))
            if position in with_rows:
                found = row_plane(graph, position, nodes, lines, choices, halves)
                nodes[-1] = _closer(nodes[-1], found, halves)
    return BoxForms(graph, centres, halves, tuple(nodes), lines, choices, chained)


_NOT_HELD = BoxForm(*(np.zeros((0, 0)),) * 7)


def _chained(found: ChainForms, halves: FloatArray) -> BoxForm:
    """The form of the last node of a chain: its range is that of its plane."""
    ends = np.full_like(found.value, np.inf)
    plane = found.plane
    return _met(found.value, plane.slope, plane.shift, plane.radius, -ends, ends, halves)


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
        np.where(better, met.span, item.span),
    )


def _coordinates(centres: FloatArray, halves: FloatArray) -> BoxForm:
    count, d = centres.shape
    zero = np.zeros((count, d))
    low = round_down(centres - halves)
    high = round_up(centres + halves)
    return BoxForm(centres, np.broadcast_to(np.eye(d), (count, d, d)), zero, zero, low, high, halves)


def _affine(node: Affine, source: BoxForm, halves: FloatArray) -> BoxForm:
    weights, inner = weights_of(node), node.weight.shape[1]
    growth = (inner + 16) * EPSILON
    size = np.abs(source.value) + source.span + np.abs(source.shift) + source.radius
    middle = 0.5 * source.low + 0.5 * source.high
    half = np.maximum(source.high - middle, middle - source.low) * (1 + 4 * EPSILON)
    (value, shift, image), slope = weights.with_planes((source.value, source.shift, middle), source.slope)
    value, image = value + node.bias, image + node.bias
    # What is not the sources' own remainder is rounding; the least normal numbers keep it where it underflows.
    remainders = source.radius + 2 * (growth * size + SMALLEST_NORMAL), half + growth * np.abs(middle) + SMALLEST_NORMAL
    summed = weights.spread(np.stack(remainders, axis=1))
    radius = (summed[:, 0] + 2 * (growth * np.abs(node.bias) + _underflow(halves, inner + 1))) * (1 + 4 * growth)
    wide = summed[:, 1] * (1 + 4 * growth) + growth * np.abs(node.bias) + (inner + 1) * SMALLEST_NORMAL
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
        size = size + abs(factor) * (np.abs(item.value) + item.span + np.abs(item.shift) + item.radius)
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


def _activated(source: BoxForm, image: Image, lines: Lines, halves: FloatArray) -> BoxForm:
    slope = lines.slope[..., None] * source.slope
    middle = 0.5 * lines.rest_low + 0.5 * lines.rest_high
    shift = lines.slope * source.shift + middle
    size = np.abs(lines.slope) * (source.span + np.abs(source.shift) + source.radius) + np.abs(middle)
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
    plane = spread(slope, halves)
    reach = (plane + radius) * (1 + (halves.shape[1] + 8) * EPSILON) + SMALLEST_NORMAL
    centre = value + shift
    reach = reach + 4 * EPSILON * (np.abs(value) + np.abs(shift))
    bottom, top = centre - reach, centre + reach
    low = np.fmax(round_down(low), bottom)
    high = np.fmin(round_up(high), top)
    known = np.isfinite(low) & np.isfinite(high)
    if not known.all():
        low, high = np.where(known, low, -np.inf), np.where(known, high, np.inf)
    low, high = np.fmin(low, value), np.fmax(high, value)
    placed = np.isfinite(shift)
    if not (placed.all() and np.isfinite(radius).all()):
        radius, shift = np.where(placed & np.isfinite(radius), radius, np.inf), np.where(placed, shift, 0.0)
    return BoxForm(value, slope, shift, radius, low, high, plane)
