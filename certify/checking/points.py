"""A theorem about constants alone: its closed forms and its steps at points of their domains, without a generator."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from flint import arb

from certify.arithmetic.balls import precision
from certify.bounds.bracket import unknown_brackets
from certify.checking.running import run_steps
from certify.checking.slack import slack_along
from certify.progress import Progress, SilentProgress
from certify.proof.author import AuthorError, line_of_call
from certify.proof.conclusion import Setting, conclude_constants, exact_inputs, settle_constants
from certify.proof.instance import Instance
from certify.proof.printing import printing
from certify.proof.records import AssumptionRecord, TheoremRecord
from certify.proof.theorem import Theorem
from certify.symbolic.evaluation import evaluate_ball
from certify.threads import one_thread
from certify.validation import constants_from_text
from certify.verdict import Evidence, Verdict, weakest_verdict

EPSILON = Fraction(1, 10)


def point_of(theorem: Theorem, text: str) -> dict[str, Fraction]:
    """The exact constants that a text such as "mu=1,L=4" gives; InputError where they are not all of the theorem's."""
    return constants_from_text(text, theorem.required_constants, theorem.constant_domains)


def instance_at(
    theorem: Theorem,
    constants: Mapping[str, Fraction],
    beta: Fraction | None = None,
    epsilon: Fraction = EPSILON,
    seed: int = 0,
    effort: float = 1.0,
    progress: Progress | None = None,
) -> Instance | None:
    """The theorem at a point, for its checks; None where no choice meets the side conditions there."""
    return _instance(theorem, settle_constants(theorem, constants, beta, epsilon), seed, effort, progress)


def _instance(
    theorem: Theorem, setting: Setting, seed: int, effort: float, progress: Progress | None
) -> Instance | None:
    if setting.certificate is None:
        return None
    receiver = SilentProgress() if progress is None else progress
    nothing = np.empty((0, 0))
    return Instance(
        theorem, setting.certificate, None, unknown_brackets(), nothing, setting.beta, seed, effort, receiver
    )


def check_point(
    theorem: Theorem,
    constants: Mapping[str, Fraction],
    beta: Fraction | None = None,
    epsilon: Fraction = EPSILON,
    seed: int = 0,
    effort: float = 1.0,
    progress: Progress | None = None,
) -> TheoremRecord:
    """The record at a point: the closed forms in balls, every step held against its check there.

    The assumptions are made with the constants: the verdict is `conditional` at best. Without assumptions too, since a
    point is no domain.
    """
    clock = time.perf_counter()
    setting = settle_constants(theorem, constants, beta, epsilon)
    record = record_at(theorem, setting, ",".join(f"{name}={value}" for name, value in constants.items()))
    instance = _instance(theorem, setting, seed, effort, progress)
    if instance is None:
        return replace(record, seconds=time.perf_counter() - clock)
    if theorem.file is not None and record.generator is not None:
        check_domains(theorem, theorem.file, instance.values, record.generator)
    with one_thread():
        steps = run_steps(instance)
        losses = slack_along(instance)
    assert record.conclusion is not None, "a record at constants has one"
    verdict = weakest_verdict([record.conclusion.verdict, *(step.verdict for step in steps)])
    named = {quantity.name for quantity in theorem.quantities}
    return replace(
        record,
        steps=steps,
        conclusion=replace(record.conclusion, verdict=verdict),
        definitions={name: ends for name, ends in record.definitions.items() if name in named},
        losses=losses,
        seconds=time.perf_counter() - clock,
    )


def record_at(theorem: Theorem, setting: Setting, where: str | None) -> TheoremRecord:
    """The record at bare constants: the assumptions made, the conclusion and every closed form; no step is run."""
    conclusion, reason = conclude_constants(theorem, setting)
    return TheoremRecord(
        theorem.id,
        theorem.title,
        where,
        assumed(theorem),
        (),
        conclusion,
        setting.enclosures,
        reason,
        printing(theorem),
        inputs=exact_inputs(setting.inputs),
    )


def check_domains(theorem: Theorem, file: Path, values: Mapping[str, arb], where: str) -> None:
    """Hold an author's definitions against the domains that they are declared with.

    Raises AuthorError for a value that certainly lies outside: what the algebra assumes of it is false.
    """
    for item in theorem.definitions:
        domain, value = item.values, values[item.name]
        with precision():
            low, high = (evaluate_ball(end, values) for end in (domain.lower, domain.upper))
            outside = value < low or value > high
        if outside:
            line = line_of_call(ast.parse(file.read_text(encoding="utf-8")), frozenset({"definition"}), item.name) or 1
            raise AuthorError(
                f"{file}:{line}: the definition of `{item.name}` is {value.str(6, radius=False)} at {where}, outside "
                f"its domain {item.domain}"
            )


def assumed(theorem: Theorem) -> tuple[AssumptionRecord, ...]:
    """The records of assumptions that are made with the constants given."""
    return tuple(
        AssumptionRecord(
            item.label,
            item.statement,
            Verdict.CONDITIONAL,
            Evidence.ASSUMED,
            item.constant,
            None,
            "assumed with the constants given",
            latex=item.latex,
        )
        for item in theorem.assumptions
    )


def enclosures_at(theorem: Theorem, text: str) -> dict[str, tuple[float, float]]:
    """Every quantity at a point as an interval. Enclosure, rounded outward; empty where no choice works."""
    setting = settle_constants(theorem, point_of(theorem, text), None, EPSILON)
    found = setting.enclosures
    if setting.certificate is None or theorem.conclusion.distance is None:
        return found
    return {**found, "tv_bound": (-math.inf, setting.certificate.distance_upper), **found}
