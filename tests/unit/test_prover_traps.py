"""Claims made to trap the prover: 0^0, symbols that say more than their name, steps over points without a value."""

from __future__ import annotations

import pytest
import sympy as sp

from certify.errors import InputError
from certify.prover import monotone
from certify.prover.claim import Claim, Sign
from certify.prover.prove import prove
from certify.prover.reading import read_claim
from certify.verdict import Verdict

pytest.importorskip("z3")

POWERS = (
    ("x**(n-1) == 1", ("n in N", "n >= 1", "x == 0"), Verdict.REFUTED),
    ("x > 0", ("n in N", "n >= 1", "x >= 0", "x**(n-1) > 0"), Verdict.REFUTED),
    ("x**(n+2) == 0", ("n in Z", "n >= -2", "x == 0"), Verdict.REFUTED),
    ("sqrt(x)**(2*n-2) == 0", ("n in N", "n >= 1", "x == 0"), Verdict.REFUTED),
    ("0**(n-1) == 0", ("n in N", "n >= 2"), Verdict.PROVED),
    ("x**(n-1)*x == x**n", ("n in N", "n >= 1", "x > 0"), Verdict.PROVED),
    ("2**(n-1) >= n/2", ("n in N", "n >= 1"), Verdict.PROVED),
)


@pytest.mark.parametrize(("claim", "assumptions", "verdict"), POWERS, ids=[item[0] for item in POWERS])
def test_an_integer_power_of_zero_is_not_taken_apart(
    claim: str, assumptions: tuple[str, ...], verdict: Verdict
) -> None:
    assert prove(claim, assumptions).verdict is verdict


@pytest.mark.parametrize("sign", ["negative", "nonpositive"])
def test_a_negative_symbol_of_sympy_is_negative(sign: str) -> None:
    x = sp.Symbol("x", **{sign: True})
    assert prove(sp.Ge(sp.sqrt(x**2), 0, evaluate=False)).verdict is Verdict.PROVED
    assert prove(sp.Le(x, 0, evaluate=False)).verdict is Verdict.PROVED
    assert prove(sp.Ge(x, -1, evaluate=False)).verdict is Verdict.REFUTED


@pytest.mark.parametrize("kind", ["prime", "irrational", "rational", "even", "odd", "noninteger"])
def test_what_no_relation_says_of_a_symbol_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="may be real, an integer and of a sign, not"):
        prove(sp.Ne(sp.Symbol("x", **{kind: True}), 1, evaluate=False))


def test_two_symbols_of_one_name_are_two() -> None:
    x, other = sp.Symbol("x"), sp.Symbol("x", positive=True)
    with pytest.raises(InputError, match="two different symbols have the name"):
        prove(sp.Ge(x - other, 0, evaluate=False))
    assert prove(sp.Ge(other, 0, evaluate=False), ["x <= 1"]).verdict is Verdict.PROVED


def test_an_integer_is_one_in_texts_and_in_symbols() -> None:
    n, x = sp.Symbol("n"), sp.Symbol("x")
    half = sp.Ne(n, sp.Rational(1, 2), evaluate=False)
    assert prove(half, ["n in Z"]).verdict is not Verdict.REFUTED
    # x**n of an integer n does not make x positive.
    power = sp.Ge(x**n, 1, evaluate=False)
    assert prove("x > 0", [power, "n in N"]).verdict is Verdict.REFUTED
    assert prove(sp.Gt(x, 0, evaluate=False), ["x**n >= 1", "n in N"]).verdict is Verdict.REFUTED
    assert prove("x > 0", ["x**n >= 1", sp.Ge(sp.Symbol("n", integer=True), 0, evaluate=False)]).verdict is (
        Verdict.REFUTED
    )


@pytest.mark.parametrize(
    "function", [sp.gamma, sp.floor, sp.ceiling, sp.sign, sp.tan, lambda x: 0.1 * x, sp.Function("f")]
)
def test_what_the_prover_has_no_rule_for_is_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(InputError, match="is nothing that is known"):
        prove(sp.Ge(function(sp.Symbol("x", real=True)), 0, evaluate=False))


def test_hyperbolic_functions_of_sympy_are_exponentials() -> None:
    x = sp.Symbol("x", real=True)
    assert prove(sp.Ge(sp.cosh(x), 1, evaluate=False)).verdict is Verdict.PROVED
    assert prove(sp.Ge(sp.tanh(x), 1, evaluate=False)).verdict is Verdict.REFUTED


def values_without_a_claim(claim: Claim, argument: str) -> set[tuple[sp.Expr, Sign]]:
    """What the parts of a split take to be defined without showing it."""
    (split,) = (item for item in monotone.splits(claim) if item.argument == argument)
    return {
        (condition.expression, condition.sign)
        for part in split.parts
        for assumption in part.assumptions
        for condition in assumption.defined_where
    }


def test_a_derivative_does_not_step_over_a_point_that_an_assumption_leaves_out() -> None:
    """-1/(x - 1) rises from 1 at 0, and is negative beyond 1; (x - 1)/(x - 1) is 1 on both sides."""
    (claim,) = read_claim("-1/(x-1) >= 1", ["x >= 0", "(x-1)/(x-1) >= 0"])
    assert values_without_a_claim(claim, "from x = 0 along the derivative in x") == set()


def test_induction_does_not_step_over_a_number_that_is_left_out() -> None:
    """The claim's own condition n != 3 would make the step from 3 to 4 empty."""
    (claim,) = read_claim("(n-3)/(n-3)*(3-n) >= 0", ["n in N", "n != 3"])
    assert values_without_a_claim(claim, "induction over n") == set()


@pytest.mark.parametrize(
    ("claim", "assumptions"),
    [
        ("2**n != 4**m", ("n in N", "m in N", "n >= 10**12", "m >= 10**12")),
        ("2**x >= 3", ("x >= 10**12", "x <= 10**12")),
    ],
)
def test_huge_exponents_are_not_multiplied_out(claim: str, assumptions: tuple[str, ...]) -> None:
    assert prove(claim, assumptions).verdict is not Verdict.NOT_APPLICABLE


def test_a_tower_of_allowed_powers_is_refused() -> None:
    with pytest.raises(InputError, match="binary digits"):
        prove("((10**4096)**4096)**4096 > x")


@pytest.mark.parametrize(
    ("claim", "assumptions", "verdict"),
    [
        ("x <= 10**400", (), Verdict.INCONCLUSIVE),
        ("x > 1e500", (), Verdict.REFUTED),
        ("x**2 + 10**400 >= 0", (), Verdict.PROVED),
        ("x*10**400/(3*10**400 - 1) <= x", (), Verdict.REFUTED),
        ("n <= 10**400", ("n in N", "n >= 10**401"), Verdict.INCONCLUSIVE),
        ("x <= 3", ("x >= 10**401", "x <= 10**402"), Verdict.INCONCLUSIVE),
        ("x <= 10**403", ("x >= 10**401", "x <= 10**402"), Verdict.PROVED),
        ("exp(-x)*x <= 1", ("x >= 1/10**401", "x <= 10**402"), Verdict.PROVED),
    ],
)
def test_numbers_beyond_the_floats_are_numbers(claim: str, assumptions: tuple[str, ...], verdict: Verdict) -> None:
    assert prove(claim, assumptions).verdict is verdict
