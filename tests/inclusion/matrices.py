"""Midpoint-radius matrices against rational matrices at all corners."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from certify.arithmetic import intervals, matrices
from certify.arithmetic.intervals import MatrixBall
from tests.inclusion.draw import FLOATS, Data, array, checks, interval, matrix_ball
from tests.inclusion.exact import at_least, at_most, between, inside, members, power_of_two, rational

NAME = "certify.arithmetic.intervals."


def entry(ball: MatrixBall, i: int, j: int) -> list[fmpq]:
    """The members that matter of one entry."""
    return members(float(ball.midpoint[i, j]), float(ball.radius[i, j]))


def holds(ball: MatrixBall, i: int, j: int, value: fmpq) -> bool:
    """Whether the entry's ball contains the value."""
    return inside(value, float(ball.midpoint[i, j]), float(ball.radius[i, j]))


def cells(ball: MatrixBall) -> list[tuple[int, int]]:
    """All index pairs."""
    return list(product(range(ball.shape[0]), range(ball.shape[1])))


@checks(NAME + "multiply")
def products(data: Data) -> None:
    left, right = matrix_ball(data, 2, 2), matrix_ball(data, 2, 2)
    found = intervals.multiply(left, right)
    for i, j in cells(found):
        terms = [entry(left, i, 0), entry(right, 0, j), entry(left, i, 1), entry(right, 1, j)]
        assert all(holds(found, i, j, a * b + c * d) for a, b, c, d in product(*terms))


@checks(NAME + "stacked")
def rows_and_stacks(data: Data) -> None:
    """Rows are as they were, and a stack of matrices has the products of its matrices."""
    left, right = matrix_ball(data, 2, 2), matrix_ball(data, 2, 2)
    rows = intervals.stacked([left, right])
    assert rows.shape == (4, 2)
    for i, j in cells(left):
        assert all(holds(rows, i, j, a) for a in entry(left, i, j))
        assert all(holds(rows, 2 + i, j, a) for a in entry(right, i, j))
    both, turned = (
        MatrixBall(*(np.stack([getattr(item, part) for item in pair]) for part in ("midpoint", "radius")))
        for pair in ((left, right), (right, left))
    )
    found = intervals.multiply(both, turned)
    for place, (first, second) in enumerate(((left, right), (right, left))):
        one = MatrixBall(found.midpoint[place], found.radius[place])
        for i, j in cells(one):
            terms = [entry(first, i, 0), entry(second, 0, j), entry(first, i, 1), entry(second, 1, j)]
            assert all(holds(one, i, j, a * b + c * d) for a, b, c, d in product(*terms))


@checks(NAME + "add", NAME + "subtract", NAME + "hadamard")
def entrywise(data: Data) -> None:
    left, right = matrix_ball(data, 2, 2), matrix_ball(data, 2, 2)
    total, difference = intervals.add(left, right), intervals.subtract(left, right)
    times = intervals.hadamard(left, right)
    for i, j in cells(left):
        for a, b in product(entry(left, i, j), entry(right, i, j)):
            assert holds(total, i, j, a + b)
            assert holds(difference, i, j, a - b)
            assert holds(times, i, j, a * b)


@checks(NAME + "scale", NAME + "scale_columns")
def scaled(data: Data) -> None:
    matrix, factors, factor = matrix_ball(data, 2, 2), matrix_ball(data, 1, 2), data.draw(FLOATS)
    multiple, columns = intervals.scale(matrix, factor), intervals.scale_columns(matrix, factors)
    for i, j in cells(matrix):
        for a in entry(matrix, i, j):
            assert holds(multiple, i, j, a * rational(factor))
            assert all(holds(columns, i, j, a * s) for s in entry(factors, 0, j))


@checks(NAME + "shift_exponent", "certify.arithmetic.matrices.normalised")
def powers_of_two(data: Data) -> None:
    matrix, exponent = matrix_ball(data, 2, 2), data.draw(st.integers(-2200, 2200))
    moved = intervals.shift_exponent(matrix, exponent)
    for i, j in cells(matrix):
        assert all(holds(moved, i, j, a * power_of_two(exponent)) for a in entry(matrix, i, j))
    finite = matrix_ball(data, 2, 2, unbounded=False)
    scaled, exponent = matrices.normalised(finite)
    for i, j in cells(finite):
        assert all(holds(scaled, i, j, a * power_of_two(-exponent)) for a in entry(finite, i, j))
    largest = max(np.abs(scaled.midpoint).max(), scaled.radius.max())
    assert 0.5 <= largest <= 1.0 or not (finite.midpoint.any() or finite.radius.any())


@checks(NAME + "exact_matrix", "certify.arithmetic.matrices.as_ball", NAME + "MatrixBall.is_finite")
def entry_into_balls(data: Data) -> None:
    values = array(data, 2, 2)
    values[0, 0] = data.draw(st.sampled_from([values[0, 0], math.nan, math.inf, -math.inf]))
    for found in (intervals.exact_matrix(values), matrices.as_ball(values)):
        assert found.is_finite == bool(np.isfinite(values).all())
        for i, j in cells(found):
            if math.isfinite(values[i, j]):
                assert (found.midpoint[i, j], found.radius[i, j]) == (values[i, j], 0.0)
            else:
                assert found.radius[i, j] == math.inf and math.isfinite(found.midpoint[i, j])
        assert matrices.as_ball(found) is found


@checks(NAME + "matrix_from_bounds", NAME + "MatrixBall.transpose", NAME + "MatrixBall.shape")
def from_bounds(data: Data) -> None:
    low, high = interval(data, 2, 3)
    found = intervals.matrix_from_bounds(low, high)
    assert found.shape == (2, 3) and found.transpose.shape == (3, 2)
    for i, j in cells(found):
        ends = between(low[i, j], high[i, j])
        assert all(holds(found, i, j, end) and holds(found.transpose, j, i, end) for end in ends)
        assert low[i, j] != high[i, j] or found.radius[i, j] == 0.0


@checks(NAME + "magnitude_upper", "certify.arithmetic.matrices.row_sums_upper")
def magnitudes(data: Data) -> None:
    matrix = matrix_ball(data, 2, 3)
    found = intervals.magnitude_upper(matrix)
    assert all(at_most(abs(a), found[i, j]) for i, j in cells(matrix) for a in entry(matrix, i, j))
    magnitude = np.abs(array(data, 2, 3))
    sums = matrices.row_sums_upper(magnitude)
    assert all(at_most(sum(map(rational, row), fmpq(0)), total) for row, total in zip(magnitude, sums, strict=True))


@checks(NAME + "row_norms_upper", NAME + "row_norms_lower")
def row_norms(data: Data) -> None:
    matrix = array(data, 2, 3)
    for row, low, high in zip(
        matrix, intervals.row_norms_lower(matrix), intervals.row_norms_upper(matrix), strict=True
    ):
        square = sum((rational(a) ** 2 for a in row), fmpq(0))
        assert low >= 0 and rational(low) ** 2 <= square
        assert high == math.inf or square <= rational(high) ** 2
        assert (low > 0) == (square > 0)


@checks(NAME + "round_up", NAME + "round_down")
def next_floats(data: Data) -> None:
    left, right = array(data, 3), array(data, 3)
    with np.errstate(over="ignore"):
        nearest = left * right
    for a, b, low, high in zip(left, right, intervals.round_down(nearest), intervals.round_up(nearest), strict=True):
        truth = rational(a) * rational(b)
        assert at_least(truth, low) and at_most(truth, high)


@checks("certify.arithmetic.matrices.unscale_upper", "certify.arithmetic.matrices.unscale_lower")
def back_to_scale(data: Data) -> None:
    value, exponent = data.draw(FLOATS), data.draw(st.integers(-3000, 3000))
    truth = rational(value) * power_of_two(exponent)
    assert at_most(truth, matrices.unscale_upper(value, exponent))
    assert at_least(truth, matrices.unscale_lower(value, exponent))
    assert matrices.unscale_upper(math.nan, exponent) == math.inf
    assert matrices.unscale_lower(math.nan, exponent) == -math.inf
