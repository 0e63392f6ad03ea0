"""Large networks: norms against dense singular values, structure kept sparse, constants within memory and reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from benchmarks.large_networks import perceptron, residual_decoder, small_images, transposed_convolution
from certify.arithmetic import large_matrices
from certify.arithmetic.balls import lower, upper
from certify.arithmetic.large_matrices import (
    image_of_balls,
    norm_upper,
    row_lengths_upper,
    schur_norm_upper,
    smallest_stretch_lower,
    weighted_sums_upper,
)
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.effort import Work
from certify.bounds.enclosure import linear_parts
from certify.bounds.narrow import narrowest_cut
from certify.bounds.ranges import node_ranges
from certify.bounds.recomputation import derivative_size
from certify.bounds.residual import stretch_bounds
from certify.bounds.search import curvature_gradients, curvature_sizes
from certify.bounds.skip import skip_bounds
from certify.bounds.structure import has_increment_form
from certify.bounds.witness_climbing import climbed_curvature, climbed_pair, climbed_stretch
from certify.generators import derivatives, jets
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices take the way of large ones."""
    monkeypatch.setattr(large_matrices, "DIRECT_ENTRIES", 0)
    monkeypatch.setattr(large_matrices, "_NORMS", {})


def matrices() -> list[sp.csr_array]:
    random = np.random.default_rng(0)
    found = [sp.csr_array(sp.random_array((m, n), density=0.3, rng=random)) for m, n in ((7, 5), (5, 9), (30, 30))]
    kernel = random.standard_normal((3, 2, 4, 4))
    extreme = sp.csr_array(np.diag([1e300, 1.0, 1e-300]))
    return [*found, transposed_convolution(kernel, 3), extreme, sp.csr_array((4, 3)), sp.csr_array(np.ones((1, 1)))]


@pytest.mark.parametrize("is_sparse", [True, False])
@pytest.mark.parametrize("index", range(7))
def test_norms_contain_the_singular_values(index: int, is_sparse: bool, everything_is_large: None) -> None:
    sparse = matrices()[index]
    matrix = sparse if is_sparse else sparse.toarray()
    values = np.linalg.svd(sparse.toarray(), compute_uv=False)
    largest = float(values[0])
    least = float(values[-1]) if sparse.shape[0] >= sparse.shape[1] else 0.0
    assert largest * (1 - 1e-14) <= norm_upper(matrix) <= largest * (1 + 1e-7) + 1e-300
    assert schur_norm_upper(sparse) >= largest * (1 - 1e-14)
    assert least * (1 + 1e-12) + 1e-14 * largest >= smallest_stretch_lower(matrix) >= 0.0
    if least > 1e-3 * largest:
        assert smallest_stretch_lower(matrix) >= least * (1 - 1e-6)


def test_a_wrong_proposal_proves_nothing(monkeypatch: pytest.MonkeyPatch, everything_is_large: None) -> None:
    matrix = sp.csr_array(np.diag([1.0, 2.0, 3.0]) + 0.1)
    true = float(np.linalg.norm(matrix.toarray(), 2))
    monkeypatch.setattr(large_matrices, "_extreme_eigenvalue", lambda tall, gram, sign: 1e-3 if sign > 0 else 1e3)
    assert norm_upper(matrix) >= true
    assert smallest_stretch_lower(matrix) == 0.0


def test_unbounded_and_undefined_entries(everything_is_large: None) -> None:
    for entry in (math.nan, math.inf):
        matrix = np.array([[1.0, entry], [0.0, 1.0]])
        assert norm_upper(matrix) == math.inf
        assert smallest_stretch_lower(matrix) == 0.0
    sums = weighted_sums_upper(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([math.inf, 3.0]))
    assert 3.0 <= sums[0] < 3.0 + 1e-12 and sums[1] == math.inf
    assert row_lengths_upper(sp.csr_array(np.array([[3e300, 4e300]])))[0] >= 5e300


def test_a_norm_belongs_to_the_entries_and_not_to_the_object(everything_is_large: None) -> None:
    matrix = np.eye(3)
    before = norm_upper(matrix)
    matrix[0, 0] = 5.0
    assert before < 1.1 and norm_upper(matrix) >= 5.0


def test_image_of_balls_contains_every_image() -> None:
    random = np.random.default_rng(1)
    for matrix in matrices()[:4]:
        middle, radius = random.standard_normal((matrix.shape[1], 2)), random.random((matrix.shape[1], 2))
        middle[0], radius[0] = 0.0, 0.0
        found, spread = image_of_balls(matrix, middle, radius)
        for _ in range(20):
            image = matrix.toarray() @ (middle + radius * random.choice([-1.0, 1.0], radius.shape))
            assert (np.abs(image - found) <= spread + 1e-15).all()
        assert (spread >= 0.999 * abs(matrix.toarray()) @ radius).all()


def test_sparse_layers_have_the_ranges_and_derivatives_of_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = residual_decoder(side=4, channels=2, depth=1, lipschitz=0.5)
    graph, region = generator.graph, Region(radius=0.5)
    point, direction = np.linspace(-0.4, 0.4, 16) / 4, np.ones(16)
    dense = node_ranges(graph, region).values
    exact = [derivative_size(graph, point, direction, order) for order in (1, 2, 3)]
    monkeypatch.setattr(large_matrices, "DIRECT_ENTRIES", 0)
    monkeypatch.setattr(jets, "MOST_ENTRIES", 0)
    for (low, high), (other_low, other_high) in zip(node_ranges(graph, region).values, dense, strict=True):
        np.testing.assert_allclose(low, other_low, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(high, other_high, rtol=1e-9, atol=1e-12)
    for order, size in zip((1, 2, 3), exact, strict=True):
        found = derivative_size(graph, point, direction, order)
        assert found.overlaps(size) and upper(found) - lower(found) < 1e-9 * (1 + upper(size))


def test_a_large_block_with_a_skip_keeps_its_m() -> None:
    generator = residual_decoder(side=4, channels=2, depth=1, lipschitz=0.5)
    ranges = node_ranges(generator.graph, Region())
    low, high = skip_bounds(generator.graph, ranges)
    assert 0.49 < low <= stretch_bounds(generator.graph, ranges)[0] + 1e-9
    assert 1.0 <= high < 1.51
    doubled = Sum((0, len(generator.graph.nodes) - 2), (-0.25, 1.0), 16)
    weak = Graph((*generator.graph.nodes[:-1], doubled))
    assert skip_bounds(weak, node_ranges(weak, Region()))[0] == 0.0


def test_the_constants_of_a_convolutional_decoder() -> None:
    generator = small_images()
    assert generator.parameters == 15_513
    assert not has_increment_form(generator.graph)
    found = constants(generator, methods=["composition", "residual rule", "witness"], effort=1000.0)
    for name in ("M", "M2", "M3"):
        bracket = dict(found.items())[name]
        assert bracket.lower is not None and bracket.upper is not None
        assert 0.0 < bracket.lower <= bracket.upper < math.inf
    assert found.M.upper is not None and found.M.upper < 34.0
    assert found.m.upper is not None and found.m.upper < 2.0


def test_an_invertible_convolution_of_784_latents_has_its_m() -> None:
    found = constants(residual_decoder(28, 1, 1, 0.5), methods=["composition", "residual rule"])
    assert found.m.lower is not None and 0.49 < found.m.lower <= 0.51
    assert found.M.upper is not None and 1.0 <= found.M.upper < 1.51


def test_a_narrow_layer_is_seen_without_making_large_weights_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.bounds.narrow.MOST_ENTRIES", 0)
    rows = np.zeros((6, 4))
    rows[:2] = np.arange(8.0).reshape(2, 4)
    graph = Graph((Input(4), Affine(0, sp.csr_array(rows), np.zeros(6)), Activation(1, "tanh", 6)))
    assert narrowest_cut(graph) == 2


def relu_network() -> Generator:
    return perceptron((4, 24, 24, 12), "relu", seed=3)


@pytest.mark.parametrize("largest", [True, False])
def test_climbing_leaves_random_points_behind_on_a_kinked_network(largest: bool) -> None:
    graph, region = relu_network().graph, Region(radius=3.0)
    found = climbed_stretch(graph, region, largest, Work(), np.random.default_rng(0))
    points = np.random.default_rng(1).standard_normal((500, 4))
    points *= 3.0 / np.maximum(3.0, np.linalg.norm(points, axis=1, keepdims=True))
    values = np.linalg.svd(derivatives.jacobian(graph, points), compute_uv=False)
    assert found.objective > values.max() if largest else found.objective < values[:, -1].min()
    assert np.linalg.norm(found.point) <= 3.0
    attained = np.linalg.norm(derivatives.directional_derivative(graph, found.point, found.direction))
    assert attained == pytest.approx(found.objective, rel=1e-9)


def test_climbed_pairs_are_apart_and_inside() -> None:
    graph, region = relu_network().graph, Region(radius=1.0, centre=(5.0, 0.0, 0.0, 0.0))
    found = climbed_pair(graph, region, Work(), np.random.default_rng(0))
    for point in (found.point, found.direction):
        assert np.linalg.norm(point - np.array([5.0, 0.0, 0.0, 0.0])) <= 1.0
    assert np.linalg.norm(found.point - found.direction) > 1e-3
    assert 0.0 <= found.objective < 1.0


def test_climbing_without_jacobians_attains_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.bounds.witness_climbing.LARGE_UNITS", 0.0)
    graph = perceptron((4, 24, 24, 12), "tanh", seed=3).graph
    found = climbed_stretch(graph, Region(radius=1.0), True, Work(), np.random.default_rng(0))
    points = np.random.default_rng(1).standard_normal((500, 4))
    points *= np.random.default_rng(2).random((500, 1)) / np.linalg.norm(points, axis=1, keepdims=True)
    assert found.objective > np.linalg.svd(derivatives.jacobian(graph, points), compute_uv=False).max()
    bent = climbed_curvature(graph, Region(radius=1.0), 2, Work(), np.random.default_rng(0))
    row = np.concatenate([bent.point, bent.direction])[None]
    assert curvature_sizes(graph, Region(radius=1.0), 2, row)[0] == pytest.approx(bent.objective, rel=1e-9)


def test_a_spent_deadline_ends_a_climb_at_once() -> None:
    graph = relu_network().graph
    late = climbed_stretch(graph, Region(), True, Work(deadline=0.0), np.random.default_rng(0))
    whole = climbed_stretch(graph, Region(), True, Work(), np.random.default_rng(0))
    assert 0.0 < late.objective < whole.objective


@pytest.mark.parametrize("order", [2, 3])
def test_curvature_gradients_are_those_of_differences(order: int) -> None:
    graph = perceptron((3, 16, 16, 9), "softplus", seed=1).graph
    random = np.random.default_rng(order)
    points, directions = random.standard_normal((2, 2, 3))
    # The first row of two, so that neither borrows the other's size, step or image.
    size, by_point, by_direction = (part[0] for part in curvature_gradients(graph, points, directions, order))
    point, direction = points[0], directions[0]

    def value(z: np.ndarray, u: np.ndarray) -> float:
        along = derivatives.second_derivative if order == 2 else derivatives.third_derivative
        return float(np.linalg.norm(along(graph, z, *(u,) * order)))

    assert size == pytest.approx(value(point, direction))
    for axis in 1e-5 * np.eye(3):
        by_z = (value(point + axis, direction) - value(point - axis, direction)) / 2e-5
        by_u = (value(point, direction + axis) - value(point, direction - axis)) / 2e-5
        assert by_point @ axis / 1e-5 == pytest.approx(by_z, abs=1e-3 * np.abs(by_point).max())
        assert by_direction @ axis / 1e-5 == pytest.approx(by_u, abs=1e-5 * np.abs(by_direction).max())


def test_linear_parts_of_a_sparse_layer_are_its_matrix() -> None:
    matrix = transposed_convolution(np.random.default_rng(0).standard_normal((2, 1, 4, 4)), 2)
    graph = Graph((Input(8), Affine(0, matrix, np.zeros(16))))
    part = linear_parts(graph).matrices[-1]
    assert part is not None
    np.testing.assert_allclose(part.midpoint, matrix.toarray(), atol=1e-15)
