"""How far the posterior is from one Gaussian law, on a ball or on all of R^d: what G1 and G2 are held against.

Both densities are known up to the posterior's normaliser. d <= 2: quadrature. Beyond: exact draws from the Gaussian,
and draws from the posterior; with w = exp(-f)/g and W = E_g w,
    TV = E_g (1 - w/W)_+ = E_pi (1 - W/w)_+,
so a lower end of W (a truncated mean is one) gives a lower end of TV from the first form and, where the posterior's
draws are exact, an upper end from the second; so does a lower end of 1/W = E_pi 1/w, with the forms exchanged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.errors import CertifyError
from certify.generators.graph import FloatArray
from certify.measure.reference import ReferenceDraws
from certify.posteriors.estimates import (
    ERROR_PROBABILITY,
    DistanceEstimate,
    IntervalEstimate,
    mean_interval,
    nonnegative_mean_interval,
)
from certify.posteriors.gaussian import GaussianLaw
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import PosteriorQuadrature
from certify.posteriors.transition import Projection

FEWEST_DRAWS = 60


class EmptyRegionError(CertifyError):
    """Too few draws fall into the ball on which two laws are to be compared."""


@dataclass(frozen=True)
class GaussianFit:
    """The laws conditioned on a ball: TV, KL(Gaussian | posterior), and the relative Fisher information.

    `information` is E_g |grad f(z) - P(z - mean)|^2, P the precision of g. `divergence` is None where only draws are
    known.
    """

    distance: DistanceEstimate
    information: IntervalEstimate
    divergence: IntervalEstimate | None


def quadrature_fit(truth: PosteriorQuadrature, law: GaussianLaw, region: Projection) -> GaussianFit:
    """The fit on `region` by quadrature at two resolutions. Estimates with a refinement error."""
    levels = [_level(truth, law, region, level) for level in (0, 1)]
    distance, divergence, information = (_refined(levels[0][k], levels[1][k]) for k in range(3))
    measured = DistanceEstimate(distance.estimate, max(0.0, distance.lower), distance.upper, distance.method)
    return GaussianFit(measured, information, divergence)


def _level(truth: PosteriorQuadrature, law: GaussianLaw, region: Projection, level: int) -> tuple[float, float, float]:
    rule = truth.conditional_rule(region.centre, region.radius, level)
    inside = rule.weights > 0
    nodes, weights = rule.nodes[inside], rule.weights[inside]
    log_ratio = truth.posterior.potential(nodes) + law.log_density(nodes)
    ratio = np.exp(log_ratio - np.max(log_ratio))
    ratio /= float(weights @ ratio)
    gaussian = weights * ratio
    distance = 0.5 * float(weights @ np.abs(1.0 - ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = np.where(ratio > 0, ratio * np.log(ratio), 0.0)
    return distance, float(weights @ entropy), float(gaussian @ score_gap(truth.posterior, law, nodes))


def sampled_fit(
    posterior: Posterior,
    law: GaussianLaw,
    region: Projection,
    reference: ReferenceDraws,
    draws: int,
    seed: int,
    error_probability: float = ERROR_PROBABILITY,
) -> GaussianFit:
    """The fit on `region` from `draws` draws of the Gaussian and from reference draws of the posterior.

    The interval of the distance misses with probability <= `error_probability`; its upper end is the trivial 1 where
    the reference draws are not exact.

    Raises:
        EmptyRegionError: if fewer than 60 draws of the Gaussian fall into the region.
    """
    points = law.sample(draws, np.random.default_rng([seed, 0x6A]))
    if not math.isinf(region.radius):
        points = points[np.linalg.norm(points - region.centre, axis=1) <= region.radius]
    if points.shape[0] < FEWEST_DRAWS:
        raise EmptyRegionError(f"only {points.shape[0]} of {draws} Gaussian draws fall into the ball; give more draws")
    shift = float(_log_ratio(posterior, law, law.mean[None])[0])
    ratios = np.exp(_log_ratio(posterior, law, points) - shift)
    drawn = reference.inside(region) if reference.exact else points[:0]
    inverse = np.exp(shift - _log_ratio(posterior, law, drawn)) if drawn.shape[0] >= FEWEST_DRAWS else None
    low, high = _ends(ratios, inverse, error_probability)
    estimate = float(np.mean(np.maximum(1.0 - ratios / np.mean(ratios), 0.0)))
    note = reference.method if inverse is not None else f"{reference.method}, so known from below only"
    method = f"density ratio at {points.shape[0]} draws of the Gaussian; {note}"
    distance = DistanceEstimate(min(max(estimate, low), high), low, high, method, error_probability)
    information = nonnegative_mean_interval(score_gap(posterior, law, points), error_probability)
    return GaussianFit(distance, information, None)


def _ends(ratios: FloatArray, inverse: FloatArray | None, error_probability: float) -> tuple[float, float]:
    """Ends of TV from w = `ratios` at draws of g and 1/w = `inverse` at exact draws of pi_x (None: there are none).

    Each sample gives both ends: whichever law is the narrower one, one of the ratios has light tails.
    """
    samples = [ratios] if inverse is None else [ratios, inverse]
    share = error_probability / 6
    low, high = 0.0, 1.0
    for index, sample in enumerate(samples):
        # Two halves: the lower end of the mean must not depend on the draws that it is used with.
        half = sample.shape[0] // 2
        floor = nonnegative_mean_interval(sample[:half], share).lower
        if floor <= 0:
            continue
        shortfall = np.maximum(1.0 - sample[half:] / floor, 0.0)
        low = max(low, mean_interval(shortfall, 0.0, 1.0, share).lower)
        if inverse is not None:
            excess = np.maximum(1.0 - floor * samples[1 - index], 0.0)
            high = min(high, mean_interval(excess, 0.0, 1.0, share).upper)
    return low, high


def score_gap(posterior: Posterior, law: GaussianLaw, points: FloatArray) -> FloatArray:
    """|grad f(z) - P(z - mean)|^2 at every row z, P the law's precision: the integrand of the Fisher information."""
    score = np.linalg.solve(law.covariance, (points - law.mean).T).T
    return np.asarray(np.sum((posterior.gradient(points) - score) ** 2, axis=1))


def _log_ratio(posterior: Posterior, law: GaussianLaw, points: FloatArray) -> FloatArray:
    return np.asarray(-posterior.potential(points) - law.log_density(points))


def _refined(fine: float, coarse: float) -> IntervalEstimate:
    error = abs(fine - coarse) + 1e-12 * (1.0 + abs(fine))
    return IntervalEstimate(fine, fine - error, fine + error, 0.0, 0, "quadrature, two resolutions")
