"""The float derivatives against jets in balls, and finite differences, on random graphs of all five node kinds."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import precision
from certify.errors import InputError
from certify.generators import Activation, Affine, Graph, Input, Product, Sum, derivatives, jets
from certify.strategies import graphs


def agrees(found: np.ndarray, enclosures: list[arb], scale: float) -> bool:
    """Every float within 1e-12 relative of its ball, relative to the largest entry met on the way."""
    allowance = arb(1e-12 * scale)
    return all(bool(abs(ball - arb(float(x))) < allowance) for x, ball in zip(found, enclosures, strict=True))


def size(*arrays: np.ndarray) -> float:
    return 1.0 + max(float(np.abs(array).max()) for array in arrays)


@given(graphs(), st.integers(0, 2**32))
def test_all_derivatives_lie_within_rounding_of_their_balls(graph: Graph, seed: int) -> None:
    z, u, v, w = 0.8 * np.random.default_rng(seed).standard_normal((4, graph.latent_dim))
    value = derivatives.value(graph, z)
    jacobian = derivatives.jacobian(graph, z)
    second = derivatives.second_derivative(graph, z, u, v)
    third = derivatives.third_derivative(graph, z, u, v, w)
    # Squares of squares grow fast; the error of every order scales with the largest derivative and value.
    scale = size(value, jacobian, second, third) ** 2 * size(z, u, v, w) ** 3
    with precision():
        assert agrees(value, jets.value_ball(graph, z.tolist()), scale)
        for row, balls in zip(jacobian, jets.jacobian_ball(graph, z.tolist()), strict=True):
            assert agrees(row, balls, scale)
        assert agrees(second, jets.second_derivative_ball(graph, z.tolist(), u.tolist(), v.tolist()), scale)
        third_balls = jets.third_derivative_ball(graph, z.tolist(), u.tolist(), v.tolist(), w.tolist())
        assert agrees(third, third_balls, scale)


@given(graphs(), st.integers(0, 2**32))
def test_contractions_agree_with_the_forward_rules(graph: Graph, seed: int) -> None:
    random = np.random.default_rng(seed)
    z, u, v = 0.8 * random.standard_normal((3, graph.latent_dim))
    r = random.standard_normal(graph.observed_dim)
    jacobian = derivatives.jacobian(graph, z)
    hessian = derivatives.hessian_contraction(graph, z, r)
    second = derivatives.second_derivative(graph, z, u, v)
    tolerance = 1e-11 * size(jacobian, hessian, second) ** 2
    assert np.allclose(derivatives.vector_jacobian_product(graph, z, r), jacobian.T @ r, rtol=0, atol=tolerance)
    assert np.allclose(derivatives.directional_derivative(graph, z, u), jacobian @ u, rtol=0, atol=tolerance)
    assert np.allclose(u @ hessian @ v, r @ second, rtol=0, atol=tolerance)
    assert np.allclose(hessian, hessian.T, rtol=0, atol=tolerance)


@given(graphs(maximum_nodes=4), st.integers(0, 2**32))
def test_the_jacobian_is_the_limit_of_differences(graph: Graph, seed: int) -> None:
    z, u = 0.5 * np.random.default_rng(seed).standard_normal((2, graph.latent_dim))
    step = 1e-5
    difference = (derivatives.value(graph, z + step * u) - derivatives.value(graph, z - step * u)) / (2 * step)
    third = derivatives.third_derivative(graph, z, u, u, u)
    scale = size(derivatives.value(graph, z), third)
    assert np.allclose(derivatives.jacobian(graph, z) @ u, difference, rtol=0, atol=1e-7 * scale**2)


@given(graphs(), st.integers(0, 2**32))
def test_batches_are_rows(graph: Graph, seed: int) -> None:
    random = np.random.default_rng(seed)
    points = 0.8 * random.standard_normal((3, graph.latent_dim))
    u = random.standard_normal(graph.latent_dim)
    r = random.standard_normal((3, graph.observed_dim))
    batched = (
        derivatives.value(graph, points),
        derivatives.jacobian(graph, points),
        derivatives.vector_jacobian_product(graph, points, r),
        derivatives.hessian_contraction(graph, points, r),
        derivatives.second_derivative(graph, points, u, u),
    )
    for index, point in enumerate(points):
        single = (
            derivatives.value(graph, point),
            derivatives.jacobian(graph, point),
            derivatives.vector_jacobian_product(graph, point, r[index]),
            derivatives.hessian_contraction(graph, point, r[index]),
            derivatives.second_derivative(graph, point, u, u),
        )
        for many, one in zip(batched, single, strict=True):
            assert many[index].shape == one.shape
            assert np.allclose(many[index], one, rtol=1e-11, atol=1e-11 * size(one))


@given(graphs(), st.integers(0, 2**32))
def test_wide_balls_contain_the_values_at_their_points(graph: Graph, seed: int) -> None:
    random = np.random.default_rng(seed)
    centre = 0.5 * random.standard_normal(graph.latent_dim)
    radius = 0.05
    inside = centre + radius * random.uniform(-1, 1, graph.latent_dim)
    box = [arb(float(c), radius) for c in centre]
    with precision():
        for wide, narrow in zip(jets.value_ball(graph, box), jets.value_ball(graph, inside.tolist()), strict=True):
            assert wide.overlaps(narrow)
        wide_rows, narrow_rows = jets.jacobian_ball(graph, box), jets.jacobian_ball(graph, inside.tolist())
        for wide_row, narrow_row in zip(wide_rows, narrow_rows, strict=True):
            assert all(a.overlaps(b) for a, b in zip(wide_row, narrow_row, strict=True))


def test_a_wrong_derivative_is_noticed() -> None:
    graph = Graph((Input(2), Affine(0, np.eye(2), np.zeros(2)), Activation(1, "tanh", 2)))
    z = np.array([0.3, -0.7])
    with precision():
        balls = jets.value_ball(graph, z.tolist())
        assert agrees(derivatives.value(graph, z), balls, 1.0)
        assert not agrees(derivatives.value(graph, z) * (1 + 1e-10), balls, 1.0)


def test_polynomials_have_exact_jets() -> None:
    # G(z) = (z1^2 z2, z1): along (1, 2) from (3, 5) the first output is (3+t)^2 (5+2t).
    graph = Graph(
        (
            Input(2),
            Affine(0, np.array([[1.0, 0.0]]), np.zeros(1)),
            Affine(0, np.array([[0.0, 1.0]]), np.zeros(1)),
            Activation(1, "square", 1),
            Product((3, 2), 1),
            Affine(4, np.array([[1.0], [0.0]]), np.zeros(2)),
            Affine(1, np.array([[0.0], [1.0]]), np.zeros(2)),
            Sum((5, 6), (1.0, 1.0), 2),
        )
    )
    with precision():
        first, second = jets.line_jet(graph, [3, 5], [1, 2], 4)
        assert [first[k] for k in range(5)] == [arb(45), arb(48), arb(17), arb(2), arb(0)]
        assert [second[k] for k in range(3)] == [arb(3), arb(1), arb(0)]
        assert jets.third_derivative_ball(graph, [3, 5], [1, 0], [1, 0], [0, 1])[0] == 2
    assert derivatives.third_derivative(graph, [3, 5], [1, 0], [1, 0], [0, 1]).tolist() == [2.0, 0.0]


@pytest.mark.parametrize("order", [0, 1, 5])
def test_jets_of_every_length(order: int) -> None:
    graph = Graph((Input(1), Activation(0, "exp", 1)))
    (jet,) = jets.line_jet(graph, ["0.5"], [1], order)
    with precision():
        for k in range(order + 1):
            assert (jet[k] * arb.fac_ui(k)).overlaps(arb("0.5").exp())


def test_wrong_shapes_are_one_line_errors() -> None:
    graph = Graph((Input(2), Affine(0, np.eye(2), np.zeros(2))))
    for bad in ([1.0], np.zeros((2, 3)), np.zeros((1, 1, 2))):
        with pytest.raises(InputError, match="`z` must have shape"):
            derivatives.value(graph, bad)
    with pytest.raises(InputError, match="`r` must have shape"):
        derivatives.hessian_contraction(graph, [0.0, 0.0], [1.0])
    with pytest.raises(InputError, match="`point` must have 2 entries"):
        jets.value_ball(graph, [0.0])
