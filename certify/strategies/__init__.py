"""Hypothesis strategies: matrices, generators of every family and shape, settings, and what a theorem admits."""

from certify.strategies.admissible import Kinds, admissible_generators, kinds_of, violating_generators
from certify.strategies.domains import numbers, numbers_outside, values_of
from certify.strategies.families import family_generators
from certify.strategies.graphs import graphs
from certify.strategies.matrices import matrices, orthogonal_matrices, short_matrices, spectra
from certify.strategies.networks import (
    affine_generators,
    coupling_generators,
    monotone_generators,
    residual_generators,
    wave_generators,
)
from certify.strategies.settings import accuracies, noise_levels, observations

__all__ = [
    "Kinds",
    "accuracies",
    "admissible_generators",
    "affine_generators",
    "coupling_generators",
    "family_generators",
    "graphs",
    "kinds_of",
    "matrices",
    "monotone_generators",
    "noise_levels",
    "numbers",
    "numbers_outside",
    "observations",
    "orthogonal_matrices",
    "residual_generators",
    "short_matrices",
    "spectra",
    "values_of",
    "violating_generators",
    "wave_generators",
]
