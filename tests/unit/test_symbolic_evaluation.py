"""One expression, three readings: balls that contain the float value, arrays, LaTeX; and what must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.symbolic.evaluation import compile_estimate, compile_sequence, evaluate_ball, latex
from certify.symbolic.functions import ChiTail, EnclosedFunction, chi_tail_ball, chi_tail_estimate

x, y = sp.symbols("x y", positive=True)
EXPRESSIONS = (
    x + y / 3,
    sp.sqrt(x) * y**3,
    sp.exp(-x) * sp.log(1 + y),
    sp.Max(x, y, evaluate=False) - sp.Min(x, y, evaluate=False),
    ((1 + x) / (1 + y)) ** (y / 2),
    sp.ceiling(3 * x) + sp.Abs(x - y),
    ChiTail(3, x) / sp.sqrt(sp.pi * y),
    x ** sp.Rational(-3, 2),
)


@given(st.sampled_from(EXPRESSIONS), st.floats(0.01, 20), st.floats(0.01, 20))
def test_ball_contains_the_float_value(expression: sp.Expr, first: float, second: float) -> None:
    with precision():
        enclosed = evaluate_ball(expression, {"x": ball(first), "y": ball(second)})
    (value,) = compile_estimate([expression], [x, y])(first, second)
    tolerance = 1e-11 * (1 + abs(float(value)))
    assert lower(enclosed) - tolerance <= float(value) <= upper(enclosed) + tolerance


@given(st.sampled_from(EXPRESSIONS[:5]), st.floats(0.1, 5), st.floats(0.1, 5), st.floats(0, 1))
def test_wide_balls_contain_every_value_inside(expression: sp.Expr, first: float, second: float, part: float) -> None:
    with precision():
        wide = evaluate_ball(expression, {"x": arb(first, 0.05), "y": ball(second)})
        inside = evaluate_ball(expression, {"x": ball(first + 0.05 * (2 * part - 1) * 0.99), "y": ball(second)})
        assert lower(wide) <= lower(inside) and upper(inside) <= upper(wide)


def test_a_float_literal_taints_and_is_refused() -> None:
    with pytest.raises(TypeError, match="no enclosure for `Float`"):
        evaluate_ball(x * sp.Float(0.1), {"x": ball(1)})


def test_a_function_without_enclosure_is_refused() -> None:
    with pytest.raises(TypeError, match="no enclosure"):
        evaluate_ball(sp.besselj(0, x), {"x": ball(1)})


@pytest.mark.parametrize("wrong", [sp.Integer(1) / sp.log(sp.Integer(1)), sp.nan])
def test_what_is_no_number_has_a_ball_that_is_none(wrong: sp.Expr) -> None:
    """A deliberately wrong constant may make 1/0, which sympy folds: nothing is certified, and nothing crashes."""
    with precision():
        assert evaluate_ball(wrong * sp.Symbol("a") if wrong is not sp.nan else wrong, {"a": ball(2)}).is_nan()


def test_a_symbol_without_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        evaluate_ball(x + y, {"x": ball(1)})


@given(st.integers(1, 200), st.floats(-1, 40))
def test_chi_tail_agrees_with_scipy(dimension: int, threshold: float) -> None:
    with precision():
        enclosed = chi_tail_ball(ball(dimension), ball(threshold))
    expected = float(chi.sf(threshold, dimension))
    assert lower(enclosed) * (1 - 1e-10) - 1e-300 <= expected <= upper(enclosed) * (1 + 1e-10) + 1e-300
    assert math.isclose(float(chi_tail_estimate(dimension, threshold)), expected, rel_tol=1e-8, abs_tol=1e-300)


def test_chi_tail_of_a_huge_threshold_vanishes_and_stays_a_bound() -> None:
    with precision():
        tail = chi_tail_ball(ball(8), arb(2) ** 400)
    assert 0.0 <= upper(tail) <= 5e-324


def test_chi_tail_over_a_wide_ball_spans_both_ends() -> None:
    with precision():
        wide = chi_tail_ball(ball(4), arb(1, 1))
    assert lower(wide) <= float(chi.sf(2, 4)) and upper(wide) >= 1.0 - 1e-12


def test_arrays_broadcast() -> None:
    (values,) = compile_estimate([x * y], [x, y])(np.arange(3.0)[:, None], np.arange(4.0))
    assert values.shape == (3, 4) and values[2, 3] == 6.0


def test_a_sequence_uses_what_it_is_given_and_what_came_before() -> None:
    given = {"x": np.arange(3.0)[:, None], "y": np.arange(1.0, 5.0)}
    values = compile_sequence((("u", x * y), ("v", sp.Symbol("u") / y)))(given)
    assert list(values) == ["x", "y", "u", "v"] and list(given) == ["x", "y"]
    assert values["u"].shape == (3, 4) and values["v"][2, 3] == 2.0
    with pytest.raises(KeyError):
        compile_sequence((("v", sp.Symbol("u") / y), ("u", x * y)))(given)


def test_latex_uses_the_quantities_tex() -> None:
    assert latex(x**2 / y, {"x": r"\beta", "y": "M_2"}) == r"\frac{\beta^{2}}{M_2}"
    assert r"\chi_{3} > \beta" in latex(ChiTail(3, x), {"x": r"\beta"})


class Sinc(EnclosedFunction):
    """sin(x)/x, as somebody else's theorem might bring it."""

    nargs = 1

    @classmethod
    def enclose(cls, *arguments: arb) -> arb:
        return arguments[0].sin() / arguments[0]

    @classmethod
    def estimate(cls, *arguments: object) -> np.ndarray:
        values = np.asarray(arguments[0], dtype=np.float64)
        return np.sin(values) / values


def test_a_function_of_ones_own_is_evaluated_in_balls_floats_and_arrays_without_being_registered() -> None:
    expression = 1 + Sinc(x) / y
    with precision():
        enclosed = evaluate_ball(expression, {"x": ball(2), "y": ball(4)})
    (values,) = compile_estimate([expression], [x, y])(np.array([2.0, 3.0]), 4.0)
    assert lower(enclosed) <= 1 + math.sin(2) / 8 <= upper(enclosed)
    assert values == pytest.approx([1 + math.sin(2) / 8, 1 + math.sin(3) / 12], rel=1e-14)


def test_a_function_without_an_enclosure_is_refused() -> None:
    class Unknown(EnclosedFunction):
        nargs = 1

    with precision(), pytest.raises(NotImplementedError, match="`Unknown` has no enclosure"):
        evaluate_ball(Unknown(x), {"x": ball(1)})


def test_an_end_without_bound_lies_beyond_every_number() -> None:
    assert evaluate_ball(-sp.oo, {}) < -(10**300) and evaluate_ball(sp.oo, {}) > 10**300
