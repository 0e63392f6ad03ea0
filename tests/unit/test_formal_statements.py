"""Claims as Coq statements: the text, its reading back, and that a changed statement does not pass."""

from __future__ import annotations

from pathlib import Path

import mpmath
import pytest
import sympy as sp

from certify.errors import InternalError
from certify.formal import coqc
from certify.formal.agreement import (
    closed_disagreement,
    disagreement,
    require_agreement,
    require_closed_agreement,
)
from certify.formal.expressions import Names, NotFormalisedError, term
from certify.formal.names import distinct, identifier
from certify.formal.reader import read_statement
from certify.formal.statement import statement_of
from certify.mechanization.formal_instance import InstanceResult
from certify.mechanization.step_proofs import every_claim
from certify.prover.algebra import at_least, at_most, below, equal
from certify.prover.mutants import mutants
from certify.verdict import Evidence, Verdict

x, y = sp.symbols("x y", positive=True)
z = sp.Symbol("z", real=True)
k = sp.Symbol("k", integer=True, nonnegative=True)
NAMES = Names({"x": "x", "y": "y", "z": "z"}, {"k": "k"})
CLAIMS = sorted(every_claim().items())
EVERY_EIGHTH = [claim for _, claim in CLAIMS[::8]]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (-(x**2), "(- x ^ 2)"),
        ((-x) ** sp.Integer(3), "(- x ^ 3)"),
        (x / (y + z), "x / (y + z)"),
        (x - y / 2, "x - y / 2"),
        (sp.Rational(-2, 3), "(- 2) / 3"),
        (x ** sp.Rational(-3, 2), "/ (sqrt x) ^ 3"),
        (sp.exp(-x), "exp ((- x))"),
        (sp.log(x + y), "ln (x + y)"),
        (sp.Max(z, 2), "Rmax 2 z"),
        ((1 + x) ** (k + 1), "(x + 1) ^ (k + 1)"),
        (k * x, "INR k * x"),
        (sp.E + sp.pi, "exp 1 + PI"),
    ],
)
def test_terms(expression: sp.Expr, text: str) -> None:
    assert term(expression, NAMES) == text


def test_a_statement_has_domains_premises_and_where_it_is_defined() -> None:
    statement = statement_of(at_most(z / y, k), (below(z, 1), at_least(1 / (z - 1), sp.log(z))))
    assert statement.text.splitlines() == [
        "forall (y z : R) (k : nat),",
        "  0 < y ->",
        "  z < 1 ->",
        "  0 < z ->",
        "  z - 1 <> 0 ->",
        "  ln z <= / (z - 1) ->",
        "  y <> 0 /\\",
        "  z / y <= INR k",
    ]


def test_text_claims_are_statements_too() -> None:
    statement = statement_of("(1 + b)**n >= 1 + n*b", ("b >= 0", "n in N"))
    assert "(n : nat)" in statement.text and "^ n" in statement.text
    require_agreement(statement, "Bernoulli")


@pytest.mark.parametrize("conclusion", [at_most(x ** sp.Rational(1, 3), x), at_most(x**z, x), at_most(2 ** (k - 1), x)])
def test_what_has_no_counterpart_is_named(conclusion: sp.Basic) -> None:
    with pytest.raises(NotFormalisedError):
        statement_of(conclusion)


def test_integers_that_may_be_negative_have_no_statement() -> None:
    with pytest.raises(NotFormalisedError, match="may be negative"):
        statement_of(at_most(sp.Symbol("j", integer=True), x))


def test_names_never_clash_with_coq_s() -> None:
    assert identifier("R") == "R_" and identifier("forall") == "forall_" and identifier("S7d+") == "S7d_plus"
    assert len(set(distinct(["a b", "a-b", "R", "R_"]).values())) == 4


@pytest.mark.parametrize("index", range(0, len(CLAIMS), 3))
def test_every_statement_reads_back_as_its_claim(index: int) -> None:
    claim = CLAIMS[index][1]
    statement = statement_of(claim.conclusion, claim.premises)
    assert disagreement(statement, statement.text) == ""


@pytest.mark.parametrize("claim", EVERY_EIGHTH, ids=lambda claim: claim.name)
def test_a_mutated_statement_is_not_taken_for_the_claim(claim: object) -> None:
    statement = statement_of(claim.conclusion, claim.premises)  # type: ignore[attr-defined]
    for mutant in list(mutants(claim.conclusion))[:12]:  # type: ignore[attr-defined]
        try:
            other = statement_of(mutant.relation, claim.premises)  # type: ignore[attr-defined]
        except (NotFormalisedError, ValueError):
            continue
        if other.text != statement.text:
            assert disagreement(statement, other.text) != "", mutant.change


@pytest.mark.parametrize(
    ("changed", "what"),
    [("0 < x ->", "number"), ("(x y : R)", "variables"), ("<= y ^ 2", "at"), ("x * y", "at")],
)
def test_a_text_that_says_something_else_is_found(changed: str, what: str) -> None:
    statement = statement_of(at_most(x * y, y**2), (at_most(x, y),))
    spoiled = {
        "0 < x ->": statement.text.replace("  0 < x ->\n", ""),
        "(x y : R)": statement.text.replace("(x y : R)", "(x y u : R)"),
        "<= y ^ 2": statement.text.replace("<= y ^ 2", "<= y ^ 3"),
        "x * y": statement.text.replace("x * y", "x + y"),
    }[changed]
    assert what in disagreement(statement, spoiled)
    with pytest.raises(InternalError):
        require_agreement(statement, "spoiled", spoiled)


@pytest.mark.parametrize("text", ["x <= y &", "forall (x : R), x <=", "x <= y <= z", "x <= f y )"])
def test_text_outside_the_grammar_is_an_error(text: str) -> None:
    with pytest.raises(InternalError):
        read_statement(text)


def test_minus_and_powers_bind_as_in_coq() -> None:
    from flint import arb

    read = read_statement("- 2 ^ 2 = - (2 ^ 2)")
    (equation,) = read.conclusions
    assert equation.left({}) == equation.right({}) == arb(-4)
    (other,) = read_statement("6 / 2 * 3 = 9").conclusions
    assert other.left({}) == other.right({})


def test_equal_claims_have_equal_texts() -> None:
    assert statement_of(equal(x, y)).digest == statement_of(equal(x, y)).digest
    assert statement_of(equal(x, y)).digest != statement_of(equal(x, 2 * y)).digest


def test_a_closed_file_brackets_every_form_and_names_its_leaves() -> None:
    from fractions import Fraction

    from certify.formal.closed import closed_file
    from certify.symbolic.functions import ChiTail

    m, w, epsilon = sp.symbols("m w epsilon", real=True)
    made = closed_file(
        "example",
        {"m": Fraction(3, 2), "epsilon": Fraction(1, 10), "unused": Fraction(1)},
        [("w", sp.sqrt(m) + sp.exp(-m)), ("v", sp.log(m))],
        [("bound", sp.Min(w, ChiTail(8, 6 * m)), epsilon, False)],
    )
    assert "Definition w : R := sqrt m + exp ((- m))." in made.text and "Lemma w_bracket" in made.text
    assert "unused" not in made.text and "ln" not in made.text, "only what the bound needs"
    (leaf,) = made.leaves
    assert leaf.meaning == "ChiTail(8, 6*m)" and 0 < leaf.low < leaf.high < Fraction(1, 10**8)
    with mpmath.workdps(40):
        truth = mpmath.gammainc(4, mpmath.mpf(81) / 2, regularized=True)
        assert mpmath.mpf(leaf.low.numerator) / leaf.low.denominator <= truth
        assert truth <= mpmath.mpf(leaf.high.numerator) / leaf.high.denominator
    assert made.theorems == ["bound"]


@pytest.mark.parametrize(
    ("leaves", "seconds", "axioms", "verdict", "evidence"),
    [
        ((), 1.0, tuple(coqc.AXIOMS), Verdict.PROVED, Evidence.KERNEL),
        (("part_0 = ChiTail(8, R)",), 1.0, tuple(coqc.AXIOMS), Verdict.PROVED, Evidence.RIGOROUS),
        ((), 1.0, (*coqc.AXIOMS, "admitted"), Verdict.INCONCLUSIVE, None),
        (("part_0 = ChiTail(8, R)",), None, None, Verdict.INCONCLUSIVE, None),
    ],
)
def test_an_instance_is_as_certain_as_the_brackets_under_it(
    leaves: tuple[str, ...],
    seconds: float | None,
    axioms: tuple[str, ...] | None,
    verdict: Verdict,
    evidence: Evidence | None,
) -> None:
    found = InstanceResult("example", Path("example.v"), ("bound",), leaves, seconds, "", axioms)
    assert (found.verdict, found.evidence) == (verdict, evidence)
    assert found.to_dict()["evidence"] == (None if evidence is None else str(evidence))


def test_every_closed_form_of_an_instance_reads_back_and_a_changed_one_does_not() -> None:
    from fractions import Fraction

    from certify.formal.closed import closed_file

    m, w, epsilon = sp.symbols("m w epsilon", real=True)
    made = closed_file(
        "example",
        {"m": Fraction(3, 4), "epsilon": Fraction(1)},
        [("w", m**90 * sp.exp(-m) + sp.sqrt(m))],
        [("bound", w / 2, epsilon, False)],
    )
    assert any("powerRZ" in text for _, text in made.terms)
    require_closed_agreement(made)
    changes = [
        (expression, text.replace(old, new))
        for expression, text in made.terms
        for old, new in ((" m", " (m + m)"), ("2", "3"), ("90", "91"), (" + ", " - "))
        if old in text
    ]
    assert len(changes) >= 4
    assert all(closed_disagreement(made, expression, text) for expression, text in changes)
    made.terms[0] = (made.terms[0][0], made.terms[1][1])
    with pytest.raises(InternalError):
        require_closed_agreement(made)
