"""How a generator is put together: the nodes that matter, its chain of blocks, and its increments as linear maps.

A node that every path from input to output passes is a cut; between consecutive cuts lies a block with one
entry and one exit, so G = G_K o ... o G_1 and, for instance, m(G) >= m(G_K) ... m(G_1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, multiply, round_up, scale, scale_columns
from certify.bounds.ranges import NodeRanges, dense
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum


@dataclass(frozen=True, eq=False)
class Block:
    """One single-entry single-exit part of a graph; `origin[i]` is the node of the whole graph behind node i."""

    graph: Graph
    origin: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class IncrementForm:
    """Increments of a graph as linear functions of x = (delta, eta_1, ..., eta_K), one eta per gain.

    For two points z, z' of the region, delta = z - z'. A gain is a place where an increment p is multiplied,
    entry by entry, by an unknown number in a known interval: an activation (the mean slope), or either term of
    a product, fg - f'g' = (f+f')/2 (g-g') + (g+g')/2 (f-f'), whose factor lies in the range of f or g. With
    `centre` the middle of the interval (0 where it is not subtracted: the loop transformation), the output
    of the k-th gain is centre p + eta_k, and eta_k lies between `slope_lower_k` p and `slope_upper_k` p.
    The increment p of the k-th gain's input is `inputs[k]` x, that of the output is `output` x; `nodes[k]` is the
    gain's node and `sources[k]` the node whose increment it multiplies.
    The same holds for derivatives at one point: delta a direction, eta_k the derivative along it.
    """

    latent_dim: int
    offsets: tuple[int, ...]
    inputs: tuple[MatrixBall, ...]
    output: MatrixBall
    slope_lower: tuple[FloatArray, ...]
    slope_upper: tuple[FloatArray, ...]
    nodes: tuple[int, ...]
    sources: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of coordinates of x. Exact."""
        return self.output.shape[1]

    def columns(self, block: int) -> slice:
        """Columns of eta_`block`. Exact."""
        start = self.offsets[block]
        return slice(start, start + self.slope_lower[block].size)

    @property
    def spans(self) -> tuple[FloatArray, ...]:
        """Largest possible |eta_k| per unit of pre-activation increment, entry by entry.

        Upper bound, rounded outward.
        """
        return tuple(
            np.maximum(np.abs(low), np.abs(high)) for low, high in zip(self.slope_lower, self.slope_upper, strict=True)
        )


LARGEST_FORM = 4_000_000
"""Entries of the matrices of an increment form beyond which none is built: all methods that need one then pass."""


LARGEST_LAYER = 500_000
"""Entries of a layer's matrix (zeros included) beyond which it is not made dense."""


def has_increment_form(graph: Graph) -> bool:
    """Whether the increment form of the graph is small enough to be built (`LARGEST_FORM`). Exact."""
    weights = [node.weight.shape for node in graph.nodes if isinstance(node, Affine)]
    if any(rows * columns > LARGEST_LAYER for rows, columns in weights):
        return False
    gains = [node.width * len(set(node.sources)) for node in graph.nodes if isinstance(node, Activation | Product)]
    size = graph.latent_dim + sum(gains)
    rows = sum(node.width for node in graph.nodes)
    return size * rows <= LARGEST_FORM


def live_graph(graph: Graph) -> tuple[Graph, tuple[int, ...]]:
    """The graph without the nodes that do not reach the output, and the original index of each node kept. Exact."""
    needed = {0, len(graph.nodes) - 1}
    for index in range(len(graph.nodes) - 1, -1, -1):
        if index in needed:
            needed.update(graph.nodes[index].sources)
    kept = tuple(sorted(needed))
    return _subgraph(graph, kept), kept


def blocks(graph: Graph) -> tuple[Block, ...]:
    """The chain of blocks between consecutive cuts, from input to output (one block at least). Exact."""
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
    """The consecutive blocks as one: the exit of each is the entry of the next. Exact."""
    nodes: list[Node] = list(chain[0].graph.nodes)
    origin = list(chain[0].origin)
    for block in chain[1:]:
        shift = len(nodes) - 1
        nodes.extend(_shifted(node, shift) for node in block.graph.nodes[1:])
        origin.extend(block.origin[1:])
    return Block(Graph(tuple(nodes)), tuple(origin))


def block_ranges(block: Block, ranges: NodeRanges) -> NodeRanges:
    """The enclosures of the whole graph's nodes, as enclosures of the block's. Enclosure, rounded outward."""
    return NodeRanges(block.graph, tuple(ranges.values[index] for index in block.origin))


def increment_form(graph: Graph, ranges: NodeRanges, centred: bool, entry: int = 0) -> IncrementForm:
    """Increments of the graph over the region behind `ranges` (a batch of one).

    `centred` subtracts the middle of each gain, which leaves eta_k symmetric: |eta_k| <= span |input increment|.
    With another `entry` than the input, delta is the increment of that node alone and all that does not depend on it
    stays as it is: the form of the derivative of the output by the node. Enclosure, rounded outward.
    """
    depends = depends_on(graph, entry)
    gains = [
        gain
        for index in range(entry + 1, len(graph.nodes))
        for gain in _gains(graph, ranges, index)
        if depends[gain.source]
    ]
    latent = graph.nodes[entry].width
    starts = np.cumsum([latent] + [gain.lower.size for gain in gains])
    size = int(starts[-1])
    maps: list[MatrixBall] = []
    inputs, lower, upper = [], [], []
    for index, node in enumerate(graph.nodes):
        if index == entry or not depends[index]:
            maps.append(_selector(node.width, 0, size) if index == entry else _zero(node.width, size))
            continue
        match node:
            case Input():
                raise AssertionError("the input depends on no other node")
            case Affine():
                maps.append(multiply(exact_matrix(dense(node.weight)), maps[node.source]))
            case Sum():
                maps.append(_combination(node, maps))
            case Activation() | Product():
                outcome: MatrixBall | None = None
                for position, gain in enumerate(gains):
                    if gain.node != index:
                        continue
                    centre = _centre(gain) if centred else np.zeros_like(gain.lower)
                    through = scale_columns(maps[gain.source].transpose, exact_matrix(centre[None])).transpose
                    own = _selector(node.width, int(starts[position]), size)
                    term = add(own, through) if centre.any() else own
                    outcome = term if outcome is None else add(outcome, term)
                    inputs.append(maps[gain.source])
                    # Outward, so that the shifted interval still contains every slope.
                    lower.append(-round_up(centre - gain.lower) if centred else gain.lower)
                    upper.append(round_up(gain.upper - centre) if centred else gain.upper)
                assert outcome is not None
                maps.append(outcome)
    return IncrementForm(
        latent,
        tuple(int(start) for start in starts[:-1]),
        tuple(inputs),
        maps[-1],
        tuple(lower),
        tuple(upper),
        tuple(gain.node for gain in gains),
        tuple(gain.source for gain in gains),
    )


def depends_on(graph: Graph, entry: int) -> list[bool]:
    """Per node whether its value depends on that of node `entry`, itself included. Exact."""
    found: list[bool] = []
    for index, node in enumerate(graph.nodes):
        found.append(index == entry or (index > entry and any(found[source] for source in node.sources)))
    return found


@dataclass(frozen=True, eq=False)
class _Gain:
    """One uncertain entrywise factor in [lower, upper] that the increment of `source` meets at `node`."""

    node: int
    source: int
    lower: FloatArray
    upper: FloatArray


def _gains(graph: Graph, ranges: NodeRanges, index: int) -> list[_Gain]:
    node = graph.nodes[index]
    match node:
        case Activation():
            low, high = ranges.slopes(index)
            return [_Gain(index, node.source, low[0], high[0])]
        case Product():
            first, second = node.sources
            return [
                _Gain(index, second, ranges.values[first][0][0], ranges.values[first][1][0]),
                _Gain(index, first, ranges.values[second][0][0], ranges.values[second][1][0]),
            ]
        case _:
            return []


def _centre(gain: _Gain) -> FloatArray:
    with np.errstate(invalid="ignore"):
        middle = 0.5 * gain.lower + 0.5 * gain.upper
    return np.where(np.isfinite(middle), middle, 0.0)


def _selector(width: int, start: int, size: int) -> MatrixBall:
    matrix = np.zeros((width, size))
    matrix[np.arange(width), start + np.arange(width)] = 1.0
    return exact_matrix(matrix)


def _zero(width: int, size: int) -> MatrixBall:
    return exact_matrix(np.zeros((width, size)))


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
