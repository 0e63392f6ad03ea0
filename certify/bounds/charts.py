"""Pieces of R^d in charts: boxes, half-strips and cones z = V a with a in a box whose upper ends may be infinite.

The unbounded rest of R^d is what makes suprema over R^d hard: along a direction orthogonal to a neuron's
weight the neuron never saturates. A piece with two unbounded coordinates is split through the cone they span,
rho_i v_i + rho_j v_j with rho >= 0: either rho_i >= rho_j, a cone of v_i and v_i + v_j, or the reverse. So
the pieces get narrow in angle, and along every piece all neurons but few are saturated. Every split covers
its piece exactly: V holds integers (signed sums of unit vectors) and ends are shared or rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import round_up

IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

LARGEST_BASIS_ENTRY = 2.0**40
"""A cone is not narrowed beyond this, so that sums of basis vectors stay exact."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """A batch of sets {V a : lower <= a <= upper}: `basis` (b, d, d), `lower` finite, `upper` finite or inf (b, d)."""

    basis: FloatArray
    lower: FloatArray
    upper: FloatArray

    @property
    def count(self) -> int:
        """Number of pieces. Exact."""
        return len(self.lower)

    @property
    def is_bounded(self) -> BoolArray:
        """Which pieces are bounded, shape (b,). Exact."""
        return np.asarray(np.isfinite(self.upper).all(axis=1))

    def middle(self) -> FloatArray:
        """A chart point of every piece (b, d): the middle, or the finite end of an unbounded coordinate. Estimate."""
        with np.errstate(over="ignore"):
            middle = 0.5 * self.lower + 0.5 * self.upper
        # Halves of an odd subnormal are rounded: a point stays itself.
        inner = np.isfinite(middle) & (self.lower != self.upper)
        return np.where(inner, middle, self.lower)

    def reach(self, middle: FloatArray) -> FloatArray:
        """Half-widths around `middle` (b, d), inf for unbounded coordinates. Upper bound, rounded outward."""
        return np.where(self.lower == self.upper, 0.0, round_up(np.maximum(self.upper - middle, middle - self.lower)))

    def take(self, index: IntArray | BoolArray) -> Pieces:
        """The pieces at `index` (an integer or boolean array). Exact."""
        return Pieces(self.basis[index], self.lower[index], self.upper[index])


def cover(scales: FloatArray) -> Pieces:
    """All of R^d: per coordinate j a core [-s_j, s_j] and the two half-lines beyond, s = `scales` of shape (d,).

    A coordinate of scale 0 is idle (nothing depends on it) and is fixed at 0; 3^k pieces for k other coordinates.
    Verified.

    >>> cover(np.array([1.0, 0.0])).count
    3
    """
    d = scales.size
    active = np.flatnonzero(scales > 0)
    kinds = np.indices((3,) * active.size).reshape(active.size, 3**active.size).T
    basis = np.tile(np.eye(d), (len(kinds), 1, 1))
    lower, upper = np.zeros((len(kinds), d)), np.zeros((len(kinds), d))
    for position, j in enumerate(active):
        kind = kinds[:, position]
        basis[:, j, j] = np.where(kind == 2, -1.0, 1.0)
        lower[:, j] = np.where(kind == 0, -scales[j], scales[j])
        upper[:, j] = np.where(kind == 0, scales[j], np.inf)
    return Pieces(basis, lower, upper)


def box(lower: FloatArray, upper: FloatArray) -> Pieces:
    """One finite box in the standard coordinates, ends of shape (d,). Exact."""
    return Pieces(np.eye(lower.size)[None], lower[None], upper[None])


def split(pieces: Pieces, weights: FloatArray, depth: IntArray) -> Pieces:
    """Two pieces that cover each given piece: the first halves of all, then the second halves.

    `weights` (b, d) says how much each bounded coordinate matters (the largest is bisected); `depth` (b,) counts
    earlier splits, through which unbounded pieces alternate between cones and bisection. Verified.

    >>> halves = split(box(np.zeros(1), np.ones(1)), np.ones((1, 1)), np.zeros(1, dtype=np.int64))
    >>> halves.lower.ravel().tolist(), halves.upper.ravel().tolist()
    ([0.0, 0.5], [0.5, 1.0])
    """
    widest, middle, rows = np.argmax(weights, axis=1), pieces.middle(), np.arange(pieces.count)
    at = middle[rows, widest]
    basis, lower, upper = (np.concatenate([part, part]) for part in (pieces.basis, pieces.lower, pieces.upper))
    upper[rows, widest] = lower[pieces.count + rows, widest] = at
    # Bounded pieces, nearly all of them, are bisected above; each other one has its own turn.
    for row in np.flatnonzero(~(pieces.is_bounded & np.isfinite(at))).tolist():
        pair = _halves(pieces.take(np.array([row])), weights[row], int(depth[row]))
        for place, half in zip((row, pieces.count + row), pair, strict=True):
            basis[place], lower[place], upper[place] = half.basis[0], half.lower[0], half.upper[0]
    return Pieces(basis, lower, upper)


def join(batches: list[Pieces]) -> Pieces:
    """The pieces of all batches, in order. Exact."""
    return Pieces(
        np.concatenate([batch.basis for batch in batches]),
        np.concatenate([batch.lower for batch in batches]),
        np.concatenate([batch.upper for batch in batches]),
    )


def _halves(piece: Pieces, weights: FloatArray, depth: int) -> tuple[Pieces, Pieces]:
    unbounded = np.flatnonzero(~np.isfinite(piece.upper[0]))
    if unbounded.size >= 2 and depth % 3 != 2:
        sizes = np.abs(piece.basis[0][:, unbounded]).sum(axis=0)
        first, second = (int(unbounded[k]) for k in np.argsort(sizes, kind="stable")[:2])
        if sizes.max() < LARGEST_BASIS_ENTRY:
            return _narrowed(piece, first, second), _narrowed(piece, second, first)
    bounded = np.where(np.isfinite(piece.upper[0]), weights, -np.inf)
    widest = int(np.argmax(bounded))
    if unbounded.size and (depth % 2 == 0 or not bounded[widest] > 0):
        j = int(unbounded[(depth // 2) % unbounded.size])
        return _cut(piece, j, float(piece.lower[0, j] + (np.abs(piece.lower[0]).max() or 1.0)))
    return _cut(piece, widest, float(piece.middle()[0, widest]))


def _narrowed(piece: Pieces, i: int, j: int) -> Pieces:
    """The part rho_i >= rho_j of the cone at the apex (l_i, l_j): v_j becomes v_i + v_j, l_i becomes l_i - l_j.

    (l_i + rho_i) v_i + (l_j + rho_j) v_j = (l_i - l_j + rho_i - rho_j) v_i + (l_j + rho_j)(v_i + v_j).
    """
    basis, lower = piece.basis.copy(), piece.lower.copy()
    basis[0, :, j] = piece.basis[0, :, i] + piece.basis[0, :, j]
    lower[0, i] = np.nextafter(piece.lower[0, i] - piece.lower[0, j], -np.inf)
    return Pieces(basis, lower, piece.upper)


def _cut(piece: Pieces, j: int, at: float) -> tuple[Pieces, Pieces]:
    if not np.isfinite(at):
        # Beyond the floats nothing can be cut: twice the same piece covers it.
        return piece, piece
    lower, upper = piece.lower.copy(), piece.upper.copy()
    upper[0, j] = lower[0, j] = at
    return Pieces(piece.basis, piece.lower, upper), Pieces(piece.basis, lower, piece.upper)
