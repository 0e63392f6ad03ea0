"""Theorem R at one observation: K proposals under a certified envelope, within epsilon of the posterior.

    TV(law, pi_x) <= (1 - p)^K + t,   p <= P(one proposal is accepted), t >= pi_x(D^c)   (docs/rejection.md, R2)

with p from the envelope (certified) and, beside it, from a run of proposals (Clopper-Pearson).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.box_chain import chain_of
from certify.envelopes.box_search import known_log_ratio, log_ratio
from certify.envelopes.cells import Cells
from certify.envelopes.likelihood import Likelihood, known_potential, potential
from certify.envelopes.live_chain import live_region
from certify.envelopes.mixture import Mixture
from certify.envelopes.thresholds import ThresholdMixture
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator, Graph
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, frequency_interval

MOST_PROPOSALS = 10**9
BATCH = 8192
MOST_DRAWN = 2**20
"""Proposals at once of which a share is evaluated."""

MOST_BATCHES = 64
"""Times as many proposals as are expected to be enough."""

NEAR = 1e-4
"""Of log exp(-f)/rho: many times what float32 is off by (1e-8 of f was seen); few proposals are as close as that."""

MANY, MIDDLE = 1000, (0.02, 0.98)
"""Proposals for which it pays to look for neurons that are off around most of them; the quantiles of these."""

COMPARED, SAFETY = 32, 100.0
"""Proposals at which float32 is compared with float64, and how many times what it is off by there is close."""


@dataclass(frozen=True)
class ProposalCount:
    """`proposals` K and the bound (1-p)^K + t <= epsilon that it gives, rounded up."""

    proposals: int
    tv_bound: float


def proposals_needed(acceptance: float, epsilon: Fraction, tail: float = 0.0) -> ProposalCount | None:
    """The least K with (1 - p)^K + t <= epsilon at p = `acceptance`; None if there is none up to 10^9.

    Guarantee: `tv_bound` is an upper bound and itself <= epsilon.
    """
    room = float(epsilon) - tail
    if not (0.0 < acceptance <= 1.0 and room > 0.0):
        return None
    guess = 1.0 if acceptance >= 1.0 else math.ceil(math.log(room) / math.log1p(-acceptance))
    for count in (guess, guess + 1):
        if not 1 <= count <= MOST_PROPOSALS:
            continue
        with precision():
            bound = upper((1 - ball(acceptance)) ** arb(int(count)) + ball(tail))
            if ball(bound) <= ball(epsilon):
                return ProposalCount(int(count), bound)
    return None


def measured_acceptance(
    generator: Generator, likelihood: Likelihood, envelope: Envelope, count: int, seed: int
) -> IntervalEstimate:
    """Clopper-Pearson interval of P(a proposal that is evaluated is accepted), from `count` of the float sampler.

    Proposals at which floats do not know f (`known_potential`) may be accepted or not: they widen it.
    """
    random = np.random.default_rng([seed, 0xAC])
    accepted = unknown = done = 0
    for _ in range(MOST_BATCHES * math.ceil(count / BATCH)):
        if done >= count:
            break
        _, passed, known = propose(generator, likelihood, envelope, min(BATCH, count - done), random)
        # They are independent of one another and of how many there are.
        passed, known = passed[: count - done], known[: count - done]
        accepted, unknown = accepted + int(passed.sum()), unknown + int((~known).sum())
        done += len(passed)
    if done == 0:
        return IntervalEstimate(0.0, 0.0, 1.0, ERROR_PROBABILITY, 0, "no proposal was evaluated")
    least, most = (
        frequency_interval(number, done, ERROR_PROBABILITY, "proposals") for number in (accepted, accepted + unknown)
    )
    return replace(least, upper=most.upper)


def propose(
    generator: Generator, likelihood: Likelihood, envelope: Envelope, count: int, random: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Proposals z (b, d), whether each is accepted: E >= log C - log(exp(-f)/rho), E ~ Exp(1); and whether floats know
    f there: none is accepted where they do not.

    b = `count`; where only a share is evaluated these alone are put out, about `count` of them or fewer.
    """
    if envelope.cells is None:
        points = envelope.proposal.draw(count, random)
        needed = envelope.log_constant - random.exponential(size=count)
        ratio, known = _ratios(generator.graph, likelihood, envelope.proposal, points, needed)
    else:
        drawn = drawn_for(envelope, count)
        points, ratio, known = evaluated_draws(
            generator, likelihood, envelope.proposal, envelope.cells, drawn, random
        )  # fmt: skip
        needed = envelope.log_constant - random.exponential(size=len(points))
    return points, known & (ratio >= needed), known


def drawn_for(envelope: Envelope, count: int) -> int:
    """How many proposals are drawn so that about `count` of them are evaluated, or fewer."""
    return min(MOST_DRAWN, math.ceil(count / envelope.evaluated))


def evaluated_draws(
    generator: Generator,
    likelihood: Likelihood,
    proposal: Mixture,
    cells: Cells,
    drawn: int,
    random: np.random.Generator,
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Of `drawn` proposals the points (b, d) that their cells do not refuse, r = -f - log(w_j N_j) - g_j there (b,),
    and whether floats know f. One that is evaluated is accepted with probability exp(r - log C).
    """
    points, levels = cells.draw(proposal, drawn, random)
    value, known = known_potential(generator.graph, likelihood, points)
    return points, -value - levels, known


def _ratios(
    graph: Graph, likelihood: Likelihood, proposal: Mixture, points: FloatArray, needed: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """`known_log_ratio` at points (b, d): by float32, where it has that, unless it is close to `needed` (b,).

    How close is what it takes: little noise, or weights that cancel, leave float32 further off.
    """
    chain = chain_of(graph)
    if chain is None:
        return known_log_ratio(graph, likelihood, proposal, points)
    density = proposal.log_density(points)
    region = live_region(chain, *np.quantile(points, MIDDLE, axis=0)) if len(points) >= MANY else None
    found, known = known_potential(graph, likelihood, points, True, region)
    ratio = -found - density
    size = 1.0 + np.abs(ratio) + np.abs(density)
    exact = known_log_ratio(graph, likelihood, proposal, points[:COMPARED])[0]
    off = np.abs(exact - ratio[:COMPARED]) / size[:COMPARED]
    near = max(NEAR, SAFETY * float(off.max(where=np.isfinite(off), initial=0.0)))
    close = ~(known & (np.abs(ratio - needed) > near * size))
    if close.any():
        ratio[close], known[close] = known_log_ratio(graph, likelihood, proposal, points[close])
    return ratio, known


def acceptance_probabilities(
    generator: Generator, likelihood: Likelihood, envelope: Envelope, count: int, random: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Numbers in [0, 1], (b,), whose mean is int exp(-f)/C, from proposals of which about `count` are evaluated.

    Also whether floats know f there; where they do not the number is 0.
    """
    if envelope.cells is None:
        points = envelope.proposal.draw(count, random)
        ratio, known = known_log_ratio(generator.graph, likelihood, envelope.proposal, points)
        refused = 0
    else:
        drawn = drawn_for(envelope, count)
        points, ratio, known = evaluated_draws(
            generator, likelihood, envelope.proposal, envelope.cells, drawn, random
        )  # fmt: skip
        refused = drawn - len(points)
    passing = np.where(known, np.exp(np.minimum(ratio - envelope.log_constant, 0.0)), 0.0)
    return np.concatenate([passing, np.zeros(refused)]), np.concatenate([known, np.ones(refused, dtype=bool)])


def exact_draws(
    generator: Generator, likelihood: Likelihood, envelope: Envelope, count: int, seed: int, most: int = 10**7
) -> FloatArray:
    """Up to `count` independent draws of the posterior, exact up to rounding; fewer after `most` proposals.

    Raises:
        InputError: where the decoder overflows in floats at a proposal: whether to accept it is not known.
    """
    random = np.random.default_rng([seed, 0xED])
    kept: list[FloatArray] = []
    found = tried = batches = 0
    # Where hardly any proposal is evaluated it ends all the same.
    while found < count and tried < most and batches < MOST_BATCHES * math.ceil(most / BATCH):
        points, passed, known = propose(generator, likelihood, envelope, BATCH, random)
        if not known.all():
            raise InputError(
                f"`{generator.name}` overflows in floats at {int((~known).sum())} of {len(known)} proposals, so draws "
                "would not be of the posterior: write exp(a)/(1 + exp(a)) as Sigmoid, log(1 + exp(a)) as Softplus"
            )
        kept.append(points[passed])
        found += int(passed.sum())
        tried, batches = tried + len(points), batches + 1
    return np.concatenate(kept)[:count] if kept else np.zeros((0, generator.latent_dim))


def first_accepted(
    generator: Generator,
    likelihood: Likelihood,
    proposal: ThresholdMixture,
    log_constant: float,
    noise: FloatArray,
    cells: Cells | None = None,
) -> FloatArray:
    """What the encoder of Theorem R puts out: the first accepted of K proposals, the last one if none is.

    With cells every one of the K is the first of T proposals that must be evaluated; if none must be it is the last of
    these, and is not accepted.

    Args:
        generator: G.
        likelihood: the likelihood of the observation.
        proposal: what is drawn from.
        log_constant: log C for this proposal.
        noise: standard normals (b, K, d + 3): of the component's Gaussian, of its choice, and two that make
            E = (xi_1^2 + xi_2^2)/2 ~ Exp(1). With cells (b, K, T (d + 3)).
        cells: of the proposal's components, if each has its own.

    Returns:
        Points (b, d). A proposal at which something is not a number is refused.
    """
    batch, proposals, _ = noise.shape
    d = generator.latent_dim
    if cells is None:
        flat = noise.reshape(batch * proposals, d + 3)
        points = proposal.draw(flat[:, :d], flat[:, d])
        ratio = log_ratio(generator.graph, likelihood, proposal.mixture, points)
        margins = log_constant - ratio - 0.5 * (flat[:, d + 1] ** 2 + flat[:, d + 2] ** 2)
    else:
        points, levels = _first_evaluated(proposal, cells, noise.reshape(batch * proposals, -1, d + 3))
        margins = potential(generator.graph, likelihood, points) + log_constant + levels
    passed = (margins <= 0.0).reshape(batch, proposals)
    chosen = np.where(passed.any(axis=1), passed.argmax(axis=1), proposals - 1)
    return np.asarray(points.reshape(batch, proposals, d)[np.arange(batch), chosen])


def _first_evaluated(proposal: ThresholdMixture, cells: Cells, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of T proposals, noise (b, T, d + 3), the first that must be evaluated, (b, d), and log(w_j N_j) - E there.

    The last, with an infinite number, where none must be.
    """
    rounds, tries, width = noise.shape
    d = width - 3
    flat = noise.reshape(rounds * tries, width)
    labels, exponential = proposal.labels(flat[:, d]), 0.5 * (flat[:, d + 1] ** 2 + flat[:, d + 2] ** 2)
    points = proposal.draw(flat[:, :d], flat[:, d])
    levels = proposal.mixture.log_peaks()[labels] - 0.5 * (flat[:, :d] ** 2).sum(axis=1) - exponential
    is_needed = cells.heights(points, labels) <= exponential
    levels = np.where(is_needed, levels, np.inf).reshape(rounds, tries)
    needed = is_needed.reshape(rounds, tries)
    first = np.arange(rounds), np.where(needed.any(axis=1), needed.argmax(axis=1), tries - 1)
    return points.reshape(rounds, tries, d)[first], levels[first]
