"""What a stress run leaves behind: per property and claim the cases, the smallest slack with its case, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from certify.bounds.bracket import json_number
from certify.codec import Readable, read_fields
from certify.stress_tests.case import Case, SavedCase
from certify.stress_tests.property import Measurement
from certify.verdict import Verdict, exit_code, weakest_verdict

TOLERANCE = 0.1
"""An excess exponent up to this is a lower-order term of a finite ladder, not growth."""


@dataclass(frozen=True, eq=False)
class Failure(Readable):
    """A case on which a claim is refuted, or on which its check crashed, as small as it could be made."""

    claim: str
    case: Case
    claimed: float
    measured: float
    reason: str
    crash: bool = False
    file: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "claim": self.claim,
            "case": self.case.to_dict(),
            "claimed": json_number(self.claimed),
            "measured": json_number(self.measured),
            "reason": self.reason,
            "crash": self.crash,
            "file": None if self.file is None else str(self.file),
        }


@dataclass(frozen=True, eq=False)
class ClaimSummary(Readable):
    """One claim of one property of one theorem over all its cases.

    `drawn` counts the cases that were judged, `undecided` those of them without a decision, `cases` the single
    comparisons inside them; `slack` is the smallest one, attained at `tightest`.
    """

    NAMES: ClassVar[Mapping[str, str]] = {"property_name": "property"}

    property_name: str
    claim: str
    drawn: int
    undecided: int
    cases: int
    slack: float
    tightest: Case | None
    failure: Failure | None

    @property
    def verdict(self) -> Verdict:
        """`refuted` by one case, `supported` by at least one that was decided, else `inconclusive`."""
        if self.failure is not None and not self.failure.crash:
            return Verdict.REFUTED
        if self.failure is not None or self.undecided == self.drawn:
            return Verdict.INCONCLUSIVE
        return Verdict.SUPPORTED

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "property": self.property_name,
            "claim": self.claim,
            "verdict": str(self.verdict),
            "drawn": self.drawn,
            "undecided": self.undecided,
            "cases": self.cases,
            "slack": json_number(self.slack),
            "tightest": None if self.tightest is None else self.tightest.to_dict(),
            "failure": None if self.failure is None else self.failure.to_dict(),
        }


@dataclass(frozen=True)
class ScalingLaw(Readable):
    """A growth fitted over runs: `exponent` of the quantity in the variable, with a 95 % interval.

    `claimed` is the local exponent of the theorem's stated order over the same runs (None: none is stated) and
    `excess` the interval of the exponent that is left when the stated order is divided out: the statement is refuted
    if that lies above `TOLERANCE`.
    """

    quantity: str
    variable: str
    runs: int
    exponent: tuple[float, float, float]
    claimed: float | None
    excess: tuple[float, float] | None

    @property
    def verdict(self) -> Verdict:
        """`refuted` where the quantity certainly grows faster than stated; `supported` where it may not."""
        if self.excess is None:
            return Verdict.SUPPORTED
        return Verdict.REFUTED if self.excess[0] > TOLERANCE else Verdict.SUPPORTED

    def to_dict(self) -> dict[str, Any]:
        """JSON form: estimate and interval of the exponent, the stated one, the interval of the excess."""
        estimate, low, high = self.exponent
        return {
            "quantity": self.quantity,
            "variable": self.variable,
            "runs": self.runs,
            "exponent": {"estimate": estimate, "lower": low, "upper": high},
            "claimed": json_number(self.claimed),
            "excess": None if self.excess is None else {"lower": self.excess[0], "upper": self.excess[1]},
            "verdict": str(self.verdict),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = {key: document[key] for key in ("quantity", "variable", "runs", "claimed")}
        exponent = [document["exponent"][key] for key in ("estimate", "lower", "upper")]
        excess = document["excess"] and [document["excess"][key] for key in ("lower", "upper")]
        return cls._of_fields({**plain, "exponent": exponent, "excess": excess})


@dataclass(frozen=True, eq=False)
class TheoremStress(Readable):
    """All properties of one theorem, and the scaling laws of what it counts."""

    NAMES: ClassVar[Mapping[str, str]] = {"claims": "properties"}

    id: str
    claims: tuple[ClaimSummary, ...]
    scaling: tuple[ScalingLaw, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The weakest of its claims and laws."""
        return weakest_verdict([*(item.verdict for item in self.claims), *(law.verdict for law in self.scaling)])

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Failures of all claims."""
        return tuple(item.failure for item in self.claims if item.failure is not None)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "id": self.id,
            "verdict": str(self.verdict),
            "properties": [item.to_dict() for item in self.claims],
            "scaling": [item.to_dict() for item in self.scaling],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class StressResult(Readable):
    """A whole run, with the provenance needed to repeat it."""

    theorems: tuple[TheoremStress, ...]
    examples: int
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The weakest of all theorems'."""
        return weakest_verdict([item.verdict for item in self.theorems])

    @property
    def exit_code(self) -> int:
        """The command line's exit code."""
        return exit_code([item.verdict for item in self.theorems])

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "examples": self.examples,
            "theorems": [item.to_dict() for item in self.theorems],
            "provenance": self.provenance,
        }


@dataclass(frozen=True, eq=False)
class Replay(Readable):
    """What a saved case says now: the measurement, and whether its numbers are those saved, bit for bit."""

    saved: SavedCase
    now: Measurement
    identical: bool

    @property
    def fails(self) -> bool:
        """Whether the claim is still refuted, or its check still crashes."""
        return self.now.verdict is Verdict.REFUTED or self.now.crash

    @property
    def exit_code(self) -> int:
        """1 if it still fails, 0 if it holds, 3 if it could not be decided."""
        return 1 if self.fails else 0 if self.now.verdict.holds else 3

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "schema": 1,
            "theorem": self.saved.case.theorem,
            "property": self.saved.case.property_name,
            "claim": self.saved.claim,
            "verdict": str(self.now.verdict),
            "fails": self.fails,
            "identical": self.identical,
            "claimed": json_number(self.now.claimed),
            "measured": json_number(self.now.measured),
            "slack": json_number(self.now.slack),
            "reason": self.now.reason,
            "saved": self.saved.to_dict(),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        words = {key: document[key] for key in ("claim", "verdict", "slack", "claimed", "measured", "reason")}
        # A refuted claim has been judged; one that fails without that has crashed.
        crash = document["fails"] is True and document["verdict"] != str(Verdict.REFUTED)
        now = read_fields(Measurement, {**words, "crash": crash})
        return cls(SavedCase.from_dict(document["saved"]), now, document["identical"] is True)


def merged(parts: Sequence[ClaimSummary]) -> ClaimSummary:
    """One summary of several runs of the same claim: counts add up, the tightest case and smallest failure stay."""
    first = parts[0]
    tight = min(parts, key=lambda item: math.inf if math.isnan(item.slack) else item.slack)
    failures = [item.failure for item in parts if item.failure is not None]
    worst = min(failures, key=lambda item: (item.crash, item.case.size), default=None)
    return ClaimSummary(
        first.property_name,
        first.claim,
        sum(item.drawn for item in parts),
        sum(item.undecided for item in parts),
        sum(item.cases for item in parts),
        tight.slack,
        tight.tightest,
        worst,
    )
