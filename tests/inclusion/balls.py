"""Balls, printed numbers and exact matrices."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import flint
import numpy as np
from flint import arb, fmpq
from hypothesis import strategies as st

from certify.arithmetic import balls, exact_matrices, rounding
from tests.inclusion.draw import FLOATS, LARGEST, Data, array, checks
from tests.inclusion.exact import at_least, at_most, ball_ends, power_of_two, rational

PRECISIONS = st.sampled_from([53, 64, 128])


def drawn_ball(data: Data) -> arb:
    """A ball whose midpoint has up to 200 bits, from far below to far above the floats."""
    with balls.precision(4000):
        mantissa = data.draw(st.integers(-(2**200), 2**200) | st.integers(-5, 5))
        middle = arb(mantissa) * arb(2) ** data.draw(st.integers(-1400, 1400) | st.sampled_from([-1074, -1075, -60, 0]))
        radius = arb(data.draw(st.integers(0, 2**29))) * arb(2) ** data.draw(st.integers(-1400, 1400))
        return middle + arb(0, radius) if data.draw(st.booleans()) else middle


@checks("certify.arithmetic.balls.lower", "certify.arithmetic.balls.upper", "certify.arithmetic.balls.precision")
def ends_of_a_ball(data: Data) -> None:
    value, bits = drawn_ball(data), data.draw(PRECISIONS)
    low, high = ball_ends(value)
    before = flint.ctx.prec
    with balls.precision(bits):
        below, above = balls.lower(value), balls.upper(value)
        assert flint.ctx.prec == bits
    assert flint.ctx.prec == before
    assert at_least(low, below) and at_most(high, above)
    # Sharp: the end itself was rounded to the working precision, then to a float.
    slack = (abs(low) + abs(high)) * power_of_two(2 - min(bits, 53)) + power_of_two(-1073)
    assert abs(below) >= LARGEST or low - rational(below) <= slack
    assert abs(above) >= LARGEST or rational(above) - high <= slack
    if value.is_exact() and int(value.mid().man_exp()[0]).bit_length() <= bits:
        assert not at_least(low, math.nextafter(below, math.inf)) or below == math.inf


@checks("certify.arithmetic.balls.ball", "certify.arithmetic.balls.fraction")
def entry_into_balls(data: Data) -> None:
    value = data.draw(
        FLOATS | st.integers() | st.fractions() | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    )
    if isinstance(value, str) and abs(Fraction(value)) > 0 and len(value) > 4000:
        return
    exact = balls.fraction(value)
    assert exact == Fraction(value)
    with balls.precision(data.draw(PRECISIONS)):
        low, high = ball_ends(balls.ball(value))
    assert low <= fmpq(exact.numerator, exact.denominator) <= high


@checks("certify.arithmetic.balls.exact_integer")
def integers_of_balls(data: Data) -> None:
    value = drawn_ball(data)
    low, high = ball_ends(value)
    found = balls.exact_integer(value)
    whole = low == high and low.q == 1 and abs(low) < 2**62
    assert (found == int(low.p)) if whole else found is None


@checks("certify.arithmetic.balls.euclidean_norm")
def norms(data: Data) -> None:
    entries = [drawn_ball(data) for _ in range(2)]
    with balls.precision(data.draw(PRECISIONS)):
        norm = balls.euclidean_norm(entries)
        low, high = max(0.0, balls.lower(norm)), balls.upper(norm)
    for first, second in product(*map(ball_ends, entries)):
        square = first**2 + second**2
        assert rational(low) ** 2 <= square and (high == math.inf or square <= rational(high) ** 2)


@checks("certify.arithmetic.rounding.decimal_text", "certify.arithmetic.rounding.interval_text")
def printed_numbers(data: Data) -> None:
    value, digits = data.draw(FLOATS | st.fractions()), data.draw(st.integers(1, 17))
    low, high = (Fraction(part) for part in rounding.interval_text(value, value, digits)[1:-1].split(", "))
    assert low <= Fraction(value) <= high
    assert Fraction(rounding.decimal_text(value, digits, rounding.Direction.DOWN)) == low
    assert Fraction(rounding.decimal_text(value, digits, rounding.Direction.UP)) == high


@checks("certify.arithmetic.rounding.outward")
def floats_that_print_shortly(data: Data) -> None:
    value, digits = data.draw(FLOATS), data.draw(st.integers(1, 17))
    above = rounding.outward(value, digits, rounding.Direction.UP)
    below = rounding.outward(value, digits, rounding.Direction.DOWN)
    assert below <= value <= above
    if math.isfinite(above) and above != value:
        assert Fraction(rounding.decimal_text(above, 17, rounding.Direction.NEAREST)) >= Fraction(value)


@checks(
    "certify.arithmetic.exact_matrices.exact",
    "certify.arithmetic.exact_matrices.ExactMatrix.__matmul__",
    "certify.arithmetic.exact_matrices.ExactMatrix.__add__",
    "certify.arithmetic.exact_matrices.ExactMatrix.times",
    "certify.arithmetic.exact_matrices.ExactMatrix.balls",
    "certify.arithmetic.exact_matrices.ExactMatrix.rank",
    "certify.arithmetic.exact_matrices.ExactMatrix.shape",
)
def exact_arithmetic(data: Data) -> None:
    left, right, factor = array(data, 2, 2), array(data, 2, 2), data.draw(FLOATS)
    first, second = exact_matrices.exact(left), exact_matrices.exact(right)
    assert first.shape == (2, 2)
    composed, total, multiple = first @ second, first + second, first.times(factor)
    for i in range(2):
        for j in range(2):
            a, b = rational(left[i, j]), rational(right[i, j])
            assert _entry(first, i, j) == a
            assert _entry(total, i, j) == a + b
            assert _entry(multiple, i, j) == a * rational(factor)
            assert _entry(composed, i, j) == sum(
                (rational(left[i, k]) * rational(right[k, j]) for k in range(2)), fmpq(0)
            )
            with balls.precision(data.draw(PRECISIONS)):
                low, high = ball_ends(composed.balls()[i, j])
            assert low <= _entry(composed, i, j) <= high
    determinant = rational(left[0, 0]) * rational(left[1, 1]) - rational(left[0, 1]) * rational(left[1, 0])
    assert first.rank() == (2 if determinant != 0 else int(bool(np.any(left))))


def _entry(matrix: exact_matrices.ExactMatrix, row: int, column: int) -> fmpq:
    return fmpq(int(matrix.integers[row, column])) * power_of_two(matrix.exponent)
