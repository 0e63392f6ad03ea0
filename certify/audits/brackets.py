"""The distance of one encoder to one posterior, bracketed by the best method that what is known of both allows.

    encoder Gaussian, posterior Gaussian (affine G)    both densities exact: mean over draws, finite-sample interval
    encoder Gaussian, int exp(-f) known                the same with the interval of the normaliser (`normaliser`)
    encoder Gaussian, else                             laws of the log density ratio: `score_distance`
    encoder known through draws alone                  lower end: held-out event; the upper end is 1

Draws alone give no upper end: they cannot tell a density from a law of finitely many atoms, at distance 1 of pi_x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.encoder_law import EncoderLaw
from certify.audits.records import DistanceEnd, EncoderBracket
from certify.audits.reference import PosteriorDraws
from certify.audits.score import score_distance
from certify.measure.burn_in import gaussian_distance
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import IntervalEstimate, mean_interval
from certify.posteriors.gaussian import GaussianLaw, is_affine, posterior_law
from certify.posteriors.posterior import Posterior


@dataclass(frozen=True)
class _Interval:
    """[lower, upper] around TV(surrogate, pi_x); the two ends together fail with probability <= `error`."""

    estimate: float
    lower: float
    upper: float
    error: float
    method: str
    assumption: str = ""


def vacuous_bracket(reason: str) -> EncoderBracket:
    """[0, 1], and why nothing better is known."""
    return EncoderBracket(0.5, DistanceEnd(0.0, reason, 0.0), DistanceEnd(1.0, reason, 0.0))


def gaussian_bracket(
    law: EncoderLaw,
    posterior: Posterior,
    truth: IntervalEstimate | None,
    reference: PosteriorDraws | None,
    draws: int,
    seed: int,
    error_probability: float,
) -> EncoderBracket:
    """Bracket TV(encoder, pi_x) for an encoder within `law.slack` of the Gaussian `law.gaussian`.

    `truth` is an interval of log int exp(-f); `reference` may be None where it is there, or the posterior Gaussian.
    Both ends together fail with probability at most `error_probability` + what `law` and `reference` spent.
    """
    assert law.gaussian is not None
    if is_affine(posterior):
        found = gaussian_distance(law.gaussian, posterior_law(posterior), seed, error_probability)
        interval = _Interval(found.estimate, found.lower, found.upper, error_probability, found.method)
    elif truth is not None:
        interval = _against_normaliser(law.gaussian, posterior, truth, draws, seed, error_probability)
    else:
        assert reference is not None, "a posterior without truth needs draws"
        interval = _against_draws(law.gaussian, posterior, reference, draws, seed, error_probability)
    added = f", widened by {law.slack:.2g} for the encoder's law"
    assumptions = [part for part in (interval.assumption, law.assumption) if part]
    rests = "; ".join(assumptions)
    failing = interval.error + law.slack_error
    return EncoderBracket(
        interval.estimate,
        DistanceEnd(max(0.0, interval.lower - law.slack), interval.method + added, failing),
        DistanceEnd(min(1.0, interval.upper + law.slack), interval.method + added, failing),
        rests,
        rests,
    )


def _against_normaliser(
    law: GaussianLaw, posterior: Posterior, truth: IntervalEstimate, draws: int, seed: int, error: float
) -> _Interval:
    """TV = E_E (1 - exp(-f)/(Z E))_+ over draws of E, which grows with Z: its ends are those of log Z."""
    points = law.sample(draws, np.random.default_rng(seed))
    potential, known = posterior.known_potential(points)
    log_ratio = np.where(known, -potential - law.log_density(points), 0.0)

    def at(log_z: float, unknown: float) -> IntervalEstimate:
        gaps = np.where(known, -np.expm1(np.minimum(log_ratio - log_z, 0.0)), unknown)
        return mean_interval(gaps, 0.0, 1.0, error / 2)

    # Where floats overflow before f the share of that draw is somewhere in [0, 1].
    low, middle, high = at(truth.lower, 0.0), at(truth.estimate, 0.5), at(truth.upper, 1.0)
    return _Interval(
        middle.estimate,
        low.lower,
        high.upper,
        error + truth.error_probability,
        f"Gaussian density against {truth.method}, {draws} draws, empirical Bernstein at error {error:.2g}",
    )


def _against_draws(
    law: GaussianLaw, posterior: Posterior, reference: PosteriorDraws, draws: int, seed: int, error: float
) -> _Interval:
    """Kolmogorov distance of log E + f under both laws, which is TV; bias of the reference taken off and added."""
    points = law.sample(draws, np.random.default_rng(seed))

    def scored(sample: FloatArray) -> tuple[FloatArray, bool]:
        potential, known = posterior.known_potential(sample)
        return np.where(known, law.log_density(sample) + potential, np.inf), bool(known.all())

    (own, whole), (others, wholly) = scored(points), scored(reference.points)
    interval = score_distance(own, others, error / 2)
    # Where floats overflow before f a score is none of the log ratio's: it bounds the distance from below alone.
    upper = interval.upper + reference.bias_upper if whole and wholly else 1.0
    return _Interval(
        interval.estimate,
        max(0.0, interval.lower - reference.bias_upper),
        min(1.0, upper),
        error + reference.bias_error,
        f"laws of the log density ratio (DKW band at error {error:.2g}), {draws} draws against {reference.method}",
        reference.assumption,
    )


def sample_bracket(
    law: EncoderLaw, posterior: Posterior, reference: PosteriorDraws, error_probability: float
) -> EncoderBracket:
    """Lower end of TV(encoder, pi_x) from draws of both, by a held-out event; the upper end is the trivial 1."""
    event = total_variation_lower(
        statistics(law.draws, posterior, law.draws[::3]),
        statistics(reference.points, posterior, law.draws[::3]),
        error_probability,
    )
    return EncoderBracket(
        event.estimate,
        DistanceEnd(
            max(0.0, event.lower - reference.bias_upper),
            f"{event.method}; {reference.method}",
            error_probability + reference.bias_error,
        ),
        DistanceEnd(1.0, "none: draws alone give no upper end", 0.0),
        reference.assumption,
    )


def statistics(points: FloatArray, posterior: Posterior, training: FloatArray) -> FloatArray:
    """Columns that tell an encoder from pi_x: z, f(z), and the log ratio of a Gaussian fitted to `training` to pi_x.

    Shape (count, d + 2). `training` are the encoder's draws that the held-out test does not count.
    """
    potential = posterior.potential(points)
    centre, covariance = training.mean(axis=0), np.atleast_2d(np.cov(training, rowvar=False))
    ridge = (1e-10 * float(np.trace(covariance)) + 1e-20) * np.eye(centre.size)
    fitted = GaussianLaw(centre, covariance + ridge)
    scale = np.maximum(np.sqrt(np.diag(covariance)), 1e-12)
    ratio = fitted.log_density(points) + potential
    base = float(np.median(posterior.potential(training)))
    # Far off, all that counts is how far: without the compression a few rows would decide the fits of the test.
    columns = ((points - centre) / scale, potential - base, ratio - base)
    return np.asarray(np.arcsinh(np.column_stack(columns)))
