"""Products with a convolution's weight: the same dense block at the places of a lattice, in one call for all places.

A weight is a sum of pieces. A piece reads c neighbouring columns at each place of a lattice, multiplies them by one
dense matrix, and adds the result to rows whose position is another lattice: strided views, so nothing is gathered, and
BLAS is called place by place from within one call. Each entry of a product is a sum of as many products as its row has
entries that are not zero, in some order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.envelopes.block_weights import Block, BlockWeight, block_weight, runs_of

SingleArray: TypeAlias = npt.NDArray[np.float32]
FloatLike: TypeAlias = SingleArray | FloatArray

MOST_PIECES = 400
"""Pieces beyond which the calls cost more than the products."""


@dataclass(frozen=True)
class Places:
    """Starts of `counts` = (rows, columns) places: `start` + i steps[0] + j steps[1]."""

    start: int
    steps: tuple[int, int]
    counts: tuple[int, int]

    @cached_property
    def starts(self) -> npt.NDArray[np.intp]:
        """All of them, in order. Exact."""
        first, second = (np.arange(count) * step for count, step in zip(self.counts, self.steps, strict=True))
        return np.asarray((self.start + first[:, None] + second).ravel())

    def indices(self, width: int) -> npt.NDArray[np.intp]:
        """The `width` neighbours from each start on. Exact."""
        return np.asarray((self.starts[:, None] + np.arange(width)).ravel())

    def are_apart(self, width: int) -> bool:
        """Whether these are all different. Exact."""
        indices = self.indices(width)
        return len(np.unique(indices)) == len(indices)

    def view(self, matrix: FloatLike, width: int) -> FloatLike:
        """`matrix` (m, k), C-contiguous, as (places, places, m, width): the columns from each start on. No copy."""
        size = matrix.itemsize
        shape = (*self.counts, len(matrix), width)
        strides = (self.steps[0] * size, self.steps[1] * size, matrix.strides[0], size)
        # Places that are not in the matrix are refused.
        return np.ndarray(shape, matrix.dtype, matrix.data, self.start * size, strides)

    def lines(self, matrix: FloatLike, width: int) -> FloatLike:
        """`matrix` (k, m), C-contiguous, as (places, places, width, m): the lines from each start on. No copy."""
        step = matrix.strides[0]
        shape = (*self.counts, width, matrix.shape[1])
        strides = (self.steps[0] * step, self.steps[1] * step, step, matrix.itemsize)
        return np.ndarray(shape, matrix.dtype, matrix.data, self.start * step, strides)


@dataclass(frozen=True, eq=False)
class Piece:
    """`entries` (c, r) take the c columns from each of `columns` on to the r rows: `targets` are (first, end, places).

    `fresh`: nothing before it has written to its rows, and it has one target.
    """

    entries: FloatArray
    columns: Places
    targets: tuple[tuple[int, int, Places], ...]
    fresh: bool


class PiecewiseWeight(ABC):
    """A weight (n, k) whose products are those of pieces, which are kept as float64, as float32 and as moduli."""

    shape: tuple[int, int]

    @property
    @abstractmethod
    def _double(self) -> tuple[FloatArray, ...]:
        """The pieces' entries."""

    @abstractmethod
    def _multiply(self, vectors: FloatLike, entries: tuple[FloatLike, ...], out: FloatLike) -> None:
        """W v for vectors (m, k) into `out` (m, n), both C-contiguous, with these `entries` for the pieces'."""

    @cached_property
    def _single(self) -> tuple[SingleArray, ...]:
        return tuple(entries.astype(np.float32) for entries in self._double)

    @cached_property
    def _magnitudes(self) -> tuple[SingleArray, ...]:
        return tuple(np.abs(entries) for entries in self._single)

    def times(self, vectors: FloatArray) -> FloatArray:
        """W v for vectors (m, k): (m, n). Estimate."""
        out = np.empty((len(vectors), self.shape[0]))
        self._multiply(np.ascontiguousarray(vectors), self._double, out)
        return out

    def times_single(self, vectors: SingleArray, out: SingleArray) -> None:
        """The same in float32, with the entries rounded, into `out` (m, n); both C-contiguous. Estimate."""
        self._multiply(vectors, self._single, out)

    def spread_single(self, vectors: SingleArray, out: SingleArray) -> None:
        """|W| v in float32, into `out`. Estimate."""
        self._multiply(vectors, self._magnitudes, out)


@dataclass(frozen=True, eq=False)
class StencilWeight(PiecewiseWeight):
    """A weight of this `shape` (n, k), its rows with at most `terms` entries, as a sum of pieces.

    `is_covered`: pieces write to every row, and add to none before that.
    """

    shape: tuple[int, int]
    terms: int
    pieces: tuple[Piece, ...]
    is_covered: bool

    @cached_property
    def _double(self) -> tuple[FloatArray, ...]:
        return tuple(piece.entries for piece in self.pieces)

    def _multiply(self, vectors: FloatLike, entries: tuple[FloatLike, ...], out: FloatLike) -> None:
        assert vectors.flags.c_contiguous and vectors.shape == (len(out), self.shape[1]), "places are counted in them"
        if not len(vectors):
            return
        if not self.is_covered:
            out[...] = 0.0
        for piece, own in zip(self.pieces, entries, strict=True):
            source = piece.columns.view(vectors, len(own))
            if piece.fresh:
                np.matmul(source, own, out=piece.targets[0][2].view(out, own.shape[1]))
                continue
            if len(piece.targets) == 1:
                view = piece.targets[0][2].view(out, own.shape[1])
                view += np.matmul(source, own)
                continue
            # The vectors last, so that they are added by runs.
            found = np.matmul(own.T, np.swapaxes(source, 2, 3))
            turned = np.zeros(out.shape[::-1], dtype=out.dtype)
            for first, end, places in piece.targets:
                view = places.lines(turned, end - first)
                view += found[:, :, first:end]
            out += turned.T

    @property
    def entries(self) -> int:
        """How many products one vector takes."""
        return sum(piece.entries.size * len(piece.columns.starts) for piece in self.pieces)


@dataclass(frozen=True, eq=False)
class DenseWeight:
    """A dense weight (n, k) with the products of `StencilWeight`; `longer`: terms by which rows are counted longer."""

    matrix: FloatArray
    longer: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(n, k)."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    @property
    def terms(self) -> int:
        """Entries of a row, or more."""
        return self.shape[1] + self.longer

    @property
    def entries(self) -> int:
        """How many products one vector takes."""
        return self.matrix.size

    @cached_property
    def _single(self) -> SingleArray:
        return self.matrix.astype(np.float32)

    @cached_property
    def _magnitudes(self) -> SingleArray:
        return np.abs(self._single)

    def times(self, vectors: FloatArray) -> FloatArray:
        """W v for vectors (m, k): (m, n). Estimate."""
        return np.asarray(vectors @ self.matrix.T)

    def times_single(self, vectors: SingleArray, out: SingleArray) -> None:
        """The same in float32 into `out` (m, n). Estimate."""
        np.matmul(vectors, self._single.T, out=out)

    def spread_single(self, vectors: SingleArray, out: SingleArray) -> None:
        """|W| v in float32 into `out`. Estimate."""
        np.matmul(vectors, self._magnitudes.T, out=out)


def stencil_weight(weight: sp.csr_array) -> StencilWeight | None:
    """The pieces of a weight, by its rows or else by its columns; None where they are too many. Exact."""
    matrix = sp.csr_array(weight)
    by_rows, flipped = block_weight(matrix), False
    if by_rows is None:
        by_rows, flipped = block_weight(sp.csr_array(matrix.T)), True
    found = None if by_rows is None else _parts(by_rows, flipped)
    if found is None:
        return None
    written = np.zeros(matrix.shape[0], dtype=bool)
    pieces, is_covered = [], True
    # What writes to rows for the first time comes first.
    for entries, columns, targets in sorted(found, key=lambda part: len(part[2]) > 1):
        rows = np.concatenate([places.indices(end - first) for first, end, places in targets])
        fresh = len(targets) == 1 and not written[rows].any()
        is_covered &= fresh or bool(written[rows].all())
        written[rows] = True
        pieces.append(Piece(entries, columns, targets, fresh))
    terms = int(np.diff(matrix.indptr).max(initial=0))
    shape = int(matrix.shape[0]), int(matrix.shape[1])
    return StencilWeight(shape, terms, tuple(pieces), is_covered and bool(written.all()))


_Part = tuple[FloatArray, Places, tuple[tuple[int, int, Places], ...]]


def _parts(blocks: BlockWeight, flipped: bool) -> list[_Part] | None:
    """Entries (c, r), the lattice of the columns, and the targets; `flipped`: of the transposed weight's blocks."""
    groups: dict[tuple[object, ...], list[Block]] = defaultdict(list)
    for block in (part for whole in blocks.blocks for part in _in_runs(whole)):
        if not isinstance(block.columns, tuple):
            return None
        first = block.columns[0].start
        shape = tuple((run.start - first, run.stop - first) for run in block.columns)
        groups[id(block.entries), shape].append(block)
    found: list[_Part] = []
    for group in groups.values():
        starts = np.array([(block.rows.start, block.columns[0].start) for block in group], dtype=np.intp)  # type: ignore[union-attr]
        runs = [run for run in group[0].columns if isinstance(run, slice)]
        for rows, columns in _lattices(starts):
            done = 0
            shifted = [Places(columns.start + run.start - runs[0].start, columns.steps, columns.counts) for run in runs]
            parts = []
            for run, places in zip(runs, shifted, strict=True):
                width = run.stop - run.start
                parts.append((done, done + width, places))
                done += width
            entries = group[0].entries
            if flipped:
                targets = tuple(item for part in parts for item in _apart(*part))
                if not all(places.are_apart(end - first) for first, end, places in targets):
                    return None
                found.append((np.ascontiguousarray(entries.T), rows, targets))
            else:
                width = entries.shape[1]
                for first, end, places in parts:
                    found.append((np.ascontiguousarray(entries[first:end]), places, ((0, width, rows),)))
        if len(found) > MOST_PIECES:
            return None
    return found


def _in_runs(block: Block) -> list[Block]:
    """A block in blocks of neighbouring rows."""
    if isinstance(block.rows, slice):
        return [block]
    parts, first = [], 0
    for run in runs_of(block.rows):
        end = first + run.stop - run.start
        parts.append(Block(run, block.columns, np.ascontiguousarray(block.entries[:, first:end])))
        first = end
    return parts


def _apart(first: int, end: int, places: Places) -> list[tuple[int, int, Places]]:
    """A target in parts of which none meets itself at another place of the lattice."""
    if places.are_apart(end - first):
        return [(first, end, places)]
    return [
        (first + k, first + k + 1, Places(places.start + k, places.steps, places.counts)) for k in range(end - first)
    ]


def _lattices(starts: npt.NDArray[np.intp]) -> list[tuple[Places, Places]]:
    """Pairs of row and column starts (k, 2), all different in their rows, as pairs of lattices."""
    ordered = starts[np.argsort(starts[:, 0])]
    lines: list[tuple[int, int, npt.NDArray[np.intp]]] = []
    at = 0
    while at < len(ordered):
        end = at + 1
        if end < len(ordered):
            step = ordered[end] - ordered[at]
            while end < len(ordered) and (ordered[end] - ordered[end - 1] == step).all():
                end += 1
        lines.append((at, end, ordered[at + 1] - ordered[at] if end > at + 1 else np.zeros(2, dtype=np.intp)))
        at = end
    # Lines of the same length and step, a constant step apart, are one lattice.
    found = []
    line = 0
    while line < len(lines):
        start, end, step = lines[line]
        upto, jump = line + 1, np.zeros(2, dtype=np.intp)
        while upto < len(lines) and lines[upto][1] - lines[upto][0] == end - start:
            own = ordered[lines[upto][0]] - ordered[lines[upto - 1][0]]
            if not (lines[upto][2] == step).all() or (upto > line + 1 and not (own == jump).all()):
                break
            jump, upto = own, upto + 1
        counts = upto - line, end - start
        rows, columns = (
            Places(int(ordered[start][axis]), (int(jump[axis]), int(step[axis])), counts) for axis in range(2)
        )
        found.append((rows, columns))
        line = upto
    return found
