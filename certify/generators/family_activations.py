"""Which activations a family may be built with, and the slope bound it is scaled by."""

from __future__ import annotations

import numpy as np

from certify.generators.activations import derivatives

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
    """sup|sigma'| of an activation at its default parameters."""
    return float(np.max(np.abs(derivatives(name, np.linspace(-8.0, 8.0, 16385), (), 1)[1])))
