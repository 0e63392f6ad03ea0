"""From a finding to a verdict: the one place where a measurement is held against a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flint import arb

from certify.arithmetic.balls import lower, midpoint, precision, upper
from certify.arithmetic.rounding import decimal_text, interval_text
from certify.proof.instance import Instance
from certify.proof.records import ClaimRecord, StepRecord
from certify.proof.theorem import Claim, Finding, Relation
from certify.verdict import Evidence, Verdict, weakest_verdict

_TIE_WIDTH = arb("1e-9")
"""A re-check whose ball is wider than this says too little to call an overlap a tie."""

_LEAST, _LARGEST = (0.0, -math.inf), (1.0, math.inf)
"""Ends of an interval that say nothing: a number is at least 0, a probability at most 1."""


def judge(claim: Claim, finding: Finding, instance: Instance, tex: Mapping[str, str]) -> ClaimRecord:
    """Record of one claim at its tightest case.

    A statistical estimate refutes when its whole interval lies on the wrong side of the claim and rests on nothing but
    its error probability. A computed value refutes when its ball, recomputed at the witness, does: a float comparison
    only raises the suspicion. What excludes nothing is `untested`, and `compose` then looks at the steps it uses.
    """
    with precision():
        claimed = instance.enclosure(claim.bound, finding.at)
        verdict, reason = _verdict(claim.relation, claimed, finding)
        number = _outward(claim.relation, claimed)
        ratio = slack(claim.relation, number, finding.measured)
        if verdict.holds and ratio < 1.0:
            ratio, finer = _resolved(claim.relation, claimed, number, finding)
            reason = "; ".join(part for part in (reason, finer) if part)
    return ClaimRecord(
        name=claim.name,
        text=claim.text,
        latex=claim.latex(tex),
        relation=claim.relation,
        verdict=verdict,
        evidence=finding.evidence,
        claimed=number,
        measured=finding.measured,
        slack=ratio,
        cases=finding.cases,
        seed=instance.seed,
        confidence=None if finding.assumption else finding.confidence,
        assumption=finding.assumption,
        interval=finding.interval,
        witness=finding.witness,
        reason=reason,
    )


def decide(claim: Claim, finding: Finding, instance: Instance) -> Verdict:
    """The verdict of `judge` alone, without a record: where many variants of a claim are held against one finding."""
    with precision():
        return _verdict(claim.relation, instance.enclosure(claim.bound, finding.at), finding)[0]


def compose(record: StepRecord, verdicts: Mapping[str, Verdict]) -> StepRecord:
    """The step with each claim that nothing tested as strong as the weakest of the steps it follows from.

    Where these are established it is `composed`; where it uses no step it stays `untested`.
    """
    parts = [verdicts[label] for label in record.uses if label in verdicts]
    if not parts:
        return record
    weakest = weakest_verdict(parts)
    verdict = Verdict.COMPOSED if weakest.rank <= Verdict.COMPOSED.rank else weakest
    claims = tuple(
        replace(claim, verdict=verdict) if claim.verdict is Verdict.UNTESTED else claim for claim in record.claims
    )
    return replace(record, claims=claims)


def slack(relation: Relation, claimed: float, measured: float) -> float:
    """claimed/measured for an upper bound, measured/claimed for a lower bound; 1 is tight, large is loose."""
    numerator, denominator = (measured, claimed) if relation == ">=" else (claimed, measured)
    if numerator == denominator:
        return 1.0
    if denominator == 0.0:
        return math.inf if numerator > 0.0 else -math.inf
    return numerator / denominator


def gravest(records: Sequence[ClaimRecord]) -> ClaimRecord:
    """Of the records of one claim the one with the gravest verdict, then the smallest slack, with the cases of all.

    What tested nothing does not count beside what did.
    """
    records = [record for record in records if record.verdict is not Verdict.UNTESTED] or records

    def order(record: ClaimRecord) -> tuple[int, float]:
        margin = record.slack
        if record.relation == "=":
            margin = -abs(record.measured - record.claimed) / max(abs(record.claimed), 1e-300)
        return -record.verdict.rank, math.inf if math.isnan(margin) else margin

    return replace(min(records, key=order), cases=sum(record.cases for record in records))


def unmeasured(claim: Claim, seed: int, tex: Mapping[str, str], reason: str) -> ClaimRecord:
    """Record of a claim that could not be measured at all."""
    return ClaimRecord(
        name=claim.name,
        text=claim.text,
        latex=claim.latex(tex),
        relation=claim.relation,
        verdict=Verdict.INCONCLUSIVE,
        evidence=Evidence.STATISTICAL,
        claimed=math.nan,
        measured=math.nan,
        slack=math.nan,
        cases=0,
        seed=seed,
        reason=reason,
    )


def _verdict(relation: Relation, claimed: arb, finding: Finding) -> tuple[Verdict, str]:
    if finding.composed:
        return Verdict.UNTESTED, finding.reason
    verdict, reason = _measured_verdict(relation, claimed, finding)
    if verdict is Verdict.REFUTED and finding.assumption:
        return Verdict.INCONCLUSIVE, f"{reason}, but only if {finding.assumption}: {finding.reason}"
    return verdict, reason


def _measured_verdict(relation: Relation, claimed: arb, finding: Finding) -> tuple[Verdict, str]:
    if math.isnan(finding.measured) or claimed.is_nan():
        return Verdict.INCONCLUSIVE, finding.reason or "no number could be measured or claimed here"
    if finding.interval is not None:
        low, high = (arb(end) if math.isfinite(end) else arb(str(end)) for end in finding.interval)
        if _beyond(relation, low, high, claimed):
            return Verdict.REFUTED, f"the interval {_show(finding.interval)} lies beyond the claim"
        if nothing := _tells_nothing(relation, claimed, finding, finding.interval):
            return Verdict.UNTESTED, f"{nothing}: {_reason(finding)}"
        if not finding.one_sided and _violates(relation, arb(finding.measured), claimed):
            return Verdict.INCONCLUSIVE, "the estimate violates the claim, its interval does not: take more cases"
        return _holding(finding), _reason(finding)
    if not _violates(relation, arb(finding.measured), claimed):
        return _holding(finding), _reason(finding)
    if finding.recheck is None:
        return Verdict.INCONCLUSIVE, finding.reason or "the float value violates the claim and has no ball to decide it"
    again = finding.recheck()
    if _beyond(relation, again.lower(), again.upper(), claimed):
        return Verdict.REFUTED, f"re-checked in balls: {again.str(12)} against {claimed.str(12)}"
    if not _violates(relation, again, claimed):
        return _holding(finding), _reason(finding)
    if again.is_nan() or again.rad() > _TIE_WIDTH * (abs(again.mid()) + 1):
        return Verdict.INCONCLUSIVE, "the re-check in balls could not decide"
    # Two balls that overlap prove no inequality; where it is proved by symbols the tie only shows that it is attained.
    held = _holding(finding)
    enclosed = finding.evidence is Evidence.RIGOROUS and relation != "="
    held = Verdict.SUPPORTED if held is Verdict.PROVED and enclosed else held
    return held, _reason(finding) or "attained: equal to the claim to working precision"


def _resolved(relation: Relation, claimed: arb, number: float, finding: Finding) -> tuple[float, str]:
    """The slack of a claim that holds though its float says otherwise: by the ball or interval that decided it.

    With what the float is off by: the resolution of the comparison, within which nothing is told apart.
    """
    if finding.interval is not None:
        end = finding.interval[0] if relation == "<=" else finding.interval[1]
        ratio = 1.0 if relation == "=" else slack(relation, number, end)
        return max(ratio, 1.0), "the slack is that of the end of the interval: the estimate lies beyond the claim"
    off = abs(arb(finding.measured) - claimed)
    said = f"the float is {decimal_text(upper(off), 2)} beyond the claim, below the resolution of the comparison"
    if finding.recheck is None or relation == "=":
        return 1.0, said
    again = finding.recheck()
    measured = upper(again) if relation == "<=" else lower(again)
    return max(slack(relation, number, measured), 1.0), said


def _reason(finding: Finding) -> str:
    conditions = [f"if {part}" for part in (finding.hypothesis, finding.assumption) if part]
    return "; ".join(part for part in (*conditions, finding.reason) if part)


def _holding(finding: Finding) -> Verdict:
    if finding.hypothesis:
        return Verdict.CONDITIONAL
    proof = finding.exhaustive and finding.evidence.rank <= Evidence.RIGOROUS.rank
    return Verdict.PROVED if proof else Verdict.SUPPORTED


def _beyond(relation: Relation, low: arb, high: arb, claimed: arb) -> bool:
    """Every number of [low, high] violates the claim for every number of `claimed`."""
    above, below = bool(low > claimed), bool(high < claimed)
    return above if relation == "<=" else below if relation == ">=" else above or below


def _tells_nothing(relation: Relation, claimed: arb, finding: Finding, interval: tuple[float, float]) -> str:
    """Why an interval neither contradicts a claim nor supports it; empty where it tells.

    Its ends may be those that a probability, a distance or a norm has anyway; or nothing was seen, the end that could
    refute is such an end, and the other one does not confirm the claim.
    """
    low, high = interval
    below, above = low in _LEAST, high in _LARGEST
    if below and above:
        return f"the interval {_show(interval)} excludes nothing"
    if relation == "=" or not (below if relation == "<=" else above):
        return ""
    seen = not finding.one_sided and finding.measured not in _LEAST + _LARGEST
    confirmed = not finding.one_sided and bool(arb(high) <= claimed if relation == "<=" else arb(low) >= claimed)
    if confirmed or (seen and not _violates(relation, arb(finding.measured), claimed)):
        return ""
    return (
        f"nothing was seen: the interval {_show(interval)} has an end that says nothing and does not confirm the claim"
    )


def _violates(relation: Relation, measured: arb, claimed: arb) -> bool:
    if relation == "<=":
        return not measured <= claimed
    if relation == ">=":
        return not measured >= claimed
    return not measured.overlaps(claimed)


def _outward(relation: Relation, claimed: arb) -> float:
    if relation == "=":
        return midpoint(claimed)
    return upper(claimed) if relation == "<=" else lower(claimed)


def _show(interval: tuple[float, float]) -> str:
    return interval_text(interval[0], interval[1], 6)
