"""log p(x) of one row with the envelope that proves it: what is found, what `--resume` keeps, and why it is believed.

The record of the envelope is that of Theorem R, and everything follows from it: the rigorous interval from its claims,
the sampled one from draws of its proposal; the ELBO from draws of the encoder. So a kept result is proved again and
drawn again, without the search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from certify.arithmetic.arrays import FloatArray
from certify.audits.source import EncoderSource
from certify.certificates.entries import entry_of, parts_of
from certify.certificates.kinds.rejection import doubt_at
from certify.codec import Readable, read_fields
from certify.envelopes.best import best_envelope
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.log_evidence import Interval, LogEvidence, evidence_under
from certify.envelopes.records import UNUSED_EPSILON, RejectionProof, rejection_proof
from certify.generators.graph import Generator
from certify.marginal.elbo import Elbo, encoder_elbo
from certify.threads import one_thread


@dataclass(frozen=True)
class ObservationEvidence(Readable):
    """log p(x) of one row, and the encoder's ELBO there (None where no encoder was given)."""

    log_evidence: LogEvidence
    elbo: Elbo | None

    @property
    def gap(self) -> Interval | None:
        """KL(q, pi_x) = log p(x) - ELBO, never below 0; None where one of the two has no interval."""
        found, bound = self.log_evidence.best, None if self.elbo is None else self.elbo.interval
        if found is None or bound is None:
            return None
        confidence = 1 - (1 - found.confidence) - (1 - bound.confidence)
        low, high = max(0.0, found.lower - bound.upper), max(0.0, found.upper - bound.lower)
        return Interval(low, high, "statistical", confidence)

    def to_dict(self, index: int | None = None) -> dict[str, Any]:
        """JSON form of the contract; `index` is left out of what is stored."""
        intervals = {
            "log_evidence": self.log_evidence.best,
            "rigorous": self.log_evidence.rigorous,
            "sampled": self.log_evidence.sampled,
            "elbo": None if self.elbo is None else self.elbo.interval,
            "gap": self.gap,
        }
        return {
            **({} if index is None else {"index": index}),
            **{name: None if item is None else item.to_dict() for name, item in intervals.items()},
            "envelope": self.log_evidence.envelope,
            "reason": self.log_evidence.reason,
            "encoder": None if self.elbo is None else {"law": self.elbo.law, "reason": self.elbo.reason},
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        evidence = {key: document[key] for key in ("rigorous", "sampled", "envelope", "reason")}
        law = document["encoder"]
        elbo = None if law is None else read_fields(Elbo, {**law, "interval": document["elbo"]})
        return cls(read_fields(LogEvidence, evidence), elbo)


@dataclass(frozen=True)
class Asked:
    """What all rows have in common; `beta` has no meaning for logits, `source` is None without an encoder."""

    generator: Generator
    beta: float
    source: EncoderSource | None
    proposals: int
    seed: int


@dataclass(frozen=True)
class Found:
    """What is found at one row: the record of its envelope, or why there is none, and what follows from it."""

    proof: RejectionProof | None
    refusal: str
    evidence: ObservationEvidence


def evidence_of_row(asked: Asked, row: FloatArray) -> Found:
    """log p(x) at `row` (n,), and the encoder's ELBO there."""
    # A second BLAS thread would change the last bits.
    with one_thread():
        envelope = best_envelope(asked.generator, likelihood_of(asked.generator, row, asked.beta))
    if isinstance(envelope, str):
        return Found(None, envelope, _following(asked, row, envelope))
    proof = rejection_proof(asked.generator, row, asked.beta, UNUSED_EPSILON, envelope)
    return Found(proof, "", _following(asked, row, proof))


def _following(asked: Asked, row: FloatArray, proof: RejectionProof | str) -> ObservationEvidence:
    """What a record implies, or the reason why there is none: no search, and the same bits from the same record."""
    if isinstance(proof, str):
        found = LogEvidence(None, None, "", proof)
    else:
        found = evidence_under(proof.envelope(), asked.generator, row, asked.beta, asked.proposals, asked.seed)
    elbo = None if asked.source is None else encoder_elbo(asked.source, asked.generator, row, asked.beta, asked.seed)
    return ObservationEvidence(found, elbo)


def doubt(asked: Asked, row: FloatArray, found: Found) -> str:
    """Why a stored result is not believed; "" where its envelope was proved again and its numbers follow from that.

    A reason why there is no envelope is taken as it is: nothing is claimed then.
    """
    if (found.proof is None) != bool(found.refusal):
        return "its parts do not fit together"
    if found.proof is not None and (reason := doubt_at(found.proof, asked.generator, row, asked.beta)):
        return reason
    if found.evidence != _following(asked, row, found.proof or found.refusal):
        return "its intervals are not those of its envelope and its draws"
    return ""


def encode_found(found: Found) -> dict[str, Any]:
    """The entry that `--resume` keeps; `certify verify` reads its certificate."""
    return entry_of(found.proof, found.refusal, evidence=found.evidence.to_dict())


def decode_found(entry: Any) -> Found:
    """What `encode_found` wrote.

    Raises:
        InputError: for anything else.
    """
    proof, refusal, evidence = parts_of(entry, RejectionProof, "evidence")
    return Found(proof, refusal, ObservationEvidence.from_dict(evidence))
