"""Generators drawn node by node with short weights: admissible by construction, degenerate and adversarial among them.

Each strategy keeps A1-A3 of Theorem 1 by its architecture (a spectrum, a contraction, a monotone map, a triangular
map), never by rejection. Degenerate parts are drawn among the rest: duplicated and zero neurons, zero weights,
saturated biases, extreme scales, ill-conditioned frames.
"""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.arrays import FloatArray
from certify.generators.family_activations import MONOTONE_ACTIVATIONS, SMOOTH_ACTIVATIONS, slope_bound
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum
from certify.strategies.matrices import matrices, orthogonal_matrices, scales, short_matrices, spectra

DIMENSIONS, WIDTHS = (1, 2, 3), (1, 2, 3)
SATURATED = 24.0
"""At this bias every sigmoid is constant to double precision."""


@st.composite
def affine_generators(
    draw: st.DrawFn,
    dimensions: st.SearchStrategy[int] = st.sampled_from(DIMENSIONS),
    taller: st.SearchStrategy[int] = st.just(0),
    largest_condition: float = 16.0,
) -> Generator:
    """G(z) = W z + b with a prescribed spectrum; `taller` is n - d."""
    d = draw(dimensions)
    n = d + draw(taller)
    weight = draw(scales()) * draw(matrices(n, d, draw(spectra(d, largest_condition))))
    return _generator("affine", (Input(d), Affine(0, weight, draw(biases(n)))))


@st.composite
def residual_generators(
    draw: st.DrawFn,
    dimensions: st.SearchStrategy[int] = st.sampled_from(DIMENSIONS),
    activations: st.SearchStrategy[str] = st.sampled_from(SMOOTH_ACTIVATIONS),
) -> Generator:
    """Blocks z + W2 sigma(W1 z + b) with ||W1|| ||W2|| sup|sigma'| < 1, in an orthogonal frame of its own scale."""
    d = draw(dimensions)
    nodes: list[Node] = [Input(d)]
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        activation, start = draw(activations), len(nodes) - 1
        inward, bias = draw(hidden_layers(d))
        outward = draw(short_matrices(d, len(bias)))
        outward = outward * shrinking_power(inward, outward, slope_bound(activation), draw(st.sampled_from((0.9, 0.5))))
        nodes += (
            Affine(start, inward, bias),
            Activation(start + 1, activation, len(bias)),
            Affine(start + 2, outward, np.zeros(d)),
            Sum((start, start + 3), (1.0, 1.0), d),
        )
    frame = draw(scales()) * draw(matrices(d, d, draw(spectra(d, 2.0))))
    nodes.append(Affine(len(nodes) - 1, frame, draw(biases(d))))
    return _generator("residual", tuple(nodes))


@st.composite
def monotone_generators(
    draw: st.DrawFn,
    dimensions: st.SearchStrategy[int] = st.sampled_from(DIMENSIONS),
    activations: st.SearchStrategy[str] = st.sampled_from(MONOTONE_ACTIVATIONS),
) -> Generator:
    """G(z) = a z + W^T sigma(W z + b), a > 0, sigma' >= 0: strongly monotone, no layer of it invertible."""
    d, activation = draw(dimensions), draw(activations)
    weight, bias = draw(hidden_layers(d))
    skip = draw(st.sampled_from((1.0, 0.5, 2.0)))
    return _generator(
        "monotone",
        (
            Input(d),
            Affine(0, weight, bias),
            Activation(1, activation, len(bias), (0.125,) if activation == "leaky_softplus" else ()),
            Affine(2, np.ascontiguousarray(weight.T), np.zeros(d)),
            Sum((0, 3), (skip, 1.0), d),
        ),
    )


@st.composite
def coupling_generators(
    draw: st.DrawFn,
    dimensions: st.SearchStrategy[int] = st.sampled_from((2, 3)),
    activations: st.SearchStrategy[str] = st.sampled_from(SMOOTH_ACTIVATIONS),
) -> Generator:
    """(a, b) -> (a, b + W2 sigma(W1 a + c)) in an orthogonal frame: triangular, with an explicit inverse."""
    d, activation = draw(dimensions), draw(activations)
    hidden, bias = draw(hidden_layers(1))
    inward = np.zeros((len(bias), d))
    inward[:, :1] = hidden
    outward = np.zeros((d, len(bias)))
    outward[1:] = draw(short_matrices(d - 1, len(bias)))
    return _generator(
        "coupling",
        (
            Input(d),
            Affine(0, inward, bias),
            Activation(1, activation, len(bias)),
            Affine(2, outward, np.zeros(d)),
            Sum((0, 3), (1.0, 1.0), d),
            Affine(4, draw(orthogonal_matrices(d)), draw(biases(d))),
        ),
    )


@st.composite
def wave_generators(draw: st.DrawFn, dimensions: st.SearchStrategy[int] = st.sampled_from(DIMENSIONS)) -> Generator:
    """G_i(z) = s z_i + h sin z_{i+1} with |h| < s: m = s - |h|, M = s + |h|, M2 = |h| are attained."""
    slope = draw(st.sampled_from((1.0, 1.25, 2.0)))
    height = draw(st.sampled_from((0.25, 0.125, 0.5, -0.25)))
    return wave(draw(dimensions), slope, height)


def wave(dimension: int = 1, slope: float = 1.25, height: float = 0.25) -> Generator:
    """G_i(z) = slope z_i + height sin z_{i+1}: m = slope - |height|, M = slope + |height|, M2 = |height|."""
    shift, zero = np.roll(np.eye(dimension), 1, axis=1), np.zeros(dimension)
    nodes = (
        Input(dimension),
        Affine(0, shift, zero),
        Activation(1, "sin", dimension),
        Affine(2, height * np.eye(dimension), zero),
        Affine(0, slope * np.eye(dimension), zero),
        Sum((3, 4), (1.0, 1.0), dimension),
    )
    return Generator(f"wave{dimension}", Graph(nodes), 2)


@st.composite
def hidden_layers(draw: st.DrawFn, inputs: int) -> tuple[FloatArray, FloatArray]:
    """W1 (width, inputs) and b (width,) with, now and then, a duplicated neuron, a zero neuron or a saturated one."""
    width = draw(st.sampled_from(WIDTHS))
    weight, bias = draw(short_matrices(width, inputs)), draw(biases(width))
    defect = draw(st.sampled_from(("none", "none", "none", "duplicated", "zero", "saturated")))
    if defect == "duplicated":
        weight, bias = np.vstack((weight, weight[:1])), np.append(bias, bias[0])
    elif defect == "zero":
        weight[0], bias[0] = 0.0, 0.0
    elif defect == "saturated":
        bias[0] = SATURATED
    return weight, bias


def biases(size: int) -> st.SearchStrategy[FloatArray]:
    """Short vectors, mostly within [-1, 1]."""
    return short_matrices(1, size).map(lambda row: np.asarray(row[0]))


def shrinking_power(inward: FloatArray, outward: FloatArray, slope: float, target: float) -> float:
    """The largest power of two, at most 1, that brings ||W2|| ||W1|| sup|sigma'| to `target` or below.

    A power of two keeps short weights short.
    """
    product = float(np.linalg.norm(inward, 2) * np.linalg.norm(outward, 2)) * slope
    return 1.0 if product <= target else 2.0 ** -math.ceil(math.log2(product / target) + 1e-9)


def _generator(name: str, nodes: tuple[Node, ...]) -> Generator:
    graph = Graph(nodes)
    return Generator(name, graph, parameter_count(graph))


def parameter_count(graph: Graph) -> int:
    """N of a graph drawn here: the entries of its weights and biases, at least 1."""
    return max(1, sum(node.weight.size + node.bias.size for node in graph.nodes if isinstance(node, Affine)))
