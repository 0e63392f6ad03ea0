"""The rate of single observations, KL(pi_x || N(0, I)), and so its mean over a data set: intervals by exact draws.

With the likelihood L = exp(-|x - G(z)|^2/(2 beta^2)) <= 1 of z, Z its mean under the prior and Y = -log L,

    KL(pi_x || N(0, I)) = -log Z - E Y,   z ~ pi_x.

log Z lies in an interval as log p(x) does. Y is not bounded, but P(Y > t) = E_prior[L; L < e^-t]/Z <= e^-t/Z. So with
T = log(1/Z) + log(1/ROOM) the mean of Y exceeds that of min(Y, T) by at most ROOM, and the latter is of numbers in
[0, T]: the empirical Bernstein inequality holds for it at every number of draws, and no limit law is assumed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.rounding import Direction, decimal_text
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.log_evidence import ROUNDING, log_integrals
from certify.envelopes.rejection import exact_draws
from certify.execution.each import certify_each, row_key
from certify.execution.work import Codec
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.estimates import ERROR_PROBABILITY, mean_interval
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.provenance import code_digest
from certify.verdict import Verdict

DRAWS, PROPOSALS, LEAST = 50_000, 1_000_000, 1000
"""Exact draws of a posterior, proposals made for them at most, and draws below which their mean is not taken."""
ROOM = 1e-3
"""Nats by which the mean of Y may exceed that of what is cut off at T."""
SHOWN = ("rate_nats_lower", "rate_nats_upper")
NAMES = (*SHOWN, "rate_nats_confidence")


@dataclass(frozen=True)
class RowRate:
    """KL(pi_x || N(0, I)) lies in [lower, upper] nats with probability `confidence`; `reason` says why nothing does."""

    lower: float
    upper: float
    confidence: float
    reason: str = ""


def row_rate(generator: Generator, beta: float, row: FloatArray) -> RowRate:
    """The interval at the observation `row` (n,): statistical, for every number of draws."""
    likelihood = GaussianLikelihood(row, beta)
    with threadpool_limits(1):
        envelope = best_envelope(generator, likelihood)
        if isinstance(envelope, str):
            return RowRate(0.0, math.inf, 1.0, envelope)
        error = ERROR_PROBABILITY / 2
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
    points = exact_draws(generator, likelihood, envelope, DRAWS, 0, PROPOSALS)
    if len(points) < LEAST:
        return f"of {PROPOSALS} proposals {len(points)} were accepted: too few draws of the posterior"
    misfits = potential(generator.graph, likelihood, points) - 0.5 * (points * points).sum(axis=1)
    found = mean_interval(np.clip(misfits, 0.0, cut), 0.0, cut, error)
    return found.lower, found.upper + ROOM


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): supported where the rate there has both ends."""
    generator, beta = asked.generator, asked.beta
    question = {"theorem": asked.theorem.id, "code": code_digest(), "generator": generator.sha256, "beta": beta}
    found = certify_each(
        f"rates at {generator.name}",
        question,
        row_key,
        list(asked.rows),
        partial(row_rate, generator, beta),
        Codec(asdict, _decode, _doubt, is_trusted=True),
        asked.progress,
        asked.execution,
    )
    return tuple(_record(index, item, beta) for index, item in enumerate(found))


def _record(index: int, found: RowRate, beta: float) -> ObservationRecord:
    known = math.isfinite(found.upper)
    verdict = Verdict.SUPPORTED if known and not found.reason else Verdict.INCONCLUSIVE
    ends = dict(zip(NAMES, (found.lower, found.upper, found.confidence), strict=True)) if known else {}
    answer = f"carries at least {decimal_text(found.lower / math.log(2), 3, Direction.DOWN)} bits" if known else ""
    by = "exact draws" if verdict is Verdict.SUPPORTED else ""
    return ObservationRecord(
        index, verdict, by, None, None, found.reason or answer, {"beta": beta, **ends}, shown=SHOWN
    )  # fmt: skip


def _doubt(row: FloatArray, found: RowRate) -> str:
    """Why stored numbers are not believed; "" where they could be what `row_rate` returns."""
    ordered = 0.0 <= found.lower <= found.upper and 0.5 < found.confidence <= 1.0
    return "" if ordered and (math.isfinite(found.upper) or found.reason) else "its ends are not those of an interval"


def _decode(entry: Any) -> RowRate:
    return RowRate(float(entry["lower"]), float(entry["upper"]), float(entry["confidence"]), str(entry["reason"]))
