"""What a record says of its claim, field by field, and verdicts at the very edge of a claim."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest
import sympy as sp
from flint import arb

from certify.proof.judgement import compose, decide, gravest, judge, slack, unmeasured
from certify.proof.records import ClaimRecord, StepRecord, Witness
from certify.proof.theorem import Claim, Finding, Relation
from certify.symbolic.evaluation import evaluate_ball
from certify.verdict import Evidence, Verdict

r = sp.Symbol("r")
INSTANCE = SimpleNamespace(seed=7, enclosure=lambda bound, at: evaluate_ball(bound, {k: arb(v) for k, v in at.items()}))
TEX = {"r": r"\varrho"}


def record(relation: Relation, measured: float, r_value: float = 1.0, **fields: object) -> ClaimRecord:
    claim = Claim("c", "q", r"\mathcal{q}", relation, r, "all r")
    finding = Finding("c", measured, 5, at={"r": r_value}, **fields)  # type: ignore[arg-type]
    found = judge(claim, finding, INSTANCE, TEX)  # type: ignore[arg-type]
    assert decide(claim, finding, INSTANCE) is found.verdict  # type: ignore[arg-type]
    return found


def test_a_record_repeats_claim_and_finding() -> None:
    witness = Witness("here", {})
    found = record("<=", 0.5, 2.0, interval=(0.25, 0.75), confidence=0.99, witness=witness, reason="because")
    assert (found.name, found.text, found.relation) == ("c", "q <= r for all r", "<=")
    assert found.latex == r"\mathcal{q} \leq \varrho"
    assert (found.claimed, found.measured, found.slack, found.cases, found.seed) == (2.0, 0.5, 4.0, 5, 7)
    assert (found.confidence, found.interval, found.witness) == (0.99, (0.25, 0.75), witness)
    assert (found.reason, found.assumption, found.evidence) == ("because", "", Evidence.STATISTICAL)
    assert record("<=", 0.5, composed=True).verdict is Verdict.UNTESTED


def test_the_claimed_number_is_rounded_to_the_side_that_keeps_the_claim_true() -> None:
    third = sp.Rational(1, 3)
    instance = SimpleNamespace(seed=0, enclosure=lambda bound, at: evaluate_ball(bound, {}))
    sides = {
        relation: judge(Claim("c", "q", "q", relation, third, ""), Finding("c", 0.3, 1), instance, {}).claimed  # type: ignore[arg-type]
        for relation in ("<=", ">=", "=")
    }
    assert Fraction(sides[">="]) * 3 < 1 < Fraction(sides["<="]) * 3
    assert sides[">="] <= sides["="] <= sides["<="] <= sides[">="] + 2.0**-53


def test_what_could_not_be_measured_says_so() -> None:
    found = unmeasured(Claim("c", "q", "q", "<=", r, "all r"), 3, TEX, "no chain")
    assert (found.name, found.text, found.latex, found.relation) == ("c", "q <= r for all r", r"q \leq \varrho", "<=")
    assert (found.verdict, found.evidence) == (Verdict.INCONCLUSIVE, Evidence.STATISTICAL)
    assert all(math.isnan(number) for number in (found.claimed, found.measured, found.slack))
    assert (found.cases, found.seed, found.reason) == (0, 3, "no chain")


def test_only_composed_claims_take_the_verdict_of_others() -> None:
    own, composed = record("<=", 0.5), record("<=", math.nan, composed=True)
    step = compose(StepRecord("S8", "total", ("S4",), (own, composed)), {"S4": Verdict.REFUTED, "S5": Verdict.PROVED})
    assert [claim.verdict for claim in step.claims] == [Verdict.SUPPORTED, Verdict.REFUTED]
    assert (step.label, step.title, step.uses) == ("S8", "total", ("S4",))


@pytest.mark.parametrize(
    ("relation", "interval", "verdict"),
    [
        ("<=", (3.0, 3.2), Verdict.INCONCLUSIVE),
        ("<=", (math.nextafter(3.0, 4.0), 3.2), Verdict.REFUTED),
        (">=", (2.8, 3.0), Verdict.INCONCLUSIVE),
        (">=", (2.8, math.nextafter(3.0, 0.0)), Verdict.REFUTED),
        ("=", (3.0, 3.2), Verdict.INCONCLUSIVE),
        ("=", (2.8, 3.0), Verdict.INCONCLUSIVE),
        ("=", (3.1, 3.2), Verdict.REFUTED),
        ("=", (2.8, 2.9), Verdict.REFUTED),
    ],
)
def test_an_interval_that_touches_the_claim_does_not_refute_it(
    relation: Relation, interval: tuple[float, float], verdict: Verdict
) -> None:
    found = record(relation, sum(interval) / 2, 3.0, interval=interval)
    assert found.verdict is verdict
    if verdict is Verdict.INCONCLUSIVE:
        assert found.reason == "the estimate violates the claim, its interval does not: take more cases"


def test_a_refuting_interval_is_printed_outward() -> None:
    found = record("<=", 1.2, interval=(1.1000004, 1.3000004))
    assert found.reason == "the interval [1.10000, 1.30001] lies beyond the claim"


def test_one_number_that_is_not_known_is_enough_to_decide_nothing() -> None:
    for found in (record("<=", math.nan), record("<=", 0.5, math.nan)):
        assert found.verdict is Verdict.INCONCLUSIVE
        assert found.reason == "no number could be measured or claimed here"
    assert record("<=", math.nan, reason="too wide").reason == "too wide"


def test_a_tie_keeps_what_a_hypothesis_or_a_reason_says() -> None:
    def tie() -> arb:
        return arb(1, 1e-14)

    above = 1.0 + 1e-15
    resolution = "the float is 1.1e-15 beyond the claim, below the resolution of the comparison"
    attained = f"attained: equal to the claim to working precision; {resolution}"
    proof = {"evidence": Evidence.RIGOROUS, "exhaustive": True, "recheck": tie}
    assert (record("<=", above, **proof).verdict, record("<=", above, **proof).reason) == (Verdict.SUPPORTED, attained)
    assert record("<=", above, **proof, reason="by symmetry").reason == f"by symmetry; {resolution}"
    assert record("<=", above, **proof, hypothesis="P is one-way").verdict is Verdict.CONDITIONAL
    assert record("<=", above, **{**proof, "evidence": Evidence.SYMBOLIC}).verdict is Verdict.PROVED
    assert record("<=", above, recheck=tie).verdict is Verdict.SUPPORTED
    assert record("=", above, evidence=Evidence.RIGOROUS, exhaustive=True).verdict is Verdict.INCONCLUSIVE
    assert record("=", above, **proof).verdict is Verdict.PROVED


def test_a_violation_without_a_ball_keeps_its_reason() -> None:
    assert record("<=", 1.1).reason == "the float value violates the claim and has no ball to decide it"
    assert record("<=", 1.1, reason="overflow").reason == "overflow"
    assert record("<=", 1.1, recheck=lambda: arb(1.1, 0.5)).reason == "the re-check in balls could not decide"
    refuted = record("<=", 1.5, recheck=lambda: arb(1.5))
    assert refuted.reason.startswith("re-checked in balls: 1.5") and "against 1" in refuted.reason


@pytest.mark.parametrize(("width", "verdict"), [(1e-10, Verdict.SUPPORTED), (1e-7, Verdict.INCONCLUSIVE)])
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_how_wide_a_ball_may_be_to_call_a_tie(size: float, width: float, verdict: Verdict) -> None:
    measured = size * (1 + 1e-12)
    assert record("<=", measured, size, recheck=lambda: arb(measured, width * size)).verdict is verdict


def test_slack_has_the_sign_of_what_is_violated() -> None:
    assert slack("<=", -1.0, 0.0) == -math.inf and slack(">=", 0.0, -1.0) == -math.inf
    assert slack(">=", 0.0, 1.0) == math.inf
    assert slack("=", 3.0, 1.5) == 2.0


def test_the_gravest_identity_is_the_one_farthest_off_relative_to_its_claim() -> None:
    near, far = record("=", 100.5, 100.0), record("=", 1.2, 1.0)
    near, far = (replace(item, verdict=Verdict.SUPPORTED) for item in (near, far))
    assert gravest([near, far]).measured == gravest([far, near]).measured == 1.2
    zero = replace(record("=", 1e-3, 0.0), verdict=Verdict.SUPPORTED)
    assert gravest([near, zero, far]).measured == 1e-3
    # A bound whose slack is not a number does not hide one that is.
    unknown = replace(record("<=", 0.5), slack=math.nan)
    assert gravest([unknown, record("<=", 0.9)]).measured == 0.9
    assert gravest([record("<=", 0.9), replace(near, cases=2)]).cases == 7


def test_a_claim_that_holds_has_a_slack_of_at_least_one() -> None:
    """The float lies beyond the claim, the ball does not: the slack is the ball's, and the reason says by how much."""
    found = record("<=", 1.0 + 1e-15, evidence=Evidence.STATISTICAL, exhaustive=False, recheck=lambda: arb(0.5))
    assert (found.verdict, found.slack) == (Verdict.SUPPORTED, 2.0)
    assert "below the resolution of the comparison" in found.reason
    beyond = record("<=", 1.0 + 1e-15, evidence=Evidence.STATISTICAL, exhaustive=False, recheck=lambda: arb(2))
    assert beyond.verdict is Verdict.REFUTED and beyond.slack < 1.0
