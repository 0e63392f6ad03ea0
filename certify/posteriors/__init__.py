"""The posterior of a generator and its truth where truth is known: closed forms, quadrature, transition operator."""

from certify.posteriors.estimates import DistanceEstimate, IntervalEstimate
from certify.posteriors.gaussian import GaussianLaw, is_affine, langevin_law, langevin_stationary_law, posterior_law
from certify.posteriors.posterior import LineDerivatives, Posterior, line_derivatives_ball
from certify.posteriors.quadrature import MassElsewhereError, PosteriorQuadrature, build_quadrature
from certify.posteriors.transition import Projection, burn_in_total_variation, chain_total_variation

__all__ = [
    "DistanceEstimate",
    "GaussianLaw",
    "IntervalEstimate",
    "LineDerivatives",
    "MassElsewhereError",
    "Posterior",
    "PosteriorQuadrature",
    "Projection",
    "build_quadrature",
    "burn_in_total_variation",
    "chain_total_variation",
    "is_affine",
    "langevin_law",
    "langevin_stationary_law",
    "line_derivatives_ball",
    "posterior_law",
]
