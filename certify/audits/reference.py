"""Draws of pi_x that an encoder is compared with, and how far their law may be from pi_x.

Exact where the posterior is Gaussian, or where rejection is possible under an envelope certified at the observation
(Theorem R), or by a certified lower constant m. Otherwise the end points of MALA chains started at the encoder's own
draws: TV(law X_t, pi_x) <= E J_t, J_t the count of a lagged coupling of two chains from that start
(certify/sampling/couplings), measured on other chains with a finite-sample upper end.
What no simulation can see is left as a named assumption: a basin that neither the encoder nor MALA enters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.envelopes.best import best_envelope
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.rejection import exact_draws, propose
from certify.errors import CertifyError, InputError
from certify.generators.graph import GAUSSIAN
from certify.measure.distance_bracket import HORIZON_FACTOR, LAG_FACTOR, TERMS, pilot_lag
from certify.measure.inverse import preimage
from certify.posteriors.gaussian import is_affine, posterior_law
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.posteriors.rejection import rejection_draws
from certify.progress import Progress, SilentProgress
from certify.sampling.couplings import (
    Experiment,
    MetropolisLangevin,
    distance_to_posterior,
    run_lagged_pairs,
    total_variation_bound,
)
from certify.sampling.couplings.streams import ReplicateStreams
from certify.sampling.mala import Mala
from certify.sampling.options import RunOptions
from certify.sampling.runs import run
from certify.threads import one_thread

PILOT_DRAWS = 400
SMALLEST_ACCEPTANCE = 0.01
PILOT_PROPOSALS, MOST_PROPOSALS, LEAST_DRAWS = 20_000, 4_000_000, 5_000
"""Under an envelope: what the acceptance is estimated from, what is spent, the fewest draws that are of use."""
PAIRS = 2000
CHAINS_MAXIMAL = 16_384
EFFORT = 12_000_000
"""Gradient evaluations spent on the chains of one observation."""

DrawStarts = Callable[[int, int], FloatArray]
"""Count and seed to independent draws (count, d) of the encoder at the observation."""


@dataclass(frozen=True, eq=False)
class PosteriorDraws:
    """Independent points (count, d) of a law within `bias_upper` of pi_x in total variation.

    `bias_upper` is 0 for exact draws; else it holds with probability >= 1 - `bias_error` under `assumption`.
    """

    points: FloatArray
    method: str
    bias_upper: float = 0.0
    bias_error: float = 0.0
    assumption: str = ""

    @property
    def useless(self) -> bool:
        """Whether the points say nothing of pi_x."""
        return self.bias_upper >= 1

    @property
    def exact(self) -> bool:
        """Whether the law of the points is pi_x itself."""
        return not self.assumption


@dataclass(frozen=True, eq=False)
class _EncoderStarts(Experiment):
    """Lagged pairs whose X_0 and Y_0 are independent draws of the encoder instead of a point."""

    draws: FloatArray | None = None

    def starts(self, dim: int, streams: ReplicateStreams) -> FloatArray:
        assert self.draws is not None and self.draws.shape == (2 * self.replicates, dim)
        return self.draws.reshape(2, self.replicates, dim)


def posterior_draws(
    posterior: Posterior,
    count: int,
    m_lower: Callable[[], float | None],
    encoder_draws: DrawStarts,
    seed: int,
    error_probability: float,
    progress: Progress | None = None,
) -> PosteriorDraws:
    """Up to `count` draws of pi_x by the best method there is.

    Args:
        posterior: pi_x.
        count: draws wanted, >= 30; MALA returns at most 16,384.
        m_lower: gives the certified lower constant of the generator, or None; asked only where no envelope serves.
        encoder_draws: where MALA starts.
        seed: of every random number used.
        error_probability: that the bias exceeds `bias_upper`; only MALA spends it.
        progress: told how far the coupled pairs have come.

    Returns:
        The draws; where MALA cannot be coupled within its budget, with the trivial bias 1 and the reason as `method`.
    """
    if is_affine(posterior):
        points = posterior_law(posterior).sample(count, np.random.default_rng(seed))
        return PosteriorDraws(points, f"{count} exact Gaussian draws of the posterior")
    exact = _enveloped(posterior, count, seed)
    if exact is None and posterior.generator.likelihood != GAUSSIAN:
        return _no_draws(encoder_draws, seed, "no envelope is certified, and chains are for Gaussian noise")
    certified = None if exact is not None else m_lower()
    if certified is not None and certified > 0:
        exact = _rejection(posterior, count, certified, seed)
    if exact is not None:
        return exact
    return _mala(posterior, count, encoder_draws, seed, error_probability, progress or SilentProgress())


def _rejection(posterior: Posterior, count: int, m_lower: float, seed: int) -> PosteriorDraws | None:
    """Exact draws under the Gaussian envelope of A1; None without a preimage or with too small an acceptance rate."""
    try:
        centre = preimage(posterior.generator, posterior.observation)
    except CertifyError:
        return None
    pilot = rejection_draws(posterior, centre, m_lower, PILOT_DRAWS, seed + 1, math.ceil(PILOT_DRAWS / 0.005))
    if pilot.acceptance_rate < SMALLEST_ACCEPTANCE:
        return None
    drawn = rejection_draws(posterior, centre, m_lower, count, seed, math.ceil(4 * count / pilot.acceptance_rate))
    return PosteriorDraws(
        drawn.points, f"{drawn.points.shape[0]} exact posterior draws by rejection with certified m >= {m_lower:.4g}"
    )


def _enveloped(posterior: Posterior, count: int, seed: int) -> PosteriorDraws | None:
    """Exact draws under an envelope certified at this observation (Theorem R); None where none is, or too high."""
    likelihood = likelihood_of(posterior.generator, posterior.observation, posterior.beta)
    with one_thread():
        envelope = best_envelope(posterior.generator, likelihood)
        if isinstance(envelope, str):
            return None
        # The acceptance need not be certified for the draws to be exact, only large enough to get some.
        random = np.random.default_rng([seed, 0x9107])
        _, passed, _ = propose(posterior.generator, likelihood, envelope, PILOT_PROPOSALS, random)
        rate = float(passed.mean())
        if rate * MOST_PROPOSALS < LEAST_DRAWS:
            return None
        try:
            points = exact_draws(posterior.generator, likelihood, envelope, count, seed, MOST_PROPOSALS)
        except InputError:
            return None
    return PosteriorDraws(
        points,
        f"{len(points)} exact posterior draws by rejection under a certified envelope ({envelope.method}), acceptance "
        f"about {rate:.3g}",
    )


def _mala(
    posterior: Posterior, count: int, encoder_draws: DrawStarts, seed: int, error_probability: float, progress: Progress
) -> PosteriorDraws:
    """States X_t of MALA from the encoder's draws, with the coupling's bound of their distance to pi_x."""
    mode = find_mode(posterior, encoder_draws(1, seed)[0])
    spectrum = np.linalg.eigvalsh(posterior.hessian(mode))
    step_size = 0.6 / (math.cbrt(posterior.latent_dim) * float(spectrum[-1]))
    transition = MetropolisLangevin(step_size)
    try:
        lag = LAG_FACTOR * pilot_lag(posterior, transition, mode, seed + 1)
    except InputError as error:
        return _no_draws(encoder_draws, seed, str(error))
    steps = HORIZON_FACTOR * lag
    starts = encoder_draws(2 * PAIRS, seed + 2)
    experiment = _EncoderStarts(mode, lag, PAIRS, steps + (TERMS + 1) * lag, seed + 3, draws=starts)
    pairs = run_lagged_pairs(posterior, transition, experiment, progress=progress)
    bound = distance_to_posterior(
        total_variation_bound(pairs, [steps], truncation=TERMS, error_probability=error_probability)
    )
    bias = float(bound.upper[0])
    if not math.isfinite(bias):
        seen = f"{bound.censored} of {PAIRS} coupled MALA pairs had not met after {pairs.max_steps} steps"
        return _no_draws(encoder_draws, seed, seen)
    chains = int(np.clip(min(count, EFFORT // steps), 1000, CHAINS_MAXIMAL))
    options = RunOptions(seed=seed + 5)
    ends = run(Mala(), posterior, encoder_draws(chains, seed + 4), step_size, steps, options).positions
    return PosteriorDraws(
        np.asarray(ends),
        f"states X_{steps} of {chains} MALA chains from the encoder's draws, within {bias:.2g} of the posterior by "
        f"{PAIRS} coupled pairs of lag {lag}",
        min(1.0, bias),
        error_probability,
        f"MALA from the encoder's draws has left nothing of the posterior unvisited at step {bound.remainder_times[0]}",
    )


def _no_draws(encoder_draws: DrawStarts, seed: int, reason: str) -> PosteriorDraws:
    """Points that say nothing of pi_x, with the reason why there are no better ones."""
    return PosteriorDraws(encoder_draws(100, seed), f"no draws of pi_x: {reason}", 1.0, 0.0, "nothing was measured")
