"""Starting points from free slopes: the Jacobian is read right, the points have the slopes, and searches go further."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from benchmarks.constants_gap import box_extreme
from benchmarks.networks import network
from certify.bounds import free_slopes
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.free_slopes import extreme_places, slope_starts
from certify.bounds.ranges import NodeRanges, node_ranges
from certify.bounds.search import extreme_stretch
from certify.bounds.structure import IncrementForm, increment_form
from certify.generators import activations, derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from tests.generators import gated, one_hidden_layer

DEEP = network("residual:d=2,width=3,depth=3,activation=gelu").generator


def form_of(graph: Graph, region: Region) -> tuple[IncrementForm, NodeRanges]:
    ranges = node_ranges(graph, region)
    return increment_form(graph, ranges, centred=False), ranges


def slopes_at(graph: Graph, form: IncrementForm, point: np.ndarray) -> np.ndarray:
    values = derivatives.node_values(graph, point[None])
    nodes = [graph.nodes[index] for index in form.nodes]
    return np.concatenate(
        [
            activations.derivatives(n.name, values[n.source], n.parameters, 1)[1]
            for n in nodes
            if isinstance(n, Activation)
        ],
        axis=1,
    )


def starts(generator: Generator, largest: bool, count: int, region: Region | None = None, seed: int = 0) -> np.ndarray:
    ranges = node_ranges(generator.graph, region or Region())
    return slope_starts(generator.graph, ranges, largest, count, np.inf, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("name", "places"),
    [("tanh", (np.nan, 0.0)), ("softplus", (-3.0, 3.0)), ("relu", (0.0, 0.5)), ("gelu", (-1.0, 1.0))],
)
def test_an_extreme_slope_is_found_where_it_is_nearest_to_0(name: str, places: tuple[float, float]) -> None:
    assert extreme_places(Activation(0, name, 1)) == pytest.approx(places, nan_ok=True)


def test_with_the_slopes_of_a_point_the_jacobian_is_that_of_the_point() -> None:
    form, _ = form_of(DEEP.graph, Region())
    point = np.array([0.7, -0.4])
    states, inputs = free_slopes.states(form, slopes_at(DEEP.graph, form, point))
    np.testing.assert_allclose(form.output.midpoint @ states[0], derivatives.jacobian(DEEP.graph, point), rtol=1e-12)
    assert inputs.shape == (1, 9, 2)


@pytest.mark.parametrize("largest", [True, False])
def test_gains_are_the_derivatives_by_the_slopes(largest: bool) -> None:
    form, _ = form_of(DEEP.graph, Region())
    slopes = np.random.default_rng(0).uniform(0.1, 0.9, (1, 9))
    units, gains = free_slopes._improved(form, slopes, np.array([[[0.6], [0.8]]]), largest)

    def squared(changed: np.ndarray) -> float:
        return 0.5 * float(
            ((form.output.midpoint @ free_slopes.states(form, changed[None])[0][0] @ units[0]) ** 2).sum()
        )

    sign = 1.0 if largest else -1.0
    np.testing.assert_allclose(gains[0], sign * approx_fprime(slopes[0], squared, 1e-7), rtol=1e-4, atol=1e-7)


def test_the_extreme_over_all_slopes_is_that_of_the_vertices() -> None:
    """sigma_max is convex in every slope: its largest value is at a vertex, its least no larger than at any of them."""
    form, _ = form_of(network("residual:d=2,width=3,depth=2,activation=tanh").generator.graph, Region())
    vertices = np.stack(np.meshgrid(*[[0.0, 1.0]] * 6), axis=-1).reshape(-1, 6)
    values = np.linalg.svd(form.output.midpoint @ free_slopes.states(form, vertices)[0], compute_uv=False)
    assert box_extreme(form, True, np.random.default_rng(0)) == pytest.approx(values[:, 0].max(), rel=1e-6)
    assert box_extreme(form, False, np.random.default_rng(0)) <= values[:, 1].min() * (1 + 1e-6)


def test_the_points_have_the_slopes_where_one_point_has_them_all() -> None:
    """Three softplus neurons of an orthogonal matrix: the steepest combination is reached."""
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    nodes = (Input(3), Affine(0, turn, np.array([0.3, -0.2, 0.5])), Activation(1, "softplus", 3))
    graph = Graph((*nodes, Affine(2, np.diag([1.0, 2.0, 3.0]), np.zeros(3))))
    points = starts(Generator("turned", graph, 15), True, 8)
    steepest = np.linalg.svd(derivatives.jacobian(graph, points), compute_uv=False)[:, 0]
    assert steepest.max() == pytest.approx(3.0, rel=0.06)


def test_a_narrow_basin_is_found_that_hundreds_of_random_starts_miss() -> None:
    generator = network("residual:d=8,width=16,depth=2,activation=softplus").generator
    random = extreme_stretch(generator.graph, Region(), True, np.inf, np.random.default_rng(0), 200)
    nothing = np.zeros((0, 8))
    alone = extreme_stretch(generator.graph, Region(), True, np.inf, np.random.default_rng(0), 1, nothing)
    further = starts(generator, True, 16)
    found = extreme_stretch(generator.graph, Region(), True, np.inf, np.random.default_rng(0), 1, further)
    assert found.objective > 1.009 * random.objective
    assert found.objective > alone.objective
    end = constants(generator, methods=["semidefinite", "witness"]).M
    assert end.lower is not None
    assert end.upper is not None
    assert found.objective * (1 - 1e-9) < end.lower < end.upper


def test_gates_and_balls_are_no_obstacle() -> None:
    generator, ball = gated(3, 4, 1), Region(2.0, (0.5, 0.0, -0.5))
    found = starts(generator, False, 5, ball)
    assert found.shape == (5, 3)
    assert np.isfinite(found).all()


def test_the_same_points_from_the_same_seed() -> None:
    assert np.array_equal(starts(DEEP, True, 6), starts(DEEP, True, 6))
    assert not np.array_equal(starts(DEEP, True, 6), starts(DEEP, True, 6, seed=1))


@pytest.mark.parametrize("case", ["unbounded slope", "no gain", "no time", "none asked for"])
def test_no_points_where_there_is_nothing_to_go_by(case: str) -> None:
    generator = one_hidden_layer("exp" if case == "unbounded slope" else "tanh", 3, 3, 0)
    graph = generator.graph if case != "no gain" else Graph((Input(3), Affine(0, np.eye(3), np.zeros(3))))
    count, deadline = (0 if case == "none asked for" else 4), (0.0 if case == "no time" else np.inf)
    found = slope_starts(graph, node_ranges(graph, Region()), True, count, deadline, np.random.default_rng(0))
    assert found.shape == (0, 3)
