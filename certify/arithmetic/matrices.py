"""Verified spectral bounds of real matrices: the norm and the smallest singular value. Axes: (rows, columns).

Every bound is a-posteriori: LAPACK only proposes singular vectors, and the proposal is measured in
midpoint-radius arithmetic (`certify.arithmetic.intervals`), so a wrong proposal can cost sharpness but never
truth. All functions take a float array or a `MatrixBall` and their bounds then hold for every matrix in the
ball. `certify.arithmetic.ball_matrices` is an independent engine in Arb.

Edge cases. The matrix is first scaled by a power of two, so entries from 1e-300 to 1e300 are handled
without overflow or underflow of the method itself. NaN or infinite entries give norm_upper = inf,
norm_lower = 0, sigma_min_lower = 0, sigma_min_upper = inf. An empty matrix is the
zero map: norm 0; without columns its sigma_min is the infimum over the empty unit sphere, inf.
A matrix with fewer rows than columns has a kernel: sigma_min = 0.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.ball_matrices import sigma_min_bounds
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import (
    MatrixBall,
    exact_matrix,
    magnitude_upper,
    multiply,
    row_norms_upper,
    shift_exponent,
    subtract,
)
from certify.clock import ask

MatrixLike: TypeAlias = FloatArray | MatrixBall

_SHARP_ABOVE = 1e-3
"""Below this share of the norm the float engine's sigma_min loses its ninth digit and Arb takes over."""

_NEGLIGIBLE = 1e-9
"""A radius of this size next to a matrix of norm about 1 is rounding, whose norm need not be sharp."""

_ARB_SIZE = 64
"""Largest number of rows for which Arb takes over (about 0.1 s)."""


def spectral_norm_upper(matrix: MatrixLike) -> float:
    """Upper bound of max ||A|| over the ball, rounded outward; relative excess about 1e-14 for exact matrices.

    With V close to orthogonal and B = C V: ||C||^2 <= ||B^T B|| ||V^-1||^2, ||B^T B|| by Gershgorin's discs,
    ||V^-1||^2 <= 1/(1 - ||V^T V - I||); and ||A|| <= ||C|| + ||R|| for the radius R (`nonnegative_norm_upper`).

    >>> 5.0 <= spectral_norm_upper(np.array([[3.0], [4.0]])) < 5.0 + 1e-12
    True
    """
    balls = as_ball(matrix)
    if 0 in balls.shape:
        return 0.0
    if not balls.is_finite:
        return math.inf
    scaled, exponent = normalised(balls)
    if scaled.shape[0] < scaled.shape[1]:
        scaled = scaled.transpose
    return unscale_upper(
        _sum_upper(_midpoint_norm_upper(scaled.midpoint), nonnegative_norm_upper(scaled.radius)), exponent
    )


def spectral_norm_lower(matrix: MatrixLike) -> float:
    """Lower bound of min ||A|| over the ball, rounded outward: |C v|/|v| - ||R|| at the leading singular vector v."""
    balls = as_ball(matrix)
    if 0 in balls.shape or not balls.is_finite:
        return 0.0
    scaled, exponent = normalised(balls)
    vector = _right_vectors(scaled.midpoint)[:, -1]
    quotient, _ = stretch(scaled.midpoint, vector)
    spread = nonnegative_norm_upper(scaled.radius)
    return unscale_lower(max(0.0, lower(ball(quotient) - ball(spread))), exponent)


def sigma_min_lower(matrix: MatrixLike) -> float:
    """Lower bound of min sigma_min(A) over the ball, rounded outward; 0.0 when nothing better is proved.

    For thin U (n, d) and square V (d, d) close to orthonormal and B = U^T C V: |Bx| <= ||U|| |C V x|, so
    sigma_min(C) >= sigma_min(B)/(||U|| ||V||), and sigma_min(B) >= min_i |B_ii| - ||B - diag B||.
    The absolute error is of order d u ||C||; a smaller sigma_min is sharpened by the Arb engine.
    The radius R costs ||R||, or, where that is better, a relative share ||C^+ R|| of sigma_min(C).

    >>> sigma_min_lower(np.array([[1.0, 2.0], [2.0, 4.0]])), 1.0 - 1e-12 < sigma_min_lower(np.eye(2)) <= 1.0
    (0.0, True)
    """
    balls = as_ball(matrix)
    if balls.shape[1] == 0:
        return math.inf
    if balls.shape[0] < balls.shape[1] or not balls.is_finite:
        return 0.0
    scaled, exponent = normalised(balls)
    core = _midpoint_sigma_min_lower(scaled.midpoint)
    if core < _SHARP_ABOVE and max(scaled.shape) <= _ARB_SIZE:
        core = max(core, sigma_min_bounds(scaled.midpoint)[0])
    if core == 0.0:
        return 0.0
    absolute = lower(ball(core) - ball(nonnegative_norm_upper(scaled.radius)))
    candidate = max(absolute, _preconditioned_sigma_min(scaled)) if scaled.radius.any() else absolute
    return unscale_lower(max(0.0, candidate), exponent)


def sigma_min_upper(matrix: MatrixLike) -> float:
    """Upper bound of max sigma_min(A) over the ball, rounded outward: |C v|/|v| + ||R|| at the last singular vector."""
    balls = as_ball(matrix)
    if balls.shape[1] == 0 or not balls.is_finite:
        return math.inf
    if balls.shape[0] < balls.shape[1]:
        return 0.0
    scaled, exponent = normalised(balls)
    vector = _right_vectors(scaled.midpoint)[:, 0]
    _, quotient = stretch(scaled.midpoint, vector)
    if quotient < _SHARP_ABOVE and max(scaled.shape) <= _ARB_SIZE:
        quotient = min(quotient, sigma_min_bounds(scaled.midpoint)[1])
    return unscale_upper(_sum_upper(quotient, nonnegative_norm_upper(scaled.radius)), exponent)


def nonnegative_norm_upper(matrix: FloatArray) -> float:
    """Upper bound of ||R|| for an entrywise non-negative R, rounded outward (Collatz-Wielandt).

    ||R||^2 = rho(R^T R) <= max_j (R^T R x)_j / x_j for every positive x; x comes from a few power steps.
    Rounding errors (a Frobenius norm below 1e-9) are not worth them and keep the Frobenius norm.
    """
    if matrix.size == 0 or not matrix.any():
        return 0.0
    if not np.isfinite(matrix).all():
        return math.inf
    frobenius = row_norms_upper(matrix.reshape(1, -1))[0]
    if frobenius < _NEGLIGIBLE:
        return float(frobenius)
    balls, exponent = normalised(exact_matrix(matrix))
    entries = balls.midpoint
    vector = np.ones(entries.shape[1])
    for _ in range(5):
        vector = entries.T @ (entries @ vector)
        vector = np.maximum(vector / max(float(vector.max()), 2.0**-1000), 2.0**-30)
    column = exact_matrix(vector[:, None])
    image = magnitude_upper(multiply(balls.transpose, multiply(balls, column)))
    squared = float(np.nextafter(image[:, 0] / vector, np.inf).max())
    return unscale_upper(upper(ball(squared).sqrt()) if math.isfinite(squared) else math.inf, exponent)


def stretch(matrix: MatrixLike, vector: FloatArray) -> tuple[float, float]:
    """Enclosure (lower, upper) of |A v|/|v| over the ball for one non-zero vector v, rounded outward.

    >>> low, high = stretch(np.diag([1.0, 3.0]), np.array([0.0, 2.0]))
    >>> low <= 3.0 <= high and high - low < 1e-12
    True
    """
    column = exact_matrix(np.asarray(vector, dtype=np.float64)[:, None])
    image = multiply(as_ball(matrix), column)
    with precision():
        numerator_low = sum((ball(max(0.0, float(value))) ** 2 for value in _magnitude_lower(image).ravel()), ball(0))
        high = magnitude_upper(image).ravel()
        if not np.isfinite(high).all():
            return (0.0, math.inf)
        numerator_high = sum((ball(float(value)) ** 2 for value in high), ball(0))
        length = sum((ball(float(value)) ** 2 for value in column.midpoint.ravel()), ball(0)).sqrt()
        return (max(0.0, lower(numerator_low.sqrt() / length)), upper(numerator_high.sqrt() / length))


def as_ball(matrix: MatrixLike) -> MatrixBall:
    """The argument as a ball: an array is the single matrix of its floats. Exact."""
    return matrix if isinstance(matrix, MatrixBall) else exact_matrix(matrix)


def normalised(balls: MatrixBall) -> tuple[MatrixBall, int]:
    """The ball times 2^-exponent, with its largest magnitude in [1/2, 1]: A = 2^exponent * scaled.

    Enclosure, rounded outward.
    """
    largest = float(np.maximum(np.abs(balls.midpoint), balls.radius).max())
    exponent = math.frexp(largest)[1] if largest > 0 else 0
    return shift_exponent(balls, -exponent), exponent


def unscale_upper(value: float, exponent: int) -> float:
    """Float above value * 2^exponent, at every scale: inf where none is (or for NaN), never 0 for a positive value.

    Upper bound, rounded outward.

    >>> unscale_upper(1.0, -2000), unscale_upper(1.0, 2000)
    (5e-324, inf)
    """
    if math.isnan(value):
        return math.inf
    if value == 0.0 or math.isinf(value):
        return value
    return upper(ball(value) * arb(2) ** exponent)


def unscale_lower(value: float, exponent: int) -> float:
    """Float below value * 2^exponent, at every scale (-inf for NaN). Lower bound, rounded outward."""
    return -unscale_upper(-value, exponent)


def decomposition_units(matrix: FloatArray) -> float:
    """Millions of operations of a singular value decomposition. Estimate."""
    rows, columns = matrix.shape
    return 20e-6 * float(max(rows, columns)) * float(min(rows, columns)) ** 2


def _sum_upper(first: float, second: float) -> float:
    return first if second == 0.0 else math.nextafter(first + second, math.inf)


def _right_vectors(matrix: FloatArray) -> FloatArray:
    """Right singular vectors (columns, ascending singular values). Estimate."""
    ask(decomposition_units(matrix))
    try:
        right = np.linalg.svd(matrix, full_matrices=matrix.shape[0] < matrix.shape[1])[2]
    except np.linalg.LinAlgError:
        return np.eye(matrix.shape[1])
    return np.ascontiguousarray(right.T[:, ::-1], dtype=np.float64)


def _midpoint_norm_upper(matrix: FloatArray) -> float:
    vectors = _right_vectors(matrix)
    image = multiply(exact_matrix(matrix), exact_matrix(vectors))
    squared = row_sums_upper(magnitude_upper(multiply(image.transpose, image))).max()
    defect = orthogonality_defect(vectors)
    if defect >= 1.0 or not math.isfinite(squared):
        return math.inf
    with precision():
        return upper((ball(float(squared)) / (ball(1) - ball(defect))).sqrt())


def _midpoint_sigma_min_lower(matrix: FloatArray) -> float:
    ask(decomposition_units(matrix))
    try:
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        return 0.0
    core = multiply(exact_matrix(left.T), multiply(exact_matrix(matrix), exact_matrix(right.T)))
    diagonal = float(np.diag(_magnitude_lower(core)).min())
    off_diagonal = magnitude_upper(core)
    np.fill_diagonal(off_diagonal, 0.0)
    defects = orthogonality_defect(left), orthogonality_defect(right.T)
    with precision():
        gap = ball(diagonal) - ball(nonnegative_norm_upper(off_diagonal))
        norms = (ball(1) + ball(defects[0])) * (ball(1) + ball(defects[1]))
        return max(0.0, lower(gap / norms.sqrt()))


def _preconditioned_sigma_min(balls: MatrixBall) -> float:
    """Lower bound of sigma_min over the ball through an approximate pseudo-inverse P of the midpoint C.

    For A = C + E, |E| <= R, P A = I + (P C - I) + P E, so |x| <= ||P|| |A x| + q|x| with q = ||P C - I|| + || |P| R ||,
    that is sigma_min(A) >= (1 - q)/||P||.
    """
    ask(decomposition_units(balls.midpoint))
    try:
        inverse = np.asarray(np.linalg.pinv(balls.midpoint), dtype=np.float64)
    except np.linalg.LinAlgError:
        return 0.0
    if not np.isfinite(inverse).all():
        return 0.0
    pseudo = exact_matrix(inverse)
    defect = subtract(multiply(pseudo, exact_matrix(balls.midpoint)), exact_matrix(np.eye(balls.shape[1])))
    spread = magnitude_upper(multiply(exact_matrix(np.abs(inverse)), exact_matrix(balls.radius)))
    with precision():
        share = ball(nonnegative_norm_upper(magnitude_upper(defect))) + ball(nonnegative_norm_upper(spread))
        gap = ball(1) - share
        return max(0.0, lower(gap / ball(_midpoint_norm_upper(inverse.T)))) if lower(gap) > 0 else 0.0


def orthogonality_defect(vectors: FloatArray) -> float:
    """Upper bound of ||V^T V - I||, rounded outward (inf for NaN)."""
    basis = exact_matrix(vectors)
    defect = subtract(multiply(basis.transpose, basis), exact_matrix(np.eye(basis.shape[1])))
    return nonnegative_norm_upper(magnitude_upper(defect))


def row_sums_upper(magnitude: FloatArray) -> FloatArray:
    """Upper bounds of the row sums of a non-negative matrix, rounded outward."""
    with np.errstate(over="ignore"):
        sums: FloatArray = magnitude.sum(axis=1) * (1.0 + 2.0 * magnitude.shape[1] * 2.0**-52)
    return np.nextafter(sums, np.inf)


def _magnitude_lower(balls: MatrixBall) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.maximum(0.0, np.nextafter(np.abs(balls.midpoint) - balls.radius, -np.inf))
