"""A question of a diagnosis: its place, and how it is answered of a decoder, its constants and some observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import ConstantBrackets
from certify.diagnosis.records import Answer
from certify.generators.graph import Generator
from certify.progress import Progress
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked, Theorem
from certify.verdict import Verdict, weakest_verdict


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked about; `rows` (k, n) as the generator has them, `brackets` without any end for logits."""

    generator: Generator
    brackets: ConstantBrackets
    rows: FloatArray
    beta: Fraction
    epsilon: Fraction
    encoder: Path | None
    seed: int
    progress: Progress

    def observations(self, theorem: Theorem, count: int) -> ObservationsAsked:
        """What a theorem's certificates of the first `count` observations are asked for."""
        rows, beta = self.rows[:count], float(self.beta)
        return ObservationsAsked(theorem, self.generator, self.brackets, rows, beta, self.epsilon, self.progress)


@dataclass(frozen=True)
class Question:
    """`answer` returns None where the question does not arise; a lower `order` is asked first."""

    name: str
    order: int
    answer: Callable[[Asked], Answer | None]


def weakest(records: tuple[ObservationRecord, ...]) -> Verdict:
    """The verdict of records of single observations together."""
    return weakest_verdict(item.verdict for item in records)
