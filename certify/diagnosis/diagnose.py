"""Every question of a diagnosis in its order: those of this room, and those that theorems bring in `diagnosis.py`."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from certify.arithmetic.arrays import FloatArray
from certify.audits.audit import check_dimensions
from certify.audits.source import source_from_file
from certify.bounds.bracket import Region, unknown_brackets
from certify.bounds.constants import constants
from certify.diagnosis.own import QUESTIONS
from certify.diagnosis.question import Asked, Question
from certify.diagnosis.records import Answer, Diagnosis
from certify.discovery.registry import parts
from certify.errors import CertifyError
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
from certify.progress import Progress
from certify.threads import one_thread
from certify.verdict import Verdict

EFFORT = 0.25
"""Of the default work for the constants."""


def questions() -> tuple[Question, ...]:
    """All questions, in the order they are asked."""
    brought = [module.QUESTION for module in parts("diagnosis").values()]
    return tuple(sorted((*QUESTIONS, *brought), key=lambda item: (item.order, item.name)))


def diagnose(
    generator: Generator,
    rows: FloatArray,
    beta: Fraction,
    epsilon: Fraction,
    encoder: Path | None,
    seed: int,
    progress: Progress,
) -> Diagnosis:
    """Ask all questions of a generator at observations (k, n); `progress.found` gets every answer as it comes.

    Raises:
        InputError: for an encoder that is none, or has other dimensions.
    """
    if encoder is not None:
        check_dimensions(source_from_file(encoder), generator)
    clock = time.perf_counter()
    brackets = unknown_brackets() if generator.likelihood == BERNOULLI else constants(
        generator, Region(), effort=EFFORT, seed=seed, progress=progress
    )  # fmt: skip
    asked = Asked(generator, brackets, rows, beta, epsilon, encoder, seed, progress)
    answers: list[Answer] = []
    for question in questions():
        answer = _answered(question, asked)
        if answer is not None:
            answers.append(replace(answer, seconds=time.perf_counter() - clock))
            progress.found(answers[-1])
        clock = time.perf_counter()
    noise = float(beta) if generator.likelihood == GAUSSIAN else None
    name = None if encoder is None else encoder.stem
    return Diagnosis(generator.origin(), generator.likelihood, noise, float(epsilon), len(rows), name, tuple(answers))


def _answered(question: Question, asked: Asked) -> Answer | None:
    with one_thread():
        try:
            return question.answer(asked)
        except CertifyError as error:
            # What cannot be measured at this decoder leaves one question open, and not all.
            return Answer(question.name, Verdict.INCONCLUSIVE, str(error))
