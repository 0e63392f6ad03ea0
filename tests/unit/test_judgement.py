"""How a finding becomes a verdict: what refutes, what is a tie, what stays undecided."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import sympy as sp
from flint import arb

import certify
from certify.proof.judgement import compose, gravest, judge, slack
from certify.proof.records import ClaimRecord, StepRecord
from certify.proof.theorem import Claim, Finding
from certify.symbolic.evaluation import evaluate_ball
from certify.verdict import Evidence, Verdict

r = sp.Symbol("r")
INSTANCE = SimpleNamespace(seed=0, enclosure=lambda bound, at: evaluate_ball(bound, {k: arb(v) for k, v in at.items()}))


def verdict(relation: str, finding: Finding) -> Verdict:
    claim = Claim("c", "q", "q", relation, r, "r")  # type: ignore[arg-type]
    return judge(claim, finding, INSTANCE, {}).verdict  # type: ignore[arg-type]


def finding(measured: float, **fields: object) -> Finding:
    return Finding("c", measured, 1, at={"r": 1.0}, **fields)  # type: ignore[arg-type]


def test_a_sampled_case_that_holds_is_supported_never_proved() -> None:
    assert verdict("<=", finding(0.5)) is Verdict.SUPPORTED
    assert verdict(">=", finding(1.5)) is Verdict.SUPPORTED
    assert verdict("<=", finding(0.5, exhaustive=True)) is Verdict.SUPPORTED
    assert verdict("<=", finding(0.5, evidence=Evidence.RIGOROUS)) is Verdict.SUPPORTED


def test_rigorous_evidence_on_the_whole_domain_is_a_proof() -> None:
    assert verdict("<=", finding(0.5, evidence=Evidence.RIGOROUS, exhaustive=True)) is Verdict.PROVED


def test_a_float_violation_alone_decides_nothing() -> None:
    assert verdict("<=", finding(1.1)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("relation", "value"), [("<=", 1.1), (">=", 0.9), ("=", 1.1)])
def test_a_violation_confirmed_in_balls_refutes(relation: str, value: float) -> None:
    assert verdict(relation, finding(value, recheck=lambda: arb(value, 1e-12))) is Verdict.REFUTED


def test_a_tie_to_working_precision_holds() -> None:
    assert verdict("<=", finding(1.0 + 1e-15, recheck=lambda: arb(1, 1e-14))) is Verdict.SUPPORTED


def test_a_rounding_error_in_floats_is_repaired_by_the_recheck() -> None:
    assert verdict("<=", finding(1.0 + 1e-9, recheck=lambda: arb(1 - 1e-9, 1e-14))) is Verdict.SUPPORTED


def test_a_recheck_that_is_too_wide_decides_nothing() -> None:
    assert verdict("<=", finding(1.1, recheck=lambda: arb(1.1, 0.5))) is Verdict.INCONCLUSIVE
    assert verdict("<=", finding(1.1, recheck=lambda: arb("nan"))) is Verdict.INCONCLUSIVE


def test_an_interval_beyond_the_claim_refutes_and_one_across_it_does_not() -> None:
    assert verdict("<=", finding(1.2, interval=(1.1, 1.3))) is Verdict.REFUTED
    assert verdict("<=", finding(1.1, interval=(0.9, 1.3))) is Verdict.INCONCLUSIVE
    assert verdict("<=", finding(0.9, interval=(0.7, 1.3))) is Verdict.SUPPORTED
    assert verdict(">=", finding(0.8, interval=(0.7, 0.9))) is Verdict.REFUTED
    assert verdict("<=", finding(0.8, interval=(0.0, math.inf))) is Verdict.SUPPORTED


def test_a_one_sided_interval_is_decided_by_its_informative_end() -> None:
    assert verdict("<=", finding(1.1, interval=(0.9, 2.0), one_sided=True)) is Verdict.SUPPORTED
    assert verdict("<=", finding(1.1, interval=(1.05, 2.0), one_sided=True)) is Verdict.REFUTED


def test_nan_is_inconclusive() -> None:
    assert verdict("<=", finding(math.nan)) is Verdict.INCONCLUSIVE


def test_slack_is_large_when_loose_and_one_when_tight() -> None:
    assert slack("<=", 2.0, 1.0) == 2.0
    assert slack(">=", 1.0, 2.0) == 2.0
    assert slack("<=", 1.0, 1.0) == 1.0
    assert slack("<=", 0.0, 0.0) == 1.0
    assert slack("<=", 1.0, 0.0) == math.inf


def test_the_gravest_case_speaks_and_all_cases_count() -> None:
    claim = Claim("c", "q", "q", "<=", r, "r")

    def records(*cases: Finding) -> list[ClaimRecord]:
        return [judge(claim, case, INSTANCE, {}) for case in cases]  # type: ignore[arg-type]

    tight = gravest(
        records(
            Finding("c", 0.5, 10, at={"r": 1.0}),
            Finding("c", 0.9, 20, at={"r": 1.0}),
            Finding("c", 0.9, 30, at={"r": 9.0}),
        )
    )
    assert (tight.measured, tight.claimed, tight.cases) == (0.9, 1.0, 60)
    loose_but_refuted = records(finding(1.2, interval=(0.9, 1.5)), finding(1.1, interval=(1.09, 1.11)))
    assert gravest(loose_but_refuted).verdict is Verdict.REFUTED
    assert gravest(records(finding(math.nan), finding(1.1, interval=(1.09, 1.11)))).verdict is Verdict.REFUTED
    assert gravest(records(finding(0.5), finding(math.nan))).verdict is Verdict.INCONCLUSIVE


def test_a_composed_claim_takes_the_weakest_verdict_of_the_steps_it_uses() -> None:
    claim = Claim("c", "q", "q", "<=", r, "r")
    alone = judge(claim, finding(math.nan, composed=True), INSTANCE, {})  # type: ignore[arg-type]
    step = StepRecord("S8", "total", ("A1", "S4", "S7"), (alone,))
    assert alone.verdict is Verdict.INCONCLUSIVE
    assert compose(step, {"S4": Verdict.PROVED, "S7": Verdict.SUPPORTED}).verdict is Verdict.SUPPORTED
    assert compose(step, {"S4": Verdict.REFUTED, "S7": Verdict.SUPPORTED}).verdict is Verdict.REFUTED
    assert compose(step, {}).verdict is Verdict.INCONCLUSIVE


def test_what_holds_under_a_hypothesis_is_conditional_and_a_violation_stays_a_refutation() -> None:
    claim = Claim("c", "q", "q", "<=", r, "r")
    proof = finding(0.5, evidence=Evidence.RIGOROUS, exhaustive=True, hypothesis="P is one-way")
    record = judge(claim, proof, INSTANCE, {})  # type: ignore[arg-type]
    assert record.verdict is Verdict.CONDITIONAL and "if P is one-way" in record.reason
    assert verdict("<=", finding(2.0, hypothesis="P is one-way", recheck=lambda: arb(2))) is Verdict.REFUTED


@pytest.mark.parametrize("beta", ["1e-20", "1e-149"])
def test_a_posterior_below_the_spacing_of_floats_is_not_measured(beta: str) -> None:
    # Its mode cannot be written down to its own width: a distance of 1 between two laws there is rounding.
    result = certify.check("gaussian-encoder", "linear:d=2,kappa=2,seed=0", beta=beta)
    record = result.theorems[0]
    assert record.verdict is Verdict.INCONCLUSIVE and result.exit_code == 3
    assert all("nothing can be measured" in claim.reason for step in record.steps for claim in step.claims)


def test_overlapping_balls_prove_no_inequality() -> None:
    # The truth is somewhere in [0, 2e-16], the claim is 1e-30: the two are equal to within 1e-9, which is no proof.
    finding = Finding("claim", 2e-16, 1, Evidence.RIGOROUS, exhaustive=True, recheck=lambda: arb(0).union(arb("2e-16")))
    claim = Claim("claim", "q", "q", "<=", sp.Rational(1, 10**30), "")
    generator = SimpleNamespace(seed=0, enclosure=lambda bound, at: evaluate_ball(bound, {}))
    assert judge(claim, finding, generator, {}).verdict is Verdict.SUPPORTED
    certain = Claim("claim", "q", "q", "<=", sp.Rational(1, 10**15), "")
    assert judge(certain, finding, generator, {}).verdict is Verdict.PROVED
