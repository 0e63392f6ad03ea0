"""An encoder that is the Langevin chain of its own generator (Theorem 1's): its distance through the chain's own law.

    c = descent of |G(z) - x|^2/2 from 0,   U_0 = c,   U <- U - eta grad f(U) + sqrt(2 eta) xi,   K layers.

A file that says so in its metadata is held to it: at sampled x and noises its draws must be the chain's, computed here,
to rounding. Then the law at x is the chain's: a Gaussian in closed form for an affine generator, a transition
operator for d <= 2, beyond that a coupling with a stationary chain from above and a held-out event from below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.audit.brackets import statistics
from certify.audit.coupled_chain import stationary_coupling
from certify.audit.records import DistanceEnd, EncoderBracket
from certify.audit.reference import PosteriorDraws
from certify.audit.source import EncoderSource
from certify.errors import CertifyError
from certify.generators.graph import FloatArray
from certify.measure.burn_in import gaussian_distance
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.gaussian import is_affine, langevin_law, posterior_law
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import chain_total_variation
from certify.progress import Progress
from certify.sampling.descent import gradient_descent
from certify.sampling.langevin import run_langevin
from certify.sampling.program import compile_program

TRANSITION_DIMENSION = 2
TESTED_NOISES = 8
AGREEMENT = 1e-8
"""Largest difference of file and chain taken for rounding, relative to 1 + |z|."""
EVALUATIONS = 20_000_000
CHAINS = (256, 20_000)
ASSUMPTION = f"the file computes its Langevin chain at every noise as it does at {TESTED_NOISES} sampled ones"


@dataclass(frozen=True)
class LangevinChain:
    """K_gd descent layers of step `descent_step` from 0, then `layers` plain Langevin layers of step `step_size`."""

    descent_step: float
    descent_layers: int
    step_size: float
    layers: int

    def centre(self, posterior: Posterior) -> FloatArray:
        """The chain's start c (d,), where the descent ends."""
        program, origin = compile_program(posterior.generator.graph), np.zeros(posterior.latent_dim)
        if self.descent_layers == 0:
            return origin
        path = gradient_descent(program, posterior.observation, origin, self.descent_step, self.descent_layers)
        return np.asarray(path[-1])

    def run(self, posterior: Posterior, centre: FloatArray, noise: FloatArray) -> FloatArray:
        """U_K (rows, d) at given noises (rows, layers, d): the file's computation done again."""
        states = np.tile(centre, (noise.shape[0], 1))
        for layer in range(self.layers):
            drift = self.step_size * posterior.gradient(states)
            states = states - drift + math.sqrt(2 * self.step_size) * noise[:, layer]
        return states


def declared_chain(details: dict[str, Any]) -> LangevinChain | None:
    """The plain Langevin chain that a file's metadata declares, or None."""
    metadata = details.get("metadata", {})
    if metadata.get("certify.encoder") != "langevin" or metadata.get("certify.projected", "no") != "no":
        return None
    try:
        return LangevinChain(
            1.0 / float(metadata["certify.L_Phi"]),
            int(metadata["certify.K_gd"]),
            float(metadata["certify.eta"]),
            int(metadata["certify.K"]),
        )
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def follows(chain: LangevinChain, encoder: EncoderSource, posterior: Posterior, centre: FloatArray, seed: int) -> bool:
    """Whether the encoder's draws at sampled noises are the chain's to rounding."""
    size = chain.layers * posterior.latent_dim
    if encoder.noise_size != size:
        return False
    noise = np.random.default_rng(seed).standard_normal((TESTED_NOISES, size))
    drawn = encoder.push_one(posterior.observation, noise)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = chain.run(posterior, centre, noise.reshape(TESTED_NOISES, chain.layers, posterior.latent_dim))
        gap = np.linalg.norm(drawn - expected, axis=1)
    return bool(np.all(gap <= AGREEMENT * (1 + np.linalg.norm(expected, axis=1))))


def chain_bracket(
    chain: LangevinChain,
    posterior: Posterior,
    centre: FloatArray,
    reference: Callable[[], PosteriorDraws],
    seed: int,
    error_probability: float,
    progress: Progress,
) -> EncoderBracket:
    """Bracket TV(law U_K, pi_x); `reference` is asked for draws of pi_x only where d > 2 and G is not affine.

    Both ends together fail with probability at most `error_probability` plus what the reference spent; under
    `ASSUMPTION`, so that no lower end from here refutes.
    """
    known = _known_law(chain, posterior, centre, seed, error_probability)
    if known is not None:
        ends = [DistanceEnd(value, known.method, error_probability) for value in (known.lower, known.upper)]
        return EncoderBracket(known.estimate, ends[0], ends[1], ASSUMPTION, ASSUMPTION)
    drawn = reference()
    if drawn.useless:
        trivial = [DistanceEnd(value, drawn.method, 0.0) for value in (0.0, 1.0)]
        return EncoderBracket(0.5, trivial[0], trivial[1])
    half = error_probability / 2
    rests = "; ".join(part for part in (drawn.assumption, ASSUMPTION) if part)
    coupled = stationary_coupling(
        posterior, centre, chain.step_size, chain.layers, drawn.points, seed + 1, half, progress
    )
    count = min(int(np.clip(EVALUATIONS // chain.layers, *CHAINS)), drawn.points.shape[0])
    states = np.asarray(
        run_langevin(posterior, centre, chain.step_size, chain.layers, seed=seed + 2, chains=count).positions
    )
    samples = [statistics(points, posterior, states[::3]) for points in (states, drawn.points)]
    event = total_variation_lower(samples[0], samples[1], half)
    lower = max(0.0, event.lower - drawn.bias_upper)
    upper = min(1.0, coupled.upper + drawn.bias_upper)
    return EncoderBracket(
        min(max(event.estimate, lower), upper),
        DistanceEnd(lower, f"{event.method}; {drawn.method}", half + drawn.bias_error),
        DistanceEnd(
            upper,
            f"{coupled.pairs} pairs of the chain and a stationary MALA chain, coupled over the last "
            f"{coupled.coupled_layers} layers; {drawn.method}",
            half + drawn.bias_error,
        ),
        rests,
        rests,
    )


def _known_law(
    chain: LangevinChain, posterior: Posterior, centre: FloatArray, seed: int, error_probability: float
) -> DistanceEstimate | None:
    """The distance where the chain's law is known: closed form, or a transition operator for d <= 2."""
    if is_affine(posterior):
        law = langevin_law(posterior, centre, chain.step_size, chain.layers)
        found = gaussian_distance(law, posterior_law(posterior), seed, error_probability)
        return DistanceEstimate(found.estimate, found.lower, found.upper, f"the chain's Gaussian law, {found.method}")
    if posterior.latent_dim > TRANSITION_DIMENSION:
        return None
    try:
        truth = build_quadrature(posterior)
        return chain_total_variation(truth, centre, chain.step_size, (chain.layers,))[0]
    except CertifyError:
        return None
