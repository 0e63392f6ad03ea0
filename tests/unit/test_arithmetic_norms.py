"""The Euclidean norm of a vector of balls contains that of every vector in them."""

from __future__ import annotations

from fractions import Fraction

from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import ball, euclidean_norm, precision

NUMBERS = st.tuples(st.integers(-99, 99), st.integers(-300, 300)).map(lambda pair: pair[0] * Fraction(2) ** pair[1])


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(-8, 8)), max_size=4))
def test_inclusion(entries: list[tuple[Fraction, Fraction, int]]) -> None:
    with precision():
        balls = [arb(ball(middle), abs(ball(radius)).upper()) for middle, radius, _ in entries]
        square = sum(((middle + abs(radius) * k / 8) ** 2 for middle, radius, k in entries), Fraction(0))
        norm = euclidean_norm(balls)
    # python-flint rounds a rational to the working precision before it looks whether it is inside.
    with precision(4096):
        assert (norm * norm).contains(fmpq(square.numerator, square.denominator))


def test_balls_around_zero_have_a_norm() -> None:
    """The square of such a ball reaches below 0, where a square root alone is undefined."""
    entries = [arb(0, 1e-3), arb(0, 1e-3)]
    assert sum((entry * entry for entry in entries), arb(0)).sqrt().is_nan()
    assert euclidean_norm(entries).contains(0)
    assert euclidean_norm(entries) <= 2e-3
    assert euclidean_norm([]) == 0
