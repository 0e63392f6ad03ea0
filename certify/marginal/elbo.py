"""The evidence lower bound of a Gaussian encoder q = N(mu, B B'), from draws, with a finite-sample interval.

    ELBO = E_q log(p(x, z)/q(z)) = log p(x) - KL(q, pi_x) = c_x + log det B + (d/2) log(2 pi) - E w,
    w(xi) = f(mu + B xi) - |xi|^2/2,   c_x = log p(x) - log int exp(-f)   (`interval.log_normaliser`)

w is not bounded. On |xi| <= R it is, by the Lipschitz constant L of xi -> G(mu + B xi), certified: there the empirical
Bernstein inequality holds for the mean of w 1{|xi| <= R}; beyond, 0 <= f <= a + b |xi|^2 leaves a tail that is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaincc

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, precision, upper
from certify.audits.encoder_law import encoder_law
from certify.audits.source import EncoderSource
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.envelopes.likelihood import Likelihood, likelihood_of, potential
from certify.envelopes.log_evidence import ROUNDING, Interval, log_normaliser
from certify.errors import InputError
from certify.generators.graph import BERNOULLI, Generator
from certify.generators.nodes import Affine, Graph, Input
from certify.generators.noise import moved
from certify.posteriors.estimates import ERROR_PROBABILITY, mean_interval
from certify.posteriors.gaussian import GaussianLaw
from certify.threads import one_thread

DRAWS = 200_000
METHODS = ("composition", "residual rule", "semidefinite")
"""Of L: no search, so that it is the same at every load of the machine."""


@dataclass(frozen=True)
class Elbo:
    """The interval of the ELBO, or None with the reason; `law` says what is known of the encoder."""

    interval: Interval | None
    law: str
    reason: str = ""


def encoder_elbo(
    encoder: EncoderSource, generator: Generator, observation: FloatArray, beta: float, seed: int = 0
) -> Elbo:
    """The ELBO of an encoder at `observation` (n,) as the generator has it: statistical, error probability 1e-6.

    Raises:
        InputError: for an encoder whose law is not Gaussian.
    """
    if encoder.noise_size is None:
        raise InputError(f"encoder `{encoder.name}` draws its own noise: an ELBO needs a Gaussian law")
    found = encoder_law(
        lambda noise: encoder.push_one(observation, noise), encoder.noise_size, 2000, encoder.precision, seed,
        ERROR_PROBABILITY,
    )  # fmt: skip
    if found.gaussian is None:
        raise InputError(f"encoder `{encoder.name}` is not Gaussian: its density, and with it an ELBO, is not known")
    return gaussian_elbo(found.gaussian, generator, observation, beta, found.description, seed)


def gaussian_elbo(
    law: GaussianLaw, generator: Generator, observation: FloatArray, beta: float, described: str = "", seed: int = 0
) -> Elbo:
    """The ELBO of q = `law`, whose covariance must be positive definite."""
    likelihood = likelihood_of(generator, observation, beta)
    try:
        factor = np.asarray(np.linalg.cholesky(law.covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        return Elbo(None, described, "the encoder's covariance is singular: its ELBO is -inf")
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):
        growth = _growth(law, factor, generator, likelihood, beta)
        if growth is None:
            return Elbo(None, described, "no Lipschitz constant of the decoder is certified: w has no known tail")
        d, random = law.mean.size, np.random.default_rng([seed, 0xE1B0])
        noise = random.standard_normal((DRAWS, d))
        squares = 0.5 * (noise * noise).sum(axis=1)
        values = potential(generator.graph, likelihood, law.mean + noise @ factor.T) - squares
    radius = min(np.linspace(math.sqrt(d) + 1, math.sqrt(d) + 9, 33), key=lambda r: growth.cost(float(r)))
    inside = np.where(2 * squares <= radius**2, values, 0.0)
    low, high = -0.5 * radius**2 - ROUNDING, growth.largest(radius)
    if not (math.isfinite(high) and np.isfinite(values).all()):
        return Elbo(None, described, "f overflows at the encoder's draws")
    mean = mean_interval(inside, low, high, ERROR_PROBABILITY)
    beyond = 0.5 * d * _chi_beyond(radius, d + 2)
    with precision():
        constant = log_normaliser(generator, beta)
        shift = float(np.log(np.diag(factor)).sum()) + 0.5 * d * math.log(2 * math.pi)
        least = lower(constant) + shift - mean.upper - growth.tail(radius)
        largest = upper(constant) + shift - mean.lower + beyond
    room = ROUNDING * (1 + abs(least) + abs(largest))
    return Elbo(Interval(least - room, largest + room, "statistical", 1 - ERROR_PROBABILITY), described)


def _chi_beyond(radius: float, dimension: int) -> float:
    """P(chi_dimension > radius). Estimate."""
    return float(gammaincc(dimension / 2, radius**2 / 2))


@dataclass(frozen=True)
class _Growth:
    """Bounds of f(mu + B xi) by |xi|: with |mu|, |B|, sum_i phi_i(G(mu)) and the slope of the likelihood along xi."""

    dimension: int
    centre: float
    spread: float
    value: float
    slope: float
    quadratic: bool

    def largest(self, radius: float) -> float:
        """Upper bound of f over |xi| <= radius."""
        prior = 0.5 * (self.centre + self.spread * radius) ** 2
        reach = self.slope * radius
        return float(prior + (0.5 * (math.sqrt(2 * self.value) + reach) ** 2 if self.quadratic else self.value + reach))

    def tail(self, radius: float) -> float:
        """Upper bound of E f 1{|xi| > radius}: f <= a + b |xi|^2."""
        if self.quadratic:
            constant, rate = self.centre**2 + 2 * self.value, self.spread**2 + self.slope**2
        else:
            constant, rate = self.centre**2 + self.value + 0.5 * self.slope, self.spread**2 + 0.5 * self.slope
        d = self.dimension
        return constant * _chi_beyond(radius, d) + rate * d * _chi_beyond(radius, d + 2)

    def cost(self, radius: float) -> float:
        """What the radius adds to the interval: the range's part of the inequality, and the tail."""
        return 7 * self.largest(radius) * math.log(4 / ERROR_PROBABILITY) / (3 * DRAWS) + self.tail(radius)


def _growth(
    law: GaussianLaw, factor: FloatArray, generator: Generator, likelihood: Likelihood, beta: float
) -> _Growth | None:
    moved_graph = _around(generator.graph, law.mean, factor)
    lipschitz = constants(replace(generator, graph=moved_graph), Region(), 60.0, methods=METHODS).M.upper
    if lipschitz is None or not math.isfinite(lipschitz):
        return None
    value = float(likelihood.enclosure(generator.value(law.mean)[None])[1][0])
    logits = generator.likelihood == BERNOULLI
    # |phi_i'| <= 1 for logits, and (l - x)/beta^2 for Gaussian noise.
    slope = lipschitz * (math.sqrt(generator.observed_dim) if logits else 1.0 / beta)
    spread = float(np.linalg.norm(factor, 2)) * (1 + 1e-9)
    return _Growth(law.mean.size, float(np.linalg.norm(law.mean)), spread, value, slope, not logits)


def _around(graph: Graph, centre: FloatArray, factor: FloatArray) -> Graph:
    """The graph of xi -> G(centre + factor xi)."""
    return Graph((Input(centre.size), Affine(0, factor, centre), *map(moved, graph.nodes[1:])))
