"""The entropy of a mixture of Gaussians of one covariance from below: Jensen's inequality under tilted laws.

r = sum_k w_k r_k with r_k = N(m_k, BB'); in y = B^-1 (z - m_k) r_k is standard and r_j = N(e_kj, I), e_kj =
B^-1 (m_j - m_k). For any function l_k, by Jensen,

    E_{r_k} log r = E_{r_k}[log(r exp(-l_k)) + l_k] <= log E_{r_k}[r exp(-l_k)] + E_{r_k} l_k,

with equality where l_k is log r. Along every axis l_k is c y - (2 - 1/s) y^2/2, s > 0, up to a constant. Then

    E_{r_k} log r + log det B + (d/2) log(2 pi) <=
        log sum_j w_j exp(sum_axes (log s - e^2 + s (e - c)^2)/2) - sum_axes (2 - 1/s)/2.

s = 1 and c = 0 are right where there is one Gaussian, s = 1/2 and c = 0 for pairwise overlaps (Kolchinsky and Tracey,
2017). Any c and s > 0 serve; `fitted_tilts` minimises each sum, which is convex in c and 1/s.
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

STEPS, HALVINGS = 12, 12
LEAST_SPREAD, LARGEST_SPREAD = 0.2, 20.0
"""Between these the tilts' s are searched."""


@dataclass(frozen=True, eq=False)
class TiltedMixture:
    """Gaussians N(`means`_k, BB') of `shares` w (k,) > 0, divided by their sum; B = `factor` (d, d) is invertible.

    `linear` c (k, d) and `spreads` s (k, d) > 0 are those of the tilts l_k, along the axes of y = B^-1 (z - m_k).
    """

    shares: FloatArray
    means: FloatArray
    factor: FloatArray
    linear: FloatArray
    spreads: FloatArray

    @property
    def proper(self) -> bool:
        """Whether the parts fit, all is finite, and shares and spreads are positive. Exact."""
        if self.means.ndim != 2:
            return False
        count, d = self.means.shape
        shapes = self.shares.shape == (count,) and self.factor.shape == (d, d)
        shapes = shapes and self.linear.shape == self.spreads.shape == (count, d) and count > 0
        if not shapes:
            return False
        parts = (self.shares, self.means, self.factor, self.linear, self.spreads)
        return all(np.isfinite(part).all() for part in parts) and min(self.shares.min(), self.spreads.min()) > 0.0


def entropy_lower(mixture: TiltedMixture) -> float:
    """The entropy of the mixture, rounded down; -inf where nothing is proved."""
    places = _places(mixture) if mixture.proper else None
    if places is None:
        return -math.inf
    count, d = mixture.means.shape
    exponents = exact_matrix(np.zeros((count, count)))
    for axis in range(d):
        row = MatrixBall(places.midpoint[axis : axis + 1], places.radius[axis : axis + 1])
        exponents = add(exponents, _exponents(row, mixture.linear[:, axis : axis + 1], mixture.spreads[:, axis]))
    with precision():
        log_shares = [ball(share).log() for share in mixture.shares.tolist()]
        weight = sum((ball(share) for share in mixture.shares.tolist()), arb(0))
        total = arb(0)
        for k, share in enumerate(mixture.shares.tolist()):
            spreads = [ball(spread) for spread in mixture.spreads[k].tolist()]
            parts = zip(log_shares, exponents.midpoint[k].tolist(), exponents.radius[k].tolist(), strict=True)
            tilted = sum(((log_share + arb(middle, radius)).exp() for log_share, middle, radius in parts), arb(0))
            logs = sum((spread.log() - (2 - 1 / spread) for spread in spreads), arb(0)) / 2
            total += ball(share) * ((tilted / weight).log() + logs)
        volume = abs(arb_mat([[ball(entry) for entry in row] for row in mixture.factor.tolist()]).det()).log()
        found = lower(volume + d * (2 * arb.pi()).log() / 2 - total / weight)
    return found if math.isfinite(found) else -math.inf


def _places(mixture: TiltedMixture) -> MatrixBall | None:
    """B^-1 (m_k - m_0), (d, k)."""
    means = exact_matrix(mixture.means.T)
    first = exact_matrix(np.repeat(mixture.means[:1].T, len(mixture.means), axis=1))
    return solve_enclosure(exact_matrix(mixture.factor), subtract(means, first))


def _exponents(places: MatrixBall, linear: FloatArray, spreads: FloatArray) -> MatrixBall:
    """(s (e - c)^2 - e^2)/2 along one axis, (k, j): `places` (1, k), `linear` (k, 1), `spreads` (k,)."""
    count = len(spreads)
    ones = np.ones((count, count))
    along = scale_columns(exact_matrix(ones), places)
    gaps = subtract(along, along.transpose)
    tilted = subtract(gaps, exact_matrix(linear * ones))
    square = scale_columns(hadamard(tilted, tilted).transpose, exact_matrix(spreads[None])).transpose
    return scale(subtract(square, hadamard(gaps, gaps)), 0.5)


def fitted_tilts(
    shares: FloatArray, gaps: FloatArray, linear: FloatArray, curved: FloatArray, steps: int = STEPS
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bounds (k,) of E_{r_k} log r + log det B + (d/2) log(2 pi); c and p = 2 - 1/s (k, d) that make them. Estimate.

    `gaps` (k, j, d) are the e_kj, `shares` (j,) add up to 1; `linear` c and `curved` p are where the search starts.
    At most so many `steps` of Newton's method, axis by axis.
    """
    logs = np.log(shares) - 0.5 * (gaps**2).sum(axis=2)
    top, bottom = 2.0 - 1.0 / LARGEST_SPREAD, 2.0 - 1.0 / LEAST_SPREAD

    def evaluated(c: FloatArray, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        s = 1.0 / (2.0 - p)
        parts = logs + 0.5 * ((gaps - c[:, None]) ** 2 * s[:, None]).sum(axis=2)
        most = parts.max(axis=1, keepdims=True)
        tilted = np.exp(parts - most)
        whole = tilted.sum(axis=1)
        values = most[:, 0] + np.log(whole) + 0.5 * (np.log(s) - p).sum(axis=1)
        return values, tilted / whole[:, None]

    values, tilted = evaluated(linear, curved)
    for _ in range(steps):
        s = 1.0 / (2.0 - curved)
        middles = (gaps - linear[:, None]) * s[:, None]
        # Moments 1 to 4 of y under the tilted law, axis by axis.
        powers = [middles, middles**2, middles**3, middles**4]
        m1, m2, m3, m4 = (np.einsum("kj,kja->ka", tilted, power) for power in powers)
        m4, m3, m2 = m4 + 6 * s * m2 + 3 * s**2, m3 + 3 * s * m1, m2 + s
        first, second = -m1, 0.5 * (m2 - 1.0)
        h11, h12, h22 = m2 - m1**2, -0.5 * (m3 - m1 * m2), 0.25 * (m4 - m2**2)
        determinant = h11 * h22 - h12**2 + 1e-9
        moves = (-(h22 * first - h12 * second) / determinant, -(h11 * second - h12 * first) / determinant)
        length = np.ones((len(shares), 1))
        for _ in range(HALVINGS):
            c, p = linear + length * moves[0], np.clip(curved + length * moves[1], bottom, top)
            tried, others = evaluated(c, p)
            worse = tried > values
            if not worse.any():
                break
            length[worse] *= 0.4
        linear, curved = np.where(worse[:, None], linear, c), np.where(worse[:, None], curved, p)
        values, tilted = np.where(worse, values, tried), np.where(worse[:, None], tilted, others)
    return values, linear, curved
