"""Record of what one step of a proof loses of the final bound; `certify.checking.slack` finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certify.bounds.bracket import json_number
from certify.codec import Readable


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
