"""Wide generators: expand, apply a monotone activation, contract; invertible as a whole, not layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.generators.family import Family, FamilyParameter, require_size
from certify.generators.family_activations import MONOTONE_ACTIVATIONS
from certify.generators.nodes import Activation, Affine, Graph, Input, Node, Sum
from certify.generators.random_matrices import random_orthogonal


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """`depth` blocks a x + W^T sigma(W x + b) with W (width, d), W^T W = gain I up to rounding, sigma' >= 0.

    Invertible: the Jacobian a I + W^T diag(sigma') W of a block is symmetric with eigenvalues between
    a + gain inf sigma' and a + gain sup sigma', so the block is strongly monotone as soon as the lower one is positive.
    The layers R^d -> R^width -> R^d are no bijections. With a = 0 there is no skip connection at all; then
    inf sigma' must be positive, which only leaky softplus has.
    """
    d, width, depth = parameters["d"], parameters["width"], parameters["depth"]
    skip, activation = parameters["skip"], parameters["activation"]
    if width < d:
        raise InputError(f"family `wide`: `width` must be at least d = {d}, got `{width}`")
    if skip == 0.0 and activation != "leaky_softplus":
        raise InputError(f"family `wide`: `skip` must be positive with `{activation}`, whose slope tends to 0")
    size = depth * (width * d + width)
    require_size("wide", 2 * depth * width * d)
    random = np.random.default_rng(parameters["seed"])
    nodes: list[Node] = [Input(d)]
    for _ in range(depth):
        block = len(nodes) - 1
        weight = math.sqrt(parameters["gain"]) * random_orthogonal(random, width, d)
        nodes.append(Affine(block, weight, 0.5 * random.standard_normal(width)))
        nodes.append(Activation(block + 1, activation, width, (0.1,) if activation == "leaky_softplus" else ()))
        nodes.append(Affine(block + 2, np.ascontiguousarray(weight.T), np.zeros(d)))
        if skip:
            nodes.append(Sum((block, block + 3), (skip, 1.0), d))
    return Graph(tuple(nodes)), size


FAMILY = Family(
    name="wide",
    summary="skip x + W^T sigma(W x + b), W tall, sigma monotone; invertible as a whole, not layer by layer",
    parameters=(
        FamilyParameter("d", 8, "an integer in [1, 4096]", 1, 4096),
        FamilyParameter("width", 32, "an integer in [d, 16384]", 1, 16384),
        FamilyParameter("depth", 1, "an integer in [1, 256]", 1, 256),
        FamilyParameter("skip", 0.5, "a number in [0, 1e6]", 0.0, 1e6),
        FamilyParameter("gain", 1.0, "a number in (0, 1e6]", 0.0, 1e6, excludes=(0.0,)),
        FamilyParameter("activation", "leaky_softplus", "a monotone activation", choices=MONOTONE_ACTIVATIONS),
        FamilyParameter("seed", 0, "an integer in [0, 2^63)", 0, 2.0**63 - 1025),
    ),
    build=build,
)
