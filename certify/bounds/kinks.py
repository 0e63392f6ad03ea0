"""Refuting smoothness: a piecewise affine network whose Jacobian is not constant is not C^1, so M2 is infinite.

A C^1 map that is affine on each of finitely many pieces has a continuous Jacobian with finitely many values on
a connected domain, hence a constant one. Two points with certainly different Jacobians therefore refute C^1.
"""

from __future__ import annotations

import numpy as np

from certify.bounds.bracket import Witness
from certify.generators.activations import activation
from certify.generators.activations.function import Smoothness
from certify.generators.derivatives import jacobian
from certify.generators.graph import Activation, Generator, Product
from certify.generators.jets import jacobian_ball

PIECEWISE_AFFINE = frozenset({"relu", "leaky_relu", "identity"})
SAMPLES = 64


def kinked_activations(generator: Generator) -> list[str]:
    """Names of the activations of the graph that are not differentiable everywhere, sorted."""
    nodes = [node for node in generator.graph.nodes if isinstance(node, Activation)]
    smooth = {Smoothness.SMOOTH, Smoothness.ONCE}
    return sorted(
        {
            node.name
            for node in nodes
            if activation(node.name).smoothness(activation(node.name).resolve(node.parameters)) not in smooth
        }
    )


def refute_differentiability(generator: Generator, seed: int = 0) -> Witness | None:
    """Two points that prove G not C^1, or None if the graph is not piecewise affine or none was found. Rigorous."""
    nodes = generator.graph.nodes
    if any(isinstance(node, Product) for node in nodes) or not all(
        node.name in PIECEWISE_AFFINE for node in nodes if isinstance(node, Activation)
    ):
        return None
    points = np.random.default_rng([seed, 0xC1]).standard_normal((SAMPLES, generator.latent_dim))
    slopes = jacobian(generator.graph, points)
    farthest = int(np.argmax(np.linalg.norm(slopes - slopes[0], axis=(1, 2))))
    pair = [points[0].tolist(), points[farthest].tolist()]
    first, second = (jacobian_ball(generator.graph, point) for point in pair)
    differ = any(
        not left.overlaps(right) and left.is_finite() and right.is_finite()
        for row, other in zip(first, second, strict=True)
        for left, right in zip(row, other, strict=True)
    )
    return Witness((tuple(pair[0]), tuple(pair[1]))) if differ else None
