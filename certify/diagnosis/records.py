"""The answers of a diagnosis, as records: a sentence, numbers and a verdict per question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from certify.codec import Readable, encode
from certify.verdict import Verdict, weakest_verdict

SCHEMA = 1


@dataclass(frozen=True)
class Answer(Readable):
    """What is known of one question: `text` in words, `numbers` not rounded, `advice` what to change ("" nothing)."""

    question: str
    verdict: Verdict
    text: str
    numbers: dict[str, float] = field(default_factory=dict)
    advice: str = ""
    seconds: float = field(default=0.0, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        form: dict[str, Any] = encode(self)
        return form


@dataclass(frozen=True)
class Diagnosis(Readable):
    """All answers, in the order they came; `beta` is None for logits, `rows` how many observations were looked at."""

    generator: dict[str, Any]
    likelihood: str
    beta: float | None
    epsilon: float
    rows: int
    encoder: str | None
    answers: tuple[Answer, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """That of the weakest answer."""
        return weakest_verdict(item.verdict for item in self.answers)

    @property
    def advice(self) -> tuple[str, ...]:
        """What to change, each once."""
        return tuple(dict.fromkeys(item.advice for item in self.answers if item.advice))

    def __getitem__(self, question: str) -> Answer:
        """The answer to a question; KeyError where it was not asked."""
        return {item.question: item for item in self.answers}[question]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify diagnose`."""
        return {
            "schema": SCHEMA,
            "verdict": str(self.verdict),
            "generator": self.generator,
            "likelihood": self.likelihood,
            "beta": self.beta,
            "epsilon": self.epsilon,
            "rows": self.rows,
            "encoder": self.encoder,
            "answers": [item.to_dict() for item in self.answers],
            "advice": list(self.advice),
            "provenance": self.provenance,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = ("generator", "likelihood", "beta", "epsilon", "rows", "encoder", "provenance")
        return cls._of_fields({**{key: document[key] for key in plain}, "answers": document["answers"]})
