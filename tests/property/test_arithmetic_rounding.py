"""A printed bound is a bound: the decimal stands on the stated side of the exact value."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify.arithmetic.rounding import UNKNOWN, Direction, decimal_text, interval_text

DIGITS = st.integers(1, 17)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = FLOATS | st.integers() | st.fractions()


@given(value=NUMBERS, digits=DIGITS)
@example(value=0.1, digits=1)
@example(value=-0.1, digits=5)
@example(value=5e-324, digits=3)
@example(value=1.7976931348623157e308, digits=2)
@example(value=999999.5, digits=6)
@example(value=10**15 + 1, digits=2)
def test_printed_lower_is_below_and_printed_upper_above(value: float | int | Fraction, digits: int) -> None:
    exact = Fraction(value)
    low = Fraction(decimal_text(value, digits, Direction.DOWN))
    high = Fraction(decimal_text(value, digits, Direction.UP))
    assert low <= exact <= high
    # One unit of the last digit at most: 10^(1 - digits) relative.
    assert high - low <= abs(exact) * Fraction(10) ** (1 - digits)


@given(value=NUMBERS, digits=DIGITS)
def test_nearest_is_within_half_a_unit(value: float | int | Fraction, digits: int) -> None:
    exact = Fraction(value)
    printed = Fraction(decimal_text(value, digits))
    assert abs(printed - exact) <= abs(exact) * Fraction(10) ** (1 - digits) / 2


@given(value=NUMBERS, digits=DIGITS, direction=st.sampled_from(Direction))
def test_digits_are_as_many_as_asked_for(value: float | int | Fraction, digits: int, direction: Direction) -> None:
    text = decimal_text(value, digits, direction)
    if isinstance(value, int) and abs(value) <= 10**15:
        assert text == str(value)
        return
    mantissa = text.split("e")[0].lstrip("-").replace(".", "")
    significant = mantissa.lstrip("0").rstrip("0") if "." not in text else mantissa.lstrip("0")
    assert len(significant) <= digits


@given(value=FLOATS)
def test_seventeen_digits_read_back_as_the_same_float(value: float) -> None:
    assert float(decimal_text(value, 17)) == value


@given(low=FLOATS, high=FLOATS, digits=DIGITS)
def test_a_printed_interval_contains_the_interval(low: float, high: float, digits: int) -> None:
    printed_low, printed_high = interval_text(low, high, digits)[1:-1].split(", ")
    assert Fraction(printed_low) <= Fraction(low)
    assert Fraction(high) <= Fraction(printed_high)


@pytest.mark.parametrize(
    ("value", "direction", "text"),
    [
        (0.5, Direction.DOWN, "0.5"),
        (0.1, Direction.DOWN, "0.10000"),
        (0.1, Direction.UP, "0.10001"),
        (0.1, Direction.NEAREST, "0.1"),
        (1 / 3, Direction.DOWN, "0.33333"),
        (1 / 3, Direction.UP, "0.33334"),
        (-1 / 3, Direction.UP, "-0.33333"),
        (1.2345678e-7, Direction.UP, "1.2346e-07"),
        (123456789.0, Direction.DOWN, "1.2345e+08"),
        (109123, Direction.UP, "109123"),
        (0, Direction.UP, "0"),
        (0.0, Direction.DOWN, "0"),
        (math.inf, Direction.UP, "inf"),
        (-math.inf, Direction.DOWN, "-inf"),
        (math.nan, Direction.UP, UNKNOWN),
        (None, Direction.UP, UNKNOWN),
    ],
)
def test_known_prints(value: float | None, direction: Direction, text: str) -> None:
    # 0.1 as a float is a little above one tenth: its upper print must not be 0.1.
    assert decimal_text(value, 5, direction) == text


def test_no_digits_are_refused() -> None:
    with pytest.raises(ValueError, match="digits"):
        decimal_text(1.0, 0)
