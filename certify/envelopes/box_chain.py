"""Layers of ReLU with which a decoder begins, where one evaluation is expensive, and their products by float32.

Behind wide convolutions products are most of what a box or a point costs, and float32 takes half the time of float64.
What is certified through a chain is in `chain_forms`; here are its weights, and values at points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import dense
from certify.clock import ask
from certify.envelopes.box_rows import nodes_with_rows
from certify.envelopes.box_weights import SPARSE_SHARE, is_expensive
from certify.envelopes.stencil_weights import DenseWeight, StencilWeight, stencil_weight
from certify.envelopes.tile_weights import TiledWeight, Tiles, tiles_of
from certify.generators.derivatives import guarded_value
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum
from certify.generators.nodes import Node

LEAST_WEIGHT, LARGEST_WEIGHT = 1e-28, 1e28
"""Moduli of weights other than 0 between which float32 has them with a relative error."""

MOST_TERMS = 2048
"""Entries of a row beyond which float32 rounds too much."""

MOST_LATENTS = 8
"""Latents beyond which what sums over the axes round is more than `chain_forms` pays for."""


Weight: TypeAlias = StencilWeight | DenseWeight | TiledWeight


@dataclass(frozen=True, eq=False)
class Layer:
    """An affine node's weight W (n, k), its transpose, |W| 1 (n,) or more, and the bias; `matrix` is W, where kept."""

    weight: Weight
    transposed: Weight
    row_sums: FloatArray
    bias: FloatArray
    matrix: sp.csr_array | None = None

    @cached_property
    def tiles(self) -> tuple[Tiles, Tiles] | None:
        """Of the weight and its transpose; None where these are dense."""
        if self.matrix is None or isinstance(self.weight, DenseWeight):
            return None
        return tiles_of(self.matrix), tiles_of(sp.csr_array(self.matrix.T))


@dataclass(frozen=True, eq=False)
class Chain:
    """Nodes 0 to `last` of a graph: affine nodes with ReLU between them, nothing else reads any but the last.

    `first` (k, d) and `offset` (k,) are the first node's; `rest` is the graph behind, with the last node as its input.
    `live`, layer by layer of ReLU: of which neurons of a larger chain this one is made (`live_chain`); None: of all.
    """

    first: FloatArray
    offset: FloatArray
    layers: tuple[Layer, ...]
    last: int
    rest: Graph
    live: tuple[npt.NDArray[np.bool_], ...] | None = None


_LAYERS: WeakKeyDictionary[Affine, Layer | None] = WeakKeyDictionary()
"""Made once, and kept as long as the node is."""


@lru_cache(maxsize=4)
def chain_of(graph: Graph) -> Chain | None:
    """The longest chain that a graph begins with, of two weights or more; only where one evaluation is expensive."""
    if not is_expensive(graph) or nodes_with_rows(graph) or graph.latent_dim > MOST_LATENTS:
        return None
    readers = [0] * len(graph.nodes)
    for node in graph.nodes:
        for source in node.sources:
            readers[source] += 1
    nodes: list[Affine] = []
    for index in range(1, len(graph.nodes), 2):
        node = graph.nodes[index]
        if not (isinstance(node, Affine) and node.source == index - 1 and readers[index - 1] == 1):
            break
        nodes.append(node)
        after = graph.nodes[index + 1] if index + 1 < len(graph.nodes) else None
        is_relu = isinstance(after, Activation) and after.name == "relu" and after.source == index
        if not (is_relu and readers[index] == 1):
            break
    layers: list[Layer] = []
    for node in nodes[1:]:
        if node not in _LAYERS:
            _LAYERS[node] = _layer(node)
        layer = _LAYERS[node]
        if layer is None:
            break
        layers.append(layer)
    if not layers:
        return None
    last = 2 * len(layers) + 1
    behind = tuple(_moved(node, last) for node in graph.nodes[last + 1 :])
    rest = Graph((Input(graph.nodes[last].width), *behind))
    return Chain(dense(nodes[0].weight), nodes[0].bias, tuple(layers), last, rest)


def _moved(node: Node, by: int) -> Node:
    """A node whose sources are so many places earlier."""
    if isinstance(node, Sum):
        return replace(node, sources=tuple(source - by for source in node.sources))
    if isinstance(node, Product):
        return replace(node, sources=(node.sources[0] - by, node.sources[1] - by))
    assert isinstance(node, Affine | Activation), "the input is node 0"
    return replace(node, source=node.source - by)


def _layer(node: Affine) -> Layer | None:
    matrix = sp.csr_array(node.weight)
    matrix.sum_duplicates()
    sizes = np.abs(matrix.data[matrix.data != 0])
    if not (sizes.size and sizes.min() >= LEAST_WEIGHT and sizes.max() <= LARGEST_WEIGHT):
        return None
    both = [_multiplied(matrix), _multiplied(sp.csr_array(matrix.T))]
    first, second = both
    if first is None or second is None or max(first.terms, second.terms) > MOST_TERMS:
        return None
    return Layer(
        first,
        second,
        np.asarray(abs(matrix).sum(axis=1)).ravel(),
        node.bias,
        None if isinstance(first, DenseWeight) else matrix,
    )


def _multiplied(matrix: sp.csr_array) -> StencilWeight | DenseWeight | None:
    if matrix.nnz > SPARSE_SHARE * matrix.shape[0] * matrix.shape[1]:
        return DenseWeight(np.ascontiguousarray(matrix.toarray()))
    return stencil_weight(matrix)


def chain_values(chain: Chain, points: FloatArray, single: bool) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """G at points (b, d), through the chain by float32 with `single`, and where every node is finite. Estimate."""
    start = points @ chain.first.T + chain.offset
    found, known = _by_single(chain, start) if single else _by_double(chain, start)
    outputs, finite = guarded_value(chain.rest, found)
    return outputs, known & finite


def _by_double(chain: Chain, found: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The last node of the chain for values (b, k) of the first, and where all between are finite."""
    known = np.ones(len(found), dtype=bool)
    for layer in chain.layers:
        known &= np.isfinite(found).all(axis=1)
        found = multiplied(layer.weight, np.maximum(found, 0.0)) + layer.bias
    return found, known


def _by_single(chain: Chain, start: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The same by float32."""
    found = start.astype(np.float32)
    known = np.asarray(np.isfinite(found).all(axis=1))
    for layer in chain.layers:
        image = np.empty((len(found), layer.weight.shape[0]), dtype=np.float32)
        ask(1e-6 * layer.weight.entries * len(found))
        layer.weight.times_single(np.maximum(found, 0.0, out=found), image)
        image += layer.bias.astype(np.float32)
        found = image
        known = np.asarray(known & np.isfinite(found).all(axis=1))
    return found.astype(np.float64), known


def multiplied(weight: Weight, vectors: FloatArray) -> FloatArray:
    """W v for vectors (b, k) by float64, (b, n). Estimate."""
    ask(2e-6 * weight.entries * len(vectors))
    return weight.times(vectors)
