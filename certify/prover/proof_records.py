"""Records of what is proved of a step for all values of its parameters, beside what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certify.codec import Readable
from certify.verdict import Evidence, Verdict, weakest_evidence, weakest_verdict


@dataclass(frozen=True)
class ClaimProof(Readable):
    """One algebraic claim of a step, for all values of its parameters."""

    name: str
    verdict: Verdict
    evidence: Evidence | None
    method: str
    leaves: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "evidence": None if self.evidence is None else str(self.evidence),
            "method": self.method,
            "leaves": list(self.leaves),
        }


@dataclass(frozen=True)
class StepProof(Readable):
    """The algebra between a step's leaves and its bound, proved for all parameters; the leaves are assumed."""

    claims: tuple[ClaimProof, ...]

    @property
    def verdict(self) -> Verdict:
        """The weakest claim's verdict."""
        return weakest_verdict(claim.verdict for claim in self.claims)

    @property
    def evidence(self) -> Evidence | None:
        """The weakest evidence; None where a claim is not decided."""
        kinds = [claim.evidence for claim in self.claims if claim.evidence is not None]
        return weakest_evidence(kinds) if len(kinds) == len(self.claims) else None

    @property
    def leaves(self) -> tuple[str, ...]:
        """What the step takes from the literature, by label, each once."""
        return tuple(dict.fromkeys(leaf for claim in self.claims for leaf in claim.leaves))

    def to_dict(self) -> dict[str, Any]:
        """JSON form: verdict and evidence of the algebra, the leaves, every claim."""
        return {
            "verdict": str(self.verdict),
            "evidence": None if self.evidence is None else str(self.evidence),
            "leaves": list(self.leaves),
            "claims": [claim.to_dict() for claim in self.claims],
        }
