"""Which activations a family may be built with, and the slope bound it is scaled by."""

from __future__ import annotations

from certify.arithmetic.balls import upper
from certify.generators.activations.profile import larger
from certify.generators.activations.ranges import profile

SMOOTH_ACTIVATIONS = (
    "tanh",
    "sigmoid",
    "softplus",
    "leaky_softplus",
    "gelu",
    "gelu_tanh",
    "silu",
    "sin",
    "cos",
    "atan",
    "elu",
)
"""Bounded first derivative and finite sup|sigma''| at the default parameters."""

MONOTONE_ACTIVATIONS = ("leaky_softplus", "tanh", "sigmoid", "softplus", "atan", "elu")
"""sigma' >= 0 everywhere and finite sup|sigma''| at the default parameters."""


def slope_bound(name: str) -> float:
    """sup|sigma'| of an activation at its default parameters. Upper bound, rounded outward."""
    infimum, supremum = profile(name, (), 1).extrema()
    return upper(larger(-infimum, supremum))
