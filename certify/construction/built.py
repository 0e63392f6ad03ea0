"""What comes of building encoders: one theorem's, and the choice among those of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import ConstantBrackets, json_number
from certify.codec import Readable, decode
from certify.encoders.convention import observation_digest
from certify.encoders.count import EncoderCount
from certify.encoders.kind import AtObservation, EncoderKind
from certify.encoders.program import EncoderProgram
from certify.generators.graph import GAUSSIAN, Generator
from certify.proof.records import AssumptionRecord, ConclusionRecord
from certify.verdict import Verdict


@dataclass(frozen=True, eq=False)
class BuiltEncoder:
    """One theorem's encoder at a generator, as far as the theorem goes.

    `tv_bound` is the distance of the very network, rounded outward: the certificate's bound at these options and what
    the network adds to it. `program` and `count` are None where no choice of the theorem meets its side conditions.
    """

    theorem: str
    kind: EncoderKind
    verdict: Verdict
    reason: str
    assumptions: tuple[AssumptionRecord, ...]
    conclusion: ConclusionRecord | None = None
    program: EncoderProgram | None = None
    count: EncoderCount | None = None
    tv_bound: float | None = None
    observed: AtObservation | None = None
    """The certificate of a single observation, for a kind that has them."""

    @property
    def size_bound(self) -> float | None:
        """The theorem's bound on the unrolled parameters, where it states one for this network."""
        if self.observed is not None:
            return self.observed.parameter_bound
        if self.program is not None and self.program.parameter_bound is not None:
            return self.program.parameter_bound
        return None if self.program is None or not self.program.size_bounded else self.value("size_bound")

    @property
    def certificate(self) -> Mapping[str, Any] | None:
        """What the distance rests on beside the theorem's own certificate; None where nothing does."""
        if self.observed is not None:
            return self.observed.certificate
        return None if self.program is None else self.program.certificate

    def value(self, name: str) -> float | None:
        """A number of the conclusion by its public name."""
        found = None if self.conclusion is None else self.conclusion.values.get(name)
        return float(found) if isinstance(found, (int, float)) else None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        size = None
        if self.count is not None:
            bound = self.size_bound
            ratio = None if bound is None else bound / self.count.parameters_unrolled
            size = {**self.count.to_dict(), "bound": json_number(bound), "bound_over_count": json_number(ratio)}
        return {
            "theorem": self.theorem,
            "kind": self.kind.name,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "tv_bound": json_number(self.tv_bound),
            "layers": None if self.program is None else dict(
                zip(("deterministic", "stochastic"), self.program.layers, strict=True)
            ),
            "size": size,
            "notes": [] if self.program is None else list(self.program.notes),
            "assumptions": [item.to_dict() for item in self.assumptions],
            "conclusion": None if self.conclusion is None else self.conclusion.to_dict(),
            "certificate": self.certificate,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class SingleObservation(Readable):
    """The one observation x (n,) that an encoder is asked for, and its row `index`."""

    index: int
    values: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"index": self.index, "sha256": observation_digest(self.values), "values": self.values.tolist()}

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        values = decode(tuple[float, ...], document["values"], "the values")
        return cls(decode(int, document["index"], "the index"), np.array(values, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class EncoderChoice:
    """The encoder that was taken, and every candidate beside it; `single` is the observation that was asked for."""

    chosen: BuiltEncoder
    candidates: tuple[BuiltEncoder, ...]
    generator: Generator
    brackets: ConstantBrackets
    beta: Fraction
    epsilon: Fraction
    single: SingleObservation | None = None

    @property
    def noise_level(self) -> float | None:
        """Beta, None for a decoder of logits."""
        return float(self.beta) if self.generator.likelihood == GAUSSIAN else None

    @property
    def noise_text(self) -> str:
        """The noise in words."""
        return "Bernoulli logits" if self.noise_level is None else f"beta = {self.noise_level:g}"

    @property
    def verdict(self) -> Verdict:
        """The verdict of the encoder that was taken."""
        return self.chosen.verdict
