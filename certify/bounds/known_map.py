"""What is known of a part of a graph as a whole, and how its parts are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import upper
from certify.generators.graph import Affine, Graph

IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownMap:
    """Node `exit` as a function of node `entry`: bounds of its derivatives of order 1, 2, 3 and of its values.

    `rows[k - 1]` bounds the derivative of order k of each entry, `totals[k - 1]` that of the whole map, both as
    multilinear forms in Euclidean norms and over the whole space. Upper bounds, rounded outward.
    """

    entry: int
    exit: int
    rows: tuple[FloatArray, FloatArray, FloatArray]
    totals: tuple[float, float, float]
    low: FloatArray
    high: FloatArray


def selected(node: Affine) -> IntArray | None:
    """The entries that an affine node only copies, or None if it does anything else. Exact."""
    if np.any(node.bias != 0.0):
        return None
    weight = sp.csr_array(node.weight)
    if weight.nnz != node.width or np.any(np.diff(weight.indptr) != 1) or np.any(weight.data != 1.0):
        return None
    chosen: IntArray = weight.indices.astype(np.int64)
    return chosen


def through_selections(graph: Graph, index: int) -> tuple[int, IntArray]:
    """The node behind copies of its entries, and which of its entries each entry is. Exact."""
    entries: IntArray = np.arange(graph.nodes[index].width, dtype=np.int64)
    while True:
        node = graph.nodes[index]
        chosen = selected(node) if isinstance(node, Affine) else None
        if chosen is None or not isinstance(node, Affine):
            return index, entries
        index, entries = node.source, chosen[entries]


def uniform_map(
    entry: int, index: int, width: int, rows: tuple[arb, ...], totals: tuple[arb, ...], ends: tuple[float, float]
) -> KnownMap:
    """A known map whose entries have the same bounds and whose values lie between the same ends.

    Upper bound, rounded outward.
    """
    full = [np.full(width, upper(row)) for row in rows]
    sums = [upper(total) for total in totals]
    return KnownMap(
        entry,
        index,
        (full[0], full[1], full[2]),
        (sums[0], sums[1], sums[2]),
        np.full(width, ends[0]),
        np.full(width, ends[1]),
    )
