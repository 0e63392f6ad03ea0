"""Reference draws from pi_x: exact where possible, long MALA otherwise.

Exact: the Gaussian law of an affine generator; rejection under the envelope that A1 gives, or under one certified at
the observation. Otherwise the end points of independent MALA chains, each started at its own draw of the Laplace
approximation: independent of each other, their law pi_x up to a bias that is not bounded here. What is measured with
them rests on an `assumption`, which travels with it to the verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.envelopes.best import certified_envelope
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.rejection import exact_draws
from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.posteriors.gaussian import is_affine, posterior_law
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.posteriors.rejection import rejection_draws
from certify.posteriors.transition import Projection
from certify.sampling.mala import Mala
from certify.sampling.options import RunOptions
from certify.sampling.runs import run
from certify.threads import one_thread

PILOT_DRAWS = 400
MALA_ROUNDS = 40
MALA_CHAINS = 8192
UNBOUNDED_BIAS = "the end points of the MALA chains have the posterior's law (their bias is not bounded)"


@dataclass(frozen=True, eq=False)
class ReferenceDraws:
    """Independent points (count, d), by which method; they are draws of pi_x if `assumption` holds."""

    points: FloatArray
    method: str
    assumption: str = ""

    @property
    def exact(self) -> bool:
        """Whether the law of the points is pi_x itself, up to rounding."""
        return not self.assumption

    def inside(self, region: Projection) -> FloatArray:
        """The points in the ball `region`: independent draws from pi_x conditioned on it."""
        if math.isinf(region.radius):
            return self.points
        return np.asarray(self.points[np.linalg.norm(self.points - region.centre, axis=1) <= region.radius])


def reference_draws(
    posterior: Posterior,
    preimage: FloatArray,
    count: int,
    seed: int,
    m_lower: float | None = None,
    proposals_maximal: int = 4_000_000,
) -> ReferenceDraws:
    """Up to `count` independent draws from pi_x, exact ones first: drawn once, they serve every measurement there.

    Args:
        posterior: the posterior.
        preimage: zh = G^{-1}(x), shape (d,).
        count: draws wanted; MALA returns at most `MALA_CHAINS`.
        seed: seed of every random number used.
        m_lower: a certified lower constant m, which makes exact rejection under A1's envelope possible, or None.
        proposals_maximal: largest number of proposals spent on rejection.
    """
    if is_affine(posterior):
        points = posterior_law(posterior).sample(count, np.random.default_rng(seed))
        return ReferenceDraws(points, "exact Gaussian draws")
    if m_lower is not None and m_lower > 0:
        pilot = rejection_draws(posterior, preimage, m_lower, PILOT_DRAWS, seed + 1, proposals_maximal // 16)
        if pilot.acceptance_rate * proposals_maximal >= count:
            drawn = rejection_draws(posterior, preimage, m_lower, count, seed, proposals_maximal)
            return ReferenceDraws(drawn.points, "exact draws by rejection under A1's envelope")
    enveloped = enveloped_draws(posterior, count, seed, proposals_maximal)
    return mala_draws(posterior, preimage, count, seed) if enveloped is None else enveloped


def enveloped_draws(posterior: Posterior, count: int, seed: int, proposals_maximal: int) -> ReferenceDraws | None:
    """`count` exact draws under an envelope certified at this observation; None where its acceptance is too small."""
    likelihood = GaussianLikelihood(posterior.observation, posterior.beta)
    with one_thread():
        envelope = certified_envelope(posterior.generator, likelihood)
        if isinstance(envelope, str) or envelope.acceptance * proposals_maximal < count:
            return None
        try:
            points = exact_draws(posterior.generator, likelihood, envelope, count, seed, proposals_maximal)
        except InputError:
            return None
    return ReferenceDraws(points, f"exact draws by rejection under an envelope certified over {envelope.method}")


def laplace_draws(posterior: Posterior, preimage: FloatArray, count: int, seed: int) -> FloatArray:
    """Draws (count, d) from N(z*, H^{-1}), the Laplace approximation of pi_x. Estimate of pi_x."""
    mode = find_mode(posterior, preimage)
    eigenvalues, vectors = np.linalg.eigh(posterior.hessian(mode))
    noise = np.random.default_rng(seed).standard_normal((count, mode.size))
    return np.asarray(mode + (noise / np.sqrt(np.maximum(eigenvalues, 1.0))) @ vectors.T)


def mala_draws(posterior: Posterior, preimage: FloatArray, count: int, seed: int) -> ReferenceDraws:
    """End points of up to `MALA_CHAINS` MALA chains run for `MALA_ROUNDS` relaxation times of the local Gaussian."""
    start = laplace_draws(posterior, preimage, min(count, MALA_CHAINS), seed)
    spectrum = np.linalg.eigvalsh(posterior.hessian(find_mode(posterior, preimage)))
    # The optimal MALA step scales like d^{-1/3} in units of the stiffest direction.
    step_size = 0.6 * posterior.latent_dim ** (-1 / 3) / float(spectrum[-1])
    steps = math.ceil(MALA_ROUNDS / (step_size * max(1.0, float(spectrum[0]))))
    points = np.asarray(run(Mala(), posterior, start, step_size, steps, RunOptions(seed)).positions)
    return ReferenceDraws(points, "end points of independent MALA chains", UNBOUNDED_BIAS)
