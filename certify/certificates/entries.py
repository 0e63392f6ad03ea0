"""One observation's entry as `--resume` keeps it: a certificate, or why there is none, and what follows from it.

`certify verify` reads the certificate of every such entry, whatever was derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from certify.certificates.discovery import document_of, record_of
from certify.codec import decode
from certify.errors import InputError

Proof = TypeVar("Proof")


def entry_of(proof: Any | None, refusal: str, **derived: Any) -> dict[str, Any]:
    """The entry of a record, or of the `refusal` that says why there is none, with what was derived (JSON)."""
    return {
        "certificate": None if proof is None else document_of(proof),
        "reason": refusal,
        "noise": None,
        **derived,
    }


def parts_of(entry: Any, kind: type[Proof], derived: str) -> tuple[Proof | None, str, Any]:
    """The record of type `kind`, the refusal and what stands under `derived`, of what `entry_of` wrote.

    Raises:
        InputError: for anything else.
    """
    if not isinstance(entry, Mapping) or entry.keys() != {"certificate", "reason", "noise", derived}:
        raise InputError(f"the entry has not the keys certificate, reason, noise and {derived}")
    proof = None if entry["certificate"] is None else record_of(entry["certificate"], "the certificate")
    if proof is not None and not isinstance(proof, kind):
        raise InputError("the certificate is of another kind")
    return proof, decode(str, entry["reason"], "the entry's reason"), entry[derived]
