"""Certificates of single observations by Theorem R: an envelope of one posterior, no assumption on the decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.arrays import FloatArray
from certify.certificates.discovery import document_of, record_of
from certify.certificates.kinds.rejection import verify
from certify.codec import decode
from certify.encoders.rejection_network import parameter_bound
from certify.envelopes.best import best_envelope
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.records import RejectionProof, rejection_proof
from certify.envelopes.rejection import MOST_PROPOSALS, measured_acceptance, proposals_needed
from certify.errors import InputError
from certify.execution.work import Codec
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.profiles.records import exact
from certify.proof.observations import certify_each, row_key
from certify.proof.records import ObservationRecord, RejectionNumbers
from certify.proof.theorem import ObservationsAsked
from certify.provenance import code_digest
from certify.verdict import Verdict

NAME = "Theorem R"
PROPOSALS = 20_000
"""Proposals of which the acceptance frequency is measured."""

REACH_OBSERVATIONS = 3
"""Observations whose largest certified noise is looked for."""

SHARES = (0.5, 0.25, 0.125)
"""Of the noise: what is tried where an observation is not certified at it."""

SCHEMA = 4
KEYS = frozenset({"certificate", "reason", "measured", "largest_noise", "noise"})
"""Of a kept entry."""


@dataclass(frozen=True, eq=False)
class Task:
    """One observation (n,), and whether its largest noise is asked for."""

    row: FloatArray
    with_reach: bool


@dataclass(frozen=True)
class Rejection:
    """What was found at one observation: the record of an envelope, or None and the `refusal`, why there is none.

    measured        Clopper-Pearson interval of how often a proposal of that record is accepted
    largest_noise   the largest noise found at which this observation is certified, 0 if none is, None if not looked for
    noise           the record at that noise, where it is not the one that was asked for
    """

    proof: RejectionProof | None
    refusal: str = ""
    measured: tuple[float, float] | None = None
    largest_noise: float | None = None
    noise: RejectionProof | None = None

    @property
    def numbers(self) -> RejectionNumbers | None:
        """What the record claims, beside what was measured."""
        if self.proof is None or self.measured is None:
            return None
        again = proposals_needed(self.measured[0], self.proof.epsilon)
        envelope = self.proof.envelope()
        return RejectionNumbers(
            self.proof.acceptance, self.measured, 1 - ERROR_PROBABILITY, None if again is None else again.proposals,
            envelope.method, envelope.log_constant, envelope.log_integral, envelope.boxes, envelope.proposal.size,
        )  # fmt: skip

    @property
    def is_contradicted(self) -> bool:
        """Whether the measured acceptance is below the certified one: then nothing is claimed."""
        return self.proof is not None and self.measured is not None and self.measured[1] < self.proof.acceptance

    @property
    def proposals(self) -> int | None:
        """K, None where epsilon is not met."""
        return None if self.proof is None or self.is_contradicted else self.proof.proposals

    @property
    def tv_bound(self) -> float | None:
        """The distance after K proposals."""
        return None if self.proof is None or self.proposals is None else self.proof.tv_bound

    @property
    def reason(self) -> str:
        """Why nothing is certified: which quantity fails, by how much; "" where something is."""
        if self.proof is None or self.numbers is None:
            return self.refusal
        if self.is_contradicted:
            high = self.numbers.p_measured[1]
            return f"acceptance is certified above {self.proof.acceptance:.6g} but measured below {high:.6g}"
        return "" if self.proposals is not None else _reason(self.numbers, self.proof.epsilon)


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): how many proposals are within epsilon of its posterior, and by which envelope."""
    generator, beta, epsilon = asked.generator, asked.beta, asked.epsilon
    question = {
        "schema": SCHEMA,
        "theorem": asked.theorem.id,
        "code": code_digest(),
        "generator": generator.sha256,
        "likelihood": generator.likelihood,
        "beta": beta,
        "epsilon": str(epsilon),
    }
    found = certify_each(
        f"observations at {generator.name}",
        question,
        _key,
        [Task(row, index < REACH_OBSERVATIONS) for index, row in enumerate(asked.rows)],
        partial(_certify, generator, beta, epsilon),
        Codec(encode_rejection, decode_rejection, partial(_doubt, generator, beta, epsilon)),
        asked.progress,
        asked.execution,
    )
    return tuple(_record(generator, index, item, beta) for index, item in enumerate(found))


def _key(task: Task) -> str:
    return row_key(task.row, np.array(float(task.with_reach)))


def certify_row(generator: Generator, beta: float, epsilon: Fraction, row: FloatArray) -> Rejection:
    """The least number of proposals that is certified at the observation `row` (n,)."""
    proof = _proved(generator, beta, epsilon, row)
    return Rejection(None, proof) if isinstance(proof, str) else Rejection(proof, "", measured(generator, proof))


def _proved(generator: Generator, beta: float, epsilon: Fraction, row: FloatArray) -> RejectionProof | str:
    """The record of the best envelope, or why there is none."""
    with threadpool_limits(1):
        envelope = best_envelope(generator, likelihood_of(generator, row, beta))
    return envelope if isinstance(envelope, str) else rejection_proof(generator, row, beta, epsilon, envelope)


def measured(generator: Generator, proof: RejectionProof) -> tuple[float, float]:
    """Clopper-Pearson interval of how often a proposal is accepted: the same bits wherever they are drawn again."""
    likelihood = likelihood_of(generator, np.array(proof.observation), proof.beta)
    with threadpool_limits(1):
        found = measured_acceptance(generator, likelihood, proof.envelope(), PROPOSALS, 0)
    return found.lower, found.upper


def _certify(generator: Generator, beta: float, epsilon: Fraction, task: Task) -> Rejection:
    found = certify_row(generator, beta, epsilon, task.row)
    if not task.with_reach or generator.likelihood != GAUSSIAN:
        return found
    noise, proof = largest_noise(generator, beta, epsilon, task.row, found.proposals is not None)
    return replace(found, largest_noise=noise, noise=proof)


def largest_noise(
    generator: Generator, beta: float, epsilon: Fraction, row: FloatArray, at_beta: bool
) -> tuple[float, RejectionProof | None]:
    """The largest noise found at which the observation is certified, by halves or doubles of `beta`; 0 if none is.

    At most twice `beta` (`at_beta`: it is certified there), or at least an eighth of it: a certified noise, and an
    estimate of the largest. With its record where it is another than `beta`.
    """
    for share in (2.0,) if at_beta else SHARES:
        found = _proved(generator, beta * share, epsilon, row)
        if not isinstance(found, str) and found.proposals is not None:
            return beta * share, found
    return (beta if at_beta else 0.0), None


def _reason(numbers: RejectionNumbers, epsilon: Fraction) -> str:
    """Which quantity fails, by how much, and what to change."""
    low, high = numbers.p_measured
    limit = -math.log(float(epsilon)) / MOST_PROPOSALS
    if low > limit:
        # The measured acceptance would do: what is short is the lower bound of int exp(-f).
        failing = (
            "the lower bound of the integral of exp(-f) has no finite form here (at most two hidden layers, the second "
            "smooth)"
            if numbers.log_integral == -math.inf
            else f"the lower bound of log int exp(-f) is {_gap(numbers, low):.3g} too low"
        )
        return f"exp(-f) <= C rho is certified, the acceptance only measured, {low:.3g} to {high:.3g}: {failing}"
    if numbers.p_certified > 0.0:
        excess = -math.log(numbers.p_certified)
        return (
            f"the certified acceptance {numbers.p_certified:.3g} needs more than {MOST_PROPOSALS:.0e} proposals: log C "
            f"is {excess:.3g} above the lower bound of log int exp(-f), {-math.log(limit):.3g} would do"
        )
    none = "none of the proposals was" if low == 0.0 else "hardly any proposal was"
    return (
        f"log C is too large: {none} accepted, so it is at least {-math.log(high):.3g} above log int exp(-f), and "
        f"{-math.log(limit):.3g} would do; the envelope is too weak for a decoder as curved as this"
    )


def _gap(numbers: RejectionNumbers, measured: float) -> float:
    """By how much the lower bound of log int exp(-f) is below what the measured acceptance says. Estimate."""
    return numbers.log_constant + math.log(measured) - numbers.log_integral


def _change(found: Rejection, beta: float) -> str:
    """What to change where nothing is proved; empty where it is not known."""
    if found.largest_noise is None:
        return ""
    if found.largest_noise > 0.0:
        return f"; this observation is certified at noise {found.largest_noise:.4g}"
    tried = ", ".join(f"{beta * share:.3g}" for share in SHARES)
    return (
        f"; not certified at noise {tried} either: a decoder that is less curved (spectral normalisation, fewer layers)"
    )


def _record(generator: Generator, index: int, found: Rejection, beta: float) -> ObservationRecord:
    values: dict[str, float] = {} if generator.likelihood == BERNOULLI else {"beta": beta}
    # What contradicts itself is no certificate.
    document = None if found.proof is None or found.is_contradicted else document_of(found.proof)
    if found.largest_noise is not None:
        values["largest_noise"] = found.largest_noise
    numbers = found.numbers
    if found.proposals is None or numbers is None:
        reason = found.reason + _change(found, beta)
        if _is_supported(numbers):
            assert numbers is not None and numbers.layers_measured is not None, "supported by its numbers"
            said = f"K = {numbers.layers_measured} by the acceptance measured, at error 1e-6"
            reason = f"supported, not proved: {said}; {reason}"
            return ObservationRecord(index, Verdict.SUPPORTED, NAME, None, None, reason, values, numbers, document)
        return ObservationRecord(index, Verdict.INCONCLUSIVE, "", None, None, reason, values, numbers, document)
    values["encoder_parameters"] = parameter_bound(generator, numbers.components, found.proposals)
    return ObservationRecord(
        index, Verdict.PROVED, NAME, found.proposals, found.tv_bound, "", values, numbers, document
    )


def _is_supported(numbers: RejectionNumbers | None) -> bool:
    """Whether (R2) holds with the acceptance that was measured: (R1) certified, p between its ends at error 1e-6.

    A measurement that contradicts the certified acceptance supports nothing.
    """
    if numbers is None or not math.isfinite(numbers.log_constant):
        return False
    return numbers.layers_measured is not None and numbers.p_measured[1] >= numbers.p_certified


def _doubt(generator: Generator, beta: float, epsilon: Fraction, task: Task, found: Rejection) -> str:
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
