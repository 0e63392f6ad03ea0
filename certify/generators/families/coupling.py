"""Additive couplings: one half of the coordinates moves the other, so the inverse is explicit and volume is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from certify.generators.family import Family, FamilyParameter, require_size
from certify.generators.family_activations import SMOOTH_ACTIVATIONS, slope_bound
from certify.generators.nodes import Activation, Affine, Graph, Input, Node, Sum
from certify.generators.random_matrices import scaled_to_norm


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """`depth` times (a, b) -> (a, b + W2 sigma(W1 a + c)), then a random permutation of the coordinates.

    Invertible: each coupling is undone by subtracting the same term, since a is kept, and permutations are
    orthogonal. No layer inside the coupling is invertible. With ||W2|| ||W1|| sup|sigma'| <= slope = s one
    coupling has M <= (s + sqrt(s^2 + 4))/2 and m = 1/M (docs/theory, section 4).
    """
    d, width, depth = parameters["d"], parameters["width"], parameters["depth"]
    kept = d // 2
    size = depth * (width * d + width)
    require_size("coupling", 2 * depth * width * d)
    norm = math.sqrt(parameters["slope"] / slope_bound(parameters["activation"]))
    random = np.random.default_rng(parameters["seed"])
    nodes: list[Node] = [Input(d)]
    for _ in range(depth):
        block = len(nodes) - 1
        inward, outward = np.zeros((width, d)), np.zeros((d, width))
        inward[:, :kept] = scaled_to_norm(random.standard_normal((width, kept)), norm)
        outward[kept:] = scaled_to_norm(random.standard_normal((d - kept, width)), norm)
        permutation = sp.csr_array(np.eye(d)[random.permutation(d)])
        nodes.append(Affine(block, inward, 0.5 * random.standard_normal(width)))
        nodes.append(Activation(block + 1, parameters["activation"], width))
        nodes.append(Affine(block + 2, outward, np.zeros(d)))
        nodes.append(Sum((block, block + 3), (1.0, 1.0), d))
        nodes.append(Affine(block + 4, permutation, np.zeros(d)))
    return Graph(tuple(nodes)), size


FAMILY = Family(
    name="coupling",
    summary="additive couplings and permutations; invertible as a whole, explicit inverse",
    parameters=(
        FamilyParameter("d", 8, "an integer in [2, 4096]", 2, 4096),
        FamilyParameter("width", 32, "an integer in [1, 16384]", 1, 16384),
        FamilyParameter("depth", 2, "an integer in [1, 256]", 1, 256),
        FamilyParameter("slope", 0.5, "a number in (0, 1e6]", 0.0, 1e6, excludes=(0.0,)),
        FamilyParameter("activation", "tanh", "a smooth activation", choices=SMOOTH_ACTIVATIONS),
        FamilyParameter("seed", 0, "an integer in [0, 2^63)", 0, 2.0**63 - 1025),
    ),
    build=build,
)
