"""An encoder of Theorem R in an audit: held to the sampler that its file declares, measured through that sampler's law.

With w = exp(-f)/(C rho), h = min(1, w), p = E_rho h and a the law of an accepted proposal (density h rho/p), the
sampler puts out (1 - (1-p)^{K-1}) a + (1-p)^{K-1} rho, and TV(a, pi_x) <= E (w - 1)_+/p, 0 where (R1) holds. So
    |TV(law, pi_x) - (1-p)^{K-1} TV(rho, a)| <= E (w - 1)_+/p,   TV(rho, a) = E (1 - h/p)_+,
all means over proposals. Where each of the K is the first of T that its cell does not refuse (`cells`) and P is the
probability that one of them is accepted, TV(law, pi_x) <= (1-P)^K by (R1). (R1) is certified again, up to a bound of w;
the file is held against the sampler at sampled noises, and how often it puts out another draw widens both ends. No
draws of pi_x and no assumption.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.audits.chain import AGREEMENT
from certify.audits.records import DistanceEnd, EncoderBracket
from certify.audits.source import EncoderSource
from certify.encoders.convention import observation_digest
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import LARGEST_DIMENSION, LARGEST_REACH, tail_constant, tail_reach
from certify.envelopes.box_search import BoxLimits, known_log_ratio, supremum_of_ratio
from certify.envelopes.cells import Cells
from certify.envelopes.likelihood import Likelihood, likelihood_of
from certify.envelopes.mixture import Mixture
from certify.envelopes.rejection import evaluated_draws, first_accepted
from certify.envelopes.thresholds import ThresholdMixture, by_thresholds, realised_weights
from certify.generators.graph import GAUSSIAN
from certify.posteriors.estimates import IntervalEstimate, frequency_interval, mean_interval
from certify.posteriors.posterior import Posterior
from certify.threads import one_thread
from certify.wording import counted

CHECKED = 50_000
"""Most noises that the file is held to its sampler at."""

EFFORT = 20_000_000
"""Proposals that are spent on it."""

PROPOSALS = 200_000
CELL_DRAWS = 2_000_000
"""Proposals of which cells refuse most."""

BATCH = 8192
LARGEST_NOISE = 2**28
"""Normals of one draw, 2 GiB, beyond which a file is not held to its sampler."""

MOST_COMPONENTS = 1000
TOLERANCES = {"float32": 1e-4, "float64": AGREEMENT}
"""Relative gap of draws that are the same but for rounding."""
MOST_OTHERS = 0.02
"""Frequency of other draws beyond which a file is not what it declares."""
LARGEST_WEIGHT = 2.0
"""Largest bound of w that is of any use."""


@dataclass(frozen=True, eq=False)
class DeclaredSampler:
    """What a file says that it computes: the proposal, log C and K, with cells of how many each of the K is chosen."""

    proposal: ThresholdMixture
    log_constant: float
    proposals: int
    cells: Cells | None = None
    tries: int = 1


def declared_sampler(encoder: EncoderSource, posterior: Posterior) -> DeclaredSampler | None:
    """The sampler in a file's metadata if it is for this generator, noise and observation; else None."""
    metadata = encoder.details.get("metadata", {})
    if metadata.get("certify.encoder") != "rejection":
        return None
    try:
        stored = json.loads(metadata["certify.proposal"])
        weights, means, roots, thresholds = (
            np.array(stored[name], dtype=np.float64) for name in ("weights", "means", "precision_roots", "thresholds")
        )
        log_constant, count = float(metadata["certify.log_constant"]), int(metadata["certify.K"])
        cells = Cells.from_document(stored["cells"]) if "cells" in stored else None
        tries = int(stored["tries"]) if cells is not None else 1
        is_here = (
            metadata["certify.generator_sha256"] == posterior.generator.sha256
            and metadata.get("certify.likelihood", GAUSSIAN) == posterior.generator.likelihood
            and (posterior.generator.likelihood != GAUSSIAN or float(metadata["certify.beta"]) == posterior.beta)
            and metadata["certify.observation"] == observation_digest(posterior.observation)
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    proposal = ThresholdMixture(Mixture(weights, means, roots), thresholds, 0.0)
    found = DeclaredSampler(proposal, log_constant, count, cells, tries)
    fits = is_here and _is_sampler(found, posterior.latent_dim)
    return found if fits and encoder.noise_size == count * tries * (posterior.latent_dim + 3) else None


def rejection_bracket(
    sampler: DeclaredSampler, encoder: EncoderSource, posterior: Posterior, seed: int, error_probability: float
) -> tuple[str, EncoderBracket] | None:
    """What the encoder is and its bracket; None if it is not the sampler, or (R1) is not certified, or floats overflow.

    Both ends together fail with probability at most `error_probability`.
    """
    likelihood = likelihood_of(posterior.generator, posterior.observation, posterior.beta)
    share, random = error_probability / 5, np.random.default_rng([seed, 0x5A])
    with one_thread():
        largest = _largest_weight(sampler, posterior, likelihood)
        others = None if largest is None else _disagreement(sampler, encoder, posterior, likelihood, share, random)
        if largest is None or others is None or others.upper > MOST_OTHERS:
            return None
        if sampler.cells is not None:
            return _bracket_of_cells(sampler, posterior, likelihood, others, error_probability, random)
        mixture, graph = sampler.proposal.mixture, posterior.generator.graph
        batches = [mixture.draw(min(BATCH, PROPOSALS - first), random) for first in range(0, PROPOSALS, BATCH)]
        ratios, known = zip(*(known_log_ratio(graph, likelihood, mixture, points) for points in batches), strict=True)
        if not np.concatenate(known).all():
            return None
        ratio = np.concatenate(ratios)
        weights = np.exp(np.minimum(ratio - sampler.log_constant, math.log(largest)))
    heights = np.minimum(weights, 1.0)
    ends = accepted_ends(heights, sampler.proposals, share)
    rate = ends.rate
    excess = 0.0 if largest == 1.0 else mean_interval(weights - heights, 0.0, largest - 1.0, share).upper
    slack = others.upper + (excess / rate.lower if rate.lower > 0 else 1.0)
    lower, upper = max(0.0, ends.lower - slack), min(1.0, ends.upper + slack)
    method = (
        f"the law that {counted(sampler.proposals, 'proposal')} put out, by {PROPOSALS} of them accepted at a rate in "
        f"[{rate.lower:.4g}, {rate.upper:.4g}]; widened by {slack:.2g} for the file and for (R1)"
    )
    low_end, high_end = (DistanceEnd(value, method, error_probability) for value in (lower, upper))
    first = f"the first accepted of {counted(sampler.proposals, 'proposal')}"
    description = f"{first}, as its file declares, at {others.cases} noises"
    return description, EncoderBracket(min(max(ends.middle, lower), upper), low_end, high_end)


def _bracket_of_cells(
    sampler: DeclaredSampler,
    posterior: Posterior,
    likelihood: Likelihood,
    others: IntervalEstimate,
    error_probability: float,
    random: np.random.Generator,
) -> tuple[str, EncoderBracket] | None:
    """The bracket where proposals are refused by cells: (1 - P)^K from above, by proposals and those evaluated."""
    assert sampler.cells is not None, "the caller has looked"
    share, mixture = error_probability / 5, sampler.proposal.mixture
    points, ratio, known = evaluated_draws(
        posterior.generator, likelihood, mixture, sampler.cells, CELL_DRAWS, random
    )  # fmt: skip
    # Where hardly any is evaluated nothing is known of those that are.
    if len(points) < 2 or not known.all():
        return None
    evaluated = frequency_interval(len(points), CELL_DRAWS, share)
    passing = np.exp(np.minimum(ratio - sampler.log_constant, 0.0))
    rate = mean_interval(passing, 0.0, 1.0, share)
    missed, middle = (
        (1.0 - (1.0 - (1.0 - a) ** sampler.tries) * p) ** sampler.proposals
        for a, p in ((evaluated.lower, rate.lower), (evaluated.estimate, rate.estimate))
    )
    upper = min(1.0, missed + others.upper)
    first = f"the first accepted of {counted(sampler.proposals, 'proposal')}, each of {sampler.tries} draws"
    method = (
        f"{first}: of {CELL_DRAWS} draws {evaluated.lower:.3g} or more are evaluated, of these {rate.lower:.3g} or "
        f"more accepted; widened by {others.upper:.2g} for the file"
    )
    low_end, high_end = (DistanceEnd(value, method, error_probability) for value in (0.0, upper))
    description = f"{first}, as its file declares, at {others.cases} noises"
    return description, EncoderBracket(min(middle, upper), low_end, high_end)


@dataclass(frozen=True)
class AcceptedEnds:
    """(1-p)^{K-1} TV(rho, a) lies in [lower, upper], p in `rate`."""

    rate: IntervalEstimate
    middle: float
    lower: float
    upper: float


def accepted_ends(heights: FloatArray, proposals: int, share: float) -> AcceptedEnds:
    """The ends of (1-p)^{K-1} TV(rho, a) by the probabilities h in [0, 1] at which draws of rho are accepted.

    TV(rho, a) = E (1 - h/p)_+ increases in p. All fails with probability at most 3 times `share`.
    """
    rate = mean_interval(heights, 0.0, 1.0, share)
    low, high = (
        mean_interval(np.maximum(0.0, 1.0 - heights / max(end, 1e-300)), 0.0, 1.0, share)
        for end in (rate.lower, rate.upper)
    )
    before = proposals - 1
    return AcceptedEnds(
        rate,
        (1 - rate.estimate) ** before * 0.5 * (low.estimate + high.estimate),
        (1 - rate.upper) ** before * low.lower,
        (1 - rate.lower) ** before * high.upper,
    )


def checked_noises(proposals: int) -> tuple[int, int]:
    """At how many noises a file is held to its sampler, and how many at once, of so many proposals each."""
    return int(np.clip(EFFORT // proposals, 200, CHECKED)), max(1, 20 * BATCH // proposals)


def _is_sampler(sampler: DeclaredSampler, d: int) -> bool:
    """Whether the numbers are those of a sampler whose density is known: weights as the thresholds realise them."""
    mixture, thresholds = sampler.proposal.mixture, sampler.proposal.thresholds
    k = mixture.weights.size
    shapes = (mixture.weights.shape, mixture.means.shape, mixture.roots.shape, thresholds.shape)
    if sampler.cells is not None and not (sampler.cells.fits(k, d) and sampler.tries >= 1):
        return False
    if not 1 <= k <= MOST_COMPONENTS or shapes != ((k,), (k, d), (k, d, d), (k - 1,)) or sampler.proposals < 1:
        return False
    arrays = (mixture.weights, mixture.means, mixture.roots, thresholds, np.array(sampler.log_constant))
    if not all(np.isfinite(array).all() for array in arrays):
        return False
    if not (np.diagonal(mixture.roots, axis1=1, axis2=2) > 0).all() or np.triu(mixture.roots, 1).any():
        return False
    with precision():
        realised = np.array([midpoint(weight) for weight in realised_weights(thresholds)])
    return bool((realised > 0).all() and (np.abs(mixture.weights - realised) <= 1e-12 * realised).all())


def _largest_weight(sampler: DeclaredSampler, posterior: Posterior, likelihood: Likelihood) -> float | None:
    """A certified bound of w over R^d, at least 1; None where it is of no use."""
    mixture = sampler.proposal.mixture
    if posterior.latent_dim > LARGEST_DIMENSION:
        return _bound_by_search(sampler, posterior, likelihood)
    if sampler.cells is not None:
        return None
    reach = tail_reach(mixture, sampler.log_constant, likelihood.infimum)
    if not reach <= LARGEST_REACH:
        return None
    corner = np.full(posterior.latent_dim, reach)
    found = supremum_of_ratio(
        posterior.generator.graph, likelihood, mixture, -corner, corner, mixture.means, BoxLimits()
    )
    top = max(found.upper, tail_constant(mixture, reach, likelihood.infimum)) - sampler.log_constant
    return max(1.0, math.exp(top) * (1 + 1e-12)) if top <= math.log(LARGEST_WEIGHT) else None


def _bound_by_search(sampler: DeclaredSampler, posterior: Posterior, likelihood: Likelihood) -> float | None:
    """The bound where boxes are too many: the envelope is searched again, and must have the very same proposal."""
    found = best_envelope(posterior.generator, likelihood)
    if isinstance(found, str):
        return None
    proposal = by_thresholds(found.proposal)
    pairs = ((getattr(proposal.mixture, name), getattr(sampler.proposal.mixture, name)) for name in
             ("weights", "means", "roots"))  # fmt: skip
    if not all(mine.shape == other.shape and (mine == other).all() for mine, other in pairs):
        return None
    cells = [None if item is None else item.to_document() for item in (found.cells, sampler.cells)]
    if cells[0] != cells[1]:
        return None
    with precision():
        excess = upper(ball(found.log_constant) + ball(proposal.log_loss) - ball(sampler.log_constant))
    # What a cell refuses is refused whatever the weight is.
    most = 0.0 if sampler.cells is not None else math.log(LARGEST_WEIGHT)
    return (1.0 if excess <= 0.0 else math.exp(excess) * (1 + 1e-12)) if excess <= most else None


def _disagreement(
    sampler: DeclaredSampler,
    encoder: EncoderSource,
    posterior: Posterior,
    likelihood: Likelihood,
    error: float,
    random: np.random.Generator,
) -> IntervalEstimate | None:
    """How often the file puts out another draw than the sampler at the same noise; None where it often does."""
    d, generator = posterior.latent_dim, posterior.generator
    if sampler.proposals * sampler.tries * (d + 3) > LARGEST_NOISE:
        return None
    count, rows = checked_noises(sampler.proposals * sampler.tries)
    different = 0
    for first in range(0, count, rows):
        noise = random.standard_normal((min(rows, count - first), sampler.proposals, sampler.tries * (d + 3)))
        drawn = encoder.push_one(posterior.observation, noise.reshape(len(noise), -1))
        expected = first_accepted(
            generator, likelihood, sampler.proposal, sampler.log_constant, noise, sampler.cells
        )  # fmt: skip
        gap = np.linalg.norm(drawn - expected, axis=1)
        different += int((gap > TOLERANCES[encoder.precision] * (1 + np.linalg.norm(expected, axis=1))).sum())
        if different > MOST_OTHERS * count:
            return None
    return frequency_interval(different, count, error)
