"""An encoder that is a chain of its own generator: held to what it declares, measured through the chain's own law.

A file that says in its metadata which chain it computes is held to that: at sampled noises its draws must be the
chain's, computed here, to rounding. Then the law at x is the chain's: in closed form or by a transition operator
where these exist, else a coupling with a stationary chain from above and a held-out event from below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.brackets import statistics, vacuous_bracket
from certify.audits.coupled_chain import CoupledEnd
from certify.audits.records import DistanceEnd, EncoderBracket
from certify.audits.reference import PosteriorDraws
from certify.audits.source import EncoderSource
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.posterior import Posterior
from certify.progress import Progress
from certify.wording import counted

TESTED_NOISES = 8
AGREEMENT = 1e-8
"""Largest difference of file and chain taken for rounding, relative to 1 + |z|."""
ASSUMPTION = f"the file computes its chain at every noise as it does at {TESTED_NOISES} sampled ones"


class PlacedChain(Protocol):
    """A chain at one posterior: run at given noise, simulated, coupled, and its distance where it is known."""

    @property
    def description(self) -> str: ...

    @property
    def noise_size(self) -> int: ...

    def run(self, noise: FloatArray) -> FloatArray:
        """Last states (rows, d) at noises (rows, noise_size): the file's computation done again."""

    def simulate(self, count: int, seed: int) -> FloatArray:
        """At most `count` independent last states."""

    def known_distance(self, seed: int, error_probability: float) -> DistanceEstimate | None:
        """TV(law of the last state, pi_x) where the law is known."""

    def coupled(self, stationary: FloatArray, seed: int, error_probability: float, progress: Progress) -> CoupledEnd:
        """Upper end from pairs with a stationary chain started at draws (count, d) of pi_x."""


class DeclaredChain(Protocol):
    """The chain of a file, before it stands at an observation."""

    def at(self, posterior: Posterior) -> PlacedChain: ...


def follows(chain: PlacedChain, encoder: EncoderSource, observation: FloatArray, seed: int) -> bool:
    """Whether the encoder's draws at sampled noises are the chain's to rounding."""
    if encoder.noise_size != chain.noise_size:
        return False
    noise = np.random.default_rng(seed).standard_normal((TESTED_NOISES, chain.noise_size))
    drawn = encoder.push_one(observation, noise)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = chain.run(noise)
        gap = np.linalg.norm(drawn - expected, axis=1)
    return bool(np.all(gap <= AGREEMENT * (1 + np.linalg.norm(expected, axis=1))))


def chain_bracket(
    chain: PlacedChain,
    posterior: Posterior,
    reference: Callable[[], PosteriorDraws],
    seed: int,
    error_probability: float,
    progress: Progress,
) -> EncoderBracket:
    """Bracket TV(law of the chain's last state, pi_x); `reference` is asked for draws of pi_x only where it must be.

    Both ends together fail with probability at most `error_probability` plus what the reference spent; under
    `ASSUMPTION`, so that no lower end from here refutes.
    """
    known = chain.known_distance(seed, error_probability)
    if known is not None:
        ends = [DistanceEnd(value, known.method, error_probability) for value in (known.lower, known.upper)]
        return EncoderBracket(known.estimate, ends[0], ends[1], ASSUMPTION, ASSUMPTION)
    drawn = reference()
    if drawn.useless:
        return vacuous_bracket(drawn.method)
    half = error_probability / 2
    rests = "; ".join(part for part in (drawn.assumption, ASSUMPTION) if part)
    coupled = chain.coupled(drawn.points, seed + 1, half, progress)
    states = chain.simulate(drawn.points.shape[0], seed + 2)
    samples = [statistics(points, posterior, states[::3]) for points in (states, drawn.points)]
    event = total_variation_lower(samples[0], samples[1], half)
    lower = max(0.0, event.lower - drawn.bias_upper)
    upper = min(1.0, coupled.upper + drawn.bias_upper)
    return EncoderBracket(
        min(max(event.estimate, lower), max(lower, upper)),
        DistanceEnd(lower, f"{event.method}; {drawn.method}", half + drawn.bias_error),
        DistanceEnd(
            upper,
            f"{coupled.pairs} pairs of the chain and a stationary Metropolis chain, coupled over the last "
            f"{counted(coupled.coupled_layers, 'layer')}; {drawn.method}",
            half + drawn.bias_error,
        ),
        rests,
        rests,
    )
