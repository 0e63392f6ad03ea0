"""Record of the size of an encoder beside that of its generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certify.bounds.bracket import json_number
from certify.codec import Readable


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
