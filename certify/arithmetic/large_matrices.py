"""Verified norm and smallest singular value of large exact matrices, dense or sparse, by one Cholesky factor each.

For A (n, k) with the smaller side first transposed to the columns, G = A^T A and a float s, LAPACK proposes L with
L L^T close to s I - G (or G - s I), and every error is measured or bounded a-posteriori. With G' the computed Gram
matrix, M the float matrix that is factorised and R the computed M - L L^T,

    ||A||^2 <= s + e,   sigma_min(A)^2 >= s - e,   e = ||R||_F + c (||M||_F + ||L||_F^2 + |s| + max G' + ||A||_F^2),

c = (n + k + 16) 2^-52: inner products of length n in G', of length k + 1 in R, one rounding per diagonal entry (the
assumptions are those of `certify.arithmetic.intervals`). A failed factorisation proves nothing and a larger s is
tried. Memory: two squares of the smaller side, and the matrix itself in slices.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, round_up, row_norms_upper
from certify.arithmetic.matrices import sigma_min_lower, spectral_norm_upper, unscale_lower, unscale_upper
from certify.clock import OutOfTimeError, ask, fits, skip

Matrix: TypeAlias = FloatArray | sp.csr_array

DIRECT_ENTRIES = 2**18
"""Up to this many entries (zeros included) a matrix is made dense for the sharper bounds by singular vectors."""

LARGEST_SIDE = 6400
"""Largest smaller side whose Gram matrix is factorised (about 0.7 GB); beyond it Schur's test bounds the norm."""

SLICE_ENTRIES = 2**23
SLICE_UNITS = 4000.0
"""Entries and units of work (`certify.clock`) of a slice of rows: between two the clock is asked."""

MOST_DENSE = 64
"""Side up to which the largest eigenvalue is proposed by a dense decomposition."""

MARGINS = (1e-8, 1e-6, 1e-4, 1e-2)
"""Relative distances of the tried s from the proposed squared singular value."""


MOST_NORMS = 256
_NORMS: dict[bytes, float] = {}
"""Norms by the matrix's digest: the stretches of a graph and its regions share their weights."""


_SCHUR = "norms of layers, for which Schur's test stands in"
_BY_SCHUR = b"schur"


def norm_upper(matrix: Matrix) -> float:
    """Upper bound of ||A|| of an exact matrix of floats, rounded outward (inf for NaN or infinite entries).

    >>> 3.0 <= norm_upper(sp.csr_array(np.diag([1.0, 3.0]))) < 3.0 + 1e-12
    True
    """
    try:
        if _is_small(matrix):
            return spectral_norm_upper(_dense(matrix))
    except OutOfTimeError:
        skip(_SCHUR)
        return _large_norm_upper(matrix)[0]
    key = _digest(matrix)
    known = key if key in _NORMS or fits(0.3e-6 * min(matrix.shape) ** 3) else key + _BY_SCHUR
    if known in _NORMS:
        return _NORMS[known]
    bound, is_sharpest = _large_norm_upper(matrix)
    if not is_sharpest:
        skip(_SCHUR)
        key += _BY_SCHUR
    if len(_NORMS) >= MOST_NORMS:
        _NORMS.clear()
    _NORMS[key] = bound
    return bound


def _large_norm_upper(matrix: Matrix) -> tuple[float, bool]:
    """The bound, and whether the time sufficed for more than Schur's test."""
    if not _entries(matrix).any():
        return 0.0, True
    if not np.isfinite(_entries(matrix)).all():
        return math.inf, True
    scaled, exponent, lost = _normalised(matrix)
    bound, is_sharpest = schur_norm_upper(scaled), True
    if min(scaled.shape) <= LARGEST_SIDE:
        try:
            bound = min(bound, _gram_bound(scaled, 1.0))
        except OutOfTimeError:
            is_sharpest = False
    return unscale_upper(bound if lost == 0.0 else math.nextafter(bound + lost, math.inf), exponent), is_sharpest


def smallest_stretch_lower(matrix: Matrix) -> float:
    """Lower bound of sigma_min(A) of an exact matrix, rounded outward; 0.0 where nothing better is proved.

    >>> 1.0 - 1e-12 < smallest_stretch_lower(sp.csr_array(np.diag([1.0, 3.0]))) <= 1.0
    True
    """
    if _is_small(matrix):
        return sigma_min_lower(_dense(matrix))
    if not np.isfinite(_entries(matrix)).all() or matrix.shape[0] < matrix.shape[1] or matrix.shape[1] > LARGEST_SIDE:
        return 0.0
    scaled, exponent, lost = _normalised(matrix)
    return max(0.0, unscale_lower(math.nextafter(_gram_bound(scaled, -1.0) - lost, -math.inf), exponent))


def row_lengths_upper(matrix: Matrix) -> FloatArray:
    """Upper bounds of the Euclidean norms of the rows, rounded outward.

    >>> row_lengths_upper(sp.csr_array(np.array([[3.0, 4.0], [0.0, 0.0]]))).round(9).tolist()
    [5.0, 0.0]
    """
    if isinstance(matrix, np.ndarray):
        return row_norms_upper(matrix)
    stored = np.diff(matrix.indptr)
    if not np.isfinite(matrix.data).all():
        return np.full(matrix.shape[0], np.inf)
    size = np.abs(matrix.data)
    starts = np.flatnonzero(stored)
    largest = np.zeros(matrix.shape[0])
    if starts.size:
        largest[starts] = np.maximum.reduceat(size, matrix.indptr[starts])
    safe = np.repeat(np.where(largest > 0, largest, 1.0), stored)
    with np.errstate(over="ignore", under="ignore"):
        squares = sp.csr_array(((matrix.data / safe) ** 2, matrix.indices, matrix.indptr), shape=matrix.shape)
        sums = squares @ np.ones(matrix.shape[1]) + 4 * stored * SMALLEST_NORMAL
        norms = largest * np.sqrt(sums) * (1 + 4 * (stored + 9) * EPSILON) + SMALLEST_NORMAL
    return np.where(largest > 0, round_up(norms), 0.0)


def weighted_sums_upper(matrix: Matrix, sizes: FloatArray) -> FloatArray:
    """Upper bounds of |A| r for r >= 0 (k,), entries inf allowed and 0 * inf = 0; a sum of zeros is 0.

    Upper bound, rounded outward.

    >>> weighted_sums_upper(sp.csr_array(np.array([[-1.0, 0.0]])), np.array([2.0, np.inf])).round(9).tolist()
    [2.0]
    """
    size = sp.csr_array(entrywise(matrix, np.abs))
    infinite = ~np.isfinite(sizes)
    if size.data.all() and (sizes > 0).all() and not infinite.any():
        # The usual case needs no second matrix: every stored entry meets a positive finite number.
        meets, reaches_infinity = np.diff(size.indptr).astype(np.float64), np.zeros(size.shape[0], dtype=bool)
    else:
        pattern = size > 0
        meets = pattern @ (sizes > 0).astype(np.float64)
        reaches_infinity = pattern @ infinite.astype(np.float64) > 0
    with np.errstate(over="ignore", under="ignore"):
        sums = size @ np.where(infinite, 0.0, sizes)
        sums = (sums + meets * SMALLEST_NORMAL) * (1.0 + 2.0 * (size.shape[1] + 4) * EPSILON)
    return np.where(reaches_infinity, np.inf, np.where(meets > 0, sums, 0.0))


def image_of_balls(matrix: sp.csr_array, midpoint: FloatArray, radius: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(midpoint, radius) of A X for the balls X (k, c), by the rule of `certify.arithmetic.intervals.multiply`.

    A row that meets exact zeros only is exactly 0; what is not finite has the radius inf. Enclosure, rounded outward.
    """
    size, stored = abs(matrix), int(np.diff(matrix.indptr).max(initial=0))
    growth = (stored + 8) * EPSILON
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        centre = matrix @ midpoint
        spread = size @ (radius + growth * np.abs(midpoint) + SMALLEST_NORMAL * (midpoint != 0))
        spread = (spread + 4 * (stored + 1) * SMALLEST_NORMAL) * (1.0 + 4.0 * growth)
        meets = (size > 0) @ ((midpoint != 0) | (radius != 0)).astype(np.float64) > 0
        bad = ~np.isfinite(centre) | ~np.isfinite(spread)
    spread = np.where(bad, np.inf, spread)
    return np.where(bad | ~meets, 0.0, centre), np.where(meets, spread, 0.0)


def entrywise(matrix: Matrix, function: Callable[[FloatArray], FloatArray]) -> Matrix:
    """The function of every entry, 0 at 0; of a sparse matrix the places are shared, not copied. Estimate."""
    if isinstance(matrix, np.ndarray):
        return function(matrix)
    return sp.csr_array((function(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def operand(matrix: Matrix) -> Matrix:
    """The matrix in the form in which products with it are fastest: dense where it is small. Exact."""
    return _dense(matrix) if _is_small(matrix) else matrix


def schur_norm_upper(matrix: Matrix) -> float:
    """Upper bound of ||A|| <= || |A| || <= max_j ((|A|^T |A| x)_j / x_j)^(1/2) for a positive x, rounded outward.

    >>> 5.0 <= schur_norm_upper(np.array([[3.0], [4.0]])) < 5.0 + 1e-12
    True
    """
    size = entrywise(matrix, np.abs)
    back = size.T
    vector = np.ones(size.shape[1])
    growth = (sum(size.shape) + 16) * EPSILON
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(8):
            vector = back @ (size @ vector)
            # Any positive x will do, also after an overflow.
            shares = np.nan_to_num(vector / max(float(vector.max()), SMALLEST_NORMAL), nan=1.0, posinf=1.0)
            vector = np.maximum(shares, 2.0**-30)
        image = (back @ (size @ vector)) * (1.0 + 2.0 * growth) + sum(size.shape) * SMALLEST_NORMAL
        squared = float(round_up(image / vector).max(initial=0.0))
    if not math.isfinite(squared):
        return math.inf
    with precision():
        return upper(ball(squared).sqrt())


def _gram_bound(matrix: Matrix, sign: float) -> float:
    """Upper bound of the norm (`sign` 1, inf unproved) or lower bound of sigma_min (-1, 0 unproved)."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    # Level-3 BLAS does several times the operations per second that the clock reckons with.
    ask(_gram_units(tall) + 0.4e-6 * tall.shape[1] ** 3 * (1 if sign > 0 else 6))
    with np.errstate(over="ignore", under="ignore"):
        gram = _gram(tall)
        square = float((_entries(matrix) ** 2).sum()) * (1.0 + _entries(matrix).size * EPSILON)
    proposed = _extreme_eigenvalue(tall, gram, sign)
    for margin in MARGINS:
        s = proposed * (1.0 + sign * margin)
        error = _defect(gram, s, sign, tall.shape, square)
        if math.isfinite(error):
            with precision():
                total = ball(s) + ball(sign) * ball(error)
                return upper(total.sqrt()) if sign > 0 else lower(total.sqrt()) if total > 0 else 0.0
    return math.inf if sign > 0 else 0.0


def _gram_units(tall: Matrix) -> float:
    return 0.3e-6 * float(tall.shape[0]) * float(tall.shape[1]) ** 2


def _gram(tall: Matrix) -> FloatArray:
    """Lower triangle of A^T A in floats, from slices of rows; the other triangle is not defined. Estimate."""
    from scipy.linalg.blas import dsyrk

    rows, side = tall.shape
    total = np.zeros((side, side), order="F")
    step = max(1, min(SLICE_ENTRIES // max(side, 1), int(SLICE_UNITS * rows / max(_gram_units(tall), 1e-9))))
    stored = sp.csr_array(tall) if sp.issparse(tall) else tall
    for start in range(0, rows, step):
        ask()
        part = np.ascontiguousarray(_dense(stored[start : start + step]))
        total = dsyrk(1.0, part.T, beta=1.0, c=total, lower=1, overwrite_c=1)
    return total


def _extreme_eigenvalue(tall: Matrix, gram: FloatArray, sign: float) -> float:
    """Largest (`sign` 1) or smallest eigenvalue of A^T A. Estimate."""
    from scipy.linalg import eigh
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    side = tall.shape[1]
    if sign < 0 or side <= MOST_DENSE:
        place = side - 1 if sign > 0 else 0
        try:
            return float(eigh(gram, lower=True, eigvals_only=True, subset_by_index=(place, place))[0])
        except (np.linalg.LinAlgError, ValueError):
            return 0.0
    start: FloatArray = np.asarray(np.random.default_rng(0).standard_normal(side))

    def squared(vector: FloatArray) -> FloatArray:
        ask()
        return np.asarray(tall.T @ (tall @ vector), dtype=np.float64)

    operator = LinearOperator((side, side), matvec=squared, dtype=np.float64)
    try:
        return float(eigsh(operator, k=1, which="LA", v0=start, tol=1e-6, return_eigenvectors=False)[0])
    except ArpackError:
        for _ in range(100):
            image = squared(start)
            start = np.asarray(image / max(float(np.linalg.norm(image)), SMALLEST_NORMAL))
        return float(np.linalg.norm(tall @ start) ** 2)


def _defect(gram: FloatArray, s: float, sign: float, shape: tuple[int, int], square: float) -> float:
    """e of the module's docstring for sign (s I - G), rounded outward; infinite where it is not factorised."""
    from scipy.linalg.blas import dsyrk
    from scipy.linalg.lapack import dpotrf

    rows, side = shape
    ask(0.3e-6 * side**3)
    wanted = -sign * gram
    diagonal = np.arange(side)
    wanted[diagonal, diagonal] += sign * s
    factor, failed = dpotrf(wanted, lower=1, clean=1)
    if failed != 0 or not math.isfinite(s):
        return math.inf
    size, energy = _triangle_norm(wanted), _triangle_norm(factor, symmetric=False) ** 2 * (1.0 + 4.0 * EPSILON)
    left = dsyrk(-1.0, factor, beta=1.0, c=wanted, lower=1, overwrite_c=1)
    growth = (rows + side + 16) * EPSILON
    largest = float(np.abs(gram[diagonal, diagonal]).max(initial=0.0))
    rounding = growth * (size + energy + abs(s) + largest + square)
    tiny = (rows + side) * float(side) * SMALLEST_NORMAL
    error = (_triangle_norm(left) + rounding + tiny) * (1.0 + 16.0 * EPSILON)
    return error if math.isfinite(error) else math.inf


def _triangle_norm(matrix: FloatArray, symmetric: bool = True) -> float:
    """Upper bound of the Frobenius norm of the symmetric matrix with this lower triangle, or of the triangle."""
    side = matrix.shape[0]
    total = math.fsum(float((matrix[column:, column] ** 2).sum()) for column in range(side))
    total *= (2.0 if symmetric else 1.0) * (1.0 + (2.0 * side + 16.0) * EPSILON)
    return math.sqrt(total + side**2 * SMALLEST_NORMAL) * (1.0 + 4.0 * EPSILON)


def _normalised(matrix: Matrix) -> tuple[Matrix, int, float]:
    """(A', e, error) with ||2^-e A - A'|| <= error, 0 unless entries underflow, and the largest entry in [1/2, 1)."""
    entries = _entries(matrix)
    exponent = math.frexp(float(np.abs(entries).max(initial=0.0)))[1]
    with np.errstate(over="ignore", under="ignore"):
        # A product with a power of two is rounded as `ldexp` is, in a tenth of the time.
        is_plain = abs(exponent) < 1000
        scaled = entries * math.ldexp(1.0, -exponent) if is_plain else np.ldexp(entries, -exponent)
        back = scaled * math.ldexp(1.0, exponent) if is_plain else np.ldexp(scaled, exponent)
        lost = 0.0 if np.array_equal(back, entries) else entries.size * SMALLEST_NORMAL
    if isinstance(matrix, np.ndarray):
        return scaled, exponent, lost
    return sp.csr_array((scaled, matrix.indices, matrix.indptr), shape=matrix.shape), exponent, lost


def _entries(matrix: Matrix) -> npt.NDArray[np.float64]:
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.data, dtype=np.float64)


def _digest(matrix: Matrix) -> bytes:
    digest = hashlib.blake2b(repr((matrix.shape, type(matrix).__name__)).encode(), digest_size=32)
    parts = (matrix,) if isinstance(matrix, np.ndarray) else (matrix.data, matrix.indices, matrix.indptr)
    for part in parts:
        digest.update(str(part.dtype).encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.digest()


def _is_small(matrix: Matrix) -> bool:
    return bool(matrix.shape[0] * matrix.shape[1] <= DIRECT_ENTRIES)


def _dense(matrix: Matrix) -> FloatArray:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), dtype=np.float64)
