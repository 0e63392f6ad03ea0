"""Which encoder is certified at the own noise? Theorem R at the first observations."""

from __future__ import annotations

from certify.diagnosis.question import Asked, Question, weakest
from certify.diagnosis.records import Answer
from certify.wording import counted
from theorems.rejection_encoder.observations import Reach, certify_rows
from theorems.rejection_encoder.statement import THEOREM

ROWS = 3


def samplers(asked: Asked) -> Answer:
    """How many proposals put out the posterior within epsilon, at each of a few observations."""
    found = certify_rows(asked.observations(THEOREM, ROWS), Reach(rows=1, above=(), otherwise=(0.5,)))
    counts = [item.layers for item in found if item.verdict.holds and item.layers is not None]
    where = f"{len(counts)} of {len(found)} observations"
    if not counts:
        return Answer("encoder of one x", weakest(found), f"none is certified: {found[0].reason}", {}, found[0].reason)
    least, most = min(counts), max(counts)
    span = counted(most, "proposal") if least == most else f"{least} to {most} proposals"
    within = f"the first accepted of {span} under a certified envelope is within {float(asked.epsilon):g}"
    text = f"{within} of the posterior, {where}"
    numbers = {"proposals_least": float(min(counts)), "proposals_most": float(max(counts)), "rows": float(len(counts))}
    return Answer("encoder of one x", weakest(found), text, numbers)


QUESTION = Question("encoder of one x", 20, samplers)
