"""A sparse weight as dense tiles, of which any rows and columns can be kept: for sets of neurons that are no lattice.

A tile is a range of neighbouring rows and one of neighbouring columns; tiles of the same rows follow one another, and
every entry that is not zero is in one of them. How many rows a tile takes is chosen by what the products cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.envelopes.stencil_weights import FloatLike, PiecewiseWeight

Mask: TypeAlias = npt.NDArray[np.bool_]

CALL = 600.0
"""Entries of a tile that cost what a call does."""

GROUPS = (1, 2, 4, 7, 14, 28)
"""Groups of rows with the same columns that a tile may take."""

KEPT = 0.2
"""Share of a tile's entries that is kept, about, where tiles are chosen."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """A weight of this `shape` (n, k): `blocks` (t, 4) are rows from, to, columns from, to; `parts` (t,) the entries.

    Entries (columns, rows), the same array for equal tiles.
    """

    shape: tuple[int, int]
    blocks: npt.NDArray[np.intp]
    parts: tuple[FloatArray, ...]

    def entries(self, rows: Mask, columns: Mask) -> int:
        """How many entries tiles have of these rows (n,) and columns (k,). Exact."""
        places = _places(self.blocks, rows, columns)
        return int(((places[:, 1] - places[:, 0]) * (places[:, 3] - places[:, 2])).sum())

    def small(self, rows: Mask, columns: Mask, terms: int) -> TiledWeight:
        """The weight with these rows and columns alone; `terms`: what its products are taken to be sums of. Exact."""
        places = _places(self.blocks, rows, columns)
        kept = (places[:, 1] > places[:, 0]) & (places[:, 3] > places[:, 2])
        lines, posts = np.flatnonzero(rows), np.flatnonzero(columns)
        parts = []
        for index in np.flatnonzero(kept):
            (first, last, left, right), (top, _, side, _) = places[index], self.blocks[index]
            part = self.parts[index].take(posts[left:right] - side, axis=0)
            parts.append(part.take(lines[first:last] - top, axis=1))
        return TiledWeight((len(lines), len(posts)), terms, places[kept], tuple(parts))


@dataclass(frozen=True, eq=False)
class TiledWeight(PiecewiseWeight):
    """A weight (n, k) as tiles of its own rows and columns, as in `Tiles`."""

    shape: tuple[int, int]
    terms: int
    blocks: npt.NDArray[np.intp]
    parts: tuple[FloatArray, ...]

    @cached_property
    def _plan(self) -> list[tuple[slice, slice, bool]]:
        """Rows and columns of the tiles, and whether none before has the same rows."""
        found, before = [], -1
        for first, last, left, right in self.blocks.tolist():
            found.append((slice(first, last), slice(left, right), first != before))
            before = first
        return found

    @cached_property
    def _empty(self) -> npt.NDArray[np.intp]:
        """Rows of no tile."""
        written = np.zeros(self.shape[0], dtype=bool)
        for rows, _, _ in self._plan:
            written[rows] = True
        return np.flatnonzero(~written)

    @property
    def _double(self) -> tuple[FloatArray, ...]:
        return self.parts

    @property
    def entries(self) -> int:
        """How many products one vector takes."""
        return sum(part.size for part in self.parts)

    def _multiply(self, vectors: FloatLike, entries: tuple[FloatLike, ...], out: FloatLike) -> None:
        if len(self._empty):
            out[:, self._empty] = 0.0
        for (rows, columns, is_first), part in zip(self._plan, entries, strict=True):
            if is_first:
                np.matmul(vectors[:, columns], part, out=out[:, rows])
            else:
                view = out[:, rows]
                view += np.matmul(vectors[:, columns], part)


def _places(blocks: npt.NDArray[np.intp], rows: Mask, columns: Mask) -> npt.NDArray[np.intp]:
    """Where the ranges of tiles are among the rows and columns that are kept, (t, 4)."""
    lines, posts = (np.concatenate([[0], np.cumsum(mask)]) for mask in (rows, columns))
    return np.column_stack([lines[blocks[:, :2]], posts[blocks[:, 2:]]])


def tiles_of(matrix: sp.csr_array) -> Tiles:
    """The tiles of a weight whose indices ascend. Exact."""
    ends = _groups(matrix.indptr, matrix.indices)
    plans = [_ranges(matrix.indptr, matrix.indices, ends, count) for count in GROUPS if count < len(ends)]
    sizes = [KEPT * ((plan[:, 1] - plan[:, 0]) * (plan[:, 3] - plan[:, 2])).sum() + CALL * len(plan) for plan in plans]
    blocks = plans[int(np.argmin(sizes))]
    seen: dict[tuple[tuple[int, ...], bytes], FloatArray] = {}
    parts = []
    for first, last, left, right in blocks.tolist():
        start, end = matrix.indptr[first], matrix.indptr[last]
        columns = matrix.indices[start:end]
        lines = np.repeat(np.arange(last - first), np.diff(matrix.indptr[first : last + 1]))
        within = (columns >= left) & (columns < right)
        part = np.zeros((right - left, last - first))
        part[columns[within] - left, lines[within]] = matrix.data[start:end][within]
        parts.append(seen.setdefault((part.shape, part.tobytes()), part))
    return Tiles((int(matrix.shape[0]), int(matrix.shape[1])), blocks, tuple(parts))


def _groups(starts: npt.NDArray[np.int32], indices: npt.NDArray[np.int32]) -> npt.NDArray[np.intp]:
    """The first rows of groups of neighbours with the same columns, and the number of rows, (g + 1,)."""
    rows = [indices[first:last].tobytes() for first, last in zip(starts[:-1], starts[1:], strict=True)]
    firsts = [row for row in range(len(rows)) if row == 0 or rows[row] != rows[row - 1]]
    return np.array([*firsts, len(rows)], dtype=np.intp)


def _ranges(
    starts: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], ends: npt.NDArray[np.intp], count: int
) -> npt.NDArray[np.intp]:
    """Tiles of `count` groups' rows each and the ranges of their columns, (t, 4)."""
    found = []
    for group in range(0, len(ends) - 1, count):
        own = ends[group : group + count]
        first, last = int(ends[group]), int(ends[min(group + count, len(ends) - 1)])
        columns = np.unique(np.concatenate([indices[starts[row] : starts[row + 1]] for row in own[own < ends[-1]]]))
        if not len(columns):
            continue
        # A gap that costs less than another call is filled.
        gaps = np.flatnonzero(KEPT * np.diff(columns) * (last - first) > CALL)
        lows, highs = columns[np.append(0, gaps + 1)], columns[np.append(gaps, len(columns) - 1)] + 1
        found += [(first, last, int(low), int(high)) for low, high in zip(lows, highs, strict=True)]
    return np.array(found, dtype=np.intp).reshape(-1, 4)
