"""Sums over boxes whose terms are related: a choice between two nodes, and log-sum-exp built from softplus.

**Choice.** s a + (1-s) b with a step s, as a conditional of an exporter becomes, is for e in {0, 1}

    e a + (1-e) b + (s - e)(a - b),

exactly: with e the step's value at the centre only the difference of the branches is paid for, and it is small where
they meet. Term by term both products would be bounded by their ranges as long as the step is undecided.

**Shared terms.** In a + sigma(b - a) the remainder of a enters twice. With the plane l of sigma it enters with the
factor |1 - l|, so that a chain of log-sum-exp keeps it where term by term it would double at every link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray, round_down, round_up
from certify.bounds.ranges import dense
from certify.envelopes.box_parts import BoxForm, Lines, Plane, spread
from certify.generators.graph import Activation, Affine, Graph, Product, Sum


@dataclass(frozen=True)
class Choice:
    """Nodes of s, a and b in s a + (1-s) b."""

    step: int
    first: int
    second: int


@dataclass(frozen=True, eq=False)
class Chosen:
    """The sum is the first branch where `at_first` (b, k), else the second, plus [rest_low, rest_high]."""

    choice: Choice
    at_first: npt.NDArray[np.bool_]
    rest_low: FloatArray
    rest_high: FloatArray


def choice_of(graph: Graph, node: Sum) -> Choice | None:
    """The choice that a sum of two products makes, or None."""
    if node.coefficients != (1.0, 1.0) or len(node.sources) != 2:
        return None
    products = [graph.nodes[source] for source in node.sources]
    for first, second in (products, products[::-1]):
        if not (isinstance(first, Product) and isinstance(second, Product)):
            return None
        for step, branch in (first.sources, first.sources[::-1]):
            for other, rest in (second.sources, second.sources[::-1]):
                if _is_step(graph, step) and _is_one_minus(graph, other, step):
                    return Choice(step, branch, rest)
    return None


def chosen(choice: Choice, forms: Sequence[BoxForm], halves: FloatArray) -> tuple[BoxForm, Chosen]:
    """The branch at the centre with what the other one can add. `low` and `high` are not met with the planes yet."""
    step, first, second = (forms[index] for index in (choice.step, choice.first, choice.second))
    at_first = step.value > 0.5
    low, high = _difference(first, second, halves)
    steps = step.low - at_first, step.high - at_first
    corners = [x * y for x in steps for y in (low, high)]
    size = np.maximum(np.abs(low), np.abs(high))
    rounding = 16 * EPSILON * size * np.maximum(np.abs(steps[0]), np.abs(steps[1])) + SMALLEST_NORMAL
    rest_low = np.minimum(np.minimum.reduce(corners) - rounding, 0.0)
    rest_high = np.maximum(np.maximum.reduce(corners) + rounding, 0.0)
    middle = 0.5 * rest_low + 0.5 * rest_high
    value = np.where(at_first, first.value, second.value)
    slope = np.where(at_first[..., None], first.slope, second.slope)
    shift = np.where(at_first, first.shift, second.shift) + middle
    radius = np.where(at_first, first.radius, second.radius) + np.maximum(rest_high - middle, middle - rest_low)
    radius = radius + 8 * EPSILON * (np.abs(shift) + np.abs(middle) + radius)
    # Where s is off [0, 1] by a rounding the sum is off the hull of both branches by as much of their difference.
    off = np.maximum(np.maximum(-step.low, step.high - 1.0), 0.0) * size * (1 + 8 * EPSILON) + SMALLEST_NORMAL
    bottom, top = np.minimum(first.low, second.low) - off, np.maximum(first.high, second.high) + off
    span = np.where(at_first, first.span, second.span)
    return BoxForm(value, slope, shift, radius, bottom, top, span), Chosen(choice, at_first, rest_low, rest_high)


def shared_plane(
    graph: Graph, node: Sum, forms: Sequence[BoxForm], lines: dict[int, Lines], halves: FloatArray
) -> Plane | None:
    """The plane of a sum with activations of sums replaced by their planes; None where there is none.

    Its slope and shift are those of the terms that are left, not the ones summed node by node: an inner sum may have a
    plane of its own by now, closer than what its terms add up to. Rounded outward.
    """
    pieces: dict[int, FloatArray] = {}
    shape = forms[node.sources[0]].value.shape
    shift, rest, size = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    expanded, terms = False, 0

    def add(index: int, factor: FloatArray) -> None:
        nonlocal size, terms
        item = forms[index]
        pieces[index] = pieces.get(index, np.zeros(shape)) + factor
        size = size + np.abs(factor) * (np.abs(item.value) + item.span + np.abs(item.shift) + item.radius)
        terms += 1

    for source, factor in zip(node.sources, node.coefficients, strict=True):
        inner = graph.nodes[source]
        below = graph.nodes[inner.source] if isinstance(inner, Activation) else None
        if not (isinstance(inner, Activation) and isinstance(below, Sum) and choice_of(graph, below) is None):
            add(source, np.full(shape, factor))
            continue
        expanded, line = True, lines[source]
        middle = 0.5 * line.rest_low + 0.5 * line.rest_high
        shift = shift + factor * middle
        rest = rest + abs(factor) * np.maximum(line.rest_high - middle, middle - line.rest_low)
        size = size + abs(factor) * (np.abs(forms[source].value) + np.abs(middle))
        for deeper, weight in zip(below.sources, below.coefficients, strict=True):
            add(deeper, factor * weight * line.slope)
    if not expanded:
        return None
    growth = 16 * (terms + 4) * EPSILON
    shift = shift + sum((factor * forms[index].shift for index, factor in pieces.items()), np.zeros(shape))
    slope = sum(
        (factor[..., None] * forms[index].slope for index, factor in pieces.items()),
        np.zeros((*shape, halves.shape[1])),
    )
    radius = rest + sum((np.abs(factor) * forms[index].radius for index, factor in pieces.items()), np.zeros(shape))
    found = (radius + growth * size) * (1 + growth) + (terms + 4) * SMALLEST_NORMAL * (
        4 + 2 * halves.sum(axis=1, keepdims=True)
    )
    known = np.isfinite(found) & np.isfinite(shift) & np.isfinite(slope).all(axis=2)
    return Plane(np.where(known[..., None], slope, 0.0), np.where(known, shift, 0.0), np.where(known, found, np.inf))


def _difference(first: BoxForm, second: BoxForm, halves: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Range of the difference of two nodes over the box, by planes and by ranges. Rounded outward."""
    plane = spread(first.slope - second.slope, halves)
    centre = (first.value - second.value) + (first.shift - second.shift)
    reach = plane + first.radius + second.radius
    size = sum(np.abs(part) for item in (first, second) for part in (item.value, item.shift, item.radius))
    both = spread(np.abs(first.slope) + np.abs(second.slope), halves)
    reach = reach + 8 * (halves.shape[1] + 8) * EPSILON * (size + both) + SMALLEST_NORMAL
    low = np.fmax(centre - reach, round_down(first.low - second.high))
    high = np.fmin(centre + reach, round_up(first.high - second.low))
    return low, high


def _is_step(graph: Graph, index: int) -> bool:
    node = graph.nodes[index]
    below = graph.nodes[node.source] if isinstance(node, Activation) and node.name == "relu" else node
    return isinstance(below, Activation) and below.name == "sign"


def _is_one_minus(graph: Graph, index: int, step: int) -> bool:
    """Whether a node is 1 - s entry by entry, exactly."""
    node = graph.nodes[index]
    if not isinstance(node, Affine):
        return False
    weight = dense(node.weight)
    below, sign = graph.nodes[node.source], 1.0
    source = node.source
    if isinstance(below, Sum) and len(below.sources) == 1:
        source, sign = below.sources[0], below.coefficients[0]
    square = weight.shape[0] == weight.shape[1]
    return (
        source == step
        and square
        and np.array_equal(sign * weight, -np.eye(len(weight)))
        and bool((node.bias == 1).all())
    )
