"""Counterexamples on the boundary of the assumptions: found where a claim is false by little, none where it is true."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy as sp

from certify.prover import boundary
from certify.prover.claim import Claim
from certify.prover.prove import prove
from certify.prover.reading import read_claim
from certify.verdict import Verdict

UNIONS = ["k >= 0", "total <= a + b + c", *(f"{part} <= k*exp(-t**2/2)" for part in "abc")]
PINSKER = ["kl >= 0", "d > 0", "m > 0", "total <= sqrt(kl/2)", "kl <= d/(2*m)"]


@pytest.mark.parametrize(
    ("claim", "assumptions"),
    [
        ("total <= 2.8*k*exp(-t**2/2)", UNIONS),
        ("1.1*total <= 3*k*exp(-t**2/2)", UNIONS),
        ("total <= 0.49*sqrt(d/m)", PINSKER),
        ("s <= 9/10*n*(n - 1)", ["n in N", "n >= 2", "p >= 0", "s <= p*(n - 1)", "p <= n"]),
        ("value - log(1 + value) <= q**2/(2 - 20*q/11)", ["abs(value) <= q", "q < 1"]),
        ("x <= 1.1*sqrt(y)/m", ["m > 0", "r >= 0", "y == r**2/2", "m*x <= r"]),
    ],
)
def test_what_is_false_by_a_tenth_is_refuted(claim: str, assumptions: list[str]) -> None:
    found = prove(claim, assumptions)
    assert found.verdict is Verdict.REFUTED and found.witness
    assert all(len(str(value)) <= 24 for value in found.witness.values())


BRACKET = "{}*sqrt(x) + x/3 + 1"
RATES = ["K in N", "K >= 1", *(f"{name} > 0" for name in ("L", "t", "mu", "e", "x"))]
RATES += [f"{BRACKET.format('1.132')} <= 13/9", "13*L**2*t*x/4 <= e**2*mu", "K*x*mu <= 10*t/9"]


@pytest.mark.parametrize(
    ("claim", "assumptions"),
    [
        # At the ends of all premises the left side is 1.001 e**2, and 0.988 e**2 with 1.132 in the place of 1.187.
        (f"2*K*L**2*x**2*({BRACKET.format('1.187')}) <= e**2", RATES),
        ("x + y + z <= 0.999*sqrt(3*r)", ["x**2 + y**2 + z**2 <= r", "x > 0", "y > 0", "z > 0"]),
        ("x*y*z <= 0.0369", ["x >= 0", "y >= 0", "z >= 0", "x + y + z <= 1"]),
    ],
)
def test_what_is_false_by_a_thousandth_in_one_corner_is_refuted(claim: str, assumptions: list[str]) -> None:
    assert all(boundary.search(part, seed) for part in read_claim(claim, assumptions) for seed in range(3))


@pytest.mark.parametrize(
    ("claim", "assumptions"),
    [
        ("x + y + z <= sqrt(3*r)", ["x**2 + y**2 + z**2 <= r", "x > 0", "y > 0", "z > 0"]),
        ("x*y*z <= 1/27", ["x >= 0", "y >= 0", "z >= 0", "x + y + z <= 1"]),
        ("total <= 3*k*exp(-t**2/2)", UNIONS),
        ("total <= 0.5*sqrt(d/m)", PINSKER),
        ("s <= n*(n - 1)", ["n in N", "n >= 2", "p >= 0", "s <= p*(n - 1)", "p <= n"]),
        ("value - log(1 + value) <= q**2/(2 - 2*q)", ["abs(value) <= q", "q < 1"]),
        ("x <= 2**(1/2)*sqrt(y)/m", ["m > 0", "r >= 0", "y == r**2/2", "m*x <= r"]),
        ("x <= 0", ["x**2 == y", "x < 0"]),
        ("x**2 == 2*y", ["y == x**2/2"]),
    ],
)
def test_what_holds_has_no_counterexample(claim: str, assumptions: list[str]) -> None:
    for seed in range(2):
        assert all(boundary.search(part, seed) is None for part in read_claim(claim, assumptions))


@pytest.mark.parametrize(
    ("claim", "assumption"),
    [
        # The float next to 9/5 lies beyond it; at 7/3 there is a tie, which floats do not see.
        ("exp(x) <= 1 + x + x**2", "x <= 9/5"),
        ("log(x) < 3*x/7 - 1 + log(7/3)", "x > 0"),
        ("abs(x - y) > 0", "x >= 5/7"),
    ],
)
def test_what_fails_at_an_end_or_a_tie_alone_is_refuted(claim: str, assumption: str) -> None:
    assert prove(claim, [assumption]).verdict is Verdict.REFUTED


def test_a_defined_parameter_is_put_in_place() -> None:
    found = prove("s == 1 - exp(-2*t)", ["s == 1 - exp(-t)", "t > 0"])
    # s is irrational for every rational t > 0: the equation says what it is.
    assert found.verdict is Verdict.REFUTED and found.witness is not None and set(found.witness) == {"t"}
    found = prove("s <= x", ["2*s == x**2 + 1", "x > 1"])
    assert found.verdict is Verdict.REFUTED and found.witness is not None and set(found.witness) == {"s", "x"}
    assert 2 * found.witness["s"] == found.witness["x"] ** 2 + 1


def test_of_a_square_one_root_is_kept_and_its_sign_is_asked_for() -> None:
    (claim,) = read_claim("x >= -1", ["x**2 == y", "x < 0"])
    reduced, definitions = boundary.eliminated(claim)
    assert isinstance(reduced, Claim) and [str(symbol) for symbol, _ in definitions] == ["y"]
    (claim,) = read_claim("x >= -1", ["x**2 == 2*pi", "x < 0"])
    _, ((symbol, value),) = boundary.eliminated(claim)
    assert str(symbol) == "x" and value == sp.sqrt(2) * sp.sqrt(sp.pi) and boundary.search(claim) is None


def test_integers_are_not_defined_by_equations() -> None:
    (claim,) = read_claim("n >= 1", ["n in N", "2*n == x"])
    _, ((symbol, _),) = boundary.eliminated(claim)
    assert str(symbol) == "x"
    assert prove("n >= 1", ["n in N", "2*n == x"]).witness == {"n": Fraction(0), "x": Fraction(0)}


def test_what_is_undefined_somewhere_and_false_elsewhere_is_refuted() -> None:
    found = prove("d <= b**2/(m**2 - 1.1*b**2)", ["0 < b", "b < m", "d*(m**2 - b**2) <= b**2"])
    assert found.verdict is Verdict.REFUTED and found.witness is not None
    assert found.witness["m"] ** 2 != Fraction(11, 10) * found.witness["b"] ** 2
    # It is false nowhere, and has no value on a curve that no drawn point meets.
    found = prove("1/(1 - 121*a/(100*b)) + 1/(121*a/(100*b) - 1) == 0", ["a > 0", "b > 0"])
    assert found.verdict is Verdict.INCONCLUSIVE and "is not defined at" in found.reason
