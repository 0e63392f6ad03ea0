"""Every lemma that z3 is told holds for the functions themselves, and a wrong one is noticed by the same test."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
import sympy as sp
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import precision
from certify.prover.abstraction import Abstraction, Lemma
from certify.prover.claim import Sign
from certify.prover.reading import read_claim
from certify.prover.smt import Translation
from certify.symbolic.evaluation import evaluate_ball

TEXTS = (
    ("exp(x) + exp(-2*x/3 + y) + exp(1) >= exp(1/2)", ()),
    ("log(y) + log(2*y) + log(3) >= exp(x)", ("y > 0",)),
    ("sqrt(y) + y**(2/3) + y**(-1/2) + sqrt(2) >= 0", ("y > 0",)),
    ("y**x + (1 + y)**x + y**(x + 2) >= exp(x)", ("y > 0",)),
    ("(1 - y)**n + y**(n + 1) >= exp(-n*y)", ("0 < y <= 1", "n in N")),
    ("(x + 1)**n >= 0", ("n in N",)),
    ("abs(x) + min(x, y, 1) + max(x*y, 2) >= pi", ()),
    ("sin(x) + cos(x) - sin(-y) + cos(1) >= 0", ()),
    ("tanh(x) + cosh(y) >= 1/(1 + exp(x))", ()),
    ("log(1 + exp(x)) >= x", ()),
    ("log((x + 30)/(x - 30)) + log(-x + 30) >= exp(x)", ("x < -30",)),
)


@cache
def lemmas_of(text: str, assumptions: tuple[str, ...]) -> tuple[Abstraction, list[Lemma], tuple[sp.Symbol, ...]]:
    (claim,) = read_claim(text, assumptions)
    abstraction = Abstraction(claim.integers)
    for relation in (claim.goal, *claim.assumptions, *claim.goal.defined_where):
        abstraction.literal(relation)
    abstraction.compare_pairs()
    return abstraction, abstraction.lemmas, claim.parameters


def certainly_fails(literal: tuple[sp.Expr, Sign], values: dict[str, arb]) -> bool:
    expression, sign = literal
    found = evaluate_ball(expression, values)
    if sign is Sign.NON_NEGATIVE:
        return bool(found < 0)
    if sign is Sign.POSITIVE:
        return bool(found < 0) or found.is_zero()
    if sign is Sign.ZERO:
        return bool(found < 0) or bool(found > 0)
    return bool(found.is_zero())


def broken(lemma: Lemma, values: dict[str, arb]) -> bool:
    return all(certainly_fails(literal, values) for literal in lemma.literals)


def true_values(abstraction: Abstraction, parameters: dict[str, Fraction], undefined: int = 7) -> dict[str, arb]:
    known = {name: arb(fmpq(value.numerator, value.denominator)) for name, value in parameters.items()}
    for variable, expression in abstraction.definitions.items():
        found = evaluate_ball(expression, known)
        # What a lemma brings in may be undefined here: then the lemmas must leave it free.
        known[variable.name] = arb(undefined) if found.is_nan() else found
    return known


@pytest.mark.parametrize("index", range(len(TEXTS)))
@given(data=st.data())
def test_lemmas_hold_for_the_functions(index: int, data: st.DataObject) -> None:
    abstraction, lemmas, parameters = lemmas_of(*TEXTS[index])
    assert lemmas
    reals = st.fractions(-20, 20, max_denominator=50)
    drawn: dict[str, Fraction] = {}
    for parameter in parameters:
        if parameter.name == "n":
            drawn["n"] = Fraction(data.draw(st.integers(0, 12), label="n"))
        elif TEXTS[index][1][:1] == ("0 < y <= 1",):
            drawn["y"] = data.draw(st.fractions(Fraction(1, 100), 1, max_denominator=100), label="y")
        elif TEXTS[index][1][:1] == ("y > 0",) and parameter.name == "y":
            drawn["y"] = data.draw(st.fractions(Fraction(1, 100), 20, max_denominator=100), label="y")
        elif TEXTS[index][1][:1] == ("x < -30",):
            drawn["x"] = data.draw(st.fractions(-99, -31, max_denominator=9), label="x")
        else:
            drawn[parameter.name] = data.draw(reals, label=parameter.name)
    with precision(200):
        for undefined in (7, -7):
            values = true_values(abstraction, drawn, undefined)
            for lemma in lemmas:
                assert not broken(lemma, values), f"{lemma.name} fails at {drawn}"


def test_a_wrong_lemma_is_noticed() -> None:
    """exp(u) >= 1 + u with the inequality turned round fails at most points."""
    abstraction, lemmas, _ = lemmas_of("exp(x) >= 1", ())
    (tangent,) = (item for item in lemmas if item.name == "exp(u) >= 1 + u")
    turned = replace(tangent, literals=tuple((-expression, sign) for expression, sign in tangent.literals))
    with precision(200):
        assert broken(turned, true_values(abstraction, {"x": Fraction(1)}))
        assert not broken(tangent, true_values(abstraction, {"x": Fraction(1)}))


def test_a_denominator_of_unknown_sign_keeps_the_sign_of_the_quotient() -> None:
    z3 = pytest.importorskip("z3")
    x, y = sp.symbols("x y", real=True)
    for value_x, value_y in ((1, 2), (1, -2), (-1, 2), (-1, -2)):
        solver = z3.Solver()
        translation = Translation(z3)
        solver.add(translation.literal((x / y, Sign.POSITIVE)))
        solver.add(translation.literal((x - value_x, Sign.ZERO)), translation.literal((y - value_y, Sign.ZERO)))
        assert (solver.check() == z3.sat) == (value_x * value_y > 0)
