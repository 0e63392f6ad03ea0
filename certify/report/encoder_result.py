"""What `certify encoder` found, as an object that prints and serialises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certify.proof.encoder_construction import EncoderChoice
from certify.report.encoder_files import EncoderFile, describe_generator
from certify.report.encoder_tables import encoder_report
from certify.report.terminal import render_text
from certify.verdict import Verdict


@dataclass(frozen=True, eq=False)
class EncoderResult:
    """An encoder with its certificate, the candidates beside it, and the files if it was written."""

    choice: EncoderChoice
    file: EncoderFile | None
    provenance: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """`proved` where the network is certified to be within epsilon."""
        return self.choice.verdict

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify encoder`."""
        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "generator": describe_generator(self.choice),
            "beta": float(self.choice.beta),
            "epsilon": float(self.choice.epsilon),
            "encoder": self.choice.chosen.to_dict(),
            "candidates": [item.to_dict() for item in self.choice.candidates],
            "file": None if self.file is None else self.file.to_dict(),
            "provenance": self.provenance,
        }

    def __str__(self) -> str:
        return render_text(encoder_report(self.choice, self.file))

    __repr__ = __str__
