"""Residual generators: blocks x + W2 sigma(W1 x + b), each a contraction away from the identity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from certify.generators.family import Family, FamilyParameter, require_size
from certify.generators.family_activations import SMOOTH_ACTIVATIONS, slope_bound
from certify.generators.nodes import Activation, Affine, Graph, Input, Node, Sum
from certify.generators.random_matrices import scaled_to_norm


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """`depth` blocks x + W2 sigma(W1 x + b) with ||W2|| ||W1|| sup|sigma'| <= lipschitz < 1.

    Invertible: each block is I + g with Lip(g) <= lipschitz < 1, so |block(x) - block(y)| >=
    (1 - lipschitz)|x - y| and x -> y - g(x) is a contraction whose fixed point is the inverse.
    Hence m >= (1 - lipschitz)^depth and M <= (1 + lipschitz)^depth.
    """
    d, width, depth = parameters["d"], parameters["width"], parameters["depth"]
    size = depth * (2 * d * width + width)
    require_size("residual", size)
    norm = math.sqrt(parameters["lipschitz"] / slope_bound(parameters["activation"]))
    random = np.random.default_rng(parameters["seed"])
    nodes: list[Node] = [Input(d)]
    for _ in range(depth):
        inward = scaled_to_norm(random.standard_normal((width, d)), norm)
        bias = 0.5 * random.standard_normal(width)
        outward = scaled_to_norm(random.standard_normal((d, width)), norm)
        block = len(nodes) - 1
        nodes.append(Affine(block, inward, bias))
        nodes.append(Activation(block + 1, parameters["activation"], width))
        nodes.append(Affine(block + 2, outward, np.zeros(d)))
        nodes.append(Sum((block, block + 3), (1.0, 1.0), d))
    return Graph(tuple(nodes)), size


FAMILY = Family(
    name="residual",
    summary="blocks x + W2 sigma(W1 x + b) with Lipschitz constant below 1; invertible block by block",
    parameters=(
        FamilyParameter("d", 8, "an integer in [1, 4096]", 1, 4096),
        FamilyParameter("width", 32, "an integer in [1, 16384]", 1, 16384),
        FamilyParameter("depth", 2, "an integer in [1, 256]", 1, 256),
        FamilyParameter("lipschitz", 0.5, "a number in (0, 1)", 0.0, 1.0, excludes=(0.0, 1.0)),
        FamilyParameter("activation", "tanh", "a smooth activation", choices=SMOOTH_ACTIVATIONS),
        FamilyParameter("seed", 0, "an integer in [0, 2^63)", 0, 2.0**63 - 1025),
    ),
    build=build,
)
