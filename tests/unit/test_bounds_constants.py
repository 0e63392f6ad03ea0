"""Brackets end to end: witnesses that can be recomputed, certificates that cannot be forged, input that is refused."""

import math
from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from certify.arithmetic.intervals import exact_matrix
from certify.bounds import chain_rule, semidefinite
from certify.bounds.bracket import Region
from certify.bounds.constants import CrossedBracketError, constants
from certify.bounds.effort import Work
from certify.bounds.method import BoundMethod, Problem, Proposal, bound_methods
from certify.bounds.ranges import box_ranges, node_ranges
from certify.bounds.recomputation import is_inside
from certify.bounds.search import project
from certify.bounds.structure import blocks, increment_form, live_graph
from certify.errors import InputError, UnknownNameError
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product, Sum
from certify.progress import SilentProgress


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    """As `constants` does: a second thread on matrices of this size costs ten times what it brings."""
    with threadpool_limits(1):
        yield


def residual_nodes(d: int = 2, depth: int = 1, seed: int = 0, size: float = 0.3) -> tuple[object, ...]:
    rng = np.random.default_rng(seed)
    nodes: list[object] = [Input(d)]
    for _ in range(depth):
        last = len(nodes) - 1
        nodes.append(Affine(last, rng.normal(size=(6, d)), rng.normal(size=6)))
        nodes.append(Activation(last + 1, "tanh", 6))
        nodes.append(Affine(last + 2, size * rng.normal(size=(d, 6)) / 3, np.zeros(d)))
        nodes.append(Sum((last, last + 3), (1.0, 1.0), d))
    return tuple(nodes)


def generator(nodes: tuple[object, ...]) -> Generator:
    return Generator("test", Graph(nodes), 1)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bounded() -> tuple[Generator, object]:
    made = generator(residual_nodes(depth=2))
    return made, constants(made, budget=20.0, effort=800.0)


def test_brackets_are_ordered_and_carry_their_evidence(bounded: tuple[Generator, object]) -> None:
    _, found = bounded
    for _name, bracket in found.items():  # type: ignore[attr-defined]
        assert 0 < bracket.lower <= bracket.upper < math.inf
        assert bracket.lower_evidence is not None and bracket.upper_evidence is not None
        assert bracket.lower_evidence.kind == bracket.upper_evidence.kind == "rigorous"
    assert found.m.lower > 0.5 * found.m.upper and found.M.upper < 1.5 * found.M.lower  # type: ignore[attr-defined]


def test_witnesses_recompute_to_nine_digits(bounded: tuple[Generator, object]) -> None:
    made, found = bounded
    for name, order in (("M", 1), ("M2", 2), ("M3", 3)):
        bracket = getattr(found, name)
        witness = bracket.lower_evidence.witness
        point, directions = np.array(witness.points[0]), [np.array(u) for u in witness.directions]
        assert len(directions) == order and np.linalg.norm(directions[0]) == pytest.approx(1.0, rel=1e-12)
        derivative = (derivatives.directional_derivative, derivatives.second_derivative, derivatives.third_derivative)
        value = np.linalg.norm(derivative[order - 1](made.graph, point, *directions))
        assert value == pytest.approx(bracket.lower, rel=1e-9)
    witness = found.m.upper_evidence.witness  # type: ignore[attr-defined]
    if witness.directions:
        value = np.linalg.norm(derivatives.jacobian(made.graph, witness.points[0]) @ witness.directions[0])
    else:
        first, second = np.array(witness.points)
        images = made.value(np.array([first, second]))
        value = np.linalg.norm(images[0] - images[1]) / np.linalg.norm(first - second)
    assert value == pytest.approx(found.m.upper, rel=1e-9)  # type: ignore[attr-defined]


def test_a_map_with_a_kernel_has_m_zero_with_a_witness() -> None:
    found = constants(generator((Input(2), Affine(0, np.array([[1.0, 1.0], [1.0, 1.0]]), np.zeros(2)))))
    assert found.m.lower == 0.0
    assert found.m.upper is not None and found.m.upper < 1e-12


def test_a_ball_is_never_worse_than_the_whole_space() -> None:
    made = generator(residual_nodes(size=0.6))
    methods = [name for name in bound_methods() if name != "witness"]
    whole = constants(made, methods=methods, effort=800.0)
    ball = constants(made, Region(0.05, (3.0, 3.0)), methods=methods, effort=800.0)
    for name, bracket in whole.items():
        local = dict(ball.items())[name]
        assert (local.lower >= bracket.lower) if name == "m" else (local.upper <= bracket.upper)  # type: ignore[operator]
    assert ball.M2.upper < 0.8 * whole.M2.upper  # type: ignore[operator]


def test_witnesses_of_a_ball_lie_inside_it() -> None:
    region = Region(0.5, (1.0, -1.0))
    found = constants(generator(residual_nodes()), region, effort=300.0)
    for _name, bracket in found.items():
        for evidence in (bracket.lower_evidence, bracket.upper_evidence):
            for point in evidence.witness.points if evidence is not None and evidence.witness else ():
                assert np.linalg.norm(np.array(point) - region.centre) <= 0.5


def test_every_point_of_a_search_is_provably_in_its_ball() -> None:
    """Far from 0 what a sum of centre and offset is rounded by is more than a part in 1e12 of a small radius."""
    graph, rng = Graph(residual_nodes(d=3)), np.random.default_rng(0)  # type: ignore[arg-type]
    for scale in (0.0, 1.0, 17.0, 1e3, 1e8):
        for radius in (1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e4):
            region = Region(radius, tuple((scale * rng.normal(size=3)).tolist()))
            drawn = np.array(region.centre) + radius * rng.normal(size=(40, 3)) * 10.0 ** rng.uniform(-1, 2, (40, 1))
            assert all(is_inside(region, point) for point in project(graph, region, drawn).tolist()), region


def test_local_m_uses_pairs_and_not_only_points() -> None:
    """On a ball where z -> (sin, cos)-like maps fold, sigma_min > 0 everywhere but two points nearly meet."""
    nodes = (
        Input(1),
        Affine(0, np.array([[1.0], [1.0]]), np.zeros(2)),
        Activation(1, "sin", 2),
        Affine(0, np.array([[1.0], [1.0]]), np.array([math.pi / 2, math.pi / 2])),
        Activation(3, "sin", 2),
        Affine(2, np.array([[1.0, 0.0], [0.0, 0.0]]), np.zeros(2)),
        Affine(4, np.array([[0.0, 0.0], [0.0, 1.0]]), np.zeros(2)),
        Sum((5, 6), (1.0, 1.0), 2),
    )
    found = constants(generator(nodes), Region(math.pi), effort=300.0)
    assert found.m.upper is not None and found.m.upper < 1e-6
    assert found.m.lower == 0.0


@pytest.mark.parametrize("factor", [0.9, 0.5])
def test_a_false_solver_value_never_becomes_a_bound(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    graph = Graph(residual_nodes())  # type: ignore[arg-type]
    form = increment_form(graph, node_ranges(graph, Region()), centred=True)
    honest_high = semidefinite.norm_upper(form, form.output, Work())
    honest_low = semidefinite.stretch_lower(form, form.output, Work())
    assert 0 < honest_low < honest_high < math.inf
    solve = semidefinite.solve

    def lying(problem, groups, work, **options):  # type: ignore[no-untyped-def]
        s, multipliers = solve(problem, groups, work)  # type: ignore[misc]
        return (s * factor if problem.sign > 0 else s / factor), multipliers

    monkeypatch.setattr(semidefinite, "solve", lying)
    assert semidefinite.norm_upper(form, form.output, Work()) == math.inf
    assert semidefinite.stretch_lower(form, form.output, Work()) == 0.0


def test_contradicting_ends_are_an_error_and_not_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(problem: Problem) -> Iterator[Proposal]:
        yield Proposal("M", "upper", 0.5, "lie")
        yield Proposal("M", "lower", 1.0, "truth")

    monkeypatch.setattr("certify.bounds.constants.bound_methods", lambda: {"lie": BoundMethod("lie", "", 1.0, lie)})
    with pytest.raises(CrossedBracketError, match="M: lower end 1.0 by `truth`"):
        constants(generator((Input(1), Affine(0, np.eye(1), np.zeros(1)))))


@pytest.mark.parametrize(
    ("region", "budget", "match"),
    [
        (Region(-1.0), 1.0, "radius"),
        (Region(math.nan), 1.0, "radius"),
        (Region(None, (0.0, 0.0)), 1.0, "centre"),
        (Region(1.0, (0.0,)), 1.0, "centre"),
        (Region(1.0, (0.0, math.inf)), 1.0, "centre"),
        (Region(), 0.0, "budget"),
    ],
)
def test_senseless_requests_are_refused_in_one_line(region: Region, budget: float, match: str) -> None:
    with pytest.raises(InputError, match=match):
        constants(generator(residual_nodes()), region, budget)


def test_an_unknown_method_gets_the_closest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `semidefinite`"):
        constants(generator(residual_nodes()), methods=["semidefinit"])


def test_blocks_are_cut_where_every_path_passes() -> None:
    graph = Graph(residual_nodes(depth=3))  # type: ignore[arg-type]
    assert [len(block.graph.nodes) for block in blocks(graph)] == [5, 5, 5]
    rejoined = chain_rule.join(blocks(graph)).graph
    z = np.array([[0.3, -0.2]])
    assert np.array_equal(derivatives.value(graph, z), derivatives.value(rejoined, z))
    dead = Graph((Input(1), Activation(0, "tanh", 1), Affine(0, np.eye(1), np.zeros(1))))
    assert len(live_graph(dead)[0].nodes) == 2


def test_increments_with_products_contain_the_true_increments() -> None:
    graph = Graph((Input(2), Activation(0, "tanh", 2), Product((0, 1), 2), Sum((0, 2), (2.0, 1.0), 2)))
    form = increment_form(graph, node_ranges(graph, Region(1.0)), centred=False)
    assert form.nodes == (1, 2, 2)
    first, second = np.array([0.3, -0.5]), np.array([-0.2, 0.4])
    delta = first - second
    tanh = np.tanh(first) - np.tanh(second)
    parts = [tanh, (first + second) / 2 * tanh, (np.tanh(first) + np.tanh(second)) / 2 * delta]
    x = np.concatenate([delta, *parts])
    for block, part in enumerate(parts):
        incoming = form.inputs[block].midpoint @ x
        ends = form.slope_lower[block] * incoming, form.slope_upper[block] * incoming
        assert np.all(np.minimum(*ends) <= part + 1e-15) and np.all(part <= np.maximum(*ends) + 1e-15)
    assert np.allclose(form.output.midpoint @ x, np.diff(derivatives.value(graph, np.array([second, first])), axis=0))


def test_ranges_of_unbounded_and_half_bounded_boxes() -> None:
    graph = Graph((Input(2), Affine(0, np.array([[1.0, 0.0], [1.0, -1.0]]), np.ones(2)), Activation(1, "tanh", 2)))
    low, high = np.array([[0.0, -np.inf]]), np.array([[np.inf, 2.0]])
    found = box_ranges(graph, low, high)
    assert found.values[1][0].tolist()[0] == pytest.approx([1.0, -1.0], abs=1e-12)
    assert np.isinf(found.values[1][1]).all()
    assert found.slopes(2)[1][0, 0] == pytest.approx(1 - math.tanh(1.0) ** 2, rel=1e-9)
    ball = node_ranges(graph, Region(1.0))
    assert ball.values[1][1][0, 1] == pytest.approx(1 + math.sqrt(2), rel=1e-12)


def test_constants_scale_with_the_output_near_the_ends_of_the_format() -> None:
    nodes = residual_nodes(d=1)
    # Enough for every method to end by itself: a search that is cut short is nearer to its goal on one of the two.
    plain = constants(generator(nodes), budget=60.0)
    for scale in (1e-150, 1e150):
        scaled = constants(generator((*nodes, Affine(len(nodes) - 1, scale * np.eye(1), np.zeros(1)))), budget=60.0)
        for name, bracket in plain.items():
            other = dict(scaled.items())[name]
            assert other.lower == pytest.approx(scale * bracket.lower, rel=1e-3)  # type: ignore[operator]
            assert other.upper == pytest.approx(scale * bracket.upper, rel=1e-3)  # type: ignore[operator]


def test_an_activation_that_overflows_leaves_unbounded_ends_and_no_warning() -> None:
    nodes = (
        Input(1),
        Affine(0, np.ones((2, 1)), np.zeros(2)),
        Activation(1, "exp", 2),
        Affine(2, np.ones((1, 2)), np.zeros(1)),
    )
    found = constants(generator(nodes), effort=100.0)
    assert found.M.upper == math.inf and found.M.lower is not None and found.M.lower > 1e3
    assert found.m.lower == 0.0


def test_definite_certificate_rejects_a_negative_multiplier() -> None:
    graph = Graph(residual_nodes())  # type: ignore[arg-type]
    form = increment_form(graph, node_ranges(graph, Region()), centred=True)
    weights = np.full(6, -1.0)
    assert not semidefinite._is_certificate(form, form.output, 1e6, weights, 1.0)
    assert not semidefinite._is_certificate(form, exact_matrix(form.output.midpoint), math.nan, -weights, 1.0)


def two_activations_in_a_branch(coefficient: float) -> tuple[object, ...]:
    rng = np.random.default_rng(3)
    return (
        Input(3),
        Affine(0, rng.normal(size=(4, 3)), rng.normal(size=4)),
        Activation(1, "tanh", 4),
        Affine(2, rng.normal(size=(4, 4)), rng.normal(size=4)),
        Activation(3, "tanh", 4),
        Affine(4, rng.normal(size=(3, 4)), np.zeros(3)),
        Sum((0, 5), (1.0, coefficient), 3),
    )


@pytest.mark.parametrize("coefficient", [1.0, -2.5])
def test_a_branch_with_two_activations_is_bounded_as_a_chain(coefficient: float) -> None:
    graph = generator(two_activations_in_a_branch(coefficient)).graph
    ranges = node_ranges(graph, Region())
    second, third = chain_rule.branch_curvatures(graph, ranges, Work())
    rng = np.random.default_rng(0)
    z, u = rng.normal(size=(2, 1000, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    bends = np.linalg.norm(derivatives.second_derivative(graph, z, u, u), axis=1).max()
    twists = np.linalg.norm(derivatives.third_derivative(graph, z, u, u, u), axis=1).max()
    assert bends <= second < 20 * bends and twists <= third < 60 * twists
    plain = generator(two_activations_in_a_branch(1.0)).graph
    unit = chain_rule.branch_curvatures(plain, node_ranges(plain, Region()), Work())[0]
    assert second == pytest.approx(abs(coefficient) * unit, rel=1e-9)
    assert chain_rule.branch_curvatures(Graph(graph.nodes[:-1]), ranges, Work()) == (np.inf, np.inf)


def test_a_neuron_that_sees_nothing_does_not_loosen_the_semidefinite_bounds() -> None:
    rng = np.random.default_rng(0)
    orthogonal = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    rate, gain = np.diag([1.0, 1.5, 0.7, 0.0]), np.diag([0.5, -0.3, 0.4, 0.0])
    made = generator(
        (
            Input(4),
            Affine(0, rate @ orthogonal, np.ones(4)),
            Activation(1, "softplus", 4),
            Affine(2, gain, np.zeros(4)),
            Affine(0, orthogonal, np.zeros(4)),
            Sum((3, 4), (1.0, 1.0), 4),
        )
    )
    found = constants(made, budget=20.0, methods=["semidefinite"])
    assert found.m.lower is not None and (1 - 1e-4) * 0.55 <= found.m.lower <= 0.55 * (1 + 1e-12)
    assert found.M.upper is not None and 1.5 * (1 - 1e-12) <= found.M.upper <= 1.5 * (1 + 1e-4)


def test_what_is_known_so_far_is_put_into_words_where_it_is_shown_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = generator(residual_nodes())

    class Shown(SilentProgress):
        lines: ClassVar[list[str]] = []

        def standing(self, text: Callable[[], str]) -> None:
            self.lines.append(text())

    constants(network, methods=["composition"], progress=Shown())
    assert Shown.lines and all(line.startswith("m [") for line in Shown.lines)
    monkeypatch.setattr("certify.bounds.constants.interval_text", None)
    constants(network, methods=["composition"])
    with pytest.raises(TypeError):
        constants(network, methods=["composition"], progress=Shown())
