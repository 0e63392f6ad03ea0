"""(R1) of Theorem R at one observation: one Gaussian above exp(-f) on all of R^d, five numbers per neuron."""

from __future__ import annotations

from typing import Any

from certify.certificates.portable.envelope_record import envelope_record
from certify.certificates.portable.question import PortableKind, Question


def _make(question: Question) -> dict[str, Any] | str:
    found = envelope_record(question)
    return found if isinstance(found, str) else found.record


KIND = PortableKind("envelope", "f(z) >= |L^T(z - mu)|^2/2 - offset for all z: (R1) of Theorem R", _make)
