"""The questions that belong to no theorem: constants, theorems for all x at once, the evidence, an encoder's audit."""

from __future__ import annotations

import math
from fractions import Fraction

from certify.arithmetic.rounding import Direction, decimal_text, interval_text
from certify.audits.audit import AuditPlan, audit_encoder, check_dimensions
from certify.audits.source import behind_noise, source_from_file
from certify.diagnosis.question import Asked, Question
from certify.diagnosis.records import Answer
from certify.discovery.registry import theorems
from certify.errors import CertifyError
from certify.generators.graph import GAUSSIAN
from certify.marginal.data import evidence_of_rows
from certify.proof.conclusion import settle_constants
from certify.verdict import Verdict
from certify.wording import counted

EVIDENCE_ROWS, AUDIT_ROWS, PROPOSALS, DRAWS = 5, 3, 20_000, 10_000
NO_M = "none was certified; train with a skip connection and smaller weights beside it (docs/practitioner.md)"
WORTH = 0.5
"""Nats per observation from which the gap of an encoder is worth a change."""


def constants(asked: Asked) -> Answer | None:
    """The certified ends of m, M and M2."""
    if asked.generator.likelihood != GAUSSIAN:
        return None
    found = asked.brackets
    text = ", ".join(
        f"{name} is infinite" if item.lower == math.inf else f"{name} in {interval_text(item.lower, item.upper, 4)}"
        for name, item in found.items()[:3]
    )
    advice = ""
    if not found.m.lower:
        reason = None if found.m.upper_evidence is None else found.m.upper_evidence.reason
        remedy = NO_M if reason is None else f"{reason.text}: {reason.remedy}"
        advice = f"for theorems that need m > 0: {remedy}"
    numbers = {f"{name}_{end}": value for name, item in found.items()[:3]
               for end in ("lower", "upper") if (value := getattr(item, end)) is not None}  # fmt: skip
    known = found.M.upper is not None
    return Answer("constants", Verdict.PROVED if known else Verdict.INCONCLUSIVE, text, numbers, advice)


def theorems_for_all(asked: Asked) -> Answer | None:
    """The theorems that give one encoder for all x, each with the largest noise that it admits at these constants."""
    if asked.generator.likelihood != GAUSSIAN:
        return None
    numbers, is_open = {}, False
    for name, theorem in theorems().items():
        if theorem.encoder is None or theorem.encoder.build is None:
            continue
        decided = [item.at(asked.generator, asked.brackets).verdict for item in theorem.assumptions]
        is_open |= Verdict.REFUTED not in decided
        largest = _largest_noise(name, asked) if set(decided) == {Verdict.PROVED} else None
        if largest is not None:
            numbers[name] = largest
    beta, question = float(asked.beta), "one encoder for all x"
    admitted = [name for name, largest in numbers.items() if beta <= largest]
    ends = ", ".join(f"{name} up to {decimal_text(end, 3, Direction.DOWN)}" for name, end in numbers.items())
    if admitted:
        return Answer(question, Verdict.PROVED, f"by {', '.join(admitted)} at noise {beta:.4g} ({ends})", numbers)
    if not numbers:
        if is_open:
            return Answer(question, Verdict.INCONCLUSIVE, "no theorem gives one: an assumption of each is open")
        return Answer(question, Verdict.PROVED, "that no theorem gives one: each has an assumption that fails here")
    advice = "one certified encoder for all x takes less noise in training; single observations are certified as it is"
    # The ends are certified; that nothing reaches further is not.
    return Answer(question, Verdict.INCONCLUSIVE, f"none found at noise {beta:.4g}, only {ends}", numbers, advice)


def _largest_noise(name: str, asked: Asked) -> float | None:
    """beta_max of the theorem at the certified constants of the generator; None where there is none."""
    theorem, found = theorems()[name], asked.brackets
    known = {
        "d": asked.generator.latent_dim, "n": asked.generator.observed_dim, "N": asked.generator.parameters,
        "m": found.m.lower, "M": found.M.upper, "M2": found.M2.upper, "M3": found.M3.upper,
    }  # fmt: skip
    if any(known.get(key) is None for key in theorem.required_constants):
        return None
    values = {key: Fraction(known[key]) for key in theorem.required_constants}  # type: ignore[arg-type]
    try:
        largest = settle_constants(theorem, values, None, asked.epsilon).beta_max
    except CertifyError:
        return None
    return largest if isinstance(largest, float) and not math.isnan(largest) else None


def evidence(asked: Asked) -> Answer:
    """log p(x) of the first observations, and how much the encoder's ELBO loses there."""
    rows = asked.rows[:EVIDENCE_ROWS]
    found = evidence_of_rows(
        asked.generator, rows, float(asked.beta), asked.encoder, PROPOSALS, asked.seed, asked.progress
    )
    enclosed = f"{len(found.enclosed)} of {len(rows)} observations"
    if found.mean is None:
        reason = next((item.log_evidence.reason for item in found.observations if item.log_evidence.reason), "")
        return Answer("evidence", Verdict.INCONCLUSIVE, f"log p(x) is enclosed at {enclosed}: {reason}")
    text = f"mean log p(x) in {interval_text(found.mean.lower, found.mean.upper, 6)} nats, {enclosed}"
    numbers = {"lower": found.mean.lower, "upper": found.mean.upper}
    advice = ""
    if found.mean_gap is not None:
        gap = found.mean_gap
        text += f"; the encoder's ELBO is {interval_text(gap.lower, gap.upper, 3)} below"
        numbers |= {"gap_lower": gap.lower, "gap_upper": gap.upper}
        if gap.lower > WORTH:
            loss = decimal_text(gap.lower, 3, Direction.DOWN)
            advice = f"the encoder loses {loss} nats or more per x: train it longer, or give it more capacity"
    return Answer("evidence", found.verdict, text, numbers, advice)


def audited(asked: Asked) -> Answer | None:
    """The trained encoder's distance from the posteriors of the first observations."""
    if asked.encoder is None:
        return None
    source = source_from_file(asked.encoder)
    check_dimensions(source, asked.generator)
    plan = AuditPlan(draws=DRAWS, pairs=0, seed=asked.seed)
    encoder, rows = behind_noise(source, asked.generator), asked.rows[:AUDIT_ROWS]
    found = audit_encoder(encoder, asked.generator, float(asked.beta), rows, plan, asked.progress)
    ends = [(item.distance.lower.value, item.distance.upper.value) for item in found.observations]
    least, most = min(low for low, _ in ends), max(high for _, high in ends)
    where = counted(len(ends), "observation")
    text = f"the encoder is {interval_text(least, most, 3)} in TV from the posterior at {where}"
    asks = f"the encoder is farther than {float(asked.epsilon):g} from a posterior: give it more capacity"
    advice = asks if any(low > float(asked.epsilon) for low, _ in ends) else ""
    return Answer("trained encoder", found.verdict, text, {"lower": least, "upper": most}, advice)


QUESTIONS = (
    Question("constants", 0, constants),
    Question("evidence", 40, evidence),
    Question("trained encoder", 60, audited),
    Question("one encoder for all x", 70, theorems_for_all),
)
