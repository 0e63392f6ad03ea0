"""Products with sparse weights whose rows come in groups with the same columns, as a convolution's do: block by block.

All channels of an output pixel read the same inputs, so their rows are one dense block, and a convolution has few
different ones. On BLAS such a product is several times as fast as row by row. Each entry is still a sum of at most k
products in some order, k the width of the source, so the errors of `box_weights` hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray

Indices: TypeAlias = npt.NDArray[np.intp]

LEAST_ENTRIES = 1 << 16
"""Entries of a weight below which nothing is gained."""

LEAST_ROWS = 8
"""Rows that share their columns, on average, from which blocks are faster than rows."""

MOST_RUNS = 8
"""Runs of neighbouring columns that are joined as views; more are gathered one by one."""


@dataclass(frozen=True, eq=False)
class Block:
    """Rows `rows` of a weight are zero but for the columns in `columns`, where they are `entries`, here transposed."""

    rows: slice | Indices
    columns: tuple[slice, ...] | Indices
    entries: FloatArray


@dataclass(frozen=True, eq=False)
class BlockWeight:
    """A weight of this `shape` (n, k) as blocks of rows; rows in none of them are zero."""

    shape: tuple[int, int]
    blocks: tuple[Block, ...]

    @property
    def entries(self) -> int:
        """How many products one vector takes."""
        return sum(block.entries.size for block in self.blocks)

    def times(self, vectors: FloatArray) -> FloatArray:
        """W v along the last axis, (..., k) to (..., n). Estimate."""
        flat = np.ascontiguousarray(vectors).reshape(-1, self.shape[1])
        found = np.zeros((len(flat), self.shape[0]))
        for block in self.blocks:
            source = _taken(flat, block.columns)
            if isinstance(block.rows, slice):
                np.matmul(source, block.entries, out=found[:, block.rows])
            else:
                found[:, block.rows] = source @ block.entries
        return found.reshape(*vectors.shape[:-1], self.shape[0])

    def magnitude(self) -> BlockWeight:
        """|W|. Exact."""
        seen: dict[int, FloatArray] = {}
        for block in self.blocks:
            seen.setdefault(id(block.entries), np.abs(block.entries))
        blocks = tuple(Block(block.rows, block.columns, seen[id(block.entries)]) for block in self.blocks)
        return BlockWeight(self.shape, blocks)


def block_weight(weight: sp.csr_array) -> BlockWeight | None:
    """The blocks of a weight, equal ones kept once; None where rows seldom share their columns. Exact."""
    matrix = sp.csr_array(weight)
    if matrix.nnz < LEAST_ENTRIES:
        return None
    matrix.sum_duplicates()
    groups: dict[bytes, list[int]] = {}
    for row, (start, end) in enumerate(zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)):
        if end > start:
            groups.setdefault(matrix.indices[start:end].tobytes(), []).append(row)
    if sum(map(len, groups.values())) < LEAST_ROWS * len(groups):
        return None
    kept: dict[tuple[int, bytes], FloatArray] = {}
    blocks = []
    for rows in groups.values():
        starts, count = matrix.indptr[rows], matrix.indptr[rows[0] + 1] - matrix.indptr[rows[0]]
        entries = np.ascontiguousarray(matrix.data[starts[:, None] + np.arange(count)].T)
        entries = kept.setdefault((len(rows), entries.tobytes()), entries)
        columns = matrix.indices[starts[0] : starts[0] + count].astype(np.intp)
        runs, lines = runs_of(columns), runs_of(np.array(rows, dtype=np.intp))
        blocks.append(
            Block(
                lines[0] if len(lines) == 1 else np.array(rows, dtype=np.intp),
                runs if len(runs) <= MOST_RUNS else columns,
                entries,
            )
        )
    return BlockWeight((int(matrix.shape[0]), int(matrix.shape[1])), tuple(blocks))


def runs_of(ascending: Indices) -> tuple[slice, ...]:
    """The indices as runs of neighbours."""
    ends = np.flatnonzero(np.diff(ascending) != 1) + 1
    return tuple(slice(int(part[0]), int(part[-1]) + 1) for part in np.split(ascending, ends))


def _taken(flat: FloatArray, columns: tuple[slice, ...] | Indices) -> FloatArray:
    if not isinstance(columns, tuple):
        return flat[:, columns]
    return flat[:, columns[0]] if len(columns) == 1 else np.concatenate([flat[:, run] for run in columns], axis=1)
