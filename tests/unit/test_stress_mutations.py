"""Constants of closed forms are found and moved one at a time; a wrong exponent of a growth is seen by the fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from certify.discovery.registry import load_theorem
from certify.stress_tests.mutations import constants_of
from certify.stress_tests.scaling import fitted_law, ladder_runs, scaling_laws
from certify.stress_tests.wrong_growth import wrong_growth
from certify.verdict import Verdict

x, y = sp.symbols("x y", positive=True)
THEOREM = load_theorem("strong-invertibility")


def texts(expression: sp.Expr) -> list[str]:
    return [item.text for item in constants_of(expression)]


def test_every_number_and_every_term_is_a_constant() -> None:
    assert texts(1 + 3 * x**2) == ["the whole", "term 1", "term 3*x**2", "exponent 2 of x"]
    assert texts(x) == ["the whole"]
    assert texts(sp.exp(-x / 2)) == ["the whole", "-1/2"]


def test_signs_and_reciprocals_are_structure() -> None:
    assert texts(1 / x) == ["the whole"]
    assert texts(-x) == ["the whole"]


@pytest.mark.parametrize("index", range(4))
def test_a_constant_is_moved_alone(index: int) -> None:
    moved = [item.scaled(1 + 3 * x**2, sp.Integer(2)) for item in constants_of(1 + 3 * x**2)][index]
    expected = [2 + 6 * x**2, 2 + 3 * x**2, 1 + 6 * x**2, 1 + 3 * x**4][index]
    assert sp.expand(moved - expected) == 0


def test_deep_constants_are_reached() -> None:
    expression = sp.sqrt(1 + sp.Min(x, 5 * y))
    moved = {item.scaled(expression, sp.Integer(2)) for item in constants_of(expression)}
    assert {sp.sqrt(1 + sp.Min(x, 10 * y)), sp.sqrt(2 + sp.Min(x, 5 * y)), 1 + sp.Min(x, 5 * y)} <= moved


def test_the_stated_growth_is_supported_by_the_runs() -> None:
    laws = scaling_laws(THEOREM)
    assert {law.variable for law in laws} == {"d", "N", "1/epsilon", "kappa"}
    assert all(law.verdict is Verdict.SUPPORTED for law in laws)
    sizes = {law.variable: law for law in laws if law.quantity == "size_bound"}
    assert sizes["N"].exponent[1] <= 1.0 <= sizes["N"].exponent[2] + 0.01
    assert 2.0 < sizes["1/epsilon"].exponent[0] < 2.6


@pytest.mark.parametrize("exponent", [sp.Rational(1, 2), sp.Integer(1)])
def test_a_growth_with_too_small_an_exponent_is_refuted(exponent: sp.Expr) -> None:
    runs = ladder_runs(THEOREM, "1/epsilon")
    order = next(item.order for item in THEOREM.growth if item.quantity.name == "K")
    honest = fitted_law("K", "1/epsilon", runs, order)
    wrong = fitted_law("K", "1/epsilon", runs, order * sp.Symbol("epsilon", positive=True) ** exponent)
    assert honest is not None and honest.verdict is Verdict.SUPPORTED
    assert wrong is not None and wrong.verdict is Verdict.REFUTED


def test_every_exponent_of_the_stated_growth_is_seen_when_it_is_less_by_a_half() -> None:
    rows = wrong_growth(replace(THEOREM, growth=THEOREM.growth[:1]), 0)
    assert {change.split()[2] for _, change, _ in rows} == {"d", "1/epsilon", "kappa"}
    assert all(noticed is not None and noticed <= 0.5 for _, _, noticed in rows)
