"""Generators that break one hypothesis on purpose: rank, dimension, invertibility, smoothness, a finite slope."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum
from certify.strategies.matrices import matrices, orthogonal_matrices, short_matrices, spectra
from certify.strategies.networks import (
    DIMENSIONS,
    affine_generators,
    biases,
    hidden_layers,
    parameter_count,
    residual_generators,
    shrinking_power,
    wave,
)


def tall_generators() -> st.SearchStrategy[Generator]:
    """Injective affine maps with n > d."""
    return affine_generators(taller=st.sampled_from((1, 2)))


def tall_curved_generators() -> st.SearchStrategy[Generator]:
    """Injective curved maps with n > d: (G(z), a short matrix times G(z)) for an invertible G."""
    return st.builds(_extended, residual_generators(), st.integers(1, 2).flatmap(_rows))


def flat_generators() -> st.SearchStrategy[Generator]:
    """Maps with n < d, so a whole line goes to every point."""
    return st.sampled_from((2, 3)).flatmap(
        lambda d: st.builds(lambda weight: _built("flat", (Input(d), Affine(0, weight, np.zeros(1)))), _nonzero_row(d))
    )


@st.composite
def singular_generators(draw: st.DrawFn) -> Generator:
    """Affine maps whose least singular value is 0, exactly: a signed permutation with a zero row."""
    d = draw(st.sampled_from(DIMENSIONS))
    weight = draw(orthogonal_matrices(d, exact=True)).copy()
    weight[-1] = 0.0
    return _built("singular", (Input(d), Affine(0, weight, np.zeros(d))))


@st.composite
def bounded_generators(draw: st.DrawFn) -> Generator:
    """Maps with a bounded image, tanh(W z + b): injective, not onto, and m = 0."""
    d = draw(st.sampled_from(DIMENSIONS))
    weight, name = draw(matrices(d, d, draw(spectra(d)))), draw(st.sampled_from(("tanh", "sigmoid", "atan")))
    return _built("bounded", (Input(d), Affine(0, weight, draw(biases(d))), Activation(1, name, d)))


def folded_generators() -> st.SearchStrategy[Generator]:
    """Waves s z + h sin z with |h| > s: the determinant changes its sign, so m = 0."""
    return st.builds(wave, st.just(1), st.sampled_from((0.25, 0.5)), st.sampled_from((1.0, 2.0)))


@st.composite
def kinked_generators(draw: st.DrawFn) -> Generator:
    """Residual maps z + W2 sigma(W1 z + b), sigma a ReLU or leaky ReLU: strongly invertible, Lipschitz, not C^1."""
    d = draw(st.sampled_from(DIMENSIONS))
    inward, bias = draw(hidden_layers(d))
    inward[0, 0] = 1.0
    outward = draw(short_matrices(d, len(bias)))
    outward[0, 0] = 0.25
    outward = outward * shrinking_power(inward, outward, 1.0, 0.5)
    name = draw(st.sampled_from(("relu", "leaky_relu")))
    return _built("kinked", (Input(d), *_block(inward, bias, name, outward)))


@st.composite
def steep_generators(draw: st.DrawFn) -> Generator:
    """Z + c z^3 entrywise: m = 1, but neither slope nor curvature is bounded."""
    d, size = draw(st.sampled_from(DIMENSIONS)), draw(st.sampled_from((1.0, 0.25)))
    nodes = (Input(d), Product((0, 0), d), Product((0, 1), d), Sum((0, 2), (1.0, size), d))
    return _built("steep", nodes)


@st.composite
def quadratic_generators(draw: st.DrawFn) -> Generator:
    """(a, b) -> (a, b + c a^2): a bijection with bounded curvature, but no finite M and no m > 0."""
    size = draw(st.sampled_from((1.0, 0.25)))
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0], [size]])
    nodes = (
        Input(2),
        Affine(0, first, np.zeros(1)),
        Activation(1, "square", 1),
        Affine(2, second, np.zeros(2)),
        Sum((0, 3), (1.0, 1.0), 2),
    )
    return _built("quadratic", nodes)


VIOLATIONS: dict[str, Callable[[], st.SearchStrategy[Generator]]] = {
    "tall": tall_generators,
    "tall curved": tall_curved_generators,
    "flat": flat_generators,
    "singular": singular_generators,
    "bounded": bounded_generators,
    "folded": folded_generators,
    "kinked": kinked_generators,
    "steep": steep_generators,
    "quadratic": quadratic_generators,
}
"""By name; which assumption of which theorem one of them violates is found out by the theorem's own decisions."""


def _block(inward: FloatArray, bias: FloatArray, name: str, outward: FloatArray) -> tuple[Node, ...]:
    d = outward.shape[0]
    return (
        Affine(0, inward, bias),
        Activation(1, name, len(bias)),
        Affine(2, outward, np.zeros(d)),
        Sum((0, 3), (1.0, 1.0), d),
    )


def _rows(rows: int) -> st.SearchStrategy[FloatArray]:
    return short_matrices(rows, max(DIMENSIONS))


def _nonzero_row(columns: int) -> st.SearchStrategy[FloatArray]:
    return short_matrices(1, columns).map(lambda row: row if row.any() else np.eye(1, columns))


def _extended(generator: Generator, rows: FloatArray) -> Generator:
    d = generator.observed_dim
    weight = np.vstack((np.eye(d), rows[:, :d]))
    nodes = (*generator.graph.nodes, Affine(len(generator.graph.nodes) - 1, weight, np.zeros(len(weight))))
    return _built("tall curved", nodes)


def _built(name: str, nodes: tuple[Node, ...]) -> Generator:
    graph = Graph(nodes)
    return Generator(name, graph, parameter_count(graph))
