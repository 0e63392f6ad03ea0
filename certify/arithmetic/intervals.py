"""Midpoint-radius matrices in floats: matrix products on BLAS, every rounding error put into the radius.

Inclusion property. A `MatrixBall` (C, R) stands for every real matrix A with |A - C| <= R entrywise. Each
function returns a `MatrixBall` that contains the exact result for every choice of matrices in its arguments.

Assumptions on the machine: IEEE 754 binary64 rounding to nearest, and a BLAS that computes an inner product
of length k by k multiplications and k - 1 additions in any order (fused or not), so that its error is at
most gamma_k |a|^T|b| + k * 2^-1022 with gamma_k = k u / (1 - k u), u = 2^-53 (Higham, Accuracy and Stability
of Numerical Algorithms, 2nd ed., section 3.1; the last term also covers a flush of subnormals to zero).

Edge cases. A NaN anywhere in an entry's computation gives that entry the radius infinity; an overflow
likewise; empty matrices are legal and give empty or zero results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray as FloatArray
from certify.clock import ask

EPSILON = 2.0**-52
"""Twice the unit roundoff of binary64."""

SMALLEST_NORMAL = 2.0**-1022
"""An underflow costs at most this much, whether subnormals are kept or flushed to zero."""


@dataclass(frozen=True, eq=False)
class MatrixBall:
    """All matrices A with |A - midpoint| <= radius entrywise; both arrays have the same shape."""

    midpoint: FloatArray
    radius: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns). Exact."""
        return (int(self.midpoint.shape[0]), int(self.midpoint.shape[1]))

    @property
    def transpose(self) -> MatrixBall:
        """The transposed matrices. Exact."""
        return MatrixBall(self.midpoint.T, self.radius.T)

    @property
    def is_finite(self) -> bool:
        """Whether every entry of every contained matrix is bounded. Exact."""
        return bool(np.isfinite(self.midpoint).all() and np.isfinite(self.radius).all())


def round_up(values: npt.ArrayLike) -> FloatArray:
    """Next float above each entry: >= the exact value of which the entry is the rounding to nearest.

    What `numpy.nextafter` gives, several times faster: floats of one sign are ordered like their bits.
    Upper bound, rounded outward.
    """
    ends = np.asarray(values, dtype=np.float64) + 0.0  # without -0.0
    bits = ends.view(np.int64)
    step = (bits >> 63) | 1
    # Infinity and what is no number have nothing above them.
    step *= ends < np.inf
    step += bits
    result: FloatArray = step.view(np.float64)
    return result


def round_down(values: npt.ArrayLike) -> FloatArray:
    """Next float below each entry: <= the exact value of which the entry is the rounding to nearest.

    Lower bound, rounded outward.
    """
    return -round_up(-np.asarray(values, dtype=np.float64))


def exact_matrix(matrix: npt.ArrayLike) -> MatrixBall:
    """The single matrix of the given floats (radius zero; infinite where an entry is not finite). Exact.

    >>> exact_matrix([[1.0, np.nan]]).radius.tolist()
    [[0.0, inf]]
    """
    midpoint = np.array(matrix, dtype=np.float64, ndmin=2)
    return _guarded(midpoint, np.zeros_like(midpoint))


def matrix_from_bounds(lower: npt.ArrayLike, upper: npt.ArrayLike) -> MatrixBall:
    """Smallest convenient ball around {A : lower <= A <= upper entrywise}; unbounded entries get radius infinity.

    Enclosure, rounded outward.

    >>> ball = matrix_from_bounds([[1.0, 0.0]], [[3.0, np.inf]])
    >>> float(ball.midpoint[0, 0]), float(ball.radius[0, 1])
    (2.0, inf)
    """
    low = np.array(lower, dtype=np.float64, ndmin=2)
    high = np.array(upper, dtype=np.float64, ndmin=2)
    with np.errstate(invalid="ignore", over="ignore"):
        midpoint = 0.5 * low + 0.5 * high
        radius = round_up(np.maximum(high - midpoint, midpoint - low))
    # Equal ends are an exact number, which needs no radius.
    return _guarded(np.where(low == high, low, midpoint), np.where(low == high, 0.0, radius))


def multiply(left: MatrixBall, right: MatrixBall) -> MatrixBall:
    """Product of every left with every right matrix, shapes (n, k) and (k, p), or of stacks (m, n, k) and (m, k, p).

    |AB - fl(C_A C_B)| <= |C_A|(R_B + gamma |C_B|) + R_A(|C_B| + R_B) + k 2^-1022. Enclosure, rounded outward.

    >>> tenth = exact_matrix([[0.1]])
    >>> product = multiply(tenth, tenth)
    >>> bool(0 < product.radius[0, 0] < 1e-16)
    True
    """
    inner = left.midpoint.shape[-1]
    ask(6e-6 * left.midpoint.size * right.midpoint.shape[-1])
    growth = (inner + 8) * EPSILON
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        midpoint = left.midpoint @ right.midpoint
        absolute_left, absolute_right = np.abs(left.midpoint), np.abs(right.midpoint)
        # Below the normal range growth * |B| is rounded: what an underflow can cost is added.
        magnitude = growth * absolute_right + SMALLEST_NORMAL * (absolute_right > 0)
        spread = absolute_left @ (right.radius + magnitude)
        if left.radius.any():
            spread = spread + left.radius @ (absolute_right + right.radius)
        # The spread itself is a computed inner product of non-negative numbers: inflate it once for its own error.
        radius = (spread + 4 * (inner + 1) * SMALLEST_NORMAL) * (1.0 + 4 * growth)
    if inner == 0:
        return MatrixBall(np.zeros_like(midpoint), np.zeros_like(midpoint))
    return _guarded(midpoint, radius)


def stacked(parts: Sequence[MatrixBall]) -> MatrixBall:
    """The parts' rows, one part after the other, at least one part. Exact."""
    return MatrixBall(
        np.concatenate([part.midpoint for part in parts]), np.concatenate([part.radius for part in parts])
    )


def add(left: MatrixBall, right: MatrixBall) -> MatrixBall:
    """Entrywise sum. Enclosure, rounded outward.

    >>> total = add(exact_matrix([[1.0]]), MatrixBall(np.array([[1.0]]), np.array([[0.5]])))
    >>> float(total.midpoint[0, 0]), bool(0.5 <= total.radius[0, 0] < 0.5 + 1e-15)
    (2.0, True)
    """
    with np.errstate(invalid="ignore", over="ignore"):
        midpoint = left.midpoint + right.midpoint
        radius = round_up(round_up(left.radius + right.radius) + _half_ulp(midpoint))
    return _guarded(midpoint, radius)


def subtract(left: MatrixBall, right: MatrixBall) -> MatrixBall:
    """Entrywise difference. Enclosure, rounded outward."""
    return add(left, MatrixBall(-right.midpoint, right.radius))


def scale_columns(matrix: MatrixBall, factors: MatrixBall) -> MatrixBall:
    """A diag(s) for every s in the (1, k) ball `factors`. Enclosure, rounded outward."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        midpoint = matrix.midpoint * factors.midpoint
        spread = np.abs(matrix.midpoint) * factors.radius + matrix.radius * (np.abs(factors.midpoint) + factors.radius)
        radius = (spread + np.abs(midpoint) * EPSILON + 4 * SMALLEST_NORMAL) * (1.0 + 16 * EPSILON)
    # A factor zero or an entry zero makes the product exactly zero; keep such structure sharp.
    exact_zero = ((matrix.midpoint == 0) & (matrix.radius == 0) & np.isfinite(factors.radius)) | (
        (factors.midpoint == 0) & (factors.radius == 0) & np.isfinite(matrix.radius)
    )
    return _guarded(np.where(exact_zero, 0.0, midpoint), np.where(exact_zero, 0.0, radius))


def hadamard(left: MatrixBall, right: MatrixBall) -> MatrixBall:
    """Entrywise product of two balls of equal shape. Enclosure, rounded outward."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        midpoint = left.midpoint * right.midpoint
        spread = np.abs(left.midpoint) * right.radius + left.radius * (np.abs(right.midpoint) + right.radius)
        radius = (spread + np.abs(midpoint) * EPSILON + 4 * SMALLEST_NORMAL) * (1.0 + 16 * EPSILON)
    return _guarded(midpoint, radius)


def scale(matrix: MatrixBall, factor: float) -> MatrixBall:
    """Product of every entry with one exact float. Enclosure, rounded outward."""
    return scale_columns(matrix, exact_matrix(np.full((1, matrix.shape[1]), factor)))


def magnitude_upper(matrix: MatrixBall) -> FloatArray:
    """Upper bounds of |A| entry by entry, rounded outward.

    >>> bool(magnitude_upper(MatrixBall(np.array([[-2.0]]), np.array([[0.25]])))[0, 0] >= 2.25)
    True
    """
    with np.errstate(over="ignore"):
        return round_up(np.abs(matrix.midpoint) + matrix.radius)


def row_norms_upper(matrix: FloatArray) -> FloatArray:
    """Upper bounds of the Euclidean norms of the rows of a float matrix, rounded outward; scaled against overflow.

    >>> norms = row_norms_upper(np.array([[3e300, 4e300], [0.0, 0.0]]))
    >>> bool(5e300 <= norms[0] < 5.0001e300), float(norms[1])
    (True, 0.0)
    """
    if not np.isfinite(matrix).all():
        return np.full(matrix.shape[0], np.inf)
    growth = (matrix.shape[1] + 9) * EPSILON
    largest = np.abs(matrix).max(axis=1, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        # Entries scaled below the smallest normal number lose at most that much each.
        squares = ((matrix / safe[:, None]) ** 2).sum(axis=1) + 4 * matrix.shape[1] * SMALLEST_NORMAL
        norms = largest * np.sqrt(squares) * (1 + 4 * growth) + SMALLEST_NORMAL
    result: FloatArray = np.where(largest > 0, round_up(norms), 0.0)
    return result


def row_norms_lower(matrix: FloatArray) -> FloatArray:
    """Lower bounds of the Euclidean norms of the rows of a float matrix, rounded outward; scaled against overflow.

    An infinite entry makes a norm infinite, which as the float of a number beyond the format is no lower bound:
    it counts as the largest float. NaN counts as 0.
    """
    entries = np.minimum(np.abs(np.nan_to_num(matrix, nan=0.0)), np.finfo(np.float64).max)
    largest = entries.max(axis=1, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    growth = (matrix.shape[1] + 9) * EPSILON
    with np.errstate(over="ignore", under="ignore"):
        # What underflows among the squares only makes the sum smaller.
        norms = largest * (np.sqrt(((entries / safe[:, None]) ** 2).sum(axis=1)) * (1 - 4 * growth))
    # A product below the normal range is rounded to a multiple of the smallest number: one step down covers it.
    result: FloatArray = np.minimum(np.maximum(round_down(norms), largest), np.finfo(np.float64).max)
    return result


def shift_exponent(matrix: MatrixBall, exponent: int) -> MatrixBall:
    """Every entry times 2^exponent: exact up to underflow, which goes into the radius. Enclosure, rounded outward."""
    with np.errstate(over="ignore", under="ignore"):
        midpoint = np.ldexp(matrix.midpoint, exponent)
        radius = np.ldexp(matrix.radius, exponent)
        inexact = np.ldexp(midpoint, -exponent) != matrix.midpoint
        inexact |= np.ldexp(radius, -exponent) != matrix.radius
    return _guarded(midpoint, np.where(inexact, round_up(radius + 2 * SMALLEST_NORMAL), radius))


def _half_ulp(values: FloatArray) -> FloatArray:
    """Upper bound of the error of one rounding to nearest with result `values` (additions do not underflow)."""
    return np.abs(values) * EPSILON


def _guarded(midpoint: FloatArray, radius: FloatArray) -> MatrixBall:
    """A ball whose undefined entries (NaN or infinite midpoint or NaN radius) are the whole line."""
    bad = ~np.isfinite(midpoint) | np.isnan(radius)
    if bad.any():
        return MatrixBall(np.where(bad, 0.0, midpoint), np.where(bad, np.inf, radius))
    return MatrixBall(midpoint, radius)
