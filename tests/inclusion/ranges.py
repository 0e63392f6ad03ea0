"""Interval propagation and derivatives of graphs: jets at 1200 bits at the corners of boxes and pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import flint
import numpy as np
from flint import arb, arb_series, fmpq
from hypothesis import strategies as st

from certify.arithmetic.balls import precision
from certify.bounds import charts, enclosure, ranges
from certify.bounds.bracket import Region
from certify.envelopes import box_activations, box_forms
from certify.generators.activations import ACTIVATIONS, activation
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum
from tests.inclusion.draw import FLOATS, Data, array, checks, interval
from tests.inclusion.exact import at_least, at_most, between, rational

BITS = 1200
RANGES, ENCLOSURE, CHARTS, FORMS = (
    f"certify.{name}." for name in ("bounds.ranges", "bounds.enclosure", "bounds.charts", "envelopes.box_forms")
)
ACTIVATED = "certify.envelopes.box_activations."
PLAIN = sorted(name for name, item in ACTIVATIONS.items() if not item.parameters)


def drawn_graph(data: Data, span: float = 0.2) -> Graph:
    """Two layers with a product or a joint and a skip on R^2; the scales of the weights are drawn."""
    names = [data.draw(st.sampled_from(PLAIN)) for _ in range(2)]
    first = Affine(0, array(data, 2, 2, span=span), array(data, 2, span=span))
    nodes = [Input(2), first, Activation(1, names[0], 2)]
    kind = data.draw(st.sampled_from(["product", "square", "maximum", "log_sum_exp", "skip"]))
    if kind in ("product", "square"):
        nodes.append(Product((2, 0) if kind == "product" else (2, 2), 2))
    elif kind == "skip":
        nodes.append(Sum((2, 0), (1.0, data.draw(st.sampled_from([1.0, -0.3, 1e10]))), 2))
    else:
        bend = "relu" if kind == "maximum" else "softplus"
        nodes += [Sum((2, 0), (1.0, -1.0), 2), Activation(3, bend, 2), Sum((0, 4), (1.0, 1.0), 2)]
    nodes.append(Affine(len(nodes) - 1, array(data, 2, 2, span=span), array(data, 2, span=span)))
    nodes.append(Activation(len(nodes) - 1, names[1], 2))
    return Graph(tuple(nodes))


def jets(graph: Graph, point: list[fmpq], direction: list[fmpq], order: int) -> list[list[arb_series]]:
    """Per node and entry the Taylor series in t at z + t u; NaN where it has none."""
    found: list[list[arb_series]] = []
    for node in graph.nodes:
        match node:
            case Input():
                found.append([arb_series([arb(z), arb(u)]) for z, u in zip(point, direction, strict=True)])
            case Affine():
                rows = zip(node.weight, node.bias, strict=True)
                found.append([_weighted(row, found[node.source]) + arb(float(b)) for row, b in rows])
            case Sum():
                parts = zip(*(found[source] for source in node.sources), strict=True)
                found.append([_weighted(node.coefficients, list(entries)) for entries in parts])
            case Product():
                found.append([a * b for a, b in zip(*(found[source] for source in node.sources), strict=True)])
            case Activation():
                found.append([_activated(node, entry) for entry in found[node.source]])
    return found


def _activated(node: Activation, entry: arb_series) -> arb_series:
    try:
        return activation(node.name).series(entry, node.parameters)
    except (ValueError, ZeroDivisionError):
        # What has no value has no series either.
        return arb_series([arb("nan")])


def _weighted(weights: object, entries: list[arb_series]) -> arb_series:
    return sum((arb(float(w)) * entry for w, entry in zip(weights, entries, strict=True)), arb_series([arb(0)]))  # type: ignore[call-overload]


def coefficient(series: arb_series, order: int) -> arb:
    """The derivative of an order at t = 0."""
    return arb(series[order]) * math.factorial(order)


def may_lie(value: arb, low: float, high: float) -> bool:
    """Unless it certainly does not: the truth is known to 1200 bits, or not at all."""
    below, above = (arb(end) if math.isfinite(end) else arb(str(end)) for end in (low, high))
    return not (value < below or value > above)


def box_points(low: np.ndarray, high: np.ndarray) -> Iterator[list[fmpq]]:
    """Corners and the middle of one box."""
    axes = [between(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    yield from (list(corner) for corner in product(*axes))
    yield [sum(axis, fmpq(0)) / len(axis) for axis in axes]


@checks(
    RANGES + "box_ranges",
    RANGES + "node_ranges",
    RANGES + "recognised_range",
    RANGES + "NodeRanges.slopes",
    RANGES + "NodeRanges.magnitude_upper",
    ENCLOSURE + "linear_parts",
    ENCLOSURE + "piece_ranges",
    CHARTS + "box",
    ACTIVATED + "image_of",
    ACTIVATED + "tangent",
)
def values_of_nodes(data: Data) -> None:
    graph = drawn_graph(data)
    low, high = interval(data, 2, unbounded=False)
    with np.errstate(over="ignore"):
        centre, half = 0.5 * low + 0.5 * high, np.nextafter(0.5 * high - 0.5 * low, np.inf)
    half[half < 1e-300] = 0.0
    boxed = ranges.box_ranges(graph, low[None], high[None])
    pieces = enclosure.piece_ranges(enclosure.linear_parts(graph), charts.box(low, high))
    forms = box_forms.box_forms(graph, centre[None], half[None])
    with precision(BITS):
        for point in box_points(low, high):
            nodes = [[coefficient(entry, 0) for entry in entries] for entries in jets(graph, point, [fmpq(0)] * 2, 0)]
            _lies_in(nodes, [boxed.values, pieces.values])
        _slopes(graph, boxed, [rational(a) for a in low])
        for u in box_points(-half, half):
            point = [rational(c) + step for c, step in zip(centre, u, strict=True)]
            nodes = [[coefficient(entry, 0) for entry in entries] for entries in jets(graph, point, [fmpq(0)] * 2, 0)]
            _lies_in(nodes, [[(form.low, form.high) for form in forms.nodes]])
            for values, form in zip(nodes, forms.nodes, strict=True):
                assert all(_near(value, form, i, u) for i, value in enumerate(values))


@checks(ACTIVATED + "kink_range")
def kinks_over_intervals(data: Data) -> None:
    """Exact values at the ends and at the kink, for slopes of either sign and any size on the left."""
    low, high = (float(end) for end in interval(data, unbounded=False))
    slope = data.draw(st.sampled_from([-3.0, -0.7, 0.01, 0.5, 1.0, 1.8, 5.0]))
    for name, left, parameters in (("relu", 0.0, ()), ("leaky_relu", slope, (slope,))):
        found = box_activations.kink_range(name, parameters, np.array([low]), np.array([high]))
        bottom, top = (end[0] for end in found)
        kink = [0.0] if low <= 0.0 <= high else []
        for at in (low, high, *kink):
            value = rational(at) if at > 0 else rational(left) * rational(at)
            assert at_least(value, bottom) and at_most(value, top)


@checks(FORMS + "box_forms", "certify.envelopes.box_parts.BoxForm.reach")
def slopes_below_the_floats(data: Data) -> None:
    """Slopes that vanish as floats matter over a box that is large enough."""
    small, wide = (2.0 ** data.draw(st.integers(*ends)) for ends in ((-620, -440), (0, 1000)))
    kind = data.draw(st.sampled_from(["affine", "product", "sum"]))
    nodes = [Input(1), Affine(0, np.array([[small]]), np.zeros(1)), Affine(0, np.zeros((1, 1)), np.array([small]))]
    last = {"affine": Affine(1, np.array([[small]]), np.zeros(1)), "product": Product((1, 2), 1)}
    nodes.append(last.get(kind, Sum((1, 2), (small, 1.0), 1)))
    form = box_forms.box_forms(Graph(tuple(nodes)), np.zeros((1, 1)), np.full((1, 1), wide)).nodes[-1]
    constant = rational(small) if kind == "sum" else fmpq(0)
    for u in (-rational(wide), rational(wide)):
        value = rational(small) ** 2 * u + constant
        assert at_least(value, form.low[0, 0]) and at_most(value, form.high[0, 0])
        assert _near(arb(value), form, 0, [u])


def _lies_in(nodes: list[list[arb]], found: list[object]) -> None:
    for values, *intervals in zip(nodes, *found, strict=True):  # type: ignore[call-overload]
        for i, value in enumerate(values):
            assert all(may_lie(value, low[0, i], high[0, i]) for low, high in intervals)


def _near(value: arb, form: box_forms.BoxForm, i: int, u: list[fmpq]) -> bool:
    """Whether the plane at u is within the radius of the value, and the value within the reach."""
    if not np.isfinite([form.value[0, i], form.shift[0, i], *form.slope[0, i]]).all():
        return True
    far = abs(value - arb(form.value[0, i]))
    plane = rational(form.value[0, i]) + rational(form.shift[0, i])
    plane += sum((rational(s) * step for s, step in zip(form.slope[0, i], u, strict=True)), fmpq(0))
    with np.errstate(over="ignore", invalid="ignore"):
        radius, reach = form.radius[0, i], form.reach[0, i]
    return may_lie(far, 0.0, reach) and may_lie(abs(value - arb(plane)), 0.0, radius)


def _slopes(graph: Graph, boxed: ranges.NodeRanges, point: list[fmpq]) -> None:
    """Derivatives of the activations over their ranges hold those at the lower corner."""
    nodes = jets(graph, point, [fmpq(0)] * 2, 0)
    for index, node in enumerate(graph.nodes):
        if isinstance(node, Activation):
            for order in (1, 2):
                (low, high), most = boxed.slopes(index, order), boxed.magnitude_upper(index, order)
                for i, entry in enumerate(nodes[node.source]):
                    value = coefficient(_jet(node, entry[0], order), order)
                    assert may_lie(value, low[0, i], high[0, i]) and may_lie(abs(value), 0.0, most[0, i])


def _jet(node: Activation, at: arb, order: int) -> arb_series:
    before = flint.ctx.cap
    flint.ctx.cap = order + 1
    try:
        return _activated(node, arb_series([arb(at), arb(1)]))
    finally:
        flint.ctx.cap = before


@checks(RANGES + "affine_image", RANGES + "product", RANGES + "add", RANGES + "scaled", RANGES + "dense")
def interval_arithmetic(data: Data) -> None:
    first, second, factor = interval(data, 1, 2), interval(data, 1, 2), data.draw(FLOATS)
    node = Affine(0, array(data, 2, 2), array(data, 2))
    assert ranges.dense(node.weight) is node.weight
    image, times = ranges.affine_image(node, first), ranges.product(first, second)
    total, multiple = ranges.add(first, second), ranges.scaled(first, factor)
    ours, theirs = ([between(low[0, i], high[0, i]) for i in range(2)] for low, high in (first, second))
    for i in range(2):
        for a, b in product(ours[i], theirs[i]):
            assert _within(a * b, times, i) and _within(a + b, total, i) and _within(a * rational(factor), multiple, i)
        for a, b in product(*ours):
            exact = rational(node.weight[i, 0]) * a + rational(node.weight[i, 1]) * b + rational(node.bias[i])
            assert _within(exact, image, i)


def _within(value: fmpq, ends: ranges.Interval, i: int) -> bool:
    return at_least(value, ends[0][0, i]) and at_most(value, ends[1][0, i])


@checks(ENCLOSURE + "derivative_tensors")
def derivatives(data: Data) -> None:
    graph, (low, high) = drawn_graph(data), interval(data, 2, unbounded=False)
    order = data.draw(st.sampled_from([1, 2, 3]))
    tensors = enclosure.derivative_tensors(graph, ranges.box_ranges(graph, low[None], high[None]), order)
    before = flint.ctx.cap
    flint.ctx.cap = order + 1
    try:
        with precision(BITS):
            directions = [fmpq(1), fmpq(0)], [fmpq(1, 3), fmpq(-2)]
            for point, u in product(list(box_points(low, high))[::2], directions):
                last = jets(graph, point, u, order)[-1]
                for k, i in product(range(1, order + 1), range(2)):
                    value, tensor = coefficient(last[i], k), tensors[k - 1]
                    assert _contracts(value, tensor.midpoint[0, i], tensor.radius[0, i], u)
    finally:
        flint.ctx.cap = before


def _contracts(value: arb, midpoint: np.ndarray, radius: np.ndarray, u: list[fmpq]) -> bool:
    """Whether T[u, ..., u] may be the value for some T of the ball."""
    if not np.isfinite(radius).all():
        return True
    centre, spread = fmpq(0), fmpq(0)
    for index in np.ndindex(midpoint.shape):
        weight = fmpq(1)
        for axis in index:
            weight *= u[axis]
        centre, spread = centre + weight * rational(midpoint[index]), spread + abs(weight) * rational(radius[index])
    return not abs(value - arb(centre)) > arb(spread)


@checks(RANGES + "uncertified_domains")
def domains(data: Data) -> None:
    graph = Graph((Input(1), Activation(0, data.draw(st.sampled_from(["log", "reciprocal", "tanh"])), 1)))
    low, high = interval(data, 1)
    found = ranges.uncertified_domains(ranges.box_ranges(graph, low[None], high[None]))
    name = graph.nodes[1].name  # type: ignore[union-attr]
    inside_ = {"tanh": True, "log": low[0] > 0, "reciprocal": low[0] > 0 or high[0] < 0}[name]
    assert bool(found) != inside_
    region = Region(radius=None) if data.draw(st.booleans()) else Region(radius=1.0)
    whole = ranges.node_ranges(graph, region)
    assert whole.values[0][0] <= -1.0 and whole.values[0][1] >= 1.0
