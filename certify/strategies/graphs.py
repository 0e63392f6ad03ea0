"""Graphs of all five node kinds, drawn node by node: not invertible, not bounded, only differentiable."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st

from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

SMOOTH = (
    *("tanh", "sigmoid", "softplus", "leaky_softplus", "gelu", "gelu_tanh", "silu", "swish", "mish", "erf"),
    *("sin", "cos", "atan", "square"),
)
OUTPUTS = 2


@st.composite
def graphs(draw: st.DrawFn, maximum_nodes: int = 7) -> Graph:
    """Random graphs whose nodes are drawn one by one from the nodes before them; the last one has width 2."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    nodes: list[Node] = [Input(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(1, maximum_nodes))):
        source = draw(st.integers(0, len(nodes) - 1))
        width = nodes[source].width
        twins = [index for index, node in enumerate(nodes) if node.width == width]
        match draw(st.sampled_from(("affine", "sparse", "activation", "sum", "product"))):
            case "affine":
                nodes.append(_affine(random, source, draw(st.integers(1, 4)), width))
            case "sparse":
                weight = sp.csr_array(random.standard_normal((3, width)) * (random.random((3, width)) < 0.5))
                nodes.append(Affine(source, weight, random.standard_normal(3)))
            case "activation":
                nodes.append(Activation(source, draw(st.sampled_from(SMOOTH)), width))
            case "sum":
                partners = tuple(draw(st.lists(st.sampled_from(twins), min_size=1, max_size=3)))
                nodes.append(Sum(partners, tuple(random.standard_normal(len(partners)).tolist()), width))
            case "product":
                nodes.append(Product((source, draw(st.sampled_from(twins))), width))
    nodes.append(_affine(random, len(nodes) - 1, OUTPUTS, nodes[-1].width))
    return Graph(tuple(nodes))


def _affine(random: np.random.Generator, source: int, width: int, inner: int) -> Affine:
    return Affine(source, random.standard_normal((width, inner)) / np.sqrt(inner), random.standard_normal(width))
