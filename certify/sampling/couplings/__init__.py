"""Couplings of Markov chains: meeting times, bounds of the distance to stationarity, unbiased estimators."""

from certify.sampling.couplings.distance import (
    CouplingBound,
    distance_to_posterior,
    total_variation_bound,
    wasserstein_bound,
)
from certify.sampling.couplings.interval import Interval
from certify.sampling.couplings.lagged import Experiment, LaggedRun, run_lagged_pairs
from certify.sampling.couplings.log_density import CallableDensity, LogDensity, PosteriorDensity
from certify.sampling.couplings.maximal import CoupledPoints, Residual, couple, draw_coupled, meeting_probability
from certify.sampling.couplings.spread import Spread
from certify.sampling.couplings.transitions import (
    POSTERIOR,
    MetropolisLangevin,
    RandomWalk,
    Transition,
    UnadjustedLangevin,
)
from certify.sampling.couplings.unbiased import UnbiasedEstimate, unbiased_expectation

__all__ = [
    "POSTERIOR",
    "CallableDensity",
    "CoupledPoints",
    "CouplingBound",
    "Experiment",
    "Interval",
    "LaggedRun",
    "LogDensity",
    "MetropolisLangevin",
    "PosteriorDensity",
    "RandomWalk",
    "Residual",
    "Spread",
    "Transition",
    "UnadjustedLangevin",
    "UnbiasedEstimate",
    "couple",
    "distance_to_posterior",
    "draw_coupled",
    "meeting_probability",
    "run_lagged_pairs",
    "total_variation_bound",
    "unbiased_expectation",
    "wasserstein_bound",
]
