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
    return judged(relation, finding).verdict


def judged(relation: str, finding: Finding) -> ClaimRecord:
    claim = Claim("c", "q", "q", relation, r, "r")  # type: ignore[arg-type]
    return judge(claim, finding, INSTANCE, {})  # type: ignore[arg-type]


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
    assert verdict("<=", finding(0.8, interval=(0.0, 2.5))) is Verdict.SUPPORTED


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
    assert alone.verdict is Verdict.UNTESTED
    for parts, whole in (
        ((Verdict.PROVED, Verdict.SUPPORTED), Verdict.COMPOSED),
        ((Verdict.PROVED, Verdict.COMPOSED), Verdict.COMPOSED),
        ((Verdict.CONDITIONAL, Verdict.PROVED), Verdict.CONDITIONAL),
        ((Verdict.UNTESTED, Verdict.PROVED), Verdict.UNTESTED),
        ((Verdict.REFUTED, Verdict.SUPPORTED), Verdict.REFUTED),
    ):
        assert compose(step, dict(zip(("S4", "S7"), parts, strict=True))).verdict is whole
    # Without a step that it follows from nothing is known, and a claim that was measured is left as it is.
    assert compose(step, {"S5": Verdict.PROVED}).verdict is Verdict.UNTESTED
    measured = judge(claim, finding(0.5), INSTANCE, {})  # type: ignore[arg-type]
    both = StepRecord("S8", "total", ("S4",), (measured, alone))
    assert [item.verdict for item in compose(both, {"S4": Verdict.REFUTED}).claims] == [
        Verdict.SUPPORTED,
        Verdict.REFUTED,
    ]


@pytest.mark.parametrize(
    ("relation", "interval", "one_sided"),
    [
        ("<=", (0.0, 1.0), False),
        ("<=", (0.0, math.inf), False),
        ("<=", (0.0, 0.7), True),
        (">=", (0.9, 1.0), True),
        (">=", (0.0, 1.0), False),
        ("=", (0.0, 1.0), True),
    ],
)
def test_an_interval_that_excludes_nothing_supports_nothing(
    relation: str, interval: tuple[float, float], one_sided: bool
) -> None:
    record = judged(relation, finding(1.0, interval=interval, one_sided=one_sided, reason="nothing was seen"))
    assert record.verdict is Verdict.UNTESTED
    assert "excludes nothing" in record.reason or "does not confirm the claim" in record.reason
    assert record.reason.endswith(": nothing was seen")
    # Moving the ends inward by a hair makes it a test.
    inner = tuple(end + (1e-3 if end == 0.0 else -1e-3 if end == 1.0 else 0.0) for end in interval)
    held = finding(1.0, interval=(inner[0], min(inner[1], 2.0)), one_sided=one_sided)
    assert verdict(relation, held) is not Verdict.UNTESTED


def test_nothing_seen_supports_a_claim_only_where_the_other_end_confirms_it() -> None:
    """No exit in 1000 paths: a probability below 0.014 confirms a bound of 1, and says nothing of one of 1e-3."""
    assert verdict("<=", finding(0.0, interval=(0.0, 0.014))) is Verdict.SUPPORTED
    tiny = Claim("c", "q", "q", "<=", sp.Rational(1, 1000), "")
    assert judge(tiny, finding(0.0, interval=(0.0, 0.014)), INSTANCE, {}).verdict is Verdict.UNTESTED  # type: ignore[arg-type]
    assert judge(tiny, finding(5e-4, interval=(0.0, 0.014)), INSTANCE, {}).verdict is Verdict.SUPPORTED  # type: ignore[arg-type]


def test_an_estimate_within_its_own_error_of_zero_contradicts_nothing() -> None:
    claim = Claim("c", "q", "q", "<=", sp.Rational(1, 10**12), "")
    small = Finding("c", 1e-6, 1, interval=(0.0, 1e-5))
    assert judge(claim, small, INSTANCE, {}).verdict is Verdict.UNTESTED  # type: ignore[arg-type]
    apart = Finding("c", 1e-6, 1, interval=(1e-7, 1e-5))
    assert judge(claim, apart, INSTANCE, {}).verdict is Verdict.REFUTED  # type: ignore[arg-type]


def test_what_tested_nothing_does_not_count_beside_what_did() -> None:
    empty, telling = finding(0.0, interval=(0.0, 1.0)), finding(0.5, interval=(0.4, 0.6))
    found = gravest([judged("<=", empty), judged("<=", telling)])
    assert found.verdict is Verdict.SUPPORTED and found.cases == 1
    assert gravest([judged("<=", empty)] * 2).verdict is Verdict.UNTESTED


def test_draws_whose_law_is_assumed_refute_nothing_and_have_no_error_probability() -> None:
    assumption = "the chains have forgotten their start"
    beyond = {"interval": (1.1, 1.3), "confidence": 1 - 1e-6}
    assert judged("<=", finding(1.2, **beyond)).verdict is Verdict.REFUTED
    biased = judged("<=", finding(1.2, **beyond, assumption=assumption, reason="end points"))
    assert biased.verdict is Verdict.INCONCLUSIVE and biased.confidence is None
    assert f"lies beyond the claim, but only if {assumption}: end points" in biased.reason
    held = judged("<=", finding(0.5, interval=(0.4, 0.6), confidence=1 - 1e-6, assumption=assumption))
    assert held.verdict is Verdict.SUPPORTED and held.confidence is None
    assert held.reason == f"if {assumption}" and held.to_dict()["assumption"] == assumption


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
