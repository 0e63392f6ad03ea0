"""Verdicts, evidence, and how the verdict of a whole follows from its parts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What is known about a claim; the one vocabulary of every command, record and table."""

    PROVED = "proved"
    SUPPORTED = "supported"
    COMPOSED = "composed"
    CONDITIONAL = "conditional"
    UNTESTED = "untested"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"
    REFUTED = "refuted"

    @property
    def rank(self) -> int:
        """Strength of the verdict: 0 is the strongest (`proved`)."""
        return _VERDICT_ORDER.index(self)

    @property
    def holds(self) -> bool:
        """Whether the claim holds as far as is known, on what its verdict names: up to `conditional`."""
        return self.rank <= Verdict.CONDITIONAL.rank


class Evidence(StrEnum):
    """By which means a verdict was reached."""

    KERNEL = "kernel"
    SYMBOLIC = "symbolic"
    RIGOROUS = "rigorous"
    STATISTICAL = "statistical"
    ASSUMED = "assumed"

    @property
    def rank(self) -> int:
        """Strength of the evidence: 0 is the strongest (`kernel`)."""
        return _EVIDENCE_ORDER.index(self)


_VERDICT_ORDER = tuple(Verdict)
_EVIDENCE_ORDER = tuple(Evidence)


def weakest_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Verdict of a result composed of parts: the verdict of its weakest part.

    An empty composition holds vacuously and is `proved`.
    """
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.PROVED)


def weakest_evidence(evidence: Iterable[Evidence]) -> Evidence:
    """Evidence of a result composed of parts: the weakest kind used."""
    return max(evidence, key=lambda kind: kind.rank, default=Evidence.SYMBOLIC)


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """Process exit code for the verdicts of everything that was asked for.

    0 all hold; 1 something refuted; 4 a theorem is not applicable; 3 something untested or inconclusive.
    Where several apply, the gravest wins: 1, then 4, then 3.
    """
    found = set(verdicts)
    for verdict, code in (
        (Verdict.REFUTED, 1),
        (Verdict.NOT_APPLICABLE, 4),
        (Verdict.INCONCLUSIVE, 3),
        (Verdict.UNTESTED, 3),
    ):
        if verdict in found:
            return code
    return 0
