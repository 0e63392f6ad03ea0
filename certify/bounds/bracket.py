"""Brackets: two-sided enclosures of a generator's constants, with the evidence of each end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from certify.codec import Readable
from certify.verdict import Evidence


@dataclass(frozen=True)
class Witness(Readable):
    """Points (and unit directions) at which anybody can recompute the end of a bracket.

    m, M: two points z, z' (the quotient |G(z)-G(z')|/|z-z'|) or a point and a unit direction u (|J(z)u|).
    M2: a point and directions u, v (|D^2G(z)[u,v]|); M3: a point and directions u, v, w.
    """

    points: tuple[tuple[float, ...], ...]
    directions: tuple[tuple[float, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "points": [list(point) for point in self.points],
            "directions": [list(direction) for direction in self.directions],
        }


@dataclass(frozen=True)
class Reason:
    """Why something is so, and what the user can change or run next; one clause each, without a full stop."""

    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


@dataclass(frozen=True)
class Multipliers:
    """What proves an end by a matrix inequality, if its verification says so: the objective s and the weights T."""

    objective: float
    values: tuple[float, ...]
    is_optimal: bool = False
    """Whether the search that found them ended by itself: looking again would bring nothing."""


@dataclass(frozen=True)
class BoundEvidence(Readable):
    """How one end of a bracket was obtained: by which kind of evidence, by which method, at which witness.

    An end decided by an argument about the graph has no witness but a `reason`. The `multipliers` of a matrix
    inequality are for certificates that rest on the end; they are not written.
    """

    kind: Evidence
    method: str
    witness: Witness | None = None
    reason: Reason | None = None
    multipliers: Multipliers | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        reason = {} if self.reason is None else {"reason": self.reason.text, "remedy": self.reason.remedy}
        return {
            "kind": str(self.kind),
            "method": self.method,
            "witness": None if self.witness is None else self.witness.to_dict(),
            **reason,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        given = {key: document[key] for key in ("kind", "method", "witness")}
        reason = Reason(document["reason"], document["remedy"]) if "reason" in document else None
        return replace(cls._of_fields(given), reason=reason)


@dataclass(frozen=True)
class Bracket(Readable):
    """The true constant lies in [lower, upper]; an end that is not known is None; `math.inf` is a value."""

    lower: float | None
    upper: float | None
    lower_evidence: BoundEvidence | None
    upper_evidence: BoundEvidence | None

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract: unknown is null, infinity the string "inf"."""
        return {
            "lower": json_number(self.lower),
            "upper": json_number(self.upper),
            "lower_evidence": None if self.lower_evidence is None else self.lower_evidence.to_dict(),
            "upper_evidence": None if self.upper_evidence is None else self.upper_evidence.to_dict(),
        }


@dataclass(frozen=True)
class Region(Readable):
    """Where the constants hold: all of R^d (`radius` None) or the ball of `radius` around `centre` (0 if None)."""

    radius: float | None = None
    centre: tuple[float, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        return {
            "kind": "all" if self.radius is None else "ball",
            "radius": self.radius,
            "centre": None if self.centre is None else list(self.centre),
        }


@dataclass(frozen=True)
class ConstantBrackets(Readable):
    """Brackets of m, M, M2, M3 of one generator on one region.

    For m the theorems need the lower end, for M, M2, M3 the upper end: those are certified or None.
    """

    m: Bracket
    M: Bracket
    M2: Bracket
    M3: Bracket
    region: Region
    seconds: float
    notes: tuple[str, ...] = field(default=())

    def items(self) -> tuple[tuple[str, Bracket], ...]:
        """The four brackets by name, in the order of the paper. Exact."""
        return (("m", self.m), ("M", self.M), ("M2", self.M2), ("M3", self.M3))

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the brackets by name, the region and the notes."""
        return {
            "region": self.region.to_dict(),
            "constants": {name: bracket.to_dict() for name, bracket in self.items()},
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        known = document["constants"]
        given = {name: known[name] for name in ("m", "M", "M2", "M3")}
        return cls._of_fields({**given, **{key: document[key] for key in ("region", "seconds", "notes")}})


def unknown_brackets() -> ConstantBrackets:
    """Brackets that say nothing: for what needs no constant. Exact."""
    unknown = Bracket(None, None, None, None)
    return ConstantBrackets(unknown, unknown, unknown, unknown, Region(), 0.0)


def json_number(value: float | None) -> float | str | None:
    """A number as the contract writes it: None for unknown or NaN, "inf" and "-inf" for the infinities. Exact.

    >>> json_number(float("inf")), json_number(None), json_number(0.5)
    ('inf', None, 0.5)
    """
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
