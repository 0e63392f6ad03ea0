"""An encoder of Theorem R for typical x in an audit: held to the sampler that its file declares, at the x at hand.

The file finds c and B by itself and takes the first accepted of K proposals z = c + sigma B xi. With rho their law,
w = exp(-f)/(C rho) on D and 0 outside, h = min(1, w), p = E_rho h and a the law of an accepted proposal, it puts out
(1 - (1-p)^{K-1}) a + (1-p)^{K-1} rho. Where w <= 1 and z is in D the density of pi_x is at most that of a, hence
    |TV(law, pi_x) - (1-p)^{K-1} TV(rho, a)| <= TV(a, pi_x) <= pi_x(w > 1, or outside D),
and that mass is bounded from draws of pi_x: neither (R1) nor any constant of G is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.records import DistanceEnd, EncoderBracket
from certify.audits.reference import PosteriorDraws
from certify.audits.rejection_encoder import (
    BATCH,
    MOST_OTHERS,
    PROPOSALS,
    TOLERANCES,
    accepted_ends,
    checked_noises,
)
from certify.audits.source import EncoderSource
from certify.errors import InputError
from certify.generators.derivatives import jacobian, value, vector_jacobian_product
from certify.generators.graph import GAUSSIAN
from certify.posteriors.estimates import IntervalEstimate, frequency_interval
from certify.posteriors.posterior import Posterior
from certify.wording import counted

ROUNDING = 1e-9
"""By how much log w may exceed 0 in floats; as much is added to both ends."""
MOST_LAYERS = 1_000_000


@dataclass(frozen=True)
class DeclaredProposals:
    """What a file says that it computes at every x: how it finds c and B, what it draws around c, and K."""

    descent_layers: int
    descent_step: float
    descent_decay: float
    corrections: int
    is_symmetric: bool
    scale: float
    limit: float
    height: float
    proposals: int
    onward_layers: int = 0
    onward_step: float = 0.0
    onward_decay: float = 0.0

    def at(self, posterior: Posterior) -> PlacedProposals | None:
        """The sampler at one posterior; None where no centre is found."""
        graph, x = posterior.generator.graph, posterior.observation
        with np.errstate(all="ignore"):
            point = np.zeros((1, posterior.latent_dim))
            for layers, step, decay in (
                (self.descent_layers, self.descent_step, self.descent_decay),
                (self.onward_layers, self.onward_step, self.onward_decay),
            ):
                for _ in range(layers):
                    pulled = vector_jacobian_product(graph, point, value(graph, point) - x)
                    point = (1.0 - step * decay) * point - step * pulled
            factor = self._factor(posterior, point[0])
            if factor is None:
                return None
            for _ in range(self.corrections):
                point = point - posterior.gradient(point) @ factor @ factor.T
            factor = self._factor(posterior, point[0])
        return None if factor is None else PlacedProposals(self, posterior, point[0], factor)

    def _factor(self, posterior: Posterior, point: FloatArray) -> FloatArray | None:
        """B with B B^T = (I + J^T J/beta^2)^{-1}: L^{-T}, or the symmetric root; None where it is not finite."""
        if not np.isfinite(point).all():
            return None
        scaled = jacobian(posterior.generator.graph, point[None])[0] / posterior.beta
        matrix = np.eye(point.size) + scaled.T @ scaled
        if not np.isfinite(matrix).all():
            return None
        if not self.is_symmetric:
            return np.asarray(np.linalg.inv(np.linalg.cholesky(matrix)).T)
        eigenvalues, axes = np.linalg.eigh(matrix)
        return np.asarray((axes / np.sqrt(eigenvalues)) @ axes.T)


@dataclass(frozen=True, eq=False)
class PlacedProposals:
    """The sampler at one posterior, around `centre` (d,) with the factor B (d, d)."""

    declared: DeclaredProposals
    posterior: Posterior
    centre: FloatArray
    factor: FloatArray

    def points(self, xi: FloatArray) -> FloatArray:
        """The points c + sigma B xi, shape of xi (b, d)."""
        return np.asarray(self.centre + self.declared.scale * xi @ self.factor.T)

    def log_weights(self, xi: FloatArray) -> FloatArray:
        """The logarithm of w at xi (b, d), minus infinity outside D. Estimate (float64)."""
        half = 0.5 * np.sum(xi * xi, axis=1)
        rise = self.posterior.potential(self.points(xi)) - self.posterior.potential(self.centre)
        return np.where(half <= self.declared.limit, half - self.declared.height - rise, -np.inf)

    def whitened(self, points: FloatArray) -> FloatArray:
        """The xi of points (b, d)."""
        return np.asarray(np.linalg.solve(self.factor, (points - self.centre).T).T / self.declared.scale)

    def run(self, noise: FloatArray) -> FloatArray:
        """The draws (b, d) at noises (b, K, d + 2): the file's computation done again."""
        batch, proposals, _ = noise.shape
        d = self.centre.size
        flat = noise.reshape(batch * proposals, d + 2)
        exponential = 0.5 * (flat[:, d] ** 2 + flat[:, d + 1] ** 2)
        passed = (-self.log_weights(flat[:, :d]) <= exponential).reshape(batch, proposals)
        chosen = np.where(passed.any(axis=1), passed.argmax(axis=1), proposals - 1)
        return np.asarray(self.points(flat[:, :d]).reshape(batch, proposals, d)[np.arange(batch), chosen])


def declared_proposals(encoder: EncoderSource, posterior: Posterior) -> PlacedProposals | None:
    """The sampler in a file's metadata if it is for this generator and noise, at this x; else None."""
    metadata = encoder.details.get("metadata", {})
    if metadata.get("certify.encoder") != "rejection" or "certify.observation" in metadata:
        return None
    try:
        reals = {
            name: float(metadata[f"certify.{name}"])
            for name in ("descent_step", "descent_decay", "scale", "limit", "height")
        }
        found = DeclaredProposals(
            int(metadata["certify.K_gd"]),
            reals["descent_step"],
            reals["descent_decay"],
            int(metadata["certify.corrections"]),
            metadata["certify.factor"] == "newton-schulz",
            reals["scale"],
            reals["limit"],
            reals["height"],
            int(metadata["certify.K"]),
            int(metadata.get("certify.onward_layers", "0")),
            float(metadata.get("certify.onward_step", "0")),
            float(metadata.get("certify.onward_decay", "0")),
        )
        is_here = (
            metadata["certify.generator_sha256"] == posterior.generator.sha256
            and posterior.generator.likelihood == GAUSSIAN
            and float(metadata["certify.beta"]) == posterior.beta
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    layers = (found.descent_layers, found.onward_layers, found.corrections)
    if min(layers) < 0 or sum(layers) > MOST_LAYERS:
        return None
    if not is_here or not (found.proposals >= 1 and 0 < found.scale < math.inf):
        return None
    if encoder.noise_size != found.proposals * (posterior.latent_dim + 2):
        return None
    return found.at(posterior)


def proposals_bracket(
    sampler: PlacedProposals,
    encoder: EncoderSource,
    reference: Callable[[], PosteriorDraws],
    seed: int,
    error_probability: float,
) -> tuple[str, EncoderBracket] | None:
    """What the encoder is and its bracket; None if the file is not the sampler, or there are no draws of pi_x.

    Both ends together fail with probability at most `error_probability` plus what the reference spent.
    """
    share, random, d = error_probability / 5, np.random.default_rng([seed, 0x7C]), sampler.centre.size
    others = _disagreement(sampler, encoder, share, random)
    if others is None:
        return None
    drawn = reference()
    if drawn.useless:
        return None
    bad = int((sampler.log_weights(sampler.whitened(drawn.points)) > ROUNDING).sum())
    outside = int((0.5 * np.sum(sampler.whitened(drawn.points) ** 2, axis=1) > sampler.declared.limit).sum())
    missed = frequency_interval(bad + outside, len(drawn.points), share)
    sizes = [min(BATCH, PROPOSALS - first) for first in range(0, PROPOSALS, BATCH)]
    logs = np.concatenate([sampler.log_weights(random.standard_normal((size, d))) for size in sizes])
    ends = accepted_ends(np.exp(np.minimum(logs, 0.0)), sampler.declared.proposals, share)
    slack = others.upper + missed.upper + drawn.bias_upper + ROUNDING
    method = (
        f"the law that {counted(sampler.declared.proposals, 'proposal')} put out, by {PROPOSALS} of them accepted at "
        f"a rate in [{ends.rate.lower:.4g}, {ends.rate.upper:.4g}]; widened by {slack:.2g} for the file and for "
        f"{bad + outside} of {drawn.method} that are above the envelope or outside the ball"
    )
    lower, upper = max(0.0, ends.lower - slack), min(1.0, ends.upper + slack)
    failing = error_probability + drawn.bias_error
    bracket = EncoderBracket(
        min(max(ends.middle, lower), upper),
        DistanceEnd(lower, method, failing),
        DistanceEnd(upper, method, failing),
        drawn.assumption,
        drawn.assumption,
    )
    description = (
        f"the first accepted of {counted(sampler.declared.proposals, 'proposal')} around the point that it finds, "
        f"as its file declares, at {others.cases} noises"
    )
    return description, bracket


def _disagreement(
    sampler: PlacedProposals, encoder: EncoderSource, error: float, random: np.random.Generator
) -> IntervalEstimate | None:
    """How often the file puts out another draw than the sampler at the same noise; None where it often does."""
    proposals, x = sampler.declared.proposals, sampler.posterior.observation
    count, rows = checked_noises(proposals)
    different = 0
    for first in range(0, count, rows):
        noise = random.standard_normal((min(rows, count - first), proposals, sampler.centre.size + 2))
        try:
            drawn = encoder.push_one(x, noise.reshape(len(noise), -1))
        except InputError:
            # A draw that is not finite is no draw of the sampler.
            return None
        expected = sampler.run(noise)
        gap = np.linalg.norm(drawn - expected, axis=1)
        different += int((~(gap <= TOLERANCES[encoder.precision] * (1 + np.linalg.norm(expected, axis=1)))).sum())
        if different > MOST_OTHERS * count:
            return None
    return frequency_interval(different, count, error)
