"""What certificates of single observations make of a check: what they rest on, and what they conclude together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from certify.proof.records import AssumptionRecord, ConclusionRecord, ObservationRecord, StepRecord, TheoremRecord
from certify.proof.theorem import Theorem
from certify.verdict import Verdict, weakest_verdict


def assumptions_of_each(
    theorem: Theorem, assumptions: Sequence[AssumptionRecord]
) -> tuple[AssumptionRecord, ...] | None:
    """The assumptions that certificates of single observations rest on, where all of them hold; else None."""
    need = theorem.conclusion.observations_need
    if need is None:
        return None
    kept = tuple(item for item in assumptions if item.label in need)
    return kept if all(item.verdict in {Verdict.PROVED, Verdict.CONDITIONAL} for item in kept) else None


def why_not_each(conclusion: ConclusionRecord, each: Sequence[ObservationRecord]) -> str:
    """The first reason among observations that are not certified; empty where all are."""
    if conclusion.verdict is not Verdict.INCONCLUSIVE:
        return ""
    missing = [item for item in each if not item.verdict.holds]
    return f"{len(missing)} of {len(each)} observations are not certified: {missing[0].reason}" if missing else ""


def concluded_by_each(
    record: TheoremRecord, conclusion: ConclusionRecord, steps: Sequence[StepRecord] = ()
) -> ConclusionRecord:
    """The conclusion where one certificate for all observations fails, but each has one of its own.

    The certificates rest on the theorem's steps; where none of these was checked here, it is not called proved.
    """
    each = record.observations
    if not each or conclusion.verdict is not Verdict.INCONCLUSIVE or any(not item.verdict.holds for item in each):
        return conclusion
    own = Verdict.PROVED if steps else Verdict.SUPPORTED
    parts = [own, *(item.verdict for item in record.assumptions), *(step.verdict for step in steps)]
    parts += [item.verdict for item in each]
    note = "every observation given is certified by numbers of its own; no one choice for all of them was found"
    unchecked = () if steps else ("no step of the proof was checked at this noise level: they need a common choice",)
    measured = sum(item.verdict is Verdict.SUPPORTED for item in each)
    if measured:
        note = (
            f"{len(each) - measured} of {len(each)} observations are certified by numbers of their own, the others "
            f"supported: a quantity was measured, at error probability 1e-6 each, {measured}e-6 together"
        )
    return replace(conclusion, verdict=weakest_verdict(parts), notes=(note, *unchecked, *conclusion.notes))
