"""Planes of single nodes over boxes from backward rows: a remainder is multiplied by its whole path, then bounded.

The forward forms bound every neuron's remainder by absolute values, layer by layer, so behind a few layers they grow by
the product of the |weights|. Here the row of a neuron is carried back to the input,

    v(c + u) - value = R_input . u + sum over nodes of R_node . rest_node,

with the activations' planes as they are, and each remainder is paid for once, with the modulus of its own coefficient.
Rounded outward; the float rows are exact numbers in the telescoping sum, and each step's rounding is a remainder too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray
from certify.envelopes.box_parts import BoxForm, Lines, Plane
from certify.envelopes.box_sums import Chosen
from certify.envelopes.box_weights import multiplications, weights_of
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

LARGEST_COST = 6e6
"""Multiplications per box above which a node keeps its forward form."""

ENTRY = 100
"""Multiplications in a product that take as long as all that is done with one entry of a node."""

ENTRIES = 400_000
"""Entries of one block of rows: what stays in a cache."""


def nodes_with_rows(graph: Graph) -> frozenset[int]:
    """The nodes for which rows are worth their cost: what activations and products read behind two activations, and
    the outputs behind three; none where all of them together cost more than `LARGEST_COST`.
    """
    return frozenset(_row_costs(graph))


def work_of_box(graph: Graph) -> float:
    """What one box of the graph costs, in multiplications: products, passes over the nodes' entries, and rows."""
    entries = sum(node.width for node in graph.nodes)
    return (graph.latent_dim + 3) * (multiplications(graph) + ENTRY * entries) + sum(_row_costs(graph).values())


@lru_cache(maxsize=16)
def _row_costs(graph: Graph) -> dict[int, float]:
    """Multiplications per box by the nodes that have rows."""
    last = len(graph.nodes) - 1
    depth: list[int] = []
    above: list[frozenset[int]] = []
    for index, node in enumerate(graph.nodes):
        depth.append(max((depth[source] for source in node.sources), default=0) + isinstance(node, Activation))
        above.append(frozenset({index}).union(*(above[source] for source in node.sources)))
    read = {source for node in graph.nodes if isinstance(node, Activation | Product) for source in node.sources}
    wanted = {index for index in read if depth[index] >= 2} | ({last} if depth[last] >= 3 else set())
    wanted = {index for index in wanted if isinstance(graph.nodes[index], Affine | Sum)}

    def cost(index: int) -> float:
        below = [graph.nodes[other] for other in above[index] if other != index]
        entries = sum(node.weight.size for node in below if isinstance(node, Affine))
        return float(graph.nodes[index].width * (entries + 4 * sum(node.width for node in below)))

    costs = {index: cost(index) for index in wanted}
    return costs if sum(costs.values()) <= LARGEST_COST else {}


def row_plane(
    graph: Graph,
    index: int,
    forms: Sequence[BoxForm],
    lines: dict[int, Lines],
    choices: dict[int, Chosen],
    halves: FloatArray,
) -> Plane:
    """The plane of node `index`, whose own form and all before it are in `forms`. NaN or infinite where unknown."""
    rests = _rests(graph, index, forms, lines, choices)
    width = graph.nodes[index].width
    widest = max(node.width for node in graph.nodes[: index + 1])
    step = max(1, ENTRIES // (width * widest))
    parts = [
        _carried(graph, index, forms, lines, choices, rests, slice(start, start + step))
        for start in range(0, len(halves), step)
    ]
    slope, shift, radius = (np.concatenate(several) for several in zip(*parts, strict=True))
    return Plane(slope, shift, radius)


def _rests(
    graph: Graph, last: int, forms: Sequence[BoxForm], lines: dict[int, Lines], choices: dict[int, Chosen]
) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Middle and half-width (b, k) of what node by node is added to the linear part, the rounding of rows included."""
    found: dict[int, tuple[FloatArray, FloatArray]] = {}
    for index in range(1, last + 1):
        node = graph.nodes[index]
        zero = np.zeros_like(forms[index].value)
        low, high = zero, zero
        match node:
            case Affine():
                source = forms[node.source]
                growth = (sum(node.weight.shape) + 32) * EPSILON
                size = weights_of(node).spread(source.reach + np.abs(source.value))
                rounding = growth * (size + np.abs(node.bias))
            case Activation():
                low, high = lines[index].rest_low, lines[index].rest_high
                rounding = 4 * EPSILON * np.abs(lines[index].slope) * forms[node.source].reach
            case Sum() if index in choices:
                low, high, rounding = choices[index].rest_low, choices[index].rest_high, zero
            case Sum():
                parts = zip(node.sources, node.coefficients, strict=True)
                size = sum((abs(c) * (np.abs(forms[s].value) + forms[s].reach) for s, c in parts), zero)
                rounding = 8 * (len(node.sources) + 4) * EPSILON * size
            case Product():
                first, second = (forms[source] for source in node.sources)
                gaps = [(item.low - item.value, item.high - item.value) for item in (first, second)]
                corners = [x * y for x in gaps[0] for y in gaps[1]]
                low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
                size = (np.abs(first.value) + first.reach) * (np.abs(second.value) + second.reach)
                rounding = 64 * EPSILON * size
            case _:
                raise TypeError(f"a node of kind {type(node).__name__} has no rule")
        middle = 0.5 * low + 0.5 * high
        half = np.maximum(high - middle, middle - low) * (1 + 4 * EPSILON)
        # The product of a row with the middles, and the sum of these over the nodes, are rounded too.
        own = (2 * node.width + 4 * last + 64) * EPSILON * np.abs(middle)
        found[index] = middle, half + own + rounding + 4 * SMALLEST_NORMAL
    return found


def _carried(
    graph: Graph,
    last: int,
    forms: Sequence[BoxForm],
    lines: dict[int, Lines],
    choices: dict[int, Chosen],
    rests: dict[int, tuple[FloatArray, FloatArray]],
    part: slice,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope, shift and radius of one block of boxes."""
    width, count = graph.nodes[last].width, len(forms[0].value[part])
    rows: dict[int, FloatArray] = {last: np.eye(width)[None]}
    sizes: dict[int, FloatArray] = {}
    terms: dict[int, int] = {}
    shift, radius, lost = np.zeros((count, width)), np.zeros((count, width)), np.zeros((count, 1))

    def add(index: int, term: FloatArray) -> None:
        nonlocal lost
        lost = lost + forms[index].reach[part].sum(axis=1, keepdims=True)
        if index in rows:
            sizes[index] = sizes.get(index, np.abs(rows[index])) + np.abs(term)
            rows[index] = rows[index] + term
            terms[index] = terms.get(index, 1) + 1
        else:
            rows[index] = term

    for index in range(last, -1, -1):
        if index not in rows:
            continue
        row, node = rows[index], graph.nodes[index]
        if index in sizes:
            radius = radius + 4 * terms[index] * EPSILON * _times(sizes[index], forms[index].reach[part])
        if isinstance(node, Input):
            break
        middle, half = (array[part] for array in rests[index])
        if middle.any():
            shift = shift + _times(row, middle)
        radius = radius + _times(np.abs(row), half)
        match node:
            case Affine():
                add(node.source, weights_of(node).backward(row))
            case Activation():
                add(node.source, row * lines[index].slope[part][:, None, :])
            case Sum() if index in choices:
                at_first = choices[index].at_first[part][:, None, :]
                add(choices[index].choice.first, np.where(at_first, row, 0.0))
                add(choices[index].choice.second, np.where(at_first, 0.0, row))
            case Sum():
                for source, factor in zip(node.sources, node.coefficients, strict=True):
                    add(source, factor * row)
            case Product():
                first, second = (forms[source].value[part] for source in node.sources)
                add(node.sources[0], row * second[:, None, :])
                add(node.sources[1], row * first[:, None, :])
        del rows[index]
    slope = np.broadcast_to(rows.get(0, np.zeros((1, width, graph.latent_dim))), (count, width, graph.latent_dim))
    widest = max(node.width for node in graph.nodes[: last + 1])
    # Underflows of products cost at most the least normal number for each entry of a row, times its node's reach.
    radius = radius + 4 * (widest + 1) * SMALLEST_NORMAL * (1 + lost)
    return np.array(slope), shift, radius * (1 + (2 * widest + 4 * last + 128) * EPSILON)


def _times(rows: FloatArray, vector: FloatArray) -> FloatArray:
    """Rows (b or 1, r, k) times vectors (b, k)."""
    if len(rows) == 1:
        return np.asarray(vector @ rows[0].T)
    return np.asarray(np.matmul(rows, vector[:, :, None])[..., 0])
