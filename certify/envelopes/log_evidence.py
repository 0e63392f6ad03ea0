"""log p(x) of one observation, from the envelope of its posterior.

p(x) = (2 pi)^{-d/2} c int exp(-f), c = prod_i (2 pi beta^2 s_i^2)^{-1/2} for Gaussian noise, 1 for logits. With
exp(-f) <= C rho certified (R1) and p_1 = P(one proposal is accepted) = int exp(-f)/C:

    rigorous   log int exp(-f) lies between the envelope's `log_integral` and log C
    sampled    log int exp(-f) = log C + log p_1, p_1 = E_rho exp(-f)/(C rho) a mean of numbers in [0, 1] by (R1)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.bounds.bracket import json_number
from certify.codec import Readable
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.likelihood import Likelihood, likelihood_of
from certify.envelopes.rejection import acceptance_probabilities
from certify.generators.graph import BERNOULLI, Generator
from certify.posteriors.estimates import ERROR_PROBABILITY, mean_interval
from certify.threads import one_thread

PROPOSALS = 100_000
BATCH = 8192
ROUNDING = 1e-9
"""Added to the ends of what is sampled: the floats of f and of log rho are better than that."""


@dataclass(frozen=True)
class Interval(Readable):
    """[lower, upper] around a number of nats, of `kind` rigorous or statistical, true with probability `confidence`."""

    lower: float
    upper: float
    kind: str
    confidence: float

    @property
    def width(self) -> float:
        """upper - lower, infinite where an end is not known."""
        return self.upper - self.lower

    def moved(self, shift: arb) -> Interval:
        """The interval of the number plus `shift`, rounded outward at the ambient precision."""
        low = lower(ball(self.lower) + shift) if math.isfinite(self.lower) else self.lower
        high = upper(ball(self.upper) + shift) if math.isfinite(self.upper) else self.upper
        return replace(self, lower=low, upper=high)

    def to_dict(self) -> dict[str, Any]:
        """JSON form; an end that is not known is null."""
        ends = {"lower": self.lower, "upper": self.upper}
        return {
            **{name: json_number(end if math.isfinite(end) else None) for name, end in ends.items()},
            "kind": self.kind,
            "confidence": self.confidence,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        unknown = {"lower": "-inf", "upper": "inf"}
        ends = {name: none if document[name] is None else document[name] for name, none in unknown.items()}
        return cls._of_fields({**document, **ends})


@dataclass(frozen=True)
class LogEvidence:
    """What is known of log p(x): by the envelope's integrals, and by proposals; `envelope` is the method behind it.

    `reason` says why there is no interval, or why the rigorous one has no lower end.
    """

    rigorous: Interval | None
    sampled: Interval | None
    envelope: str
    reason: str

    @property
    def best(self) -> Interval | None:
        """The two together: each end the better one, rigorous where no sampled one is better."""
        if self.rigorous is None or self.sampled is None:
            return self.rigorous
        low = max(self.rigorous.lower, self.sampled.lower)
        high = min(self.rigorous.upper, self.sampled.upper)
        if (low, high) == (self.rigorous.lower, self.rigorous.upper):
            return self.rigorous
        return Interval(low, high, self.sampled.kind, self.sampled.confidence)

    def agrees(self) -> bool:
        """Whether the two intervals meet: that they do not has the probability that the sampled one fails."""
        if self.rigorous is None or self.sampled is None:
            return True
        return self.sampled.lower <= self.rigorous.upper and self.rigorous.lower <= self.sampled.upper


def log_evidence(
    generator: Generator, observation: FloatArray, beta: float, proposals: int = PROPOSALS, seed: int = 0
) -> LogEvidence:
    """log p(x) at `observation` (n,), under the best envelope that is found; see `evidence_under`."""
    with one_thread():
        envelope = best_envelope(generator, likelihood_of(generator, observation, beta))
    if isinstance(envelope, str):
        return LogEvidence(None, None, "", envelope)
    return evidence_under(envelope, generator, observation, beta, proposals, seed)


def evidence_under(
    envelope: Envelope,
    generator: Generator,
    observation: FloatArray,
    beta: float,
    proposals: int = PROPOSALS,
    seed: int = 0,
) -> LogEvidence:
    """log p(x) at `observation` (n,), as the generator has it; p is the density of x as it was measured.

    `beta` is the noise level, of no meaning for logits. Guarantee: under a certified envelope the rigorous interval is
    rounded outward; the sampled one misses with probability at most 1e-6 over the `proposals`.
    """
    likelihood = likelihood_of(generator, observation, beta)
    # A second BLAS thread would change the last bits.
    with one_thread():
        rigorous, sampled = log_integrals(generator, likelihood, envelope, proposals, seed, ERROR_PROBABILITY)
    with precision():
        constant = log_normaliser(generator, beta)
        rigorous, sampled = rigorous.moved(constant), sampled.moved(constant)
    reason = "" if envelope.acceptance > 0 else "no integral of exp(-f) from below: the lower end is sampled alone"
    found = LogEvidence(rigorous, sampled, envelope.method, reason)
    return found if found.agrees() else _contradictory(found)


def log_normaliser(generator: Generator, beta: float) -> arb:
    """log p(x) - log int exp(-f), enclosed at the ambient precision."""
    log_two_pi = (2 * arb.pi()).log()
    total = -generator.latent_dim * log_two_pi / 2
    if generator.likelihood == BERNOULLI:
        return total
    total -= generator.observed_dim * (log_two_pi / 2 + ball(beta).log())
    return total - sum((ball(entry).log() for entry in generator.noise or ()), arb(0))


def log_integrals(
    generator: Generator, likelihood: Likelihood, envelope: Envelope, proposals: int, seed: int, error: float
) -> tuple[Interval, Interval]:
    """log int exp(-f), rigorous and sampled, under a certified envelope; the latter fails with probability `error`.

    The same bits for any number of BLAS threads only where the caller has one.
    """
    random = np.random.default_rng([seed, 0xE71D])
    heights, unknown = [], []
    for start in range(0, proposals, BATCH):
        passing, known = acceptance_probabilities(
            generator, likelihood, envelope, min(BATCH, proposals - start), random
        )
        heights.append(passing)
        unknown.append(~known)
    # Where floats do not know f the acceptance is somewhere in [0, 1].
    least, most = np.concatenate(heights), np.concatenate(heights) + np.concatenate(unknown)
    rate = mean_interval(least, 0.0, 1.0, error, "acceptance probabilities of proposals")
    top = mean_interval(most, 0.0, 1.0, error).upper
    rigorous = Interval(
        envelope.log_integral if envelope.acceptance > 0 else -math.inf, envelope.log_integral_upper, "rigorous", 1.0
    )
    with precision():
        base = ball(envelope.log_constant)
        low = lower(base + ball(rate.lower).log() - ball(ROUNDING)) if rate.lower > 0 else -math.inf
        sampled = Interval(low, upper(base + ball(top).log() + ball(ROUNDING)), "statistical", 1 - error)
    return rigorous, sampled


def _contradictory(found: LogEvidence) -> LogEvidence:
    """Nothing is claimed where the two intervals are disjoint."""
    assert found.rigorous is not None and found.sampled is not None
    ends = [f"[{item.lower:.6g}, {item.upper:.6g}]" for item in (found.rigorous, found.sampled)]
    return LogEvidence(None, None, found.envelope, f"certified in {ends[0]} but sampled in {ends[1]}")
