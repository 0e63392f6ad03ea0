"""E|Y - z*|^2 and E|grad f(Y)|^2 for Y from pi_D, pi_x conditioned on D: what S7c is held against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.errors import CertifyError
from certify.generators.graph import FloatArray
from certify.measure.reference import ReferenceDraws, reference_draws
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, nonnegative_mean_interval
from certify.posteriors.gaussian import is_affine
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import Projection

QUADRATURE_DIMENSION = 2
DRAWS = 20_000
MINIMAL_DRAWS = 1000


class RegionError(CertifyError):
    """The region carries so little of the posterior's mass that nothing can be measured in it."""


@dataclass(frozen=True)
class RegionMoments:
    """E|Y - z*|^2 and E|grad f(Y)|^2 under pi_D."""

    distance: IntervalEstimate
    gradient: IntervalEstimate


def region_moments(
    posterior: Posterior,
    preimage: FloatArray,
    mode: FloatArray,
    region: Projection,
    reference: ReferenceDraws | None = None,
    seed: int = 0,
    error_probability: float = ERROR_PROBABILITY,
) -> RegionMoments:
    """Measure both moments of pi_D about the mode z* (d,).

    Closed form for an affine generator and D = R^d; quadrature for d <= 2; otherwise independent draws, with
    intervals whose lower ends hold at `error_probability` each (`nonnegative_mean_interval`).
    `reference` are draws from pi_x made beforehand; None draws `DRAWS` here.

    Raises:
        RegionError: if fewer than 1000 draws fall into D.
        MassElsewhereError: if d <= 2 and the posterior has a second basin.
    """
    if is_affine(posterior) and math.isinf(region.radius):
        spectrum = np.linalg.eigvalsh(posterior.hessian(mode))
        return RegionMoments(_closed(float(np.sum(1 / spectrum))), _closed(float(np.sum(spectrum))))
    if posterior.latent_dim <= QUADRATURE_DIMENSION:
        truth = build_quadrature(posterior, preimage)
        return RegionMoments(
            truth.conditional_expectation(region.centre, region.radius, lambda z: _squares(z - mode)),
            truth.conditional_expectation(region.centre, region.radius, lambda z: _squares(posterior.gradient(z))),
        )
    drawn = reference or reference_draws(posterior, preimage, DRAWS, seed)
    points = draws_inside(drawn, region)
    intervals = [
        nonnegative_mean_interval(values, error_probability, drawn.method, drawn.assumption)
        for values in (_squares(points - mode), _squares(posterior.gradient(points)))
    ]
    return RegionMoments(intervals[0], intervals[1])


def draws_inside(reference: ReferenceDraws, region: Projection) -> FloatArray:
    """The draws that fall into the ball `region`, shape (count, d).

    Raises:
        RegionError: if fewer than 1000 do.
    """
    points = reference.inside(region)
    if points.shape[0] < MINIMAL_DRAWS:
        raise RegionError(
            f"only {points.shape[0]} of {reference.points.shape[0]} draws fall into D; {MINIMAL_DRAWS} are needed"
        )
    return points


def _squares(vectors: FloatArray) -> FloatArray:
    return np.asarray(np.sum(vectors * vectors, axis=1))


def _closed(value: float) -> IntervalEstimate:
    error = 1e-12 * abs(value)
    return IntervalEstimate(value, value - error, value + error, 0.0, 0, "closed form")
