"""Weights of affine nodes as the box engines multiply with them: dense on BLAS, sparse where few entries are not zero,
in dense blocks where sparse rows share their columns (`block_weights`).

Every product is a sum of at most k products, k the width of the source, in some order: an error of at most
gamma_k |a|'|b| plus what underflows cost, whichever way it is made. A product with an exact zero is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import dense
from certify.clock import ask
from certify.envelopes.block_weights import BlockWeight, block_weight
from certify.generators.derivatives import apply_weight, guarded_value
from certify.generators.nodes import Affine, Graph, Matrix, Node

SPARSE_SHARE = 0.1
"""Share of entries that are not zero above which BLAS is faster."""

EXPENSIVE = 1e6
"""Multiplications of one evaluation beyond which a search looks at fewer points and stops at less."""


@dataclass(frozen=True, eq=False)
class Weights:
    """W (n, k) and |W|, and the transpose of each."""

    matrix: Matrix | BlockWeight
    magnitude: Matrix | BlockWeight
    transposed: Matrix | BlockWeight
    magnitude_transposed: Matrix | BlockWeight

    @property
    def is_in_blocks(self) -> bool:
        """Whether W is large and in blocks, as a convolution's: then a product is most of what a box costs."""
        return isinstance(self.matrix, BlockWeight)

    @cached_property
    def row_sums(self) -> FloatArray:
        """|W| 1, (n,). Estimate."""
        return self.spread(np.ones(self.matrix.shape[1]))

    def forward(self, vectors: FloatArray) -> FloatArray:
        """W v along the last axis, (..., k) to (..., n). Estimate, like the three others."""
        return _times(self.matrix, vectors)

    def spread(self, vectors: FloatArray) -> FloatArray:
        """|W| v along the last axis."""
        return _times(self.magnitude, vectors)

    def backward(self, rows: FloatArray) -> FloatArray:
        """Rows times W, (..., n) to (..., k)."""
        return _times(self.transposed, rows)

    def spread_backward(self, rows: FloatArray) -> FloatArray:
        """Rows times |W|."""
        return _times(self.magnitude_transposed, rows)

    def with_planes(self, vectors: tuple[FloatArray, ...], slopes: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """W times each of `vectors` (b, k) and times `slopes` (b, k, d), in one product."""
        stack = np.concatenate([np.stack(vectors, axis=1), np.swapaxes(slopes, 1, 2)], axis=1)
        found = self.forward(stack)
        count = len(vectors)
        return [found[:, index] for index in range(count)], np.swapaxes(found[:, count:], 1, 2)


@lru_cache(maxsize=16)
def with_dense_weights(graph: Graph) -> Graph:
    """The same graph, weights that are sparse in name only as arrays: exporters write many of those. Exact."""

    def plain(node: Node) -> Node:
        if not isinstance(node, Affine) or isinstance(node.weight, np.ndarray):
            return node
        rows, columns = node.weight.shape
        filled = node.weight.nnz > max(rows, SPARSE_SHARE * rows * columns)
        return replace(node, weight=dense(node.weight)) if filled else node

    return Graph(tuple(plain(node) for node in graph.nodes))


def multiplications(graph: Graph) -> int:
    """Multiplications by weights in one evaluation of the graph. Exact."""
    return sum(int(node.weight.size) for node in graph.nodes if isinstance(node, Affine))


def evaluations_of(graph: Graph, work: float, least: int, most: int) -> int:
    """How many evaluations `work` multiplications in all allow, but at least `least` and at most `most`. Exact."""
    each = max(1, multiplications(with_dense_weights(graph)))
    return max(least, min(most, int(work / each)))


def is_expensive(graph: Graph) -> bool:
    """Whether one evaluation takes so many multiplications that searches are content with less. Exact."""
    return multiplications(graph) > EXPENSIVE


_MADE: WeakKeyDictionary[Affine, Weights] = WeakKeyDictionary()


def weights_of(node: Affine) -> Weights:
    """The weights of a node, made once, and kept as long as the node is."""
    found = _MADE.get(node)
    if found is None:
        found = _MADE[node] = _weights(node)
    return found


def _weights(node: Affine) -> Weights:
    rows, columns = node.weight.shape
    matrix: Matrix = node.weight
    entries = np.count_nonzero(matrix.data if sp.issparse(matrix) else matrix)
    if entries > SPARSE_SHARE * rows * columns:
        matrix = dense(matrix)
        return Weights(matrix, np.abs(matrix), np.ascontiguousarray(matrix.T), np.abs(matrix.T))
    matrix = sp.csr_array(matrix)
    transposed = sp.csr_array(matrix.T)
    return Weights(*_in_blocks(matrix), *_in_blocks(transposed))


def known_values(graph: Graph, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """`guarded_value` at points (b, d), by the products of the box engines. Estimate."""
    return guarded_value(graph, points, lambda node, rows: weights_of(node).forward(rows))


def _in_blocks(matrix: sp.csr_array) -> tuple[Matrix | BlockWeight, Matrix | BlockWeight]:
    """W and |W|, in blocks where that is faster."""
    blocks = block_weight(matrix)
    return (matrix, abs(matrix)) if blocks is None else (blocks, blocks.magnitude())


def _times(weight: Matrix | BlockWeight, vectors: FloatArray) -> FloatArray:
    """W v along the last axis."""
    if not isinstance(weight, BlockWeight):
        # As one matrix: numpy multiplies a stack of them one by one.
        rows = vectors.reshape(-1, vectors.shape[-1])
        return apply_weight(weight, rows).reshape(*vectors.shape[:-1], weight.shape[0])
    ask(2e-6 * weight.entries * (vectors.size // max(vectors.shape[-1], 1)))
    return weight.times(vectors)
