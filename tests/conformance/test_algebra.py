"""The algebra of every discovered theorem: proved, recorded as it is, resting on known leaves, and false if changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import sympy as sp

from certify.cli.main import main
from certify.discovery.registry import algebra_of, load_theorem, recorded_proofs, theorems
from certify.mechanization.step_proofs import claim_proof, every_claim, proof_entry, step_proofs, unknown_leaves
from certify.prover.algebra import AlgebraicClaim, at_least, at_most, below
from certify.prover.proof_records import StepProof
from certify.prover.prove import METHOD_VERSION
from certify.report.ledger import ledger_page
from certify.symbolic.declaration import declare
from certify.verdict import Evidence, Verdict
from theorems.strong_invertibility.algebra import ALGEBRA
from theorems.strong_invertibility.statement import R0, curvature_lower

pytest.importorskip("z3")

ROOT = Path(__file__).parents[2]


@cache
def first_with_it() -> dict[str, str]:
    """By a claim's digest the first of the theorems that rest on it."""
    return {
        claim.digest: name
        for name in sorted(theorems(), reverse=True)
        for claims in algebra_of(load_theorem(name)).values()
        for claim in claims
    }


@pytest.mark.parametrize("name", sorted(theorems()))
def test_every_claim_is_proved_anew(name: str) -> None:
    """A claim that several theorems share once, at the first of them."""
    algebra = algebra_of(load_theorem(name))
    assert algebra
    assert set(first_with_it()) == set(every_claim())
    undecided = {
        (label, claim.name): str(found)
        for label, claims in algebra.items()
        for claim in claims
        if first_with_it()[claim.digest] == name and (found := claim.prove()).verdict is not Verdict.PROVED
    }
    assert undecided == {}


@pytest.mark.parametrize("name", sorted(theorems()))
def test_algebra_belongs_to_steps_and_rests_on_known_leaves(name: str) -> None:
    theorem = load_theorem(name)
    assert set(algebra_of(theorem)) <= {step.label for step in theorem.steps}
    assert unknown_leaves(theorem) == ()
    for proof in step_proofs(theorem).values():
        assert proof.verdict is Verdict.PROVED and proof.evidence in (Evidence.KERNEL, Evidence.SYMBOLIC)


def test_the_record_has_exactly_the_claims_that_there_are() -> None:
    recorded = recorded_proofs()
    assert set(recorded) == set(every_claim()), "run `make proofs`"
    assert {entry["prover"] for entry in recorded.values()} == {METHOD_VERSION}


def test_the_ledger_has_not_grown_unnoticed() -> None:
    assert (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8") == ledger_page(), "run `make proofs` and read it"


def test_a_changed_claim_is_not_covered_by_its_record() -> None:
    (claim, *_) = ALGEBRA["S2"]
    wrong = replace(claim, conclusion=sp.GreaterThan(claim.conclusion.lhs, 2 * curvature_lower(R0), evaluate=False))
    assert wrong.digest != claim.digest
    assert claim_proof(wrong, recorded_proofs()).verdict is Verdict.REFUTED


def test_a_record_of_another_prover_is_not_believed() -> None:
    x = sp.Symbol("x", positive=True)
    false = AlgebraicClaim("false", at_most(x, 1))
    forged = {"verdict": "proved", "evidence": "kernel", "method": "", "prover": METHOD_VERSION - 1}
    assert claim_proof(false, {false.digest: forged}).verdict is Verdict.REFUTED


def test_coq_s_word_holds_for_the_very_statement_alone() -> None:
    recorded = recorded_proofs()
    (claim, *_) = ALGEBRA["S2"]
    assert claim_proof(claim, recorded).evidence is Evidence.KERNEL
    entry = recorded[claim.digest]
    other = {**entry, "kernel": {**entry["kernel"], "statement": "0" * 16}}
    assert claim_proof(claim, {claim.digest: other}).evidence is Evidence.SYMBOLIC
    refuted = {**entry, "verdict": "refuted", "evidence": "rigorous"}
    assert claim_proof(claim, {claim.digest: refuted}).evidence is Evidence.RIGOROUS


def test_coq_checks_at_least_nine_claims_in_ten() -> None:
    recorded, claims = recorded_proofs(), every_claim()
    checked = [key for key, claim in claims.items() if claim_proof(claim, recorded).evidence is Evidence.KERNEL]
    assert len(checked) >= 0.9 * len(claims)


def test_a_symbol_s_domain_is_part_of_a_claim() -> None:
    positive, real = sp.Symbol("x", positive=True), sp.Symbol("x", real=True)
    first, second = AlgebraicClaim("a", at_most(-positive, 0)), AlgebraicClaim("a", at_most(-real, 0))
    assert first.digest != second.digest
    assert first.prove().verdict is Verdict.PROVED and second.prove().verdict is Verdict.REFUTED


def bounded(domain: str) -> tuple[sp.Symbol, sp.Symbol, sp.Symbol]:
    """mu, L and an eigenvalue c in the domain."""
    mu = declare("mu", "(0, inf)", r"\mu", "least")
    largest = declare("L", "[mu, inf)", "L", "largest", mu)
    return mu, largest, declare("c", domain, "c", "an eigenvalue", mu, largest)


def test_a_counterexample_beyond_a_domain_is_none() -> None:
    mu, _, c = bounded("[mu, L]")
    # c alone names mu and L, and mu <= L is known of L alone.
    for conclusion in (at_least(c, mu), below(0, c), at_most(mu / c, 1)):
        assert AlgebraicClaim("true", conclusion).prove().verdict is Verdict.PROVED
    open_ended = declare("h", "(0, 2/(mu + c))", "h", "step", mu, c)
    assert AlgebraicClaim("true", below(open_ended * c, 2)).prove().verdict is Verdict.PROVED
    for conclusion in (at_most(c, mu), at_least(c, 2 * mu), at_most(open_ended * c, 1)):
        found = AlgebraicClaim("false", conclusion).prove()
        assert found.verdict is Verdict.REFUTED and found.witness is not None
        assert found.witness["c"] >= found.witness["mu"]
    nothing = AlgebraicClaim("of nothing", at_most(c, -1), (at_most(c, mu / 2),)).prove()
    assert nothing.verdict is Verdict.NOT_APPLICABLE
    assert AlgebraicClaim("false", at_most(bounded("[mu, 3]")[2], 2)).prove().verdict is Verdict.REFUTED


def test_a_proof_that_a_domain_makes_speak_of_nothing_is_none() -> None:
    mu, _, c = bounded("[mu, L]")
    assert AlgebraicClaim("true", at_least(c + mu, c), (at_most(c, 2 * mu),)).prove().verdict is Verdict.PROVED
    nothing = AlgebraicClaim("of nothing", at_least(c + mu, c), (at_most(c, mu / 2),)).prove()
    assert nothing.verdict is Verdict.NOT_APPLICABLE and "c >= mu" in nothing.assumptions


def test_an_end_without_a_value_bounds_nothing() -> None:
    c = declare("c", "[3, inf)", "c", "")
    b = declare("b", "(0, 1/(c - 3))", "b", "", c)
    found = AlgebraicClaim("false at c = 3", below(b * (c - 3) ** 2, c - 3)).prove()
    assert found.verdict is Verdict.REFUTED and found.witness is not None and found.witness["c"] == 3
    found = AlgebraicClaim("true", at_most(b * (c - 3), 1)).prove()
    assert found.verdict is Verdict.INCONCLUSIVE and "`b < 1/(c - 3)` has no value everywhere" in found.reason
    stated = AlgebraicClaim("true", at_most(b * (c - 3), 1), (at_most(b * (c - 3), 1),))
    assert stated.prove().verdict is Verdict.PROVED
    # 0/0 at m = 0.
    m, k = declare("m", "[0, inf)", "m", ""), declare("k", "[0, inf)", "k", "")
    assert AlgebraicClaim("false", below(declare("b", "(0, m/k)", "b", "", m, k) * k, m)).prove().verdict is (
        Verdict.REFUTED
    )


def test_a_claim_need_be_defined_inside_the_domains_alone() -> None:
    x = declare("x", "(1, inf)", "x", "")
    assert AlgebraicClaim("true", at_most(sp.log(x - 1), x - 2)).prove().verdict is Verdict.PROVED


def test_symbols_are_one_only_if_their_ends_are() -> None:
    """sympy keeps results by equality, and would put the one in the place of the other."""
    largest = [
        declare("L", "[mu, inf)", "L", "", declare("mu", domain, "m", "")) for domain in ("[5, inf)", "(0, inf)")
    ]
    assert largest[0] != largest[1]
    true, false = (AlgebraicClaim("a", at_least(symbol**2, 25)) for symbol in largest)
    assert true.prove().verdict is Verdict.PROVED and false.prove().verdict is Verdict.REFUTED


def test_what_is_known_of_a_symbol_that_an_end_names_is_part_of_a_claim() -> None:
    """With an integer c in place of a real one, c (1 - c) <= 0, and b can only be 0."""
    first, second = (
        AlgebraicClaim("a", at_most(declare("b", "[0, c (1 - c)]", "b", "", declare("c", domain, "c", "")), 0))
        for domain in ("integer >= 0", "[0, inf)")
    )
    assert first.digest != second.digest
    assert claim_proof(second, {first.digest: proof_entry(first)}).verdict is Verdict.REFUTED


def test_a_record_that_rests_on_the_ends_of_a_domain_is_believed_with_these_alone() -> None:
    (mu, _, narrow), (_, _, wide) = bounded("[mu, L]"), bounded("(0, L]")
    true, false = (AlgebraicClaim("a", at_least(c, mu)) for c in (narrow, wide))
    assert true.digest == false.digest
    entry = proof_entry(true)
    assert claim_proof(true, {true.digest: {**entry, "method": "kept"}}).method == "kept"
    found = claim_proof(false, {false.digest: entry})
    assert found.verdict is Verdict.REFUTED and "a counterexample: " in found.method and "c = " in found.method


def planted_fault(claims: Sequence[AlgebraicClaim]) -> tuple[AlgebraicClaim, AlgebraicClaim]:
    """A claim with a bound, and a false copy of it: the bound is moved until the prover has a witness."""
    for target in claims:
        conclusion = target.conclusion
        if not isinstance(conclusion, (sp.LessThan, sp.GreaterThan)):
            continue
        for factor in (sp.Rational(1, 10), sp.Integer(-1), sp.Integer(10)):
            moved = type(conclusion)(conclusion.lhs, factor * conclusion.rhs, evaluate=False)
            planted = replace(target, conclusion=moved)
            if planted.prove().verdict is Verdict.REFUTED:
                return target, planted
    raise AssertionError("no claim of the theorem has a bound that can be false")


@pytest.mark.parametrize("name", sorted(theorems()))
def test_a_planted_fault_is_refuted_at_the_step_where_it_stands(name: str) -> None:
    algebra = algebra_of(load_theorem(name))
    target, planted = planted_fault([claim for claims in algebra.values() for claim in claims])
    recorded = recorded_proofs()
    changed = {
        label: tuple(planted if claim is target else claim for claim in claims) for label, claims in algebra.items()
    }
    verdicts = {
        label: StepProof(tuple(claim_proof(claim, recorded) for claim in claims)).verdict
        for label, claims in changed.items()
    }
    where = {label for label, claims in algebra.items() if target in claims}
    assert where and {label for label, verdict in verdicts.items() if verdict is Verdict.REFUTED} == where
    assert {verdict for label, verdict in verdicts.items() if label not in where} <= {Verdict.PROVED}


def test_no_claim_is_true_as_it_is_written() -> None:
    empty = [
        claim.name
        for claim in every_claim().values()
        if isinstance(claim.conclusion, sp.Basic)
        and (claim.conclusion in (sp.true, sp.false) or claim.conclusion.lhs == claim.conclusion.rhs)
    ]
    assert empty == [], "sympy made the two sides equal: name a part of them and say what it is in a premise"


def test_formulas_are_printed_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "strong-invertibility", "--formulas"]) == 0
    printed = capsys.readouterr().out
    assert "Taken from the literature" in printed and "descent lemma" in printed and "proved: z3" in printed
    for name in ("latex", "markdown", "csv", "html"):
        assert main(["show", "one-way", "--formulas", "--format", name]) == 0
        assert "one-way permutation" in capsys.readouterr().out
    assert main(["show", "one-way", "--formulas", "--format", "word"]) == 2


def test_a_changed_copy_of_a_theorem_does_not_take_the_original_s_algebra() -> None:
    theorem = load_theorem("strong-invertibility")
    copy = replace(theorem, title="a copy with another statement")
    assert algebra_of(theorem) and algebra_of(copy) == {} and step_proofs(copy) == {}
