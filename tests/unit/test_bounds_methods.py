"""Single methods at generators whose constants are known by hand: what each proves, and what it must not say."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from flint import arb_mat

from certify.arithmetic.balls import ball, precision
from certify.arithmetic.intervals import MatrixBall, exact_matrix
from certify.bounds import flat, kinks
from certify.bounds.bracket import Region, Witness
from certify.bounds.chain_rule import _times
from certify.bounds.curvature import METHOD as ONE_LAYER
from certify.bounds.curvature import _fixed_form, power_gram
from certify.bounds.enclosure import _added
from certify.bounds.invertibility import determinant_signs
from certify.bounds.joints import Joins, JointKind, softmax_map
from certify.bounds.method import Problem
from certify.bounds.ranges import node_ranges
from certify.bounds.recomputation import is_admissible
from certify.bounds.residual import stretch_bounds
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum
from certify.generators.jets import jacobian_ball

WHOLE = Region()


def scalar(name: str, parameters: tuple[float, ...] = ()) -> Graph:
    return Graph((Input(1), Activation(0, name, 1, parameters)))


def generator_of(graph: Graph) -> Generator:
    return Generator("by hand", graph, 1)


def problem(graph: Graph, region: Region = WHOLE) -> Problem:
    return Problem(generator_of(graph), region, time.monotonic() + 10.0)


def test_the_residual_rule_of_a_perturbed_multiple_of_the_identity() -> None:
    """G(z) = 2 z + tanh(z)/2: m = 2 and M = 5/2 exactly."""
    graph = Graph((Input(3), Activation(0, "tanh", 3), Sum((0, 1), (2.0, 0.5), 3)))
    low, high = stretch_bounds(graph, node_ranges(graph, WHOLE))
    assert 2.0 * (1 - 1e-6) < low <= 2.0 and 2.5 <= high < 2.5 * (1 + 1e-6)


@pytest.mark.parametrize(("place", "broken"), [(3.0, True), (-3.0, True), (1.0, False)])
def test_a_break_between_other_breaks_is_found_where_it_is(place: float, broken: bool) -> None:
    """hard_swish jumps at -3 and 3: near one of them the other is far away."""
    graph = scalar("hard_swish")
    found = kinks.find_break(graph, Region(0.4, (place,)), 1)
    assert (found is not None) is broken
    if found is not None:
        ends = sorted(point[0] for point in found[0].points)
        assert ends[0] < place < ends[1]


@pytest.mark.parametrize(("ends", "alone"), [((2.0, 4.0), True), ((-4.0, 4.0), False), ((-4.0, -2.0), True)])
def test_a_segment_over_two_breaks_is_of_neither_alone(ends: tuple[float, float], alone: bool) -> None:
    graph, place = scalar("hard_swish"), math.copysign(3.0, ends[1])
    with precision():
        segment = [ball(ends[0]).union(ball(ends[1]))]
        assert kinks._is_alone(graph, segment, (1, 0, place)) is alone


def test_another_kinked_unit_on_the_segment_is_company() -> None:
    """relu(z), relu(z - 1): over [-1/2, 1/2] the first is alone, over [-1/2, 3/2] it is not."""
    graph = Graph((Input(1), Affine(0, np.ones((2, 1)), np.array([0.0, -1.0])), Activation(1, "relu", 2)))
    with precision():
        for end, alone in ((0.5, True), (1.5, False)):
            assert kinks._is_alone(graph, [ball(-0.5).union(ball(end))], (2, 0, 0.0)) is alone


def test_points_are_put_on_both_sides_of_every_hyperplane() -> None:
    weight, bias = np.array([[1e6, 0.0], [0.0, 1e-3]]), np.array([3.0, 2e-3])
    before = Graph((Input(2), Affine(0, weight, bias)))
    points = kinks._projected(before, WHOLE, 0.0)
    below, above = (half @ weight.T + bias for half in np.split(points, 2))
    assert (np.diag(below) < 0).all() and (np.diag(above) > 0).all()
    # As far as the hyperplane is from the origin, and one more: not by the length of another row.
    offsets = np.abs(bias / np.abs(weight).max(axis=1))
    assert np.allclose(np.diag(above) - np.diag(below), np.abs(weight).max(axis=1) * (offsets + 1.0))


@pytest.mark.parametrize("region", [WHOLE, Region(2.0, (1.0, -1.0))])
def test_a_dead_network_has_two_points_of_one_value(region: Region) -> None:
    shift = np.array([-100.0, -100.0])
    graph = Graph((Input(2), Affine(0, 1e-3 * np.eye(2), shift), Activation(1, "relu", 2)))
    low, high = flat._propose(problem(graph, region))
    assert (low.constant, low.end, low.value, high.constant, high.end, high.value) == (
        "m",
        "lower",
        0.0,
        "m",
        "upper",
        0.0,
    )
    assert isinstance(high.witness, Witness) and is_admissible(graph, region, high.witness)
    assert not list(flat._propose(problem(Graph((Input(2), Activation(0, "softplus", 2))), region)))


def test_the_points_around_a_jump_end_up_close_together() -> None:
    """Eight divisions by 32; the neighbours, not points further on."""
    graph = scalar("sign")
    first, second = flat._closer(graph, np.array([-1.0]), np.array([2.0]))
    assert flat._differ(graph, first, second) and float(np.abs(second - first).max()) <= 3.0 * 32.0**-8 * 1.01
    assert not flat._differ(graph, second, second)


def test_a_fold_is_shown_by_two_determinants() -> None:
    square = generator_of(scalar("square"))
    found = determinant_signs(square, 600, 0)
    assert found is not None and found.witness is not None
    signs = [arb_mat(jacobian_ball(square.graph, list(point))).det() for point in found.witness.points]
    assert signs[0] < 0 and signs[1] > 0
    assert found.reason.startswith("det J is negative at one and positive at the other")
    assert determinant_signs(generator_of(scalar("tanh")), 600, 0) is None


def test_products_of_bounds() -> None:
    with precision():
        assert _times(ball(3), ball(5)) == 15 and _times() == 1
        assert _times(ball(0), ball("inf")) == 0 and not _times(ball("inf"), ball(2)).is_finite()


def test_the_trace_part_makes_a_sum_of_squares_sharp() -> None:
    """|sum_i (e_i u)^2| = |u|^2: sqrt(d) by the Gram matrix alone, close to 1 with its trace part."""
    d = 9
    fixed = _fixed_form(exact_matrix(np.ones((1, d))), power_gram(exact_matrix(np.eye(d)), 2))
    assert 1.0 <= fixed < 0.75 * math.sqrt(d)


def test_the_logarithm_of_a_softmax_over_all_its_entries() -> None:
    """D^k of all rows: 1 p^T has norm at most sqrt(n), the further ones are those of the joined logarithm."""
    nodes: list[Node] = [Input(2)]
    swap = Affine(0, np.eye(2)[::-1].copy(), np.zeros(2))
    nodes += [swap, Sum((1, 0), (1.0, -1.0), 2), Activation(2, "softplus", 2)]
    graph = Graph(tuple(nodes))
    found = softmax_map(graph, 3, Joins(graph, JointKind.LOG_SUM_EXP))
    assert found is not None
    skew = math.sqrt(2) / (3 * math.sqrt(3))
    assert np.allclose(found.totals, (math.sqrt(2), math.sqrt(2) / 2, math.sqrt(2) * skew), rtol=1e-12)


def test_a_sum_of_exact_zeros_is_an_exact_zero() -> None:
    zero = exact_matrix(np.zeros((1, 3)))
    other = MatrixBall(np.array([[0.0, 1.0, 0.0]]), np.array([[0.0, 0.0, 1e-3]]))
    total = _added(zero, other)
    assert total.midpoint.tolist() == [[0.0, 1.0, 0.0]] and total.radius[0, 0] == 0.0
    assert total.radius[0, 1] > 0.0 and total.radius[0, 2] >= 1e-3


def test_one_hidden_layer_is_bounded_and_nothing_deeper() -> None:
    """Two neurons on orthogonal latents: M2 = 2 * 9 sup |tanh''|, M3 = 2 * 27 sup |tanh^(3)| = 108."""
    layer: tuple[Node, ...] = (
        Input(2),
        Affine(0, np.diag([3.0, 1.0]), np.zeros(2)),
        Activation(1, "tanh", 2),
        Affine(2, np.diag([2.0, 1.0]), np.zeros(2)),
    )
    asked = Problem(generator_of(Graph(layer)), WHOLE)
    found = {proposal.constant: proposal.value for proposal in ONE_LAYER.propose(asked)}
    truth = {"M2": 18.0 * 4.0 / (3.0 * math.sqrt(3.0)), "M3": 108.0}
    for name, value in found.items():
        assert value is not None and truth[name] <= value <= 1.01 * truth[name]
    assert set(found) == set(truth)
    deeper = Graph((*layer, Activation(3, "tanh", 2)))
    assert list(ONE_LAYER.propose(Problem(generator_of(deeper), WHOLE))) == []
