"""Activations as data: values, derivatives, balls, jets and the ranges of each derivative."""

from certify.generators.activations.function import ActivationFunction, ActivationParameter, Domain, Smoothness
from certify.generators.activations.ranges import ActivationConstants, activation_constants, range_enclosure
from certify.generators.activations.table import ACTIVATIONS, activation, derivatives

__all__ = [
    "ACTIVATIONS",
    "ActivationConstants",
    "ActivationFunction",
    "ActivationParameter",
    "Domain",
    "Smoothness",
    "activation",
    "activation_constants",
    "derivatives",
    "range_enclosure",
]
