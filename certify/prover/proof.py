"""What the prover leaves behind: a verdict, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from certify.codec import Readable
from certify.verdict import Evidence, Verdict


@dataclass(frozen=True)
class Proof(Readable):
    """What was found about a claim.

    verdict   proved, refuted, inconclusive, or not-applicable where the assumptions contradict each other
    evidence  symbolic (identity, z3, calculus over them) or rigorous (balls)
    method    the engine, and the lemmas that it needed
    steps     for a proof, the parts it was put together from, each a line
    witness   for a refutation, values at which the assumptions hold and the claim fails, confirmed in balls; without
              a parameter that an assumption defines by an equation and whose value there is irrational
    reason    why nothing was decided, and what to try; of a claim that is refuted, where it has no value besides
    """

    claim: str
    assumptions: tuple[str, ...]
    verdict: Verdict
    evidence: Evidence | None
    method: str = ""
    steps: tuple[str, ...] = ()
    witness: dict[str, Fraction] | None = None
    reason: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def counterexample(self) -> str:
        """The witness as text, `x = 1/2, y = 3`; empty without one, or without a parameter."""
        return ", ".join(f"{name} = {value}" for name, value in (self.witness or {}).items())

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; a witness's values are exact, as text."""
        values = None if self.witness is None else {name: str(value) for name, value in self.witness.items()}
        return {
            "claim": self.claim,
            "assumptions": list(self.assumptions),
            "verdict": self.verdict.value,
            "evidence": None if self.evidence is None else self.evidence.value,
            "method": self.method,
            "steps": list(self.steps),
            "witness": values,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        lines = [f"{self.verdict.value}: {self.claim}"]
        if self.assumptions:
            lines.append(f"  for all parameters with {', '.join(self.assumptions)}")
        if self.witness is not None:
            lines.append(
                f"  fails at {self.counterexample}" if self.witness else "  fails: there is no parameter in it"
            )
        if self.method:
            lines.append(f"  by {self.method}")
        lines += [f"    {step}" for step in self.steps]
        if self.reason:
            lines.append(f"  {self.reason}")
        return "\n".join(lines)
