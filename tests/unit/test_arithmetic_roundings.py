"""Roundings one by one: many random numbers at scale 1 against exact rationals, and the edges of each function."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic import ball_matrices, definiteness, form_norms, intervals, matrices
from certify.arithmetic.intervals import MatrixBall
from certify.arithmetic.rounding import Direction, decimal_text, exact_text

COUNT = 3000


@pytest.mark.parametrize("entries", [1, 2, 5, 40])
def test_sums_of_squares_lose_no_rounding(entries: int) -> None:
    values = np.random.default_rng(entries).normal(size=(COUNT // entries, entries))
    squares = [sum(Fraction(float(x)) ** 2 for x in row) for row in values]
    above, below = intervals.row_norms_upper(values), intervals.row_norms_lower(values)
    for bounds in (above, form_norms.frobenius_upper(values)):
        assert all(Fraction(float(bound)) ** 2 >= square for bound, square in zip(bounds, squares, strict=True))
    assert all(Fraction(float(bound)) ** 2 <= square for bound, square in zip(below, squares, strict=True))
    assert np.all(above <= below * (1 + 1e-13))
    sums = matrices.row_sums_upper(np.abs(values))
    exact = [sum(Fraction(float(x)) for x in row) for row in np.abs(values)]
    assert all(Fraction(float(bound)) >= total for bound, total in zip(sums, exact, strict=True))
    # The private bound has no later factor that would make up for it.
    totals = form_norms._square_sum_upper(values[:, None])
    assert all(Fraction(float(total)) >= square for total, square in zip(totals, squares, strict=True))


def test_a_ball_from_its_ends_reaches_both_of_them() -> None:
    low, high = np.sort(np.random.default_rng(3).normal(size=(2, COUNT)), axis=0)
    for shift in (-10.0, -1.0, 0.0, 10.0):
        ball = intervals.matrix_from_bounds(low + shift, high + shift)
        for end in (low + shift, high + shift):
            triples = zip(end, ball.midpoint[0], ball.radius[0], strict=True)
            assert all(abs(Fraction(float(x)) - Fraction(float(c))) <= Fraction(float(r)) for x, c, r in triples)
        assert np.all(ball.radius[0] <= 0.5 * (high - low) + 1e-14)


def test_one_rounded_product_or_sum_is_paid_for() -> None:
    a, b = np.random.default_rng(4).normal(size=(2, COUNT))
    left, right = intervals.exact_matrix(a), intervals.exact_matrix(b)
    pairs = [(Fraction(float(x)), Fraction(float(y))) for x, y in zip(a, b, strict=True)]
    for found, truths in (
        (intervals.add(left, right), [x + y for x, y in pairs]),
        (intervals.subtract(left, right), [x - y for x, y in pairs]),
        (intervals.hadamard(left, right), [x * y for x, y in pairs]),
        (intervals.scale_columns(left, right), [x * y for x, y in pairs]),
    ):
        entries = zip(truths, found.midpoint[0], found.radius[0], strict=True)
        assert all(abs(truth - Fraction(float(c))) <= Fraction(float(r)) for truth, c, r in entries)
        assert np.all(found.radius[0] <= 1e-15 * (np.abs(found.midpoint[0]) + 1e-280))


@pytest.mark.parametrize("entry", [math.nan, math.inf])
def test_what_is_not_finite_is_bounded_by_nothing(entry: float) -> None:
    matrix = np.array([[1.0, entry], [0.0, 1.0]])
    assert definiteness.eigenvalue_min_lower(matrix) == -math.inf
    assert definiteness.solve_enclosure(matrix, np.ones((2, 1))) is None
    assert definiteness.solve_enclosure(np.eye(2), np.array([[1.0], [entry]])) is None
    assert ball_matrices.sigma_min_bounds(matrix) == (0.0, math.inf)
    assert matrices.nonnegative_norm_upper(matrix) == math.inf == matrices.orthogonality_defect(matrix)
    assert form_norms.form_norm_upper(matrix[None], None, np.zeros(1))[0] == math.inf
    assert form_norms.form_norm_upper(np.eye(2)[None], np.eye(2), np.array([entry]))[0] == math.inf
    assert form_norms.sigma_min_affine_lower(matrix[None], np.zeros((1, 1, 2, 2)))[0] == 0.0
    assert form_norms.sigma_min_affine_lower(np.eye(2)[None], matrix[None, None])[0] == 0.0
    assert form_norms.frobenius_upper(matrix[None])[0] == math.inf


def test_empty_matrices_have_their_conventions() -> None:
    assert definiteness.eigenvalue_min_lower(np.zeros((0, 0))) == math.inf
    assert ball_matrices.sigma_min_bounds(np.zeros((2, 0))) == (math.inf, math.inf)
    assert ball_matrices.sigma_min_bounds(np.ones((1, 2))) == (0.0, 0.0)
    assert ball_matrices.spectral_norm_bounds(np.zeros((2, 0))) == (0.0, 0.0)
    assert matrices.nonnegative_norm_upper(np.zeros((0, 2))) == 0.0
    assert form_norms.form_norm_upper(np.zeros((3, 0, 2)), None, np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    product = intervals.multiply(intervals.exact_matrix(np.zeros((2, 0))), intervals.exact_matrix(np.zeros((0, 3))))
    assert product.shape == (2, 3) and not product.radius.any() and not product.midpoint.any()


def test_definiteness_of_rows_whose_scaling_overflows() -> None:
    huge, tiny = np.array([[1e-300, 1e300], [1e300, 1e-300]]), np.array([[1e300, 5e-324], [5e-324, 1e300]])
    assert definiteness.positive_definite(huge) is not True
    assert definiteness.positive_definite(tiny) is True
    assert definiteness.positive_definite(MatrixBall(np.eye(2), np.full((2, 2), 1e308))) is None


def test_bounds_are_sharp_where_the_truth_is_known() -> None:
    assert form_norms.sigma_min_affine_lower(np.eye(2)[None], np.zeros((1, 1, 2, 2)))[0] == pytest.approx(
        1.0, rel=1e-12
    )
    moved = form_norms.sigma_min_affine_lower(2.0 * np.eye(2)[None], 0.5 * np.eye(2)[None, None])
    assert moved[0] == pytest.approx(math.sqrt(2.0), rel=1e-12)
    # x^2 - y^2 and 2 x y have norm 1 together; the flattening alone says sqrt(2).
    forms = np.array([[[1.0, 0.0, 0.0, -1.0], [0.0, 1.0, 1.0, 0.0]]])
    contraction = form_norms.contraction_gram(2, 2)
    best = form_norms.form_norm_upper(forms, contraction, form_norms.best_shift(forms, contraction))
    assert 1.0 <= best[0] < 1.01 * math.sqrt(2.0)
    assert intervals.row_norms_lower(np.array([[3.0, 4.0], [0.0, math.nan], [math.inf, 0.0]])).tolist() == [
        pytest.approx(5.0, rel=1e-13), 0.0, np.finfo(np.float64).max,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1e10, 3, "1e+10"), (-1e-10, 3, "-1.01e-10"), (1.5e10, 3, "1.5e+10"), (1e7, 3, "1e+07"), (999999.0, 6, "999999")],
)
def test_mantissas_of_one_digit_have_no_point(value: float, digits: int, text: str) -> None:
    assert decimal_text(value, digits, Direction.DOWN) == text


def test_infinities_keep_their_sign_at_every_scale() -> None:
    for exponent in (-3000, 0, 3000):
        assert matrices.unscale_upper(math.inf, exponent) == math.inf == matrices.unscale_lower(math.inf, exponent)
        assert matrices.unscale_upper(-math.inf, exponent) == -math.inf == matrices.unscale_lower(-math.inf, exponent)
        assert matrices.unscale_upper(0.0, exponent) == 0.0 == matrices.unscale_lower(0.0, exponent)


@given(st.fractions() | st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_an_exact_number_is_read_back_from_its_text(value: Fraction | float | int) -> None:
    text = exact_text(value)
    assert (float(text) if isinstance(value, float) else Fraction(text)) == value


def test_next_floats_are_those_of_numpy() -> None:
    edges = [0.0, 5e-324, 2.0**-1074 * 3, 2.0**-1022, np.nextafter(2.0**-1022, 0.0), 1.0, 2.0, 1.7976931348623157e308]
    values = np.array([*edges, *(-x for x in edges), np.inf, -np.inf, np.nan])
    drawn = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, COUNT).view(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        for array in (values, drawn, drawn.reshape(-1, 10)[:, ::3], values[:0]):
            for found, end in ((intervals.round_up(array), np.inf), (intervals.round_down(array), -np.inf)):
                expected = np.nextafter(array, end)
                assert np.array_equal(found, expected, equal_nan=True)
                assert np.array_equal(np.signbit(found), np.signbit(expected)) or np.isnan(array).any()
        assert [float(intervals.round_up(x)) for x in (1, 0.0, math.inf)] == [1.0 + 2.0**-52, 5e-324, math.inf]
        assert [float(intervals.round_down(x)) for x in (1, 0.0, -math.inf)] == [1.0 - 2.0**-53, -5e-324, -math.inf]


def test_arguments_are_not_changed_by_rounding() -> None:
    values = np.array([1.0, -0.0, np.inf])
    kept = values.copy()
    intervals.round_up(values), intervals.round_down(values)
    assert np.array_equal(values, kept) and np.signbit(values[1])
