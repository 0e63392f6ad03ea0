"""Every symbol of every discovered theorem: what sympy assumes, what is accepted, printed and drawn is one domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.arithmetic.balls import precision
from certify.checking.points import instance_at, point_of
from certify.discovery.registry import theorems
from certify.errors import InputError
from certify.proof.conclusion import DEFAULT_DEVIATION
from certify.proof.optimiser import shortest
from certify.proof.theorem import Quantity, Search, Theorem, constant, definition
from certify.strategies.domains import numbers_outside, values_of
from certify.strategies.settings import ACCURACIES
from certify.symbolic.declaration import DeclaredSymbol, declare
from certify.symbolic.domain import Domain
from certify.symbolic.evaluation import evaluate_ball
from certify.symbolic.model import beta, d, epsilon, m
from certify.validation import accuracy, constants_from_text, domain_value, noise_level

NAMES = sorted(theorems())
POINTS = (
    {"d": 2, "m": 1, "M": "3/2", "M2": "1/20", "M3": "1/20", "beta": "1/100", "s": 40, "tau": "1/1000"},
    {"d": 3, "m": "1/2", "M": "1/2", "M2": 0, "M3": 0, "beta": "1/10", "s": 0, "tau": 0},
)


@pytest.fixture(params=NAMES)
def theorem(request: pytest.FixtureRequest) -> Theorem:
    return theorems()[request.param]


def contradictions(theorem: Theorem) -> Iterator[str]:
    """Where a quantity's symbol assumes, or its text says, something else than its domain."""
    for item in theorem.quantities:
        domain = Domain.parse(item.domain, item.values.symbols)
        if sp.Symbol("q", **domain.assumptions).assumptions0 != item.symbol.assumptions0:
            yield f"{item.name}: sympy assumes {item.symbol.assumptions0}, its domain is {item.domain}"
        if domain != item.values:
            yield f"{item.name}: prints {item.domain}, and is {item.values}"
        if isinstance(item.symbol, DeclaredSymbol) and (item.tex, item.meaning) != (
            item.symbol.tex,
            item.symbol.meaning,
        ):
            yield f"{item.name}: another TeX or meaning than its symbol's"


def expressions(theorem: Theorem) -> Iterator[sp.Expr]:
    """Every closed form that is written in the theorem's symbols."""
    conclusion = theorem.conclusion
    yield from (item.definition for item in theorem.definitions)
    yield from (claim.bound for step in theorem.steps for claim in step.claims)
    yield from (side for item in conclusion.conditions for side in (item.left, item.right))
    yield from (item.order for item in theorem.growth)
    yield from conclusion.explicit_form_choices.values()
    yield from (
        item for item in (conclusion.distance, conclusion.paper_form_beta, conclusion.explicit_form_beta) if item
    )
    if isinstance(conclusion.search, Search):
        yield from conclusion.search.choices.values()
        yield from (item.symbol for item in conclusion.search.coordinates)


def undeclared(theorem: Theorem) -> Iterator[str]:
    """Symbols without a declaration, and those that assume what a quantity of their name does not keep."""
    domains = {item.name: item.values for item in theorem.quantities}
    for symbol in sorted({symbol for item in expressions(theorem) for symbol in item.free_symbols}, key=str):
        if not isinstance(symbol, DeclaredSymbol):
            yield f"{symbol}: a plain symbol"
        elif symbol.name in domains:
            kept = sp.Symbol("q", **domains[symbol.name].assumptions).assumptions0
            broken = [fact for fact, truth in symbol.assumptions0.items() if kept.get(fact, not truth) != truth]
            if broken:
                yield f"{symbol}: assumed {broken}, but its domain here is {domains[symbol.name]}"


def misplaced(theorem: Theorem, values: Mapping[str, arb]) -> Iterator[str]:
    """Quantities whose ball lies outside their domain, ends as balls."""
    with precision():
        for item in theorem.quantities:
            domain = item.values
            if item.name not in values or not {symbol.name for symbol in domain.symbols} <= values.keys():
                continue
            number, low, high = values[item.name], *(evaluate_end(end, values) for end in (domain.lower, domain.upper))
            below = number <= low if domain.lower_open else number < low
            above = number >= high if domain.upper_open and high.is_finite() else number > high
            if below or above or (domain.integer and not number.contains_integer()):
                yield f"{item.name} = {number} is not in {domain}"


def evaluate_end(end: sp.Expr, values: Mapping[str, arb]) -> arb:
    if not end.is_finite and end in (sp.oo, -sp.oo):
        return arb("inf") if end is sp.oo else arb("-inf")
    found = evaluate_ball(end, values)
    # m^2/(M M2) with M2 = 0.
    return found if found.is_finite() else arb("inf")


@cache
def certificates(name: str) -> list[Mapping[str, arb]]:
    theorem = theorems()[name]
    found = []
    for text in theorem.points:
        instance = instance_at(theorem, point_of(theorem, text))
        assert instance is not None, f"{name} at {text}"
        found.append(instance.values)
    for point in () if theorem.points else POINTS:
        inputs = {key: Fraction(value) for key, value in point.items() if key in theorem.constant_domains}
        if not theorem.constant_domains.get("M2", m.domain).contains(inputs.get("M2", Fraction(1)), inputs):
            continue
        settings = {"n": inputs["d"], "N": 100, "t_x": DEFAULT_DEVIATION, "epsilon": Fraction(1, 10)}
        certificate = shortest(theorem, {**settings, **inputs, "beta": Fraction(point["beta"])})
        assert certificate is not None, f"{name} at {point}"
        found.append(certificate.values)
    return found


def test_symbols_texts_and_assumptions_agree(theorem: Theorem) -> None:
    assert list(contradictions(theorem)) == []
    assert list(undeclared(theorem)) == []


def test_what_is_printed_parses_back(theorem: Theorem) -> None:
    for item in theorem.quantities:
        assert Domain.parse(str(item.values), item.values.symbols) == item.values
        assert item.domain_latex(theorem.tex)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5)
@given(data=st.data())
def test_drawn_numbers_are_accepted_and_others_refused(name: str, data: st.DataObject) -> None:
    symbols = [item.symbol for item in theorems()[name].quantities]
    values = data.draw(values_of(symbols))
    for symbol in symbols:
        number = sp.Rational(values[symbol.name].numerator, values[symbol.name].denominator)
        assert all(getattr(number, f"is_{fact}") is truth for fact, truth in symbol.assumptions0.items()), symbol
        assert domain_value(symbol.name, values[symbol.name], symbol.domain, values) == values[symbol.name]
        other = data.draw(numbers_outside(symbol.domain.at(values)))
        with pytest.raises(InputError, match=f"`{symbol.name}` must be"):
            domain_value(symbol.name, other, symbol.domain, values)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10)
@given(data=st.data())
def test_constants_on_the_command_line_are_those_of_the_domains(name: str, data: st.DataObject) -> None:
    theorem = theorems()[name]
    symbols = [item.symbol for item in theorem.quantities if item.role == "constant"]
    values = data.draw(values_of(symbols))
    assert constants_from_text(_text(values), theorem.required_constants, theorem.constant_domains) == values
    wrong = data.draw(st.sampled_from(symbols))
    other = data.draw(numbers_outside(wrong.domain.at(values)))
    with pytest.raises(InputError, match="must be"):
        constants_from_text(_text(values | {wrong.name: other}), theorem.required_constants, theorem.constant_domains)


@given(values=values_of((beta, epsilon)), data=st.data())
def test_settings_are_checked_by_their_domains(values: dict[str, Fraction], data: st.DataObject) -> None:
    assert noise_level(values["beta"]) == values["beta"]
    assert accuracy(values["epsilon"]) == values["epsilon"]
    with pytest.raises(InputError):
        noise_level(data.draw(numbers_outside(beta.domain)))
    with pytest.raises(InputError):
        accuracy(data.draw(numbers_outside(epsilon.domain)))
    assert all(epsilon.domain.contains(item, {}) for item in ACCURACIES)


def test_closed_forms_keep_to_their_domains(theorem: Theorem) -> None:
    for values in certificates(theorem.id):
        assert list(misplaced(theorem, values)) == []


PLANTED = {
    "zero is allowed and excluded": Quantity(sp.Symbol("q", positive=True), "constant", "q", "planted", "[0, inf)"),
    "a count is no real": Quantity(sp.Symbol("q", positive=True), "constant", "q", "planted", "integer >= 1"),
    "nothing is assumed": Quantity(sp.Symbol("q"), "constant", "q", "planted", "(0, 1)"),
    "another text": replace(constant(declare("q", "[0, inf)", "q", "planted")), domain="(0, inf)"),
    "another TeX": replace(constant(declare("q", "[0, inf)", "q", "planted")), tex="r"),
}


@pytest.mark.parametrize("mutant", PLANTED)
def test_a_planted_contradiction_is_seen(mutant: str) -> None:
    theorem = theorems()[NAMES[0]]
    planted = replace(theorem, quantities=(*theorem.quantities, PLANTED[mutant]))
    assert list(contradictions(planted)) != []


def test_a_plain_or_wrongly_assumed_symbol_in_a_closed_form_is_seen() -> None:
    theorem = theorems()["strong-invertibility"]
    for wrong in (sp.Symbol("m", positive=True), declare("t", "(0, inf)", "t", "positive, where the choice may be 0")):
        conclusion = replace(theorem.conclusion, distance=theorem.conclusion.distance + wrong)
        assert len(list(undeclared(replace(theorem, conclusion=conclusion)))) == 1


def test_a_closed_form_that_leaves_its_domain_is_seen() -> None:
    values = {"d": arb(2), "m": arb(1), "q": arb(3) / 2}
    for domain in ("[2, inf)", "(0, 1]", "integer >= 1", "[0, m)", "{0, 1, 2}"):
        theorem = replace(theorems()[NAMES[0]], quantities=(definition(declare("q", domain, "q", "", m), d - m / 2),))
        assert len(list(misplaced(theorem, values))) == 1, domain


OUTSIDE = ("", "positive", "[0, inf]", "(0, 1", "integer", "{0, 2}", "[f(m), 1]", "[0.5, 1]")
EMPTY = ("[1, 0]", "(0, 0]", "(m, m)", "[m + 1, m]", "(inf, 3)")


@pytest.mark.parametrize("text", (*OUTSIDE, *EMPTY))
def test_a_domain_outside_the_vocabulary_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected an interval"):
        declare("x", text, "x", "planted", m)


def test_a_domain_says_which_symbol_it_was_not_given() -> None:
    with pytest.raises(InputError, match="names `q`: give the symbol `q`"):
        declare("x", "[q, 1]", "x", "planted", m)


def _text(values: Mapping[str, Fraction]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())


def test_a_theorem_with_plain_symbols_is_checked_by_the_text_of_its_domains() -> None:
    base = theorems()["langevin-mixing"]
    plain = Quantity(sp.Symbol("q", positive=True), "constant", "q", "a user's own", "[0, m/2)")
    theorem = replace(base, quantities=(*base.quantities, plain))
    text = "d=2,m=1,M=2,M2=0,q="
    assert constants_from_text(text + "0", theorem.required_constants, theorem.constant_domains)["q"] == 0
    with pytest.raises(InputError, match="`q` must be in \\[0, m/2\\); got `0.5` with m = 1"):
        constants_from_text(text + "0.5", theorem.required_constants, theorem.constant_domains)
    with pytest.raises(InputError, match="domain `any`: expected an interval"):
        _ = replace(base, quantities=(replace(plain, domain="any"),)).constant_domains
