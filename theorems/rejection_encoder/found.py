"""What is found at one observation by Theorem R: the record of an envelope, and what was measured beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.encoders.rejection_network import parameter_bound
from certify.envelopes.box_certificate import acceptance_lower, round_acceptance
from certify.envelopes.box_weights import evaluations_of
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.records import THEOREM, RejectionProof
from certify.envelopes.rejection import MOST_PROPOSALS, measured_acceptance, proposals_needed
from certify.envelopes.shell_evidence import MOST_NEURONS
from certify.generators.graph import Generator
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.proof.records import RejectionNumbers
from certify.threads import one_thread
from certify.verdict import Verdict

PROPOSALS, LEAST_PROPOSALS, WORK = 20_000, 2000, 1e10
"""Proposals of which the acceptance frequency is measured: at most, at least, and multiplications for all of them."""


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
        proof = self.proof
        again = proposals_needed(_measured_round(proof, *self.measured), proof.epsilon)
        envelope = proof.envelope()
        return RejectionNumbers(
            proof.acceptance, self.measured, 1 - ERROR_PROBABILITY, None if again is None else again.proposals,
            envelope.method, envelope.log_constant, envelope.log_integral, envelope.boxes, envelope.proposal.size,
            proof.tries,
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
    def verdict(self) -> Verdict:
        """`proved` with K; `supported` where (R1) is certified and (R2) holds with the acceptance that was measured.

        A measurement that contradicts the certified acceptance supports nothing.
        """
        numbers = self.numbers
        if numbers is None or self.is_contradicted:
            return Verdict.INCONCLUSIVE
        if self.proposals is not None:
            return Verdict.PROVED
        is_enough = math.isfinite(numbers.log_constant) and numbers.layers_measured is not None
        return Verdict.SUPPORTED if is_enough else Verdict.INCONCLUSIVE

    @property
    def theorem(self) -> str:
        """What the verdict is by; "" where nothing holds."""
        return THEOREM if self.verdict.holds else ""

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
        return "" if self.proposals is not None else _reason(self.numbers, self.proof)


def measured(generator: Generator, proof: RejectionProof) -> tuple[float, float]:
    """Clopper-Pearson interval of how often a proposal is accepted: the same bits wherever they are drawn again."""
    likelihood = likelihood_of(generator, np.array(proof.observation), proof.beta)
    with one_thread():
        found = measured_acceptance(generator, likelihood, proof.envelope(), proposals_measured(generator), 0)
    return found.lower, found.upper


def said_beside(proof: RejectionProof, generator: Generator) -> dict[str, Any]:
    """What a row says beside its certificate: verdict and encoder's size; the acceptance, by the same proposals."""
    found = Rejection(proof, "", measured(generator, proof))
    numbers, count = found.numbers, found.proposals
    assert numbers is not None, "it is measured"
    size = None if count is None else float(parameter_bound(generator, numbers.components, count, numbers.tries))
    said = {"verdict": str(found.verdict), "theorem": found.theorem, "encoder_parameters": size}
    return {**said, **numbers.to_dict()}


def proposals_measured(generator: Generator) -> int:
    """How many proposals are drawn for it: fewer where an evaluation takes many multiplications."""
    return evaluations_of(generator.graph, WORK, LEAST_PROPOSALS, PROPOSALS)


def _measured_round(proof: RejectionProof, low: float, high: float) -> float:
    """The probability that one of the K is accepted, from below, at an acceptance in [low, high] of those evaluated."""
    if proof.evaluated >= 1.0:
        return low
    # The share a that is evaluated is int exp(-f)/(C p): fewer of them than certified, so more draws find none.
    share = acceptance_lower(proof.log_constant, proof.log_integral) / max(high, 1e-300)
    return round_acceptance(low, min(share, proof.evaluated), proof.tries)


def _reason(numbers: RejectionNumbers, proof: RejectionProof) -> str:
    """Which quantity fails, by how much, and what to change."""
    low, high = numbers.p_measured
    limit = -math.log(float(proof.epsilon)) / MOST_PROPOSALS
    constant = "log C" if proof.evaluated >= 1.0 else "log(a C)"
    if low > limit:
        # The measured acceptance would do: what is short is the lower bound of int exp(-f).
        failing = (
            "no lower bound of the integral of exp(-f) was found (behind three hidden layers at most "
            f"{MOST_NEURONS} neurons are tried)"
            if numbers.log_integral == -math.inf
            else f"the lower bound of log int exp(-f) is {_gap(numbers, low, proof.evaluated):.3g} too low"
        )
        return f"exp(-f) <= C rho is certified, the acceptance only measured, {low:.3g} to {high:.3g}: {failing}"
    if numbers.p_certified > 0.0:
        excess = -math.log(numbers.p_certified)
        return (
            f"the certified acceptance {numbers.p_certified:.3g} needs more than {MOST_PROPOSALS:.0e} proposals: "
            f"{constant} is {excess:.3g} above the lower bound of log int exp(-f), {-math.log(limit):.3g} would do"
        )
    none = "none of the proposals was" if low == 0.0 else "hardly any proposal was"
    return (
        f"{constant} is too large: {none} accepted, so it is at least {-math.log(high):.3g} above log int exp(-f), and "
        f"{-math.log(limit):.3g} would do; the envelope is too weak for a decoder as curved as this"
    )


def _gap(numbers: RejectionNumbers, measured: float, evaluated: float) -> float:
    """By how much the lower bound of log int exp(-f) is below what the measured acceptance says. Estimate."""
    return numbers.log_constant + math.log(evaluated) + math.log(measured) - numbers.log_integral
