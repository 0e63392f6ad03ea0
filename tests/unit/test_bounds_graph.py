"""What is decided from the graph: affine maps, bottlenecks, bounded images, kinks; each beside what it must not say."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic.exact_matrices import exact
from certify.bounds.affine import is_affine
from certify.bounds.bounded_image import bounded_direction
from certify.bounds.bracket import Bracket, ConstantBrackets, Region
from certify.bounds.constants import constants
from certify.bounds.kinks import find_break
from certify.bounds.narrow import narrowest_cut
from certify.checking.check import NOT_LOOKED_AT, refuted_from_the_graph
from certify.discovery.registry import load_theorem
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum
from certify.verdict import Verdict

RNG = np.random.default_rng(20)
FROM_THE_GRAPH = ("affine map", "narrow layer", "bounded image", "kinks")


def dense(source: int, rows: int, columns: int) -> Affine:
    return Affine(source, RNG.normal(size=(rows, columns)), RNG.normal(size=rows))


def chain(widths: tuple[int, ...], name: str, parameters: tuple[float, ...] = ()) -> Graph:
    nodes: list[Node] = [Input(widths[0])]
    for index, (inner, outer) in enumerate(zip(widths, widths[1:], strict=False)):
        nodes.append(dense(len(nodes) - 1, outer, inner))
        if index < len(widths) - 2:
            nodes.append(Activation(len(nodes) - 1, name, outer, parameters))
    return Graph(tuple(nodes))


def from_the_graph(graph: Graph, region: Region | None = None) -> ConstantBrackets:
    return constants(Generator("test", graph, 1), region, methods=FROM_THE_GRAPH)


def ends(bracket: Bracket) -> tuple[float | None, float | None]:
    return bracket.lower, bracket.upper


def has_remedy(bracket: Bracket) -> bool:
    reason = None if bracket.upper_evidence is None else bracket.upper_evidence.reason
    return reason is not None and bool(reason.remedy) and "--budget" not in str(reason)


def test_an_affine_decoder_is_settled_by_its_singular_values() -> None:
    graph = Graph(
        (
            Input(3),
            dense(0, 9, 3),
            dense(1, 7, 9),
            Affine(0, RNG.normal(size=(7, 3)), np.zeros(7)),
            Sum((2, 3), (1.0, -0.5), 7),
        )
    )
    found = from_the_graph(graph, Region(1e-3, (1e9, 0.0, -1e9)))
    assert is_affine(graph)
    first, second, third = (graph.nodes[k].weight for k in (1, 2, 3))  # type: ignore[union-attr]
    values = np.linalg.svd(second @ first - 0.5 * third, compute_uv=False)
    for bracket, truth in ((found.m, values[-1]), (found.M, values[0])):
        assert bracket.lower is not None and bracket.upper is not None
        assert bracket.lower <= truth * (1 + 1e-13) and bracket.upper >= truth * (1 - 1e-13)
        assert bracket.upper - bracket.lower <= 1e-9 * truth
    assert ends(found.M2) == ends(found.M3) == (0.0, 0.0)


def test_too_many_weights_are_enclosed_in_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph((Input(3), dense(0, 5, 3), Activation(1, "identity", 5), dense(2, 7, 5)))
    sharp = from_the_graph(graph)
    monkeypatch.setattr("certify.bounds.affine.MOST_ENTRIES", 0)
    found = from_the_graph(graph)
    for name in ("m", "M"):
        low, high = ends(getattr(found, name))
        inner = ends(getattr(sharp, name))
        assert low is not None and high is not None and inner[0] is not None and inner[1] is not None
        assert low <= inner[1] and high >= inner[0] and high - low <= 1e-9 * high


def test_the_exact_rank_tells_a_kernel_from_a_tiny_singular_value() -> None:
    weight = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52], [0.0, 0.0]])
    nearly = from_the_graph(Graph((Input(2), Affine(0, weight, np.zeros(3)))))
    assert nearly.m.lower is not None and 0 < nearly.m.lower <= 2.0**-52
    weight[1, 1] = 1.0
    singular = from_the_graph(Graph((Input(2), Affine(0, weight, np.zeros(3)))))
    assert ends(singular.m) == (0.0, 0.0) and has_remedy(singular.m)
    assert exact(weight).rank() == 1


def test_exact_products_and_sums_have_no_rounding() -> None:
    left, right = exact(np.array([[1e300, 1.0]])), exact(np.array([[1e-300], [1e300]]))
    total = left @ right + exact(np.array([[-1e300]])).times(1.0)
    assert Fraction(int(total.integers[0, 0])) * Fraction(2) ** total.exponent == Fraction(1e300) * Fraction(1e-300)


@pytest.mark.parametrize(
    ("graph", "width"),
    [
        (chain((8, 5, 64), "tanh"), 5),
        (chain((8, 64, 6, 64), "softplus"), 6),
        (chain((8, 64, 7), "softplus"), 7),
        (
            Graph(
                (
                    Input(4),
                    dense(0, 2, 4),
                    Activation(1, "tanh", 2),
                    dense(2, 6, 2),
                    dense(0, 1, 4),
                    Activation(4, "sin", 1),
                    dense(5, 6, 1),
                    Sum((3, 6), (1.0, 1.0), 6),
                )
            ),
            3,
        ),
    ],
)
def test_a_bottleneck_means_m_is_zero_on_every_ball(graph: Graph, width: int) -> None:
    assert narrowest_cut(graph) == width
    found = from_the_graph(graph, Region(1e-6, (1.0,) * graph.latent_dim))
    assert ends(found.m) == (0.0, 0.0) and has_remedy(found.m)


def test_a_matrix_of_low_rank_is_a_bottleneck() -> None:
    low = Affine(2, np.outer(RNG.integers(1, 9, 16), RNG.integers(1, 9, 16)).astype(float), np.zeros(16))
    graph = Graph((Input(4), dense(0, 16, 4), Activation(1, "softplus", 16), low, dense(3, 9, 16)))
    assert narrowest_cut(graph) == 1


def test_a_path_beside_the_bottleneck_or_a_jump_before_it_says_nothing() -> None:
    skip = Graph((Input(4), dense(0, 2, 4), Activation(1, "tanh", 2), dense(2, 4, 2), Sum((0, 3), (1.0, 0.1), 4)))
    assert narrowest_cut(skip) == 4 and from_the_graph(skip).m.lower is None
    jumping = Graph((Input(2), Activation(0, "sign", 2), dense(1, 1, 2)))
    assert from_the_graph(jumping, Region(1.0)).m.upper is None


@pytest.mark.parametrize(
    "graph",
    [
        chain((4, 32, 64), "tanh"),
        Graph((Input(3), dense(0, 3, 3), Activation(1, "softplus", 3))),
        Graph(
            (
                Input(2),
                Affine(0, np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]), np.zeros(3)),
                dense(0, 3, 2),
                Activation(2, "sigmoid", 3),
                Sum((1, 3), (1.0, 1.0), 3),
            )
        ),
    ],
)
def test_an_image_bounded_in_a_direction_means_m_is_zero_on_all_space(graph: Graph) -> None:
    assert bounded_direction(graph) is not None
    found = from_the_graph(graph)
    assert ends(found.m) == (0.0, 0.0) and has_remedy(found.m)
    assert from_the_graph(graph, Region(1.0)).m.upper != 0.0


@pytest.mark.parametrize(
    "graph",
    [
        Graph((Input(2), Activation(0, "tanh", 2), Sum((0, 1), (1.0, 1.0), 2))),
        # Onto a half-space of R^3 only, and yet injective with m > 0: for n > d one bounded output proves nothing.
        Graph(
            (
                Input(1),
                Affine(0, np.array([[1.0], [1.0]]), np.zeros(2)),
                Activation(1, "softplus", 2),
                Affine(0, np.array([[1.0], [0.0]]), np.zeros(2)),
                Sum((2, 3), (1.0, 1.0), 2),
            )
        ),
        chain((2, 8, 2), "softplus"),
    ],
)
def test_an_unbounded_image_is_left_alone(graph: Graph) -> None:
    assert bounded_direction(graph) is None


def relu_pair(sign: float) -> Graph:
    """relu(x) + sign relu(-x): |x| for 1, x for -1."""
    return Graph(
        (
            Input(1),
            Affine(0, np.array([[1.0], [-1.0]]), np.zeros(2)),
            Activation(1, "relu", 2),
            Affine(2, np.array([[1.0, sign]]), np.zeros(1)),
        )
    )


@pytest.mark.parametrize(
    ("graph", "region"),
    [
        (chain((8, 64, 64), "relu"), Region()),
        (chain((4, 16, 16, 16), "leaky_relu"), Region(2.0)),
        (chain((3, 16, 9), "elu", (0.5,)), Region()),
        (Graph((Input(1), Activation(0, "relu", 1))), Region(1e-200)),
        (
            Graph(
                (
                    Input(2),
                    dense(0, 2, 2),
                    Activation(1, "relu", 2),
                    dense(0, 2, 2),
                    Activation(3, "tanh", 2),
                    Product((2, 4), 2),
                )
            ),
            Region(),
        ),
        (Graph((Input(2), Affine(0, np.eye(2), np.array([-1e6, -2e6])), Activation(1, "relu", 2))), Region()),
    ],
)
def test_a_kink_is_found_wherever_it_lies(graph: Graph, region: Region) -> None:
    found = from_the_graph(graph, region)
    assert ends(found.M2) == ends(found.M3) == (math.inf, math.inf)
    assert has_remedy(found.M2) and found.M2.lower_evidence is not None
    witness = found.M2.lower_evidence.witness
    assert witness is not None and witness.points[0] != witness.points[1]


@pytest.mark.parametrize(
    ("graph", "region"),
    [
        (relu_pair(-1.0), Region()),
        (chain((3, 16, 9), "tanh"), Region()),
        (chain((3, 16, 9), "elu"), Region()),
        (chain((3, 9, 9), "leaky_relu", (1.0,)), Region()),
        (Graph((Input(1), Activation(0, "relu", 1), Product((1, 1), 1))), Region()),
        (Graph((Input(1), Activation(0, "relu", 1), Sum((1, 1), (1.0, -1.0), 1))), Region()),
        (
            Graph(
                (
                    Input(1),
                    Activation(0, "relu", 1),
                    Activation(0, "sign", 1),
                    Product((0, 2), 1),
                    Sum((1, 3, 0), (1.0, -0.5, -0.5), 1),
                )
            ),
            Region(),
        ),
        (Graph((Input(1), Affine(0, np.eye(1), np.array([-5.0])), Activation(1, "relu", 1))), Region(1.0)),
    ],
)
def test_no_kink_is_claimed_where_the_map_is_smooth(graph: Graph, region: Region) -> None:
    """relu(x) - relu(-x), relu^2, relu - (x + |x|)/2 written with a sign, a kink outside the region, ..."""
    assert find_break(graph, region, 1) is None


def test_elu_has_a_second_derivative_that_jumps() -> None:
    found = from_the_graph(chain((3, 16, 9), "elu"), Region(3.0))
    assert found.M2.lower is None and ends(found.M3) == (math.inf, math.inf)


@pytest.mark.parametrize(
    ("graph", "label"),
    [
        (chain((3, 16, 9), "relu"), "A2"),
        (chain((3, 2, 9), "softplus"), "A1"),
        (chain((3, 16, 9), "tanh"), "A1"),
    ],
)
def test_a_theorem_is_refuted_before_any_search(graph: Graph, label: str) -> None:
    record = refuted_from_the_graph(load_theorem("sharp-langevin"), Generator("test", graph, 1), from_the_graph(graph))
    assert record is not None and record.verdict is Verdict.NOT_APPLICABLE
    assert record.reason.startswith(f"{label}: ") and "budget" not in record.reason
    assert {item.reason for item in record.assumptions if item.verdict is Verdict.INCONCLUSIVE} == {NOT_LOOKED_AT}


def test_a_theorem_that_may_hold_is_not_answered_by_the_graph() -> None:
    graph = Graph(
        (
            Input(2),
            dense(0, 4, 2),
            Activation(1, "tanh", 4),
            Affine(2, 0.01 * RNG.normal(size=(2, 4)), np.zeros(2)),
            Sum((0, 3), (1.0, 1.0), 2),
        )
    )
    theorem = load_theorem("sharp-langevin")
    assert refuted_from_the_graph(theorem, Generator("test", graph, 1), from_the_graph(graph)) is None
