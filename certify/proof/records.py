"""Records: what a check of a theorem leaves behind; plain data that prints, serialises and can be re-checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, Self

from certify.bounds.bracket import Bracket, Witness, json_number
from certify.codec import Readable, decode
from certify.errors import InputError, UnknownAttributeError
from certify.proof.observation_means import ObservationMean, observation_means
from certify.proof.observation_records import ObservationRecord as ObservationRecord
from certify.proof.observation_records import RejectionNumbers as RejectionNumbers
from certify.prover.proof_records import StepProof
from certify.verdict import Evidence, Verdict, exit_code, weakest_verdict


@dataclass(frozen=True)
class AssumptionRecord(Readable):
    """One assumption at one generator: its verdict and the bracket of the constant that decides it."""

    NAMES = {"label": "id"}

    label: str
    statement: str
    verdict: Verdict
    evidence: Evidence
    constant: str | None
    bracket: Bracket | None
    reason: str = ""
    witness: Witness | None = None
    latex: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "id": self.label,
            "statement": self.statement,
            "latex": self.latex,
            "verdict": str(self.verdict),
            "evidence": str(self.evidence),
            "constant": self.constant,
            "bracket": None if self.bracket is None else self.bracket.to_dict(),
            "witness": None if self.witness is None else self.witness.to_dict(),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class ClaimRecord(Readable):
    """One inequality of a step held against measurement, at the case of smallest slack.

    slack is claimed/measured for an upper bound and measured/claimed for a lower bound: 1 is tight, large
    is loose, below 1 violates. `claimed` is rounded outward in the direction that keeps the claim true. `assumption` is
    what the measurement rests on beside its sample; there is no `confidence` then.
    """

    NAMES = {"text": "claim"}

    name: str
    text: str
    latex: str
    relation: str
    verdict: Verdict
    evidence: Evidence
    claimed: float
    measured: float
    slack: float
    cases: int
    seed: int
    confidence: float | None = None
    interval: tuple[float, float] | None = None
    witness: Witness | None = None
    reason: str = ""
    assumption: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "name": self.name,
            "claim": self.text,
            "latex": self.latex,
            "relation": self.relation,
            "verdict": str(self.verdict),
            "evidence": str(self.evidence),
            "claimed": json_number(self.claimed),
            "measured": json_number(self.measured),
            "slack": json_number(self.slack),
            "cases": self.cases,
            "seed": self.seed,
            "confidence": self.confidence,
            "assumption": self.assumption,
            "interval": None if self.interval is None else [json_number(end) for end in self.interval],
            "witness": None if self.witness is None else self.witness.to_dict(),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class StepRecord(Readable):
    """One step of a proof: its claims' records; the step's own numbers are those of its weakest, tightest claim."""

    NAMES = {"label": "id", "claims": "parts"}

    label: str
    title: str
    uses: tuple[str, ...]
    claims: tuple[ClaimRecord, ...]
    seconds: float = 0.0
    proof: StepProof | None = None

    @property
    def verdict(self) -> Verdict:
        """The weakest claim's verdict; refuted where its algebra is, whatever was measured."""
        if self.proof is not None and self.proof.verdict is Verdict.REFUTED:
            return Verdict.REFUTED
        return weakest_verdict(claim.verdict for claim in self.claims)

    @property
    def binding(self) -> ClaimRecord:
        """The claim that speaks for the step: the gravest verdict, then the smallest slack."""

        def order(claim: ClaimRecord) -> tuple[int, float]:
            return -claim.verdict.rank, math.inf if math.isnan(claim.slack) else claim.slack

        return min(self.claims, key=order)

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract, with every claim of the step under `parts`."""
        binding = self.binding
        return {
            "id": self.label,
            "title": self.title,
            **{key: value for key, value in binding.to_dict().items() if key not in {"name", "cases"}},
            "verdict": str(self.verdict),
            "uses": list(self.uses),
            "cases": sum(claim.cases for claim in self.claims),
            "parts": [claim.to_dict() for claim in self.claims],
            "proof": None if self.proof is None else self.proof.to_dict(),
        }


@dataclass(frozen=True)
class StepLoss(Readable):
    """What one step loses: `bits` of the final bound, which would be `replaced` with the step's measured values.

    measured     measured over claimed bound, one per claim that the final bound uses: below 1 for an upper bound
    used_as      the quantities of the theorem in which these bounds stand
    same_place   whether every measurement was made at the values that the final bound uses; otherwise at the nearest
                 ones that were measured, and the ratio is carried over
    """

    step: str
    title: str
    claims: tuple[str, ...]
    used_as: tuple[str, ...]
    measured: tuple[float, ...]
    replaced: float
    bits: float
    same_place: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "step": self.step,
            "title": self.title,
            "claims": list(self.claims),
            "used_as": list(self.used_as),
            "measured": [json_number(item) for item in self.measured],
            "replaced": json_number(self.replaced),
            "bits": json_number(self.bits),
            "same_place": self.same_place,
        }


@dataclass(frozen=True)
class EncoderSize(Readable):
    """Number of parameters of the generator and of the encoder the theorem builds from it."""

    generator_parameters: int
    encoder_unrolled: int
    encoder_shared: int
    bound: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "generator_parameters": self.generator_parameters,
            "encoder_unrolled": self.encoder_unrolled,
            "encoder_shared": self.encoder_shared,
            "bound": json_number(self.bound),
        }


@dataclass(frozen=True)
class MeasuredDistance(Readable):
    """A measured total variation distance: an estimate inside [lower, upper], and by which method."""

    estimate: float
    lower: float
    upper: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {"estimate": self.estimate, "lower": self.lower, "upper": self.upper, "method": self.method}


@dataclass(frozen=True)
class ConclusionRecord(Readable):
    """The conclusion of a theorem at one generator: `values` holds every quantity the theorem names.

    `values` maps a public name ("beta_max", "K", "tv_bound", ...) to a number; certified numbers are
    rounded outward; each is an attribute too: `conclusion.beta_max`. `notes` are sentences a reader must not miss (a
    negative result, a convention).
    """

    verdict: Verdict
    values: dict[str, float | int | str | None]
    tv_measured: MeasuredDistance | None
    size: EncoderSize | None
    notes: tuple[str, ...] = ()
    noise_from: str = ""
    """Why the noise level is the one it is: given, the decoder's own, or taken by the rule (docs/verdicts.md)."""

    def __getattr__(self, name: str) -> Any:
        # Python asks this for what is no field; while a copy is made there are no values yet.
        values = self.__dict__.get("values", {})
        if name not in values:
            raise UnknownAttributeError("quantity of this conclusion", name, values)
        return values[name]

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        numbers = {key: json_number(value) if isinstance(value, float) else value for key, value in self.values.items()}
        return {
            "verdict": str(self.verdict),
            **numbers,
            "tv_measured": None if self.tv_measured is None else self.tv_measured.to_dict(),
            "size": None if self.size is None else self.size.to_dict(),
            "notes": list(self.notes),
            "noise_from": self.noise_from,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        own = "verdict", "tv_measured", "size", "notes", "noise_from"
        distance, size = document["tv_measured"], document["size"]
        return cls(
            decode(Verdict, document["verdict"], "the verdict"),
            {key: _quantity(value) for key, value in document.items() if key not in own},
            None if distance is None else MeasuredDistance.from_dict(distance),
            None if size is None else EncoderSize.from_dict(size),
            decode(tuple[str, ...], document["notes"], "the notes"),
            decode(str, document.get("noise_from", ""), "the origin of the noise"),
        )


def _quantity(value: Any) -> float | int | str | None:
    """A quantity of a conclusion from its JSON form."""
    if value is not None and not isinstance(value, float | int | str):
        raise InputError(f"a quantity of a conclusion is {value!r:.60}")
    return {"inf": math.inf, "-inf": -math.inf}.get(value, value) if isinstance(value, str) else value


class SymbolRecord(NamedTuple):
    """How a quantity is printed: `end` is the side that keeps it true ("" to nearest), `shown` puts it in the table."""

    latex: str
    meaning: str
    end: Literal["", "lower", "upper"] = ""
    shown: bool = False


@dataclass(frozen=True)
class TheoremRecord(Readable):
    """One theorem at one generator (or at bare constants: `generator` is then None)."""

    id: str
    title: str
    generator: str | None
    assumptions: tuple[AssumptionRecord, ...]
    steps: tuple[StepRecord, ...]
    conclusion: ConclusionRecord | None
    definitions: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Every closed form by public name, enclosed: (lower, upper)."""
    reason: str = ""
    symbols: dict[str, SymbolRecord] = field(default_factory=dict)
    """How the theorem's quantities are printed, by public name."""
    seconds: float = field(default=0.0, compare=False)
    """Wall-clock time of this theorem at this generator; not part of the JSON form."""
    observations: tuple[ObservationRecord, ...] = ()
    """Certificates of single observations, where the theorem has a form for them and observations were given."""
    losses: tuple[StepLoss, ...] = ()
    """Bits of the final bound that each step loses at this generator, by measurement (`certify.checking.slack`)."""
    inputs: dict[str, str] = field(default_factory=dict)
    """What was given exactly (the noise level, epsilon, constants without a bracket), as it is written."""

    @property
    def verdict(self) -> Verdict:
        """Weakest part's verdict; `not-applicable` as soon as an assumption is refuted."""
        if any(item.verdict is Verdict.REFUTED for item in self.assumptions):
            return Verdict.NOT_APPLICABLE
        parts = [item.verdict for item in self.assumptions] + [step.verdict for step in self.steps]
        if self.conclusion is not None:
            parts.append(self.conclusion.verdict)
        return weakest_verdict(parts)

    @property
    def means(self) -> tuple[ObservationMean, ...]:
        """Means over the observations, of what is enclosed at each."""
        return observation_means([item.values for item in self.observations])

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "id": self.id,
            "title": self.title,
            "generator": self.generator,
            "verdict": str(self.verdict),
            "assumptions": [item.to_dict() for item in self.assumptions],
            "steps": [step.to_dict() for step in self.steps],
            "conclusion": None if self.conclusion is None else self.conclusion.to_dict(),
            "definitions": {
                key: [json_number(low), json_number(high)] for key, (low, high) in self.definitions.items()
            },
            **({"inputs": self.inputs} if self.inputs else {}),
            "observations": [item.to_dict() for item in self.observations],
            **({"means": [asdict(item) for item in self.means]} if self.means else {}),
            "reason": self.reason,
            **({"losses": [item.to_dict() for item in self.losses]} if self.losses else {}),
        }


@dataclass(frozen=True)
class CheckResult(Readable):
    """Everything one `check` found, with the provenance needed to run it again."""

    theorems: tuple[TheoremRecord, ...]
    provenance: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """Weakest theorem's verdict, gravest first."""
        return weakest_verdict(record.verdict for record in self.theorems)

    @property
    def exit_code(self) -> int:
        """The command line's exit code for this result."""
        return exit_code(record.verdict for record in self.theorems)

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "theorems": [record.to_dict() for record in self.theorems],
            "provenance": self.provenance,
        }
