"""Verified definiteness, smallest eigenvalue and linear solve of real matrices, a-posteriori.

LAPACK only proposes (a Cholesky factor, eigenvectors, an inverse); the proposal is measured in midpoint-radius
arithmetic (`certify.arithmetic.intervals`), so a wrong one can cost sharpness but never truth. Functions take
a float array or a `MatrixBall`, and what they say holds for every matrix in the ball.

Edge cases. NaN or infinite entries: `positive_definite` is None, `eigenvalue_min_lower` -inf, no enclosure of
a solution. Empty matrices are positive definite with the smallest eigenvalue inf (an empty infimum).
"""

from __future__ import annotations

import math

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, magnitude_upper, multiply, subtract
from certify.arithmetic.matrices import (
    MatrixLike,
    as_ball,
    nonnegative_norm_upper,
    normalised,
    orthogonality_defect,
    row_sums_upper,
    unscale_lower,
)
from certify.clock import ask
from certify.errors import InputError


def positive_definite(matrix: MatrixLike) -> bool | None:
    """Whether x^T A x > 0 for all x != 0, A square: True for every A of the ball, False for no A of it, None undecided.

    True: after an exact diagonal scaling, A = c I + L L^T + E with L the float Cholesky factor of A - c I and
    the residual E enclosed, so lambda_min(A) >= c - ||E||. False: a vector with x^T A x < 0 for every A of the
    ball. The quadratic form sees the symmetric part only: A need not be symmetric. Verified.

    >>> [positive_definite(np.diag([1.0, entry])) for entry in (2.0, -1.0, 0.0)]
    [True, False, None]
    """
    balls = as_ball(matrix)
    if balls.shape[0] != balls.shape[1]:
        raise InputError(f"`matrix` must be square, got shape {balls.shape}")
    if balls.shape[0] == 0:
        return True
    if not balls.is_finite:
        return None
    ask(1e-6 * balls.shape[0] ** 3)
    symmetric = _symmetric_part(balls)
    diagonal = np.diag(symmetric.midpoint)
    # A diagonal entry is a value of the form: non-positive throughout the ball decides the question.
    with np.errstate(over="ignore"):
        highest = diagonal + np.diag(symmetric.radius)
    if bool((highest < 0).any()):
        return False
    scaled = _equilibrated(symmetric)
    size = scaled.shape[0]
    # Rounding alone needs the small shifts; a ball of some radius needs one that exceeds its norm.
    for factor in (8.0, 512.0, 2.0**15, 2.0**24, 2.0**33):
        shift = factor * size * 2.0**-53 * size
        if _exceeds(scaled, shift):
            return True
    values, vectors = _eigenvectors(scaled.midpoint)
    return False if values[0] < 0 and _form_upper(scaled, vectors[:, 0]) < 0 else None


def eigenvalue_min_lower(matrix: MatrixLike) -> float:
    """Lower bound of lambda_min of the symmetric part over the ball of square A, rounded outward (-inf: unproved).

    With V close to orthogonal and D = V^T S V: lambda_min(D) >= min_i (D_ii - sum_j |D_ij|) = l, and
    lambda_min(S) >= l/||V||^2 if l >= 0, l ||V^-1||^2 otherwise.

    >>> 1.0 - 1e-12 < eigenvalue_min_lower(np.array([[2.0, 1.0], [1.0, 2.0]])) <= 1.0
    True
    """
    balls = as_ball(matrix)
    if balls.shape[0] != balls.shape[1]:
        raise InputError(f"`matrix` must be square, got shape {balls.shape}")
    if balls.shape[0] == 0:
        return math.inf
    if not balls.is_finite:
        return -math.inf
    scaled, exponent = normalised(_symmetric_part(balls))
    _, vectors = _eigenvectors(scaled.midpoint)
    basis = exact_matrix(vectors)
    congruent = multiply(basis.transpose, multiply(exact_matrix(scaled.midpoint), basis))
    disc = _gershgorin_lower(congruent)
    defect = orthogonality_defect(vectors)
    if defect >= 1.0 or disc == -math.inf:
        return -math.inf
    with precision():
        one = ball(1)
        value = ball(disc) / (one + ball(defect)) if disc >= 0 else ball(disc) / (one - ball(defect))
        result = lower(value - ball(nonnegative_norm_upper(scaled.radius)))
    return unscale_lower(result, exponent)


def solve_enclosure(matrix: MatrixLike, right: MatrixLike) -> MatrixBall | None:
    """Ball around the solutions X of A X = B for all A (n, n), B (n, k) of the balls; None if no A^-1 was verified.

    With P close to A^-1 and E = I - P A, ||E||_inf < 1: |X - X0| <= |P(B - A X0)| + (||E||_inf/(1 - ||E||_inf))
    max|P(B - A X0)| columnwise (Krawczyk's operator, radii rounded outward). Enclosure, rounded outward.

    >>> found = solve_enclosure(2.0 * np.eye(2), np.ones((2, 1)))
    >>> bool((abs(found.midpoint - 0.5) <= found.radius).all())
    True
    """
    balls, values = as_ball(matrix), as_ball(right)
    if balls.shape[0] != balls.shape[1] or values.shape[0] != balls.shape[0]:
        raise InputError(f"`matrix` must be square and `right` as tall, got {balls.shape} and {values.shape}")
    if balls.shape[0] == 0:
        return values
    if not (balls.is_finite and values.is_finite):
        return None
    ask(2e-6 * balls.shape[0] ** 3)
    try:
        inverse = exact_matrix(np.linalg.inv(balls.midpoint))
    except np.linalg.LinAlgError:
        return None
    if not inverse.is_finite:
        return None
    defect = subtract(exact_matrix(np.eye(balls.shape[0])), multiply(inverse, balls))
    contraction = float(row_sums_upper(magnitude_upper(defect)).max())
    if not contraction < 1.0:
        return None
    guess = multiply(inverse, exact_matrix(values.midpoint)).midpoint
    residual = magnitude_upper(multiply(inverse, subtract(values, multiply(balls, exact_matrix(guess)))))
    with precision():
        tail = upper(ball(contraction) / (ball(1) - ball(contraction)))
    spread = np.nextafter(residual + np.nextafter(tail * residual.max(axis=0, keepdims=True), np.inf), np.inf)
    return MatrixBall(guess, spread) if np.isfinite(spread).all() else None


def _eigenvectors(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (ascending) and eigenvectors of a symmetric matrix. Estimate."""
    try:
        values, vectors = np.linalg.eigh(matrix)
    except np.linalg.LinAlgError:
        return np.full(matrix.shape[0], -np.inf), np.eye(matrix.shape[0])
    return values, vectors


def _symmetric_part(balls: MatrixBall) -> MatrixBall:
    if not balls.radius.any() and np.array_equal(balls.midpoint, balls.midpoint.T):
        return balls
    half = MatrixBall(0.5 * balls.midpoint, 0.5 * balls.radius)
    return add(half, half.transpose)


def _equilibrated(balls: MatrixBall) -> MatrixBall:
    """Congruent ball 2^e_i A_ij 2^e_j with diagonal in [1/4, 1]: definiteness is unchanged, scaling is exact."""
    diagonal = np.diag(balls.midpoint)
    exponents = np.where(diagonal > 0, -(np.frexp(np.maximum(diagonal, 2.0**-1074))[1] + 1) // 2, 0)
    shift = np.clip(exponents[:, None] + exponents[None, :], -2000, 2000)
    with np.errstate(over="ignore", under="ignore"):
        midpoint, radius = np.ldexp(balls.midpoint, shift), np.ldexp(balls.radius, shift)
        inexact = (np.ldexp(midpoint, -shift) != balls.midpoint) | (np.ldexp(radius, -shift) != balls.radius)
    radius = np.where(inexact, np.nextafter(radius + 2.0**-1021, np.inf), radius)
    return MatrixBall(np.where(np.isfinite(midpoint), midpoint, 0.0), np.where(np.isfinite(midpoint), radius, np.inf))


def _exceeds(balls: MatrixBall, shift: float) -> bool:
    """Whether lambda_min(A) > 0 is proved through A = shift I + L L^T + E, ||E|| < shift."""
    identity = exact_matrix(shift * np.eye(balls.shape[0]))
    shifted = subtract(balls, identity)
    try:
        factor = np.linalg.cholesky(shifted.midpoint)
    except np.linalg.LinAlgError:
        return False
    triangular = exact_matrix(factor)
    residual = subtract(shifted, multiply(triangular, triangular.transpose))
    return nonnegative_norm_upper(magnitude_upper(residual)) < shift


def _form_upper(balls: MatrixBall, vector: FloatArray) -> float:
    column = exact_matrix(vector[:, None])
    value = multiply(column.transpose, multiply(balls, column))
    return float(np.nextafter(value.midpoint + value.radius, np.inf)[0, 0])


def _gershgorin_lower(balls: MatrixBall) -> float:
    magnitude = magnitude_upper(balls)
    np.fill_diagonal(magnitude, 0.0)
    low = np.nextafter(np.diag(balls.midpoint) - np.diag(balls.radius), -np.inf)
    return float(np.nextafter(low - row_sums_upper(magnitude), -np.inf).min())
