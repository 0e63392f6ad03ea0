"""What is found at single observations as `--resume` keeps it, and why a kept result is not believed."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from certify.certificates.discovery import document_of, record_of
from certify.certificates.kinds.rejection import verify
from certify.codec import decode
from certify.envelopes.records import RejectionProof
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.profiles.records import exact
from theorems.rejection_encoder.found import Rejection, Task, measured

KEYS = frozenset({"certificate", "reason", "measured", "largest_noise", "noise"})
"""Of a kept entry."""


def doubt(generator: Generator, beta: float, epsilon: Fraction, task: Task, found: Rejection) -> str:
    """Why a stored result is not believed; "" if all that it claims was proved again.

    A reason why there is no record is taken as it is: nothing is claimed then.
    """
    if (found.proof is None) != bool(found.refusal) or (found.proof is None) != (found.measured is None):
        return "its parts do not fit together"
    for proof, noise in ((found.proof, beta), (found.noise, found.largest_noise)):
        if proof is None:
            continue
        asked = exact(task.row), noise, epsilon, generator.sha256
        if (proof.observation, proof.beta, proof.epsilon, proof.generator.sha256) != asked:
            return "it is about another observation"
        if reason := verify(proof, generator).reason:
            return reason
    if found.proposals is not None and found.largest_noise is not None and found.largest_noise < beta:
        return "its largest noise is below its own"
    at_own = found.noise is None
    reached = found.proposals if found.noise is None else found.noise.proposals
    if found.largest_noise and (reached is None or (at_own and found.largest_noise != beta)):
        return "its largest noise is not proved"
    if found.proof is not None and found.measured != measured(generator, found.proof):
        return "its acceptance is measured otherwise"
    return ""


def encode_rejection(found: Rejection) -> dict[str, Any]:
    """The entry that `--resume` keeps."""
    noise = None if found.noise is None else document_of(found.noise)
    return {
        "certificate": None if found.proof is None else document_of(found.proof),
        "reason": found.refusal,
        "measured": None if found.measured is None else list(found.measured),
        "largest_noise": found.largest_noise,
        "noise": None if noise is None else {"certificate": noise},
    }


def decode_rejection(entry: Any) -> Rejection:
    """What `encode_rejection` wrote.

    Raises:
        InputError: for anything else.
    """
    what = "the entry"
    if not isinstance(entry, Mapping) or entry.keys() != KEYS:
        raise InputError(f"{what} has not the keys {', '.join(sorted(KEYS))}")
    noise = entry["noise"]
    if noise is not None and (not isinstance(noise, Mapping) or noise.keys() != {"certificate"}):
        raise InputError(f"{what}'s noise has not the key certificate alone")
    return Rejection(
        None if entry["certificate"] is None else _proof(entry["certificate"]),
        decode(str, entry["reason"], what),
        None if entry["measured"] is None else decode(tuple[float, float], entry["measured"], what),
        None if entry["largest_noise"] is None else decode(float, entry["largest_noise"], what),
        None if noise is None else _proof(noise["certificate"]),
    )


def _proof(document: Any) -> RejectionProof:
    record = record_of(document, "the certificate")
    if not isinstance(record, RejectionProof):
        raise InputError("the certificate is of another kind")
    return record
