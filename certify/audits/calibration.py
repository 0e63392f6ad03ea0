"""Calibration by simulation: is the z that made x a draw like the encoder's own draws at x?

z ~ N(0, I), x = G(z) + beta xi, and L draws of the encoder at x. Given x, z is a draw of pi_x; if the encoder is
exact the rank of any statistic of z among those of the draws is uniform on 0..L. It needs no posterior, works for
every generator, and its pairs are exact. Ranks of each coordinate and of f are tested; a uniform number breaks the
steps between ranks, so that the Kolmogorov-Smirnov law is exact for every number of pairs.
The same pairs bound E_x TV(encoder, pi_x) from below: z and one of the draws are compared as the laws of (z, x,
others).

Uniform ranks do not prove an encoder exact: one that ignores x and draws from the prior passes for every coordinate.

Source: Talts, Betancourt, Simpson, Vehtari and Gelman, arXiv 1804.06788 (2018); Modrak et al., Bayesian Analysis 20
(2025) for ranks of the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.records import Calibration, DistanceEnd, EncoderBracket, RankTest
from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import Generator
from certify.measure.two_sample import MINIMAL_SAMPLES, total_variation_lower
from certify.posteriors.model import draw_observations, potentials
from certify.progress import Progress, SilentProgress

PushPairs = Callable[[FloatArray, FloatArray], FloatArray]
"""Observations (b, n) and noises (b, size) to draws (b, d), one of each a row."""

BINS = 20
CHUNK = 4_000_000
"""Noise coordinates handed to the encoder at once."""


@dataclass(frozen=True)
class CalibrationPlan:
    """Numbers of pairs and of draws per pair, the test's level, the seed. Raises InputError if too few."""

    pairs: int
    draws: int
    level: float
    seed: int

    def __post_init__(self) -> None:
        if self.pairs < MINIMAL_SAMPLES:
            raise InputError(f"calibration needs at least {MINIMAL_SAMPLES} pairs (z, x); got {self.pairs}")
        if not 0 < self.level < 1:
            raise InputError(f"`level` must be in (0, 1); got {self.level:g}")


@dataclass(frozen=True, eq=False)
class _Simulation:
    """latents (pairs, d), draws (pairs, L, d) and f at both, shapes (pairs,) and (pairs, L)."""

    latents: FloatArray
    draws: FloatArray
    potentials: FloatArray
    draw_potentials: FloatArray


def calibrate(
    push: PushPairs,
    noise_size: int,
    generator: Generator,
    beta: float,
    plan: CalibrationPlan,
    progress: Progress | None = None,
) -> Calibration:
    """Simulate `plan.pairs` pairs, test the ranks of z_1, ..., z_d and f, and bound the average distance from below.

    The level is that of all rank tests together; the lower end of `average` fails with probability <= `plan.level`.

    Raises:
        InputError: if `plan.draws` < 2 d + 4, too few to whiten by.
    """
    if plan.draws < 2 * generator.latent_dim + 4:
        raise InputError(
            f"calibration in d = {generator.latent_dim} needs {2 * generator.latent_dim + 4} draws per pair; "
            f"got {plan.draws}"
        )
    random = np.random.default_rng(plan.seed)
    simulated = _simulate(push, noise_size, generator, beta, plan, random, progress or SilentProgress())
    names = [f"z_{index + 1}" for index in range(generator.latent_dim)] + ["f"]
    tests = []
    for index, name in enumerate(names):
        of_latent = simulated.potentials if name == "f" else simulated.latents[:, index]
        of_draws = simulated.draw_potentials if name == "f" else simulated.draws[:, :, index]
        tests.append(rank_test(name, of_latent, of_draws, plan.level / len(names), random))
    return Calibration(plan.pairs, plan.draws, plan.level, tuple(tests), average_distance(simulated, plan.level))


def rank_test(
    name: str, of_latent: FloatArray, of_draws: FloatArray, level: float, random: np.random.Generator
) -> RankTest:
    """Rank `of_latent` (pairs,) among `of_draws` (pairs, L) and test uniformity.

    u = (rank + U)/(L + 1), U uniform, is uniform on (0, 1) if the latent is exchangeable with the draws; ties get a
    uniform place among their own. The p-value is that of the two-sided Kolmogorov-Smirnov statistic, exact.
    """
    # Half a second to load: only where it is used.
    from scipy import stats

    pairs, draws = of_draws.shape
    below = np.sum(of_draws < of_latent[:, None], axis=1)
    ties = np.sum(of_draws == of_latent[:, None], axis=1)
    places = (below + random.random(pairs) * (ties + 1)) / (draws + 1)
    ordered = np.sort(places)
    steps = np.arange(pairs + 1) / pairs
    statistic = float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))
    counts = np.histogram(places, bins=BINS, range=(0.0, 1.0))[0].astype(np.float64)
    # Every bin of this histogram keeps inside its band together with probability >= 1 - level (union bound).
    tail = level / (2 * BINS)
    band = (int(stats.binom.ppf(tail, pairs, 1 / BINS)), int(stats.binom.isf(tail, pairs, 1 / BINS)))
    return RankTest(name, counts, band, statistic, float(stats.kstwo.sf(statistic, pairs)))


def average_distance(simulated: _Simulation, error_probability: float) -> EncoderBracket:
    """Lower end of E_x TV(encoder, pi_x) over the model's x: z against the first draw, given x and the other draws.

    TV of the joint laws (z, x, others) and (draw, x, others) is the average distance, so every event of a function of
    the triple bounds it. The function: z whitened by the others, f, and the log ratio of their Gaussian to pi_x.
    """
    others = simulated.draws[:, 1:]
    centre = others.mean(axis=1)
    offsets = others - centre[:, None]
    covariances = np.einsum("pli,plj->pij", offsets, offsets) / (others.shape[1] - 1)
    traces = np.trace(covariances, axis1=1, axis2=2)[:, None, None]
    factors = np.linalg.cholesky(covariances + (1e-10 * traces + 1e-300) * np.eye(centre.shape[1]))
    bases = np.median(simulated.draw_potentials[:, 1:], axis=1)

    def features(points: FloatArray, potentials: FloatArray) -> FloatArray:
        whitened = np.linalg.solve(factors, (points - centre)[:, :, None])[:, :, 0]
        rise = potentials - bases
        ratio = rise - 0.5 * np.sum(whitened * whitened, axis=1)
        return np.column_stack((whitened, np.arcsinh(rise), np.arcsinh(ratio)))

    found = total_variation_lower(
        features(simulated.latents, simulated.potentials),
        features(simulated.draws[:, 0], simulated.draw_potentials[:, 0]),
        error_probability,
        ", exact pairs (z, x) of the model",
    )
    return EncoderBracket(
        found.estimate,
        DistanceEnd(found.lower, found.method, error_probability),
        DistanceEnd(1.0, "none: an average over the model is bounded from below only", 0.0),
    )


def _simulate(
    push: PushPairs,
    noise_size: int,
    generator: Generator,
    beta: float,
    plan: CalibrationPlan,
    random: np.random.Generator,
    progress: Progress,
) -> _Simulation:
    dimension = generator.latent_dim
    latents = random.standard_normal((plan.pairs, dimension))
    clean = value(generator.graph, latents)
    observations = draw_observations(generator, clean, beta, random)
    draws = np.empty((plan.pairs, plan.draws, dimension))
    images = np.empty((plan.pairs, plan.draws, observations.shape[1]))
    rows = max(1, CHUNK // (plan.draws * noise_size))
    progress.start("calibration", float(plan.pairs))
    for first in range(0, plan.pairs, rows):
        part = observations[first : first + rows]
        noise = random.standard_normal((part.shape[0] * plan.draws, noise_size))
        found = push(np.repeat(part, plan.draws, axis=0), noise)
        draws[first : first + rows] = found.reshape(part.shape[0], plan.draws, dimension)
        images[first : first + rows] = value(generator.graph, found).reshape(part.shape[0], plan.draws, -1)
        progress.advance(float(part.shape[0]))
    progress.finish()
    return _Simulation(
        latents,
        draws,
        potentials(generator, latents, clean, observations, beta),
        potentials(generator, draws, images, observations[:, None], beta),
    )
