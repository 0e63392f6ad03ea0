"""Activations as data: values, derivatives, balls, jets and the ranges of each derivative."""

from certify.generators.activations.function import ActivationFunction, ActivationParameter, Smoothness
from certify.generators.activations.table import ACTIVATIONS, activation, derivatives

__all__ = [
    "ACTIVATIONS",
    "ActivationFunction",
    "ActivationParameter",
    "Smoothness",
    "activation",
    "derivatives",
]
