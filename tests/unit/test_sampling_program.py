"""Compiled programs: potential and gradient of random graphs against the reference derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numba import njit, types
from numba.core.errors import TypingError

from certify.errors import InputError, UnknownNameError
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product, Sum
from certify.posteriors.posterior import Posterior
from certify.sampling import Target, compile_program, potential_and_gradient
from certify.sampling.gradient import potential_gradient
from certify.sampling.program import ACTIVATION, COLUMNS, DENSE, EXTRA, OPERATION, SCALE, SOURCE
from certify.sampling.shared_code import address, call
from certify.sampling.target import evaluate_blocks

SMOOTH = ("tanh", "sigmoid", "softplus", "gelu", "gelu_tanh", "silu", "sin", "cos", "atan", "leaky_softplus", "square")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of up to eight nodes over every node kind, with shared sources, dead nodes and sparse weights."""
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    nodes: list[Any] = [Input(draw(st.integers(1, 4)))]
    for kind in draw(st.lists(st.sampled_from(["affine", "sparse", "sum", "product", "activation"]), max_size=7)):
        source = draw(st.integers(0, len(nodes) - 1))
        width = nodes[source].width
        alike = [index for index, node in enumerate(nodes) if node.width == width]
        if kind in ("affine", "sparse"):
            rows = draw(st.integers(1, 12))
            weight: Any = generator.normal(size=(rows, width)) / np.sqrt(width)
            if kind == "sparse":
                weight = sp.csr_array(weight * (generator.random(weight.shape) < 0.5))
            nodes.append(Affine(source, weight, generator.normal(size=rows) * draw(st.integers(0, 1))))
        elif kind == "sum":
            terms = tuple(draw(st.lists(st.sampled_from(alike), min_size=1, max_size=3)))
            coefficients = tuple(draw(st.sampled_from([1.0, -1.0, 0.5])) for _ in terms)
            nodes.append(Sum(terms, coefficients, width))
        elif kind == "product":
            nodes.append(Product((source, draw(st.sampled_from(alike))), width))
        else:
            nodes.append(Activation(source, draw(st.sampled_from(SMOOTH)), width))
    return Graph(tuple(nodes))


def residual_graph(dimension: int, hidden: int, seed: int = 0) -> Graph:
    """G(z) = z + W2 tanh(W1 z + b)."""
    generator = np.random.default_rng(seed)
    return Graph(
        (
            Input(dimension),
            Affine(0, generator.normal(size=(hidden, dimension)), generator.normal(size=hidden)),
            Activation(1, "tanh", hidden),
            Affine(2, 0.1 * generator.normal(size=(dimension, hidden)), np.zeros(dimension)),
            Sum((0, 3), (1.0, 1.0), dimension),
        )
    )


def reference(graph: Graph, observation: np.ndarray, beta: float, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    residual = derivatives.value(graph, points) - observation
    gradient = points + derivatives.vector_jacobian_product(graph, points, residual) / beta**2
    return 0.5 * np.sum(points**2, axis=1) + 0.5 * np.sum(residual**2, axis=1) / beta**2, gradient


@given(graphs(), st.sampled_from([1, 3, 9, 33]), st.sampled_from([0.1, 1.0]))
def test_potential_and_gradient_of_any_graph(graph: Graph, count: int, beta: float) -> None:
    generator = np.random.default_rng(count)
    points = generator.normal(size=(count, graph.latent_dim))
    observation = generator.normal(size=(count, graph.observed_dim))
    potential, gradient = potential_and_gradient(Target.create(compile_program(graph), observation, beta), points)
    expected, slope = reference(graph, observation, beta, points)
    scale = 1.0 + np.abs(slope).max()
    np.testing.assert_allclose(potential, expected, rtol=1e-10)
    np.testing.assert_allclose(gradient / scale, slope / scale, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("count", [1, 40, 300])
@pytest.mark.parametrize("dimension", [3, 40])
def test_large_products_and_full_blocks(dimension: int, count: int) -> None:
    graph = residual_graph(dimension, 2 * dimension + 1)
    generator = np.random.default_rng(1)
    points, observation = generator.normal(size=(count, dimension)), generator.normal(size=dimension)
    posterior = Posterior(Generator("residual", graph, 1), observation, 0.5)
    potential, gradient = potential_and_gradient(posterior, points)
    expected, slope = reference(graph, observation, 0.5, points)
    np.testing.assert_allclose(potential, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-11, atol=1e-11)


def test_gradient_agrees_with_central_differences() -> None:
    target = Target.create(compile_program(residual_graph(2, 5)), np.array([0.3, -0.2]), 0.7)
    point = np.array([0.4, -1.1])
    step = 1e-5
    shifted = np.concatenate([point + step * np.eye(2), point - step * np.eye(2)])
    potential, _ = potential_and_gradient(target, shifted)
    _, gradient = potential_and_gradient(target, point)
    np.testing.assert_allclose(gradient[0], (potential[:2] - potential[2:]) / (2 * step), rtol=1e-8)


def test_affine_terms_of_a_sum_need_no_instruction_of_their_own() -> None:
    program = compile_program(residual_graph(2, 5))
    table = program.instructions.reshape(-1, COLUMNS)
    assert table[:, OPERATION].tolist() == [DENSE, ACTIVATION, SCALE, DENSE]
    assert program.rows == 2 + 5 + 5 + 2


def test_slopes_overwrite_a_value_only_when_nobody_else_reads_it() -> None:
    shared = Graph((Input(2), Activation(0, "tanh", 2), Sum((0, 1), (1.0, 1.0), 2)))
    table = compile_program(shared).instructions.reshape(-1, COLUMNS)
    assert table[0, EXTRA] != table[0, SOURCE]
    private = Graph((Input(2), Affine(0, np.eye(2), np.zeros(2)), Activation(1, "tanh", 2)))
    table = compile_program(private).instructions.reshape(-1, COLUMNS)
    assert table[1, EXTRA] == table[1, SOURCE]


def test_nodes_the_output_does_not_need_are_dropped() -> None:
    graph = Graph((Input(2), Activation(0, "exp", 2), Affine(0, np.eye(2), np.ones(2))))
    assert compile_program(graph).instructions.size == COLUMNS


def test_the_identity_map_has_no_instruction() -> None:
    target = Target.create(compile_program(Graph((Input(3),))), np.zeros(3), 0.5)
    potential, gradient = potential_and_gradient(target, np.ones(3))
    assert potential[0] == pytest.approx(1.5 + 6.0)
    np.testing.assert_allclose(gradient, 5.0 * np.ones((1, 3)))


def test_defaults_of_activation_parameters_are_the_tables() -> None:
    graph = Graph((Input(1), Activation(0, "elu", 1)))
    target = Target.create(compile_program(graph), np.zeros(1), 1.0)
    potential, _ = potential_and_gradient(target, np.array([-1.0]))
    assert potential[0] == pytest.approx(0.5 + 0.5 * np.expm1(-1.0) ** 2)


def test_a_new_network_compiles_nothing() -> None:
    kernel: Any = evaluate_blocks
    potential_and_gradient(Target.create(compile_program(residual_graph(2, 3)), np.zeros(2), 1.0), np.zeros((1, 2)))
    before = len(kernel.signatures)
    sparse = Graph((Input(5), Affine(0, sp.csr_array(np.eye(5)), np.zeros(5)), Product((1, 0), 5)))
    potential_and_gradient(Target.create(compile_program(sparse), np.zeros((20, 5)), 1.0), np.zeros((20, 5)))
    assert len(kernel.signatures) == before == 1


def test_a_kernel_calls_the_gradient_whose_address_it_is_given() -> None:
    @njit
    def sevens(program: Any, observed: Any, scale: float, values: Any, adjoints: Any, scratch: Any, lanes: int) -> None:
        adjoints[:] = scale * 7.0

    target = Target.create(compile_program(Graph((Input(2),))), np.zeros(2), 0.5)
    own, *rest = target.arguments
    shared: Any = potential_gradient
    (signature,) = shared.overloads
    points, potentials, gradients = np.array([[1.0, 2.0]]), np.empty(1), np.empty((1, 2))
    evaluate_blocks(0, 1, own, *rest, points, potentials, gradients, 1)
    np.testing.assert_array_equal(gradients, [[5.0, 10.0]])
    evaluate_blocks(0, 1, address(sevens, signature), *rest, points, potentials, gradients, 1)
    np.testing.assert_array_equal(gradients, [[29.0, 30.0]])


def test_shared_code_is_called_with_its_own_types_alone() -> None:
    """What an address expects is known to nobody: an integer array in place of a real one would be read as reals."""
    with pytest.raises(TypingError, match="shared code takes"):
        call((types.float64[::1],), (types.int64[::1],))
    signature, _ = call((types.float64[::1],), (types.float64[::1],))
    assert signature.args == (types.intp, types.float64[::1])


def test_bad_graphs_and_targets_are_refused_on_one_line() -> None:
    broken = Graph((Input(1), Affine(0, np.array([[np.nan]]), np.zeros(1))))
    with pytest.raises(InputError, match="finite weights"):
        compile_program(broken)
    with pytest.raises(UnknownNameError, match="did you mean `tanh`"):
        compile_program(Graph((Input(1), Activation(0, "tanhh", 1))))
    program = compile_program(Graph((Input(2),)))
    with pytest.raises(InputError, match="`beta` must be in"):
        Target.create(program, np.zeros(2), 0.0)
    with pytest.raises(InputError, match="n = 2; got \\(3,\\)"):
        Target.create(program, np.zeros(3), 1.0)
    with pytest.raises(InputError, match="must be finite"):
        Target.create(program, np.array([0.0, np.inf]), 1.0)
