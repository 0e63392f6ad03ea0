"""Weights of affine nodes as the box engines multiply with them: dense on BLAS, sparse where few entries are not zero.

Every product is a sum of at most k products, k the width of the source, in some order: an error of at most
gamma_k |a|'|b| plus what underflows cost, whichever way it is made. A product with an exact zero is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import dense
from certify.generators.derivatives import apply_weight
from certify.generators.nodes import Affine, Graph, Matrix, Node

SPARSE_SHARE = 0.1
"""Share of entries that are not zero above which BLAS is faster."""


@dataclass(frozen=True, eq=False)
class Weights:
    """W (n, k) and |W|, each with its transpose."""

    matrix: Matrix
    transposed: Matrix
    magnitude: Matrix
    magnitude_transposed: Matrix

    def forward(self, vectors: FloatArray) -> FloatArray:
        """W v along the last axis, (..., k) to (..., n). Estimate, like the three others."""
        return apply_weight(self.matrix, vectors)

    def spread(self, vectors: FloatArray) -> FloatArray:
        """|W| v along the last axis."""
        return apply_weight(self.magnitude, vectors)

    def backward(self, rows: FloatArray) -> FloatArray:
        """Rows times W, (..., n) to (..., k)."""
        return apply_weight(self.transposed, rows)

    def spread_backward(self, rows: FloatArray) -> FloatArray:
        """Rows times |W|."""
        return apply_weight(self.magnitude_transposed, rows)

    def planes(self, slopes: FloatArray) -> FloatArray:
        """W times slopes (b, k, d)."""
        if isinstance(self.matrix, np.ndarray):
            return np.asarray(np.matmul(self.matrix, slopes))
        return np.ascontiguousarray(np.swapaxes(self.forward(np.swapaxes(slopes, 1, 2)), 1, 2))


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


@lru_cache(maxsize=64)
def weights_of(node: Affine) -> Weights:
    """The weights of a node, made once."""
    rows, columns = node.weight.shape
    matrix: Matrix = node.weight
    entries = np.count_nonzero(matrix.data if sp.issparse(matrix) else matrix)
    if entries > SPARSE_SHARE * rows * columns:
        matrix = dense(matrix)
        return Weights(matrix, np.ascontiguousarray(matrix.T), np.abs(matrix), np.abs(matrix.T))
    matrix = sp.csr_array(matrix)
    transposed = sp.csr_array(matrix.T)
    return Weights(matrix, transposed, abs(matrix), abs(transposed))
