"""A refutation with hints in the form of a portable certificate."""

from __future__ import annotations

from typing import Any

from certify.circuits.hints import HintedRefutation


def proof_record(found: HintedRefutation) -> dict[str, Any]:
    """`core` and `steps` of docs/certificates.md."""
    steps = [{"clause": list(step.clause), "hints": list(step.hints)} for step in found.steps]
    return {"core": [list(clause) for clause in found.core], "steps": steps}
