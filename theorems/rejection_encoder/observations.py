"""Certificates of single observations by Theorem R: an envelope of one posterior, no assumption on the decoder."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.arrays import FloatArray
from certify.encoders.rejection_network import parameter_bound
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import acceptance_lower
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.rejection import MOST_PROPOSALS, measured_acceptance, proposals_needed
from certify.execution.work import Codec
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
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

SCHEMA = 3


@dataclass(frozen=True, eq=False)
class Task:
    """One observation (n,), and whether its largest noise is asked for."""

    row: FloatArray
    with_reach: bool


@dataclass(frozen=True)
class Rejection:
    """What was found at one observation; `proposals` is None where nothing was certified, and `reason` says why."""

    proposals: int | None
    tv_bound: float | None
    reason: str
    numbers: RejectionNumbers | None
    largest_noise: float | None = None


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
        Codec(_encode, _decode, partial(_doubt, epsilon), is_trusted=True),
        asked.progress,
        asked.execution,
    )
    return tuple(_record(generator, index, item, beta) for index, item in enumerate(found))


def _key(task: Task) -> str:
    return row_key(task.row, np.array(float(task.with_reach)))


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
        return Rejection(None, None, _reason(numbers, epsilon), numbers)
    return Rejection(needed.proposals, needed.tv_bound, "", numbers)


def _certify(generator: Generator, beta: float, epsilon: Fraction, task: Task) -> Rejection:
    found = certify_row(generator, beta, epsilon, task.row)
    if not task.with_reach or generator.likelihood != GAUSSIAN:
        return found
    certified = found.proposals is not None
    return replace(found, largest_noise=largest_noise(generator, beta, epsilon, task.row, certified))


def largest_noise(generator: Generator, beta: float, epsilon: Fraction, row: FloatArray, at_beta: bool) -> float:
    """The largest noise found at which the observation is certified, by halves or doubles of `beta`; 0 if none is.

    At most twice `beta` (`at_beta`: it is certified there), or at least an eighth of it: a certified noise, and an
    estimate of the largest.
    """

    def certified(noise: float) -> bool:
        with threadpool_limits(1):
            envelope = best_envelope(generator, likelihood_of(generator, row, noise))
        return not isinstance(envelope, str) and proposals_needed(envelope.acceptance, epsilon) is not None

    if at_beta:
        return 2 * beta if certified(2 * beta) else beta
    return next((beta * share for share in SHARES if certified(beta * share)), 0.0)


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
    certificate: dict[str, float] = {} if generator.likelihood == BERNOULLI else {"beta": beta}
    if found.largest_noise is not None:
        certificate["largest_noise"] = found.largest_noise
    numbers = found.numbers
    if found.proposals is None or numbers is None:
        reason = found.reason + _change(found, beta)
        if _is_supported(numbers):
            assert numbers is not None and numbers.layers_measured is not None, "supported by its numbers"
            said = f"K = {numbers.layers_measured} by the acceptance measured, at error 1e-6"
            reason = f"supported, not proved: {said}; {reason}"
            return ObservationRecord(index, Verdict.SUPPORTED, NAME, None, None, reason, certificate, numbers)
        return ObservationRecord(index, Verdict.INCONCLUSIVE, "", None, found.tv_bound, reason, certificate, numbers)
    certificate["encoder_parameters"] = parameter_bound(generator, numbers.components, found.proposals)
    return ObservationRecord(
        index, Verdict.PROVED, NAME, found.proposals, found.tv_bound, found.reason, certificate, numbers
    )


def _is_supported(numbers: RejectionNumbers | None) -> bool:
    """Whether (R2) holds with the acceptance that was measured: (R1) certified, p between its ends at error 1e-6.

    A measurement that contradicts the certified acceptance supports nothing.
    """
    if numbers is None or not math.isfinite(numbers.log_constant):
        return False
    return numbers.layers_measured is not None and numbers.p_measured[1] >= numbers.p_certified


def _doubt(epsilon: Fraction, task: Task, found: Rejection) -> str:
    """Why a stored result is not believed; "" where its numbers follow from one another."""
    return "" if _could_hold(epsilon, found) else "its numbers do not follow from one another"


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
        "largest_noise": found.largest_noise,
    }


def _decode(entry: Any) -> Rejection:
    numbers = entry["numbers"]
    return Rejection(
        None if entry["proposals"] is None else int(entry["proposals"]),
        None if entry["tv_bound"] is None else float(entry["tv_bound"]),
        str(entry["reason"]),
        None if numbers is None else RejectionNumbers.from_dict(numbers),
        None if entry["largest_noise"] is None else float(entry["largest_noise"]),
    )
