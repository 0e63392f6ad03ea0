"""Generators with more outputs than latents: a residual block, then an isometry into R^n with a curved correction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.generators.family import Family, FamilyParameter, require_size
from certify.generators.family_activations import SMOOTH_ACTIVATIONS, slope_bound
from certify.generators.nodes import Activation, Affine, Graph, Input, Sum
from certify.generators.random_matrices import random_orthogonal, scaled_to_norm


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """G(z) = E z + U sigma(V z + b), E with orthonormal columns (n, d), ||U|| ||V|| sup|sigma'| <= bend < 1.

    Injective: |G(z) - G(z')| >= (1 - bend)|z - z'|, and M <= 1 + bend; the image is a curved d-dimensional sheet.
    """
    d, outputs, width = parameters["d"], parameters["outputs"], parameters["width"]
    if outputs < d:
        raise InputError(f"family `manifold`: `outputs` must be at least d = {d}, got `{outputs}`")
    size = outputs * d + width * (d + 1) + outputs * width
    require_size("manifold", size)
    random = np.random.default_rng(parameters["seed"])
    straight = random_orthogonal(random, outputs, d) * (1.0 - 1e-12)
    inward = scaled_to_norm(random.standard_normal((width, d)), 1.0)
    bias = 0.5 * random.standard_normal(width)
    outward = scaled_to_norm(
        random.standard_normal((outputs, width)), parameters["bend"] / slope_bound(parameters["activation"])
    )
    nodes = (
        Input(d),
        Affine(0, straight, np.zeros(outputs)),
        Affine(0, inward, bias),
        Activation(2, parameters["activation"], width),
        Affine(3, outward, np.zeros(outputs)),
        Sum((1, 4), (1.0, 1.0), outputs),
    )
    return Graph(nodes), size


FAMILY = Family(
    name="manifold",
    summary="E z + U sigma(V z + b) from d latents to n >= d outputs, E an isometry: injective, not onto",
    parameters=(
        FamilyParameter("d", 2, "an integer in [1, 1024]", 1, 1024),
        FamilyParameter("outputs", 6, "an integer in [1, 4096]", 1, 4096),
        FamilyParameter("width", 8, "an integer in [1, 4096]", 1, 4096),
        FamilyParameter("bend", 0.2, "a number in (0, 1)", 0.0, 1.0, excludes=(0.0, 1.0)),
        FamilyParameter("activation", "tanh", "a smooth activation", choices=SMOOTH_ACTIVATIONS),
        FamilyParameter("seed", 0, "an integer in [0, 2^63)", 0, 2.0**63 - 1025),
    ),
    build=build,
)
