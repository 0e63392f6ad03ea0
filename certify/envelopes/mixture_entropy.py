"""The entropy of a mixture of Gaussians of one covariance from below: Jensen's inequality under tilted laws.

r = sum_k w_k r_k with r_k = N(m_k, BB'); in y = B^-1 (z - m_k) r_k is standard and r_j = N(e_kj, I), e_kj =
B^-1 (m_j - m_k). For any function l_k, by Jensen,

    E_{r_k} log r = E_{r_k}[log(r exp(-l_k)) + l_k] <= log E_{r_k}[r exp(-l_k)] + E_{r_k} l_k,

with equality where l_k is log r. Let l_k be c . y - y'(2 I - S^-1)y/2 up to a constant, S positive definite. Then

    E_{r_k} log r + log det B + (d/2) log(2 pi) <=
        log sum_j w_j exp((log det S - |e|^2 + (e - c)'S(e - c))/2) - tr(2 I - S^-1)/2.

S = I and c = 0 are right where there is one Gaussian, S = I/2 and c = 0 for pairwise overlaps (Kolchinsky and Tracey,
2017). Any c and S serve; `fitted_tilts` minimises each sum, which is convex in c and S^-1. S = T diag(s) T' with s > 0
and T lower triangular with ones on its diagonal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.definiteness import solve_enclosure
from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    hadamard,
    scale,
    scale_columns,
    subtract,
)

TURNS, LARGEST_SPREAD = 40, 20.0
"""Steps of the search for tilts, and the largest eigenvalue of S that it admits."""


@dataclass(frozen=True, eq=False)
class TiltedMixture:
    """Gaussians N(`means`_k, BB') of `shares` w (k,) > 0, divided by their sum; B = `factor` (d, d) is invertible.

    `linear` c (k, d) and `spreads` s (k, d) > 0 are those of the tilts l_k, along the axes of y = B^-1 (z - m_k);
    `shears` (k, d (d-1)/2) the rows of T below its diagonal, one after the other, without columns where all are zero.
    """

    shares: FloatArray
    means: FloatArray
    factor: FloatArray
    linear: FloatArray
    spreads: FloatArray
    shears: FloatArray

    @property
    def proper(self) -> bool:
        """Whether the parts fit, all is finite, and shares and spreads are positive. Exact."""
        if self.means.ndim != 2:
            return False
        count, d = self.means.shape
        shapes = self.shares.shape == (count,) and self.factor.shape == (d, d)
        shapes = shapes and self.linear.shape == self.spreads.shape == (count, d) and count > 0
        if not shapes or self.shears.shape not in {(count, 0), (count, d * (d - 1) // 2)}:
            return False
        parts = (self.shares, self.means, self.factor, self.linear, self.spreads, self.shears)
        return all(np.isfinite(part).all() for part in parts) and min(self.shares.min(), self.spreads.min()) > 0.0

    @property
    def turns(self) -> FloatArray:
        """T (k, d, d). Exact."""
        count, d = self.means.shape
        found = np.repeat(np.eye(d)[None], count, axis=0)
        if self.shears.shape[1]:
            rows, columns = np.tril_indices(d, -1)
            found[:, rows, columns] = self.shears
        return found


def entropy_lower(mixture: TiltedMixture) -> float:
    """The entropy of the mixture, rounded down; -inf where nothing is proved."""
    places = _places(mixture) if mixture.proper else None
    if places is None:
        return -math.inf
    count, d = mixture.means.shape
    turns = mixture.turns
    exponents = _exponents(places, mixture.linear, mixture.spreads, turns)
    with precision():
        log_shares = [ball(share).log() for share in mixture.shares.tolist()]
        weight = sum((ball(share) for share in mixture.shares.tolist()), arb(0))
        total = arb(0)
        for k, share in enumerate(mixture.shares.tolist()):
            spreads = [ball(spread) for spread in mixture.spreads[k].tolist()]
            parts = zip(log_shares, exponents.midpoint[k].tolist(), exponents.radius[k].tolist(), strict=True)
            tilted = sum(((log_share + arb(middle, radius)).exp() for log_share, middle, radius in parts), arb(0))
            squares = _inverse_rows(turns[k])
            parts_of = zip(spreads, squares, strict=True)
            logs = sum((spread.log() - 2 + square / spread for spread, square in parts_of), arb(0)) / 2
            total += ball(share) * ((tilted / weight).log() + logs)
        volume = abs(arb_mat([[ball(entry) for entry in row] for row in mixture.factor.tolist()]).det()).log()
        found = lower(volume + d * (2 * arb.pi()).log() / 2 - total / weight)
    return found if math.isfinite(found) else -math.inf


def _places(mixture: TiltedMixture) -> MatrixBall | None:
    """B^-1 (m_k - m_0), (d, k)."""
    means = exact_matrix(mixture.means.T)
    first = exact_matrix(np.repeat(mixture.means[:1].T, len(mixture.means), axis=1))
    return solve_enclosure(exact_matrix(mixture.factor), subtract(means, first))


def _exponents(places: MatrixBall, linear: FloatArray, spreads: FloatArray, turns: FloatArray) -> MatrixBall:
    """((e - c)'S(e - c) - |e|^2)/2, (k, j): `places` (d, k), `linear` and `spreads` (k, d), `turns` (k, d, d)."""
    d, count = places.shape
    ones = np.ones((count, count))
    total, tilted = exact_matrix(np.zeros((count, count))), []
    for axis in range(d):
        row = MatrixBall(places.midpoint[axis : axis + 1], places.radius[axis : axis + 1])
        along = scale_columns(exact_matrix(ones), row)
        gaps = subtract(along, along.transpose)
        tilted.append(subtract(gaps, exact_matrix(linear[:, axis : axis + 1] * ones)))
        total = subtract(total, hadamard(gaps, gaps))
    for axis in range(d):
        turned = tilted[axis]
        for other in range(axis + 1, d):
            factors = turns[:, other, axis]
            if factors.any():
                turned = add(turned, _scaled_rows(tilted[other], factors))
        total = add(total, _scaled_rows(hadamard(turned, turned), spreads[:, axis]))
    return scale(total, 0.5)


def _scaled_rows(matrix: MatrixBall, factors: FloatArray) -> MatrixBall:
    return scale_columns(matrix.transpose, exact_matrix(factors[None])).transpose


def _inverse_rows(turn: FloatArray) -> list[arb]:
    """The squared norms of the rows of T^-1, T = `turn` (d, d) lower triangular with ones on its diagonal."""
    d = len(turn)
    rows: list[list[arb]] = []
    for i in range(d):
        entries = [ball(float(entry)) for entry in turn[i, :i]]
        row = [
            -sum((entry * rows[a][j] for a, entry in enumerate(entries)), arb(0)) if j < i else arb(int(i == j))
            for j in range(d)
        ]
        rows.append(row)
    return [sum((entry * entry for entry in row), arb(0)) for row in rows]


def fitted_tilts(
    shares: FloatArray, gaps: FloatArray, linear: FloatArray, inverse: FloatArray, turns: int = TURNS
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bounds (k,) of E_{r_k} log r + log det B + (d/2) log(2 pi); c (k, d) and S^-1 (k, d, d) of them. Estimate.

    `gaps` (k, j, d) are the e_kj, `shares` (j,) add up to 1; the search starts from `linear` and `inverse`. Where it
    ends y has mean 0 and covariance I under the tilted law: c and S^-1 move by what is missing, where that helps.
    """
    logs = np.log(shares) - 0.5 * np.square(gaps).sum(axis=2)
    d = gaps.shape[2]

    def evaluated(c: FloatArray, matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        square = np.linalg.inv(matrix)
        moved = gaps - c[:, None]
        middles = moved @ square
        parts = logs + 0.5 * (moved * middles).sum(axis=2)
        most = parts.max(axis=1, keepdims=True)
        tilted = np.exp(parts - most)
        whole = tilted.sum(axis=1)
        values = most[:, 0] + np.log(whole) - 0.5 * np.linalg.slogdet(matrix)[1]
        values = values + 0.5 * np.trace(matrix, axis1=1, axis2=2) - d
        weighted = middles * (tilted / whole[:, None])[:, :, None]
        return values, weighted.sum(axis=1), weighted.transpose(0, 2, 1) @ middles + square - np.eye(d)

    values, first, second = evaluated(linear, inverse)
    length = np.ones(len(shares))
    for _ in range(turns):
        tried = inverse + length[:, None, None] * second
        kept = np.linalg.eigvalsh(tried)[:, 0] > 1.0 / LARGEST_SPREAD
        tried = np.where(kept[:, None, None], tried, inverse)
        other = linear + length[:, None] * first
        found = evaluated(other, tried)
        better = kept & (found[0] < values)
        length = np.where(better, np.minimum(1.0, 1.5 * length), 0.5 * length)
        row, block = better[:, None], better[:, None, None]
        values, linear = np.where(better, found[0], values), np.where(row, other, linear)
        inverse = np.where(block, tried, inverse)
        first, second = np.where(row, found[1], first), np.where(block, found[2], second)
    return values, linear, inverse


def factors_of(inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Floats s (k, d) and the rows of T below its diagonal for S^-1 (k, d, d); without columns where S is diagonal."""
    roots = np.linalg.cholesky(np.linalg.inv(inverse))
    diagonal = np.diagonal(roots, axis1=1, axis2=2)
    rows, columns = np.tril_indices(inverse.shape[1], -1)
    shears = np.asarray((roots / diagonal[:, None])[:, rows, columns])
    return np.square(diagonal), shears if shears.any() else np.zeros((len(inverse), 0))
