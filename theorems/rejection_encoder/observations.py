"""Certificates of single observations by Theorem R: an envelope of one posterior, no assumption on the decoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import ConstantBrackets
from certify.encoders.rejection_network import parameter_bound
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import Envelope, acceptance_lower
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.rejection import measured_acceptance, proposals_needed
from certify.generators.graph import BERNOULLI, Generator
from certify.progress import Progress
from certify.proof.observations import Codec, certify_each, row_key
from certify.proof.records import ObservationRecord, RejectionNumbers
from certify.proof.theorem import Theorem
from certify.verdict import Verdict
from certify.version import __version__

NAME = "Theorem R"
PROPOSALS = 20_000
"""Proposals of which the acceptance frequency is measured."""

SCHEMA = 3


@dataclass(frozen=True)
class Rejection:
    """What was found at one observation; `proposals` is None where nothing was certified, and `reason` says why."""

    proposals: int | None
    tv_bound: float | None
    reason: str
    numbers: RejectionNumbers | None


def certify_rows(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets | None,
    rows: FloatArray,
    beta: float,
    epsilon: Fraction,
    progress: Progress,
    resume: Path | None,
) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): how many proposals are within epsilon of its posterior, and by which envelope."""
    question = {
        "schema": SCHEMA,
        "theorem": theorem.id,
        "version": __version__,
        "generator": generator.sha256,
        "likelihood": generator.likelihood,
        "beta": beta,
        "epsilon": str(epsilon),
    }
    found = certify_each(
        f"observations at {generator.name}",
        question,
        [row_key(row) for row in rows],
        list(rows),
        partial(certify_row, generator, beta, epsilon),
        Codec(_encode, _decode, partial(_could_hold, epsilon)),
        progress,
        resume,
    )
    return tuple(_record(generator, index, item, beta) for index, item in enumerate(found))


def certify_row(generator: Generator, beta: float, epsilon: Fraction, row: FloatArray) -> Rejection:
    """The least number of proposals that is certified at the observation `row` (n,)."""
    likelihood = likelihood_of(generator, row, beta)
    with threadpool_limits(1):
        envelope = best_envelope(generator, likelihood)
        if isinstance(envelope, str):
            return Rejection(None, None, envelope, None)
        measured = measured_acceptance(generator, likelihood, envelope, PROPOSALS, 0)
    again = proposals_needed(measured.lower, epsilon)
    numbers = RejectionNumbers(
        envelope.acceptance,
        (measured.lower, measured.upper),
        1 - measured.error_probability,
        None if again is None else again.proposals,
        envelope.method,
        envelope.log_constant,
        envelope.log_integral,
        envelope.boxes,
        envelope.proposal.size,
    )
    needed = proposals_needed(envelope.acceptance, epsilon)
    if measured.upper < envelope.acceptance:
        reason = f"acceptance is certified above {envelope.acceptance:.6g} but measured below {measured.upper:.6g}"
        return Rejection(None, None, reason, numbers)
    if needed is None:
        return Rejection(None, None, _reason(envelope), numbers)
    return Rejection(needed.proposals, needed.tv_bound, "", numbers)


def _reason(envelope: Envelope) -> str:
    if envelope.log_integral == -math.inf:
        return (
            "exp(-f) <= C rho is certified, but the acceptance is only measured: its lower bound takes at most two "
            "hidden layers, the second with a smooth activation, and a proposal that is accepted now and then"
        )
    return f"the certified acceptance {envelope.acceptance:.3g} is too small"


def _record(generator: Generator, index: int, found: Rejection, beta: float) -> ObservationRecord:
    certificate: dict[str, float] = {} if generator.likelihood == BERNOULLI else {"beta": beta}
    if found.proposals is None or found.numbers is None:
        return ObservationRecord(
            index, Verdict.INCONCLUSIVE, "", None, found.tv_bound, found.reason, certificate, found.numbers
        )
    certificate["encoder_parameters"] = parameter_bound(generator, found.numbers.components, found.proposals)
    return ObservationRecord(
        index, Verdict.PROVED, NAME, found.proposals, found.tv_bound, found.reason, certificate, found.numbers
    )


def _could_hold(epsilon: Fraction, found: Rejection) -> bool:
    """Whether what a file says is of the kind that `certify_row` returns: its numbers follow from one another.

    That the envelope itself holds is not proved again: such a file is as trusted as the run that wrote it.
    """
    numbers = found.numbers
    if numbers is not None and not _agree(numbers, epsilon):
        return False
    if found.proposals is None:
        return found.tv_bound is None and bool(found.reason)
    if numbers is None or found.tv_bound is None or found.reason or numbers.p_measured[1] < numbers.p_certified:
        return False
    needed = proposals_needed(numbers.p_certified, epsilon)
    return needed is not None and needed.proposals == found.proposals and needed.tv_bound == found.tv_bound


def _agree(numbers: RejectionNumbers, epsilon: Fraction) -> bool:
    low, high = numbers.p_measured
    again = proposals_needed(low, epsilon)
    return (
        numbers.log_integral <= numbers.log_constant
        and numbers.p_certified == acceptance_lower(numbers.log_constant, numbers.log_integral)
        and 0.0 <= low <= high <= 1.0
        and numbers.layers_measured == (None if again is None else again.proposals)
        and numbers.boxes >= 0
        and numbers.components > 0
    )


def _encode(found: Rejection) -> dict[str, Any]:
    return {
        "proposals": found.proposals,
        "tv_bound": found.tv_bound,
        "reason": found.reason,
        "numbers": None if found.numbers is None else found.numbers.to_dict(),
    }


def _decode(entry: Any) -> Rejection:
    numbers = entry["numbers"]
    return Rejection(
        None if entry["proposals"] is None else int(entry["proposals"]),
        None if entry["tv_bound"] is None else float(entry["tv_bound"]),
        str(entry["reason"]),
        None if numbers is None else RejectionNumbers.from_dict(numbers),
    )
