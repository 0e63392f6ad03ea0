"""Constants of normalisations and softmax: never exceeded, attained, and claimed for nothing that only looks alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from certify.arithmetic.intervals import exact_matrix
from certify.bounds.bracket import Region
from certify.bounds.compositional import derivative_norms
from certify.bounds.constants import constants
from certify.bounds.known_map import KnownMap
from certify.bounds.known_maps import known_maps
from certify.bounds.normalisations import least_combination
from certify.bounds.ranges import box_ranges, node_ranges
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product
from certify.generators.onnx_export import export_onnx
from certify.generators.onnx_import import load_onnx
from tests.onnx_models import imported, model, node

EPSILON = 0.01
ONES = {"g": np.ones(4), "b": np.zeros(4), "s": np.array([1, 2, 2]), "g2": np.ones(2), "b2": np.zeros(2)}
MODELS = {
    "layer": [node("LayerNormalization", "z g b", "x", epsilon=EPSILON)],
    "root mean square": [node("RMSNormalization", "z g", "x", epsilon=EPSILON)],
    "instance": [node("Reshape", "z s", "i"), node("InstanceNormalization", "i g2 b2", "x", epsilon=EPSILON)],
    "group": [node("Reshape", "z s", "i"), node("GroupNormalization", "i g2 b2", "x", epsilon=EPSILON, num_groups=2)],
    "softmax": [node("Softmax", "z", "x")],
    "log softmax": [node("LogSoftmax", "z", "x")],
    "log sum exp": [node("ReduceLogSumExp", "z", "y"), node("Concat", "z y", "x", axis=1)],
}


def network(name: str, folder: Path) -> Generator:
    opset = 23 if name == "root mean square" else 18
    proto = model(MODELS[name], ONES, (1, 4), np.float64, opset)
    proto.ir_version = 10
    return imported(proto, folder)


def last_map(graph: Graph) -> tuple[Graph, KnownMap]:
    """The sub-graph up to the last recognised map, and the map."""
    index, known = max(known_maps(graph).items())
    return Graph(graph.nodes[: index + 1]), known


@pytest.mark.parametrize("name", MODELS)
def test_no_derivative_exceeds_what_is_known(name: str, tmp_path: Path) -> None:
    graph, known = last_map(network(name, tmp_path).graph)
    part = Generator("part", graph, 1)
    norms = derivative_norms(graph, node_ranges(graph, Region()))[-1]
    assert all(np.isfinite(norms.totals))
    random = np.random.default_rng(0)
    largest = np.zeros(3)
    for scale in (0.0, 0.03, 0.1, 0.3, 1.0, 4.0, 100.0):
        z, u = scale * random.standard_normal((400, 4)), random.standard_normal((400, 4))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        found = [np.linalg.svd(part.jacobian(z), compute_uv=False)[:, 0]]
        found += [np.linalg.norm(part.second_derivative(z, u, u), axis=1)]
        found += [np.linalg.norm(part.third_derivative(z, u, u, u), axis=1)]
        largest = np.maximum(largest, [entry.max() for entry in found])
        low, high = known.low, known.high
        assert np.all(value(graph, z) >= low - 1e-12) and np.all(value(graph, z) <= high + 1e-12)
    assert np.all(largest <= np.array(norms.totals) * (1 + 1e-12))
    # The bounds are no worse than a small factor above what a random search sees.
    assert np.all(largest >= 0.1 * np.array(norms.totals))


def test_the_constants_are_attained(tmp_path: Path) -> None:
    """For two entries softmax is (s(t), s(-t)) in t = z_1 - z_2; for one, v/sqrt(v^2 + e)."""
    two = imported(model([node("Softmax", "z", "x")], {}, (1, 2)), tmp_path)
    assert derivative_norms(two.graph, node_ranges(two.graph, Region()))[-1].totals[0] == pytest.approx(0.5, abs=1e-15)
    assert np.linalg.norm(two.jacobian(np.zeros(2)), 2) == pytest.approx(0.5, rel=1e-15)
    u = np.array([1.0, -1.0]) / np.sqrt(2.0)
    assert abs(np.linalg.norm(two.third_derivative(np.zeros(2), u, u, u)) - 0.5) < 1e-15
    at = np.array([np.arccosh(2.0), 0.0])
    assert np.linalg.norm(two.second_derivative(at, u, u)) == pytest.approx(np.sqrt(2) / (3 * np.sqrt(3)), rel=1e-12)
    proto = model([node("RMSNormalization", "z g", "x", epsilon=EPSILON)], {"g": np.ones(1)}, (1, 1), np.float64, 23)
    proto.ir_version = 10
    one = imported(proto, tmp_path)
    totals = derivative_norms(one.graph, node_ranges(one.graph, Region()))[-1].totals
    e, v = np.float32(EPSILON), np.ones(1)
    assert totals[0] == pytest.approx(abs(one.jacobian(np.zeros(1))[0, 0]), rel=1e-12)
    assert totals[1] == pytest.approx(abs(one.second_derivative(np.sqrt(e) / 2 * v, v, v)[0]), rel=1e-7)
    assert totals[2] == pytest.approx(abs(one.third_derivative(np.zeros(1), v, v, v)[0]), rel=1e-12)


def test_softmax_over_boxes_is_sharp_and_finite_far_out(tmp_path: Path) -> None:
    graph = network("softmax", tmp_path).graph
    random = np.random.default_rng(1)
    for scale in (1.0, 100.0, 1e4):
        low = scale * random.standard_normal((20, 4))
        high = low + random.exponential(1.0, (20, 4))
        bottom, top = box_ranges(graph, low, high).values[-1]
        points = low[:, None] + (high - low)[:, None] * random.random((20, 200, 4))
        exact = np.exp(points - np.max(points, axis=2, keepdims=True))
        exact /= exact.sum(axis=2, keepdims=True)
        assert np.all(bottom[:, None] <= exact + 1e-15) and np.all(exact <= top[:, None] + 1e-15)
        # The extreme values are attained at corners.
        for i in range(4):
            corner = low.copy()
            corner[:, i] = high[:, i]
            weights = np.exp(corner - corner.max(axis=1, keepdims=True))
            np.testing.assert_allclose(top[:, i], weights[:, i] / weights.sum(axis=1), rtol=1e-9, atol=1e-17)
        values = value(graph, low)
        assert np.isfinite(values).all() and np.allclose(values.sum(axis=1), 1.0)
        assert np.isfinite(Generator("g", graph, 0).jacobian(low)).all()


def test_a_normalisation_after_an_affine_map_away_from_zero(tmp_path: Path) -> None:
    """Bounds for v = L z + c are those of the least |v|, not of epsilon, and still hold at the least |v|."""
    random = np.random.default_rng(3)
    weight, shift = random.standard_normal((2, 6)), random.standard_normal(6)
    nodes = [node("Gemm", "z W c", "v"), node("RMSNormalization", "v g", "x", epsilon=1e-6)]
    proto = model(nodes, {"W": weight, "c": shift, "g": np.ones(6)}, (1, 2), np.float64, 23)
    proto.ir_version = 10
    generator = imported(proto, tmp_path)
    totals = np.array(derivative_norms(generator.graph, node_ranges(generator.graph, Region()))[-1].totals)
    nearest = np.linalg.lstsq(weight.T, -shift, rcond=None)[0]
    size = np.linalg.norm(weight.T @ nearest + shift)
    # In units of the layer's norm: one over the least root mean square.
    assert totals[0] == pytest.approx(np.linalg.norm(weight, 2) / (size / np.sqrt(6)), rel=1e-2)
    assert least_combination(exact_matrix(np.column_stack([weight.T, shift])), np.ones(6)) <= size**2
    seen = np.zeros(3)
    for scale in (0.0, 0.1, 1.0, 10.0):
        z = nearest + scale * random.standard_normal((300, 2))
        u = random.standard_normal((300, 2))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        found = [np.linalg.norm(generator.jacobian(z), 2, axis=(1, 2))]
        found += [np.linalg.norm(generator.second_derivative(z, u, u), axis=1)]
        found += [np.linalg.norm(generator.third_derivative(z, u, u, u), axis=1)]
        seen = np.maximum(seen, [entry.max() for entry in found])
    assert np.all(seen <= totals * (1 + 1e-12)) and np.all(seen >= 0.3 * totals)


def test_the_least_combination_is_zero_where_the_group_can_vanish() -> None:
    through_zero = np.array([[1.0, 0.0, -2.0], [0.0, 1.0, 3.0]])
    assert least_combination(exact_matrix(through_zero), np.ones(2)) <= 1e-20
    assert least_combination(exact_matrix(np.zeros((2, 3))), np.ones(2)) == 0.0
    # Fewer rows than latents: the inverse of a singular matrix is noise in floats, now and then an exact 0.
    random = np.random.default_rng(4)
    for _ in range(2000):
        row = exact_matrix(random.standard_normal((1, 3)))
        assert least_combination(row, random.random(1)) == 0.0


def altered(graph: Graph) -> list[Graph]:
    """Graphs that differ from a normalisation in one number."""
    found = []
    for index, part in enumerate(graph.nodes):
        others: list[Activation | Affine] = []
        match part:
            case Activation(name="power"):
                others = [replace(part, parameters=(-0.25,))]
            case Activation(name="square"):
                others = [replace(part, name="exp")]
            case Affine() if part.bias.any():
                others = [replace(part, bias=np.zeros_like(part.bias)), replace(part, weight=-part.weight)]
        found += [Graph((*graph.nodes[:index], other, *graph.nodes[index + 1 :])) for other in others]
    return found


def test_nothing_else_is_taken_for_a_normalisation(tmp_path: Path) -> None:
    graph = network("layer", tmp_path).graph
    assert len(known_maps(graph)) == 1
    graphs = altered(graph)
    assert len(graphs) == 4 and not any(known_maps(other) for other in graphs)
    # Without epsilon the argument of the root may be 0: there is no constant at all.
    zero = next(
        other for other in graphs if not any(part.bias.any() for part in other.nodes if isinstance(part, Affine))
    )
    found = constants(Generator("zero", zero, 1), effort=1000.0)
    assert found.M.upper is None and "power" in found.notes[0]


def test_a_rival_that_contains_its_own_entry_is_no_softmax(tmp_path: Path) -> None:
    graph = network("softmax", tmp_path).graph
    gap = len(graph.nodes) - 2
    own, rival = graph.nodes[gap].sources
    assert isinstance(graph.nodes[rival], Affine)
    # The rivals of the entries are given to the wrong entries: each then contains its own.
    wrong = replace(graph.nodes[rival], weight=graph.nodes[rival].weight[[1, 2, 3, 0]])
    nodes = (*graph.nodes[:rival], wrong, *graph.nodes[rival + 1 :])
    assert len(graph.nodes) - 1 in known_maps(graph)
    assert len(graph.nodes) - 1 not in known_maps(Graph(nodes))
    flipped = replace(graph.nodes[gap], coefficients=(1.0, -2.0))
    assert len(graph.nodes) - 1 not in known_maps(Graph((*graph.nodes[:gap], flipped, *graph.nodes[gap + 1 :])))


@pytest.mark.parametrize("name", ["layer", "softmax"])
def test_an_exported_map_is_recognised_again(name: str, tmp_path: Path) -> None:
    generator = network(name, tmp_path)
    export_onnx(generator, tmp_path / "again.onnx")
    again = load_onnx(tmp_path / "again.onnx")
    assert again.sha256 == generator.sha256
    assert set(known_maps(again.graph)) == set(known_maps(generator.graph)) != set()


@pytest.mark.parametrize("sizes", [(1e200, 1e200), (1e-160, 3e-164)])
def test_a_normalisation_whose_weights_leave_the_floats_is_not_recognised(sizes: tuple[float, float]) -> None:
    # y = v/sqrt(b (a |v|^2 + a) + 1) with a b no float: its range was [0, 0] where the product overflows.
    a, b = sizes
    nodes = (
        Input(2),
        Activation(0, "square", 2),
        Affine(1, np.full((1, 2), a), np.array([a])),
        Affine(2, np.array([[b]]), np.array([1.0])),
        Activation(3, "power", 1, (-0.5,)),
        Affine(4, np.ones((2, 1)), np.zeros(2)),
        Product((0, 5), 2),
    )
    graph = Graph(nodes)
    assert not known_maps(graph)
    low, high = node_ranges(graph, Region()).values[-1]
    assert np.all(low < 0) and np.all(high > 0)
