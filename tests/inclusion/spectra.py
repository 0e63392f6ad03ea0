"""Norms, smallest singular values, definiteness and linear systems: exact minors at all corners."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat
from hypothesis import assume
from hypothesis import strategies as st

from certify.arithmetic import ball_matrices, definiteness, form_norms, matrices
from tests.inclusion.draw import FLOATS, Data, array, checks, matrix_ball
from tests.inclusion.exact import (
    UNIT_VECTORS,
    at_most,
    corners,
    gram,
    inside,
    is_definite,
    is_semidefinite,
    rational,
    shifted,
)

NAME = "certify.arithmetic."
SHAPES = st.sampled_from([(1, 1), (2, 2), (2, 2), (3, 2), (2, 3)])


def norm_at_most(square: fmpq_mat, bound: float) -> bool:
    """Whether ||A|| <= bound for A^T A = `square`."""
    return bound == math.inf or is_semidefinite(shifted(square, -1, rational(bound) ** 2))


def norm_at_least(square: fmpq_mat, bound: float) -> bool:
    """Whether ||A|| >= bound."""
    return bound <= 0 or (bound < math.inf and not is_definite(shifted(square, -1, rational(bound) ** 2)))


def sigma_at_least(square: fmpq_mat, bound: float) -> bool:
    """Whether sigma_min(A) >= bound."""
    return bound <= 0 or (bound < math.inf and is_semidefinite(shifted(square, 1, rational(bound) ** 2)))


def sigma_at_most(square: fmpq_mat, bound: float) -> bool:
    """Whether sigma_min(A) <= bound."""
    return bound == math.inf or not is_definite(shifted(square, 1, rational(bound) ** 2))


@checks(
    NAME + "matrices.spectral_norm_upper",
    NAME + "matrices.spectral_norm_lower",
    NAME + "matrices.sigma_min_lower",
    NAME + "matrices.sigma_min_upper",
)
def singular_values(data: Data) -> None:
    ball = matrix_ball(data, *data.draw(SHAPES))
    high, low = matrices.spectral_norm_upper(ball), matrices.spectral_norm_lower(ball)
    least, least_above = matrices.sigma_min_lower(ball), matrices.sigma_min_upper(ball)
    wide = ball.shape[0] < ball.shape[1]
    for corner in corners(ball.midpoint, ball.radius):
        square = gram(corner)
        assert norm_at_most(square, high) and norm_at_least(square, low)
        assert wide or (sigma_at_least(square, least) and sigma_at_most(square, least_above))
    assert not wide or least == 0.0


@checks(NAME + "matrices.nonnegative_norm_upper", NAME + "matrices.orthogonality_defect")
def norms_from_above(data: Data) -> None:
    matrix = array(data, 2, 2)
    zero = np.zeros((2, 2))
    assert norm_at_most(gram(next(corners(np.abs(matrix), zero))), matrices.nonnegative_norm_upper(np.abs(matrix)))
    angle = data.draw(st.floats(-4.0, 4.0))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    vectors = matrix if data.draw(st.booleans()) else turn
    defect = shifted(gram(next(corners(vectors, zero))), 1, fmpq(1))
    assert norm_at_most(defect.transpose() * defect, matrices.orthogonality_defect(vectors))


@checks(NAME + "matrices.stretch")
def stretches(data: Data) -> None:
    ball, vector = matrix_ball(data, 2, 2), array(data, 2)
    assume(vector.any())
    low, high = matrices.stretch(ball, vector)
    v = [rational(a) for a in vector]
    length = v[0] ** 2 + v[1] ** 2
    for corner in corners(ball.midpoint, ball.radius):
        image = sum(((row[0] * v[0] + row[1] * v[1]) ** 2 for row in corner), fmpq(0))
        assert 0 <= low < math.inf and rational(low) ** 2 * length <= image
        assert high == math.inf or image <= rational(high) ** 2 * length


@checks(
    NAME + "ball_matrices.spectral_norm_bounds",
    NAME + "ball_matrices.sigma_min_bounds",
    NAME + "ball_matrices.ball_matrix",
)
def second_engine(data: Data) -> None:
    rows, columns = data.draw(SHAPES)
    values, bits = array(data, rows, columns), data.draw(st.sampled_from([53, 64, 128]))
    squares = [gram(next(corners(values, np.zeros_like(values))))]
    source = values
    if data.draw(st.booleans()):
        # A matrix known up to a radius, as a difference of balls is: around zero, entries may be of either sign.
        radius = abs(data.draw(FLOATS))
        spread = np.full_like(values, radius)
        squares = [gram(corner) for corner in corners(values, spread)]
        # A function takes the matrix as balls of what is exact: the corner is one of those.
        ends = [arb(float(entry), radius) for entry in values.ravel()]
        source = lambda: arb_mat(rows, columns, ends)  # noqa: E731
    low, high = ball_matrices.spectral_norm_bounds(source, bits)
    least, least_above = ball_matrices.sigma_min_bounds(source, bits)
    for square in squares:
        assert norm_at_most(square, high) and norm_at_least(square, low)
        assert rows < columns or (sigma_at_least(square, least) and sigma_at_most(square, least_above))
    exact = ball_matrices.ball_matrix(values)
    assert all(bool(exact[i, j] == arb(values[i, j])) for i, j in product(range(rows), range(columns)))


@checks(NAME + "definiteness.positive_definite", NAME + "definiteness.eigenvalue_min_lower")
def definite(data: Data) -> None:
    ball = matrix_ball(data, 2, 2)
    if data.draw(st.booleans()):
        # Close to definite: a square plus a radius of its size.
        factor = array(data, 2, 2, span=0.5)
        with np.errstate(under="ignore"):
            ball = matrices.MatrixBall(factor.T @ factor, ball.radius)
    decided, low = definiteness.positive_definite(ball), definiteness.eigenvalue_min_lower(ball)
    for corner in corners(ball.midpoint, ball.radius):
        half = fmpq(1, 2)
        symmetric = fmpq_mat(2, 2, [(corner[i][j] + corner[j][i]) * half for i in range(2) for j in range(2)])
        assert decided is None or is_definite(symmetric) is decided
        assert low == -math.inf or is_semidefinite(shifted(symmetric, 1, rational(low)))


@checks(NAME + "definiteness.solve_enclosure")
def linear_systems(data: Data) -> None:
    matrix, right = matrix_ball(data, 2, 2), matrix_ball(data, 2, 1)
    if data.draw(st.booleans()):
        matrix = matrices.MatrixBall(np.eye(2) * 4.0 + array(data, 2, 2, span=0.0), matrix.radius * 0.1)
    found = definiteness.solve_enclosure(matrix, right)
    if found is None:
        return
    for corner in corners(matrix.midpoint, matrix.radius):
        for values in corners(right.midpoint, right.radius):
            determinant = corner[0][0] * corner[1][1] - corner[0][1] * corner[1][0]
            assert determinant != 0
            first = (values[0][0] * corner[1][1] - corner[0][1] * values[1][0]) / determinant
            second = (corner[0][0] * values[1][0] - values[0][0] * corner[1][0]) / determinant
            assert inside(first, found.midpoint[0, 0], found.radius[0, 0])
            assert inside(second, found.midpoint[1, 0], found.radius[1, 0])


@checks(NAME + "form_norms.form_norm_upper", NAME + "form_norms.contraction_gram", NAME + "form_norms.best_shift")
def symmetric_forms(data: Data) -> None:
    order = data.draw(st.sampled_from([1, 2, 3]))
    # A symmetric form of two variables is known by how often the second one occurs.
    coefficients = array(data, 2, order + 1)
    index = [bin(position).count("1") for position in range(2**order)]
    forms = coefficients[:, index][None]
    contraction = form_norms.contraction_gram(2, order)
    assert contraction is None or _is_contraction_gram(contraction, order)
    free = np.array([data.draw(FLOATS)])
    for shift in (free, form_norms.best_shift(forms, contraction), np.zeros(1)):
        bound = float(form_norms.form_norm_upper(forms, contraction, shift)[0])
        for u in UNIT_VECTORS:
            powers = [u[0] ** (order - k) * u[1] ** k for k in index]
            image = [sum((rational(a) * p for a, p in zip(row, powers, strict=True)), fmpq(0)) for row in forms[0]]
            assert bound == math.inf or image[0] ** 2 + image[1] ** 2 <= rational(bound) ** 2


def _is_contraction_gram(matrix: np.ndarray, order: int) -> bool:
    """C^T C of y -> sum_i y[i, i, ...], row by row."""
    unit = np.eye(2**order).reshape(2**order, 2, 2, -1)
    images = unit[:, 0, 0] + unit[:, 1, 1]
    return bool(np.array_equal(matrix, images @ images.T))


@checks(NAME + "form_norms.sigma_min_affine_lower", NAME + "form_norms.frobenius_upper", NAME + "form_norms.signs")
def affine_families(data: Data) -> None:
    rows = data.draw(st.sampled_from([2, 3]))
    centre, moves = array(data, 1, rows, 2), array(data, 1, 2, rows, 2)
    if data.draw(st.booleans()):
        centre, moves = centre + 4.0 * np.eye(rows, 2), array(data, 1, 2, rows, 2, span=0.0)
    with np.errstate(all="ignore"):
        centre = np.nan_to_num(centre)
    least = float(form_norms.sigma_min_affine_lower(centre, moves)[0])
    vertices = form_norms.signs(2)
    assert sorted(map(tuple, vertices.tolist())) == sorted(product((-1.0, 1.0), repeat=2))
    for h in [*vertices.tolist(), [0.0, 0.5], [0.25, -1.0]]:
        steps = [rational(a) for a in h]
        member = [
            [rational(centre[0, i, j]) + sum((s * rational(moves[0, k, i, j]) for k, s in enumerate(steps)), fmpq(0))
             for j in range(2)]
            for i in range(rows)
        ]  # fmt: skip
        assert sigma_at_least(gram(member), least)
    square = sum((rational(a) ** 2 for a in moves.ravel()), fmpq(0))
    bound = float(form_norms.frobenius_upper(moves)[0])
    assert bound == math.inf or at_most(square / max(rational(bound) ** 2, fmpq(1, 2**2200)), 1.0)
