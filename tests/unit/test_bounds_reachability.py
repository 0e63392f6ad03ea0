"""Reachability: every neuron's range and gradient on balls near and far holds what is sampled; mistakes are seen."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from certify.bounds import layers
from certify.bounds.bracket import Region
from certify.bounds.effort import Work
from certify.bounds.layers import ellipsoid
from certify.bounds.neurons import curvatures
from certify.bounds.ranges import node_ranges
from certify.bounds.reachability import passage_from, reach
from certify.bounds.structure import depends_on, increment_form
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    """As `constants` does: a second thread on matrices of this size costs ten times what it brings."""
    with threadpool_limits(1):
        yield


def network(kind: str, d: int, seed: int, activation: str = "tanh") -> Graph:
    """Two layers with a skip, a product or neither; biases of the size of the weights."""
    rng = np.random.default_rng(seed)
    nodes: list[object] = [Input(d)]
    for _ in range(2):
        last = len(nodes) - 1
        nodes.append(Affine(last, rng.normal(size=(6, d)), rng.normal(size=6)))
        nodes.append(Activation(last + 1, activation, 6))
        if kind == "product":
            nodes.append(Product((last + 1, last + 2), 6))
        nodes.append(Affine(len(nodes) - 1, 0.5 * rng.normal(size=(d, 6)), np.zeros(d)))
        if kind == "residual":
            nodes.append(Sum((last, len(nodes) - 1), (1.0, 0.5), d))
    return Graph(tuple(nodes))  # type: ignore[arg-type]


def sample(region: Region, d: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points of the ball, a third of them on its sphere."""
    offsets = rng.normal(size=(count, d))
    offsets *= (region.radius or 1.0) / np.linalg.norm(offsets, axis=1, keepdims=True)
    offsets[count // 3 :] *= rng.random((count - count // 3, 1))
    return np.asarray(np.zeros(d) if region.centre is None else region.centre) + (1 - 1e-12) * offsets


REGIONS = [Region(0.1), Region(1.0), Region(3.0), Region(0.05, (40.0, -30.0, 20.0)), Region(0.7, (2.0, 1.0, -3.0))]


@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize("kind", ["plain", "residual", "product"])
@pytest.mark.parametrize("activation", ["tanh", "softplus", "relu", "sin"])
def test_ranges_and_gradients_hold_what_is_sampled(region: Region, kind: str, activation: str) -> None:
    graph = network(kind, 3, 5, activation)
    found = reach(graph, region, Work())
    points = sample(region, 3, 150, np.random.default_rng(0))
    for index in range(1, len(graph.nodes)):
        part = Graph(graph.nodes[: index + 1])
        values = derivatives.value(part, points)
        slack = 1e-12 * (1.0 + np.abs(values))
        low, high = found.ranges.values[index]
        assert np.all(low <= values + slack) and np.all(values <= high + slack)
    if found.passage is None:
        # Products of wide ranges leave matrices that no factor verifies: intervals remain.
        assert kind == "product"
        return
    for source, gain in zip(found.passage.form.sources, found.passage.gains, strict=True):
        jacobians = derivatives.jacobian(Graph(graph.nodes[: source + 1]), points)
        assert np.all(np.linalg.norm(jacobians, axis=2).max(axis=0) <= gain.rows * (1 + 1e-9))
        assert np.linalg.svd(jacobians, compute_uv=False).max() <= gain.total * (1 + 1e-9)
    sizes = np.linalg.svd(derivatives.jacobian(graph, points), compute_uv=False)
    assert sizes.max() <= found.passage.output.total * (1 + 1e-9)


@pytest.mark.parametrize("region", [Region(), *REGIONS], ids=str)
@pytest.mark.parametrize("kind", ["plain", "residual"])
@pytest.mark.parametrize("activation", ["tanh", "softplus", "sin"])
def test_curvatures_hold_what_is_sampled(region: Region, kind: str, activation: str) -> None:
    graph = network(kind, 3, 7, activation)
    found = reach(graph, region, Work())
    assert found.passage is not None
    second, third = curvatures(graph, found.ranges, found.passage, Work())
    rng = np.random.default_rng(1)
    points = sample(region, 3, 400, rng) if region.radius else rng.normal(size=(400, 3)) * np.array([[3.0]])
    u = rng.normal(size=(400, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    bends = np.linalg.norm(derivatives.second_derivative(graph, points, u, u), axis=1).max()
    twists = np.linalg.norm(derivatives.third_derivative(graph, points, u, u, u), axis=1).max()
    assert bends <= second * (1 + 1e-9) and twists <= third * (1 + 1e-9)
    assert math.isfinite(second) and math.isfinite(third)


def test_a_small_ball_sees_the_derivatives_at_its_centre() -> None:
    """As the ball shrinks, slopes become numbers: M tends to ||J(c)||, M2 stays finite and near the truth."""
    graph, centre = network("plain", 3, 3), (0.3, -0.2, 0.5)
    truth = np.linalg.norm(derivatives.jacobian(graph, np.array(centre)), 2)
    found = reach(graph, Region(1e-6, centre), Work())
    assert found.passage is not None and truth <= found.passage.output.total <= truth * (1 + 1e-3)


def test_a_derivative_by_a_node_leaves_what_does_not_depend_on_it() -> None:
    graph = network("residual", 3, 2)
    assert [index for index, depends in enumerate(depends_on(graph, 2)) if depends] == [2, 3, 4, 5, 6, 7, 8]
    found = passage_from(graph, node_ranges(graph, Region(1.0)), 2, np.ones(6))
    assert found is not None and found.form.nodes == (6,)
    points = sample(Region(1.0), 3, 300, np.random.default_rng(2))
    # By hand: the output by the first layer's neurons, along every direction.
    weights = [node.weight for node in graph.nodes if isinstance(node, Affine)]
    middle = derivatives.value(Graph(graph.nodes[:6]), points)
    slopes = 1 - np.tanh(middle) ** 2
    after = 0.5 * weights[1] + 0.5 * weights[3] @ (slopes[:, :, None] * (weights[2] @ (0.5 * weights[1])))
    assert np.linalg.svd(after, compute_uv=False).max() <= found.output.total * (1 + 1e-9)


def test_weights_that_prove_nothing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = network("plain", 3, 1)
    form = increment_form(graph, node_ranges(graph, Region()), centred=True)
    honest = reach(graph, Region(), Work())
    assert honest.passage is not None
    assert ellipsoid(form, list(honest.passage.weights)) is not None
    assert ellipsoid(form, [50.0 * part for part in honest.passage.weights]) is None
    assert ellipsoid(form, [-part for part in honest.passage.weights]) is None
    assert ellipsoid(form, [np.full(6, math.nan)]) is None
    monkeypatch.setattr(layers, "_smallest_diagonal", lambda gram, costs, early: np.full(costs.size, 1e-9))
    dishonest = reach(graph, Region(1.0), Work())
    assert dishonest.passage is None


def test_a_late_search_leaves_interval_ranges() -> None:
    graph = network("plain", 3, 1)
    found = reach(graph, Region(1.0), Work(deadline=-math.inf))
    assert found.passage is None
    assert np.array_equal(found.ranges.values[-1][0], node_ranges(graph, Region(1.0)).values[-1][0])
