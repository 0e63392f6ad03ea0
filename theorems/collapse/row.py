"""The rate of one observation with the envelope that proves it: what is found, what `--resume` keeps, why believed.

With the likelihood L = exp(-|x - G(z)|^2/(2 beta^2)) <= 1 of z, Z its mean under the prior and Y = -log L,

    KL(pi_x || N(0, I)) = -log Z - E Y,   z ~ pi_x.

log Z lies in an interval as log p(x) does. Y is not bounded, but P(Y > t) = E_prior[L; L < e^-t]/Z <= e^-t/Z. So with
T = log(1/Z) + log(1/ROOM) the mean of Y exceeds that of min(Y, T) by at most ROOM, and the latter is of numbers in
[0, T]: the empirical Bernstein inequality holds for it at every number of draws, and no limit law is assumed.

All of it follows from the envelope's record and from draws under it: a kept rate is proved and drawn again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.certificates.entries import entry_of, parts_of
from certify.certificates.kinds.rejection import doubt_at
from certify.codec import decode, encode
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.log_evidence import ROUNDING, log_integrals
from certify.envelopes.records import UNUSED_EPSILON, RejectionProof, rejection_proof
from certify.envelopes.rejection import exact_draws
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.estimates import ERROR_PROBABILITY, mean_interval
from certify.threads import one_thread

DRAWS, PROPOSALS, LEAST = 50_000, 1_000_000, 1000
"""Exact draws of a posterior, proposals made for them at most, and draws below which their mean is not taken."""
ROOM = 1e-3
"""Nats by which the mean of Y may exceed that of what is cut off at T."""


@dataclass(frozen=True)
class RowRate:
    """KL(pi_x || N(0, I)) lies in [lower, upper] nats with probability `confidence`; `reason` says why nothing does."""

    lower: float
    upper: float
    confidence: float
    reason: str = ""


@dataclass(frozen=True)
class FoundRate:
    """What is found at one row: the record of its envelope, or why there is none, and the rate that follows."""

    proof: RejectionProof | None
    refusal: str
    rate: RowRate


def rate_of_row(generator: Generator, beta: float, row: FloatArray) -> FoundRate:
    """The interval at the observation `row` (n,): statistical, for every number of draws."""
    # A second BLAS thread would change the last bits.
    with one_thread():
        envelope = best_envelope(generator, GaussianLikelihood(row, beta))
    if isinstance(envelope, str):
        return FoundRate(None, envelope, following(generator, beta, row, envelope))
    proof = rejection_proof(generator, row, beta, UNUSED_EPSILON, envelope)
    return FoundRate(proof, "", following(generator, beta, row, proof))


def doubt(generator: Generator, beta: float, row: FloatArray, found: FoundRate) -> str:
    """Why a stored rate is not believed; "" where its envelope was proved again and its ends follow from that.

    A reason why there is no envelope is taken as it is: nothing is claimed then.
    """
    if (found.proof is None) != bool(found.refusal):
        return "its parts do not fit together"
    if found.proof is not None and (reason := doubt_at(found.proof, generator, row, beta)):
        return reason
    if found.rate != following(generator, beta, row, found.proof or found.refusal):
        return "its ends are not those of its envelope and its draws"
    return ""


def encode_rate(found: FoundRate) -> dict[str, Any]:
    """The entry that `--resume` keeps; `certify verify` reads its certificate."""
    return entry_of(found.proof, found.refusal, rate=encode(found.rate))


def decode_rate(entry: Any) -> FoundRate:
    """What `encode_rate` wrote.

    Raises:
        InputError: for anything else.
    """
    proof, refusal, rate = parts_of(entry, RejectionProof, "rate")
    return FoundRate(proof, refusal, decode(RowRate, rate, "the entry's rate"))


def following(generator: Generator, beta: float, row: FloatArray, proof: RejectionProof | str) -> RowRate:
    """What a record implies, or the reason why there is none: no search, and the same bits from the same record."""
    if isinstance(proof, str):
        return RowRate(0.0, math.inf, 1.0, proof)
    likelihood, envelope, error = GaussianLikelihood(row, beta), proof.envelope(), ERROR_PROBABILITY / 2
    with one_thread():
        rigorous, sampled = log_integrals(generator, likelihood, envelope, DRAWS, 0, error)
        shift = 0.5 * generator.latent_dim * math.log(2 * math.pi)
        low, high = (max(rigorous.lower, sampled.lower) - shift, min(rigorous.upper, sampled.upper) - shift)
        if not low <= high or not math.isfinite(low):
            return RowRate(0.0, math.inf, 1.0, "the likelihood's mean under the prior has no interval")
        # L <= 1, so KL <= -log Z whatever the draws say.
        most = max(0.0, -low)
        misfit = _mean_misfit(generator, likelihood, envelope, most - math.log(ROOM), error)
    if isinstance(misfit, str):
        return RowRate(0.0, most + ROUNDING * (1 + most), 1 - error, misfit)
    room = ROUNDING * (1 + abs(low) + abs(high) + misfit[1])
    return RowRate(max(0.0, -high - misfit[1] - room), max(0.0, -low - misfit[0] + room), 1 - ERROR_PROBABILITY)


def _mean_misfit(
    generator: Generator, likelihood: GaussianLikelihood, envelope: Envelope, cut: float, error: float
) -> tuple[float, float] | str:
    """An interval of E Y over exact draws, with P(Y > t) <= ROOM e^(cut - t); why there is none."""
    try:
        points = exact_draws(generator, likelihood, envelope, DRAWS, 0, PROPOSALS)
    except InputError as reason:
        return str(reason)
    if len(points) < LEAST:
        return f"of {PROPOSALS} proposals {len(points)} were accepted: too few draws of the posterior"
    misfits = potential(generator.graph, likelihood, points) - 0.5 * (points * points).sum(axis=1)
    found = mean_interval(np.clip(misfits, 0.0, cut), 0.0, cut, error)
    return found.lower, found.upper + ROOM
