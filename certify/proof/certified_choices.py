"""The certificate of a theorem's free choices: data alone, which statements, optimiser and checks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from flint import arb


@dataclass(frozen=True)
class Certificate:
    """Choices with every closed form enclosed at them: the conclusion's distance is at most `distance_upper`.

    It is 0 where the conclusion has no distance.
    """

    values: Mapping[str, arb]
    choices: Mapping[str, Fraction]
    distance_upper: float

    def __getitem__(self, name: str) -> arb:
        return self.values[name]
