"""How a generator is put together: the nodes that matter, its chain of blocks, and its increments as linear maps.

A node that every path from input to output passes is a cut; between consecutive cuts lies a block with one
entry and one exit, so G = G_K o ... o G_1 and, for instance, m(G) >= m(G_K) ... m(G_1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    multiply,
    round_up,
    scale,
    scale_columns,
)
from certify.bounds.ranges import NodeRanges, dense
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum


@dataclass(frozen=True, eq=False)
class Block:
    """One single-entry single-exit part of a graph; `origin[i]` is the node of the whole graph behind node i."""

    graph: Graph
    origin: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class IncrementForm:
    """Increments of a graph without products as linear functions of x = (delta, eta_1, ..., eta_K).

    For two points z, z' of the region, delta = z - z' and eta_k is the increment of the k-th activation's
    output minus `centre_k` times that of its input (the loop transformation; `centre` is 0 without it).
    The increment of the k-th pre-activation is `inputs[k]` x, that of the output is `output` x, and
    eta_k lies between `slope_lower_k` and `slope_upper_k` times the pre-activation's, entry by entry.
    The same holds for derivatives at one point: delta a direction, eta_k the derivative along it.
    """

    latent_dim: int
    offsets: tuple[int, ...]
    inputs: tuple[MatrixBall, ...]
    output: MatrixBall
    slope_lower: tuple[FloatArray, ...]
    slope_upper: tuple[FloatArray, ...]
    nodes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of coordinates of x."""
        return self.output.shape[1]

    def columns(self, block: int) -> slice:
        """Columns of eta_`block`."""
        start = self.offsets[block]
        return slice(start, start + self.slope_lower[block].size)

    @property
    def spans(self) -> tuple[FloatArray, ...]:
        """Largest possible |eta_k| per unit of pre-activation increment, entry by entry."""
        return tuple(
            np.maximum(np.abs(low), np.abs(high))
            for low, high in zip(self.slope_lower, self.slope_upper, strict=True)
        )


def live_graph(graph: Graph) -> tuple[Graph, tuple[int, ...]]:
    """The graph without the nodes that do not reach the output, and the original index of each node kept."""
    needed = {0, len(graph.nodes) - 1}
    for index in range(len(graph.nodes) - 1, -1, -1):
        if index in needed:
            needed.update(graph.nodes[index].sources)
    kept = tuple(sorted(needed))
    return _subgraph(graph, kept), kept


def blocks(graph: Graph) -> tuple[Block, ...]:
    """The chain of blocks between consecutive cuts, from input to output (one block at least)."""
    live, origin = live_graph(graph)
    last = len(live.nodes) - 1
    earliest = [min(node.sources, default=0) for node in live.nodes]
    # Node k is a cut exactly when no later node reads from before k (topological order, all nodes alive).
    reach = [min((earliest[later] for later in range(k + 1, last + 1)), default=k) for k in range(last + 1)]
    cuts = [k for k in range(last + 1) if reach[k] >= k]
    found = []
    for start, stop in zip(cuts, cuts[1:], strict=False):
        kept = tuple(range(start, stop + 1))
        found.append(Block(_subgraph(live, kept, entry=True), tuple(origin[index] for index in kept)))
    return tuple(found) or (Block(live, origin),)


def join(chain: tuple[Block, ...]) -> Block:
    """The consecutive blocks as one: the exit of each is the entry of the next."""
    nodes: list[Node] = list(chain[0].graph.nodes)
    origin = list(chain[0].origin)
    for block in chain[1:]:
        shift = len(nodes) - 1
        nodes.extend(_shifted(node, shift) for node in block.graph.nodes[1:])
        origin.extend(block.origin[1:])
    return Block(Graph(tuple(nodes)), tuple(origin))


def block_ranges(block: Block, ranges: NodeRanges) -> NodeRanges:
    """The enclosures of the whole graph's nodes, as enclosures of the block's."""
    return NodeRanges(block.graph, tuple(ranges.values[index] for index in block.origin))


def increment_form(graph: Graph, ranges: NodeRanges, centred: bool) -> IncrementForm | None:
    """Increments of the graph over the region behind `ranges` (a batch of one); None if it has product nodes.

    `centred` subtracts the mean slope, which leaves eta_k symmetric: |eta_k| <= span |increment of input|.
    """
    if any(isinstance(node, Product) for node in graph.nodes):
        return None
    layers = [index for index, node in enumerate(graph.nodes) if isinstance(node, Activation)]
    widths = [graph.nodes[index].width for index in layers]
    offsets = [graph.latent_dim + sum(widths[:position]) for position in range(len(layers))]
    size = graph.latent_dim + sum(widths)
    maps: list[MatrixBall] = []
    inputs, lower, upper = [], [], []
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                maps.append(_selector(node.width, 0, size))
            case Affine():
                maps.append(multiply(exact_matrix(dense(node.weight)), maps[node.source]))
            case Sum():
                maps.append(_combination(node, maps))
            case Activation():
                low, high = (end[0] for end in ranges.slopes(index))
                position = layers.index(index)
                centre = _centre(low, high) if centred else np.zeros_like(low)
                through = scale_columns(maps[node.source].transpose, exact_matrix(centre[None])).transpose
                maps.append(add(_selector(node.width, offsets[position], size), through) if centred
                            else _selector(node.width, offsets[position], size))
                inputs.append(maps[node.source])
                # An interval around 0 after centring: outward, so that it still contains every slope.
                lower.append(-round_up(centre - low) if centred else low)
                upper.append(round_up(high - centre) if centred else high)
    return IncrementForm(
        graph.latent_dim, tuple(offsets), tuple(inputs), maps[-1], tuple(lower), tuple(upper), tuple(layers)
    )


def _centre(low: FloatArray, high: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        middle = 0.5 * low + 0.5 * high
    return np.where(np.isfinite(middle), middle, 0.0)


def _selector(width: int, start: int, size: int) -> MatrixBall:
    matrix = np.zeros((width, size))
    matrix[np.arange(width), start + np.arange(width)] = 1.0
    return exact_matrix(matrix)


def _combination(node: Sum, maps: list[MatrixBall]) -> MatrixBall:
    total: MatrixBall | None = None
    for source, coefficient in zip(node.sources, node.coefficients, strict=True):
        term = maps[source] if coefficient == 1.0 else scale(maps[source], coefficient)
        total = term if total is None else add(total, term)
    assert total is not None
    return total


def _shifted(node: Node, shift: int) -> Node:
    match node:
        case Affine() | Activation():
            return replace(node, source=node.source + shift)
        case Sum():
            return replace(node, sources=tuple(source + shift for source in node.sources))
        case Product():
            return replace(node, sources=(node.sources[0] + shift, node.sources[1] + shift))
        case Input():
            return node


def _subgraph(graph: Graph, kept: tuple[int, ...], entry: bool = False) -> Graph:
    position = {index: rank for rank, index in enumerate(kept)}
    nodes: list[Node] = []
    for rank, index in enumerate(kept):
        node = graph.nodes[index]
        if entry and rank == 0:
            nodes.append(Input(node.width))
            continue
        match node:
            case Input():
                nodes.append(node)
            case Affine() | Activation():
                nodes.append(replace(node, source=position[node.source]))
            case Sum():
                nodes.append(replace(node, sources=tuple(position[source] for source in node.sources)))
            case Product():
                nodes.append(replace(node, sources=(position[node.sources[0]], position[node.sources[1]])))
    return Graph(tuple(nodes))
