"""Has the code collapsed? The bracket of its rate at the noise asked for."""

from __future__ import annotations

from certify.checking.check import check_theorem
from certify.diagnosis.question import Asked, Question
from certify.diagnosis.records import Answer
from certify.generators.graph import GAUSSIAN
from certify.verdict import Verdict
from theorems.collapse.statement import THEOREM

EFFORT = 0.25


def collapsed(asked: Asked) -> Answer | None:
    """The bracket in nats, and what it says."""
    if asked.generator.likelihood != GAUSSIAN:
        return None
    record = check_theorem(
        THEOREM, asked.generator, asked.brackets, asked.beta, asked.epsilon, None, asked.seed, EFFORT, asked.progress
    )
    if record.conclusion is None or not record.verdict.holds:
        return Answer("collapse", Verdict.INCONCLUSIVE, record.reason or "the rate has no bracket")
    values = record.conclusion.values
    numbers = {name: float(values[name] or 0.0) for name in ("rate_lower", "rate_upper", "beta_kept", "beta_lost")}
    advice = ""
    if numbers["rate_upper"] < 1.0:
        advice = "the code tells less than a nat of x: train with less noise, or a smaller weight of the KL term"
    return Answer("collapse", record.verdict, record.conclusion.notes[0], numbers, advice)


QUESTION = Question("collapse", 10, collapsed)
