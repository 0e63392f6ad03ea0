"""No bracket excludes the truth: generators whose constants are known exactly, and samples of those whose are not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.bounds.bracket import ConstantBrackets, Region
from certify.bounds.constants import constants
from certify.bounds.method import bound_methods
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product, Sum

SLOPE = {"tanh": (0.0, 1.0), "softplus": (0.0, 1.0), "atan": (0.0, 1.0), "sin": (-1.0, 1.0)}
BEND = {"tanh": 4 / (3 * math.sqrt(3)), "softplus": 0.25, "atan": 3 * math.sqrt(3) / 8, "sin": 1.0}

METHODS = (
    "branch and bound",
    "chain rule",
    "composition",
    "lifted semidefinite",
    "neuron by neuron",
    "neuron splits",
    "one hidden layer",
    "residual rule",
    "semidefinite",
)

FEWER = settings(max_examples=settings.default.max_examples * 3 // 5)
"""Of the profile's examples, where each bounds the constants of one network."""

seeds = st.integers(0, 2**32 - 1)
methods = st.sampled_from(METHODS)


def orthogonal(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def dense(source: int, weight: np.ndarray, rng: np.random.Generator | None = None) -> Affine:
    bias = np.zeros(len(weight)) if rng is None else rng.normal(size=len(weight))
    return Affine(source, weight, bias)


def brackets(nodes: list[object], method: str, region: Region | None = None, effort: float = 500.0) -> ConstantBrackets:
    """Ends by composition and one method, so that no method hides behind a sharper one; none needs long to be wrong."""
    chosen = dict.fromkeys(("composition", method))
    return constants(Generator("test", Graph(tuple(nodes)), 1), region, methods=tuple(chosen), effort=effort)


def test_every_certifying_method_takes_part() -> None:
    certifying = {name for name, method in bound_methods().items() if not method.is_search}
    # The others decide from the graph: tests/unit/test_bounds_graph.py, and the permutations for equal values.
    assert certifying == {*METHODS, "equal values", "affine map", "narrow layer", "bounded image", "kinks"}


@given(
    seed=seeds,
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    exponent=st.floats(-150, 150),
    condition=st.floats(0, 12),
)
def test_linear_maps_of_prescribed_spectrum(
    seed: int, rows: int, columns: int, exponent: float, condition: float
) -> None:
    rng, rank = np.random.default_rng(seed), min(rows, columns)
    spectrum = 10.0**exponent * np.geomspace(1.0, 10.0**-condition, rank)
    weight = orthogonal(rows, rng)[:, :rank] @ (spectrum[:, None] * orthogonal(columns, rng)[:rank])
    found = brackets([Input(columns), dense(0, weight, rng)], "residual rule")
    slack = 1e-12 * spectrum[0]
    assert found.M.upper is not None and spectrum[0] - slack <= found.M.upper <= spectrum[0] * (1 + 1e-9)
    least = spectrum[-1] if rows >= columns else 0.0
    assert found.m.lower is not None and found.m.lower <= least + slack
    assert found.m.lower >= least - slack - 1e-9 * least
    assert found.M2.upper == 0.0 == found.M3.upper


@FEWER
@given(seed=seeds, d=st.integers(1, 3), name=st.sampled_from(sorted(SLOPE)), scale=st.floats(-40, 40))
def test_orthogonal_sandwich_of_one_dimensional_maps(seed: int, d: int, name: str, scale: float) -> None:
    """Q1 (a z + c sigma(w z + b)) Q2: m, M and M2 are those of the one-dimensional maps."""
    rng = np.random.default_rng(seed)
    unit = 10.0**scale
    slope, gain, rate = rng.uniform(1, 3, d) * unit, rng.uniform(0, 0.9, d) * unit, rng.uniform(0.2, 1, d)
    nodes = [
        Input(d),
        dense(0, orthogonal(d, rng)),
        dense(1, np.diag(rate), rng),
        Activation(2, name, d),
        dense(3, np.diag(gain)),
        dense(1, np.diag(slope)),
        Sum((4, 5), (1.0, 1.0), d),
        dense(6, orthogonal(d, rng)),
    ]
    found = brackets(nodes, "semidefinite", effort=10_000.0)
    low, high = SLOPE[name]
    truth = {
        "m": float((slope + gain * rate * low).min()),
        "M": float((slope + gain * rate * high).max()),
        "M2": float((gain * rate**2).max() * BEND[name]),
    }
    assert found.m.lower is not None and found.M.upper is not None and found.M2.upper is not None
    assert found.m.lower <= truth["m"] * (1 + 1e-12)
    assert found.M.upper >= truth["M"] * (1 - 1e-12)
    assert found.M2.upper >= truth["M2"] * (1 - 1e-12)
    assert found.m.lower >= 0.3 * truth["m"] and found.M.upper <= 2 * truth["M"]


@FEWER
@given(slope=st.floats(0.01, 20.0))
def test_additive_coupling_rule(slope: float) -> None:
    """(x, y) -> (x, y + s tanh x): M = (s + sqrt(s^2 + 4))/2 and m = 1/M exactly."""
    nodes = [
        Input(2),
        dense(0, np.array([[1.0, 0.0]])),
        Activation(1, "tanh", 1),
        dense(2, np.array([[0.0], [slope]])),
        Sum((0, 3), (1.0, 1.0), 2),
    ]
    found = brackets(nodes, "semidefinite", effort=10_000.0)
    largest = (slope + math.sqrt(slope**2 + 4)) / 2
    assert found.M.upper is not None and found.m.lower is not None
    assert largest * (1 - 1e-12) <= found.M.upper <= largest * (1 + 1e-4)
    assert (1 - 1e-4) / largest <= found.m.lower <= (1 + 1e-12) / largest


@FEWER
@given(seed=seeds, d=st.integers(1, 3), depth=st.integers(1, 2), radius=st.floats(0.01, 5.0), method=methods)
def test_samples_of_random_graphs_on_balls_stay_inside(
    seed: int, d: int, depth: int, radius: float, method: str
) -> None:
    """Graphs with products, sums and every smooth activation; pairs and directions are drawn in the ball."""
    rng = np.random.default_rng(seed)
    nodes: list[object] = [Input(d)]
    names = ("tanh", "softplus", "sin", "gelu", "silu", "sigmoid", "atan", "square")
    for _ in range(depth):
        last = len(nodes) - 1
        nodes.append(dense(last, rng.normal(size=(3, nodes[last].width)), rng))
        nodes.append(Activation(last + 1, str(rng.choice(names)), 3))
        if rng.random() < 0.5:
            nodes.append(Product((last + 1, last + 2), 3))
        nodes.append(dense(len(nodes) - 1, rng.normal(size=(d, 3)), rng))
        nodes.append(Sum((last, len(nodes) - 1), (float(rng.normal()), 0.5), d))
    graph = Graph(tuple(nodes))
    centre = rng.normal(size=d)
    found = brackets(nodes, method, Region(radius, tuple(centre)))
    offsets = rng.normal(size=(40, d))
    offsets *= radius * (rng.random((40, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True))
    points = centre + offsets
    images = derivatives.value(graph, points)
    gaps = np.linalg.norm(points[::2] - points[1::2], axis=1)
    stretch = np.linalg.norm(images[::2] - images[1::2], axis=1) / gaps
    noise = 1e-9 * (1 + np.abs(images).max() / gaps)
    assert found.M.upper is not None and np.all(stretch <= found.M.upper * (1 + 1e-9) + noise)
    assert np.all(stretch >= (found.m.lower or 0.0) - noise)
    u = rng.normal(size=(40, d))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    bends = np.linalg.norm(derivatives.second_derivative(graph, points, u, u), axis=1)
    twists = np.linalg.norm(derivatives.third_derivative(graph, points, u, u, u), axis=1)
    assert found.M2.upper is not None and np.all(bends <= found.M2.upper * (1 + 1e-9))
    assert found.M3.upper is not None and np.all(twists <= found.M3.upper * (1 + 1e-9))


@FEWER
@given(
    seed=seeds,
    d=st.integers(1, 4),
    depth=st.integers(1, 2),
    name=st.sampled_from(sorted(SLOPE)),
    size=st.floats(0.05, 3.0),
    method=methods,
)
def test_samples_of_random_residual_networks_stay_inside_on_the_whole_space(
    seed: int, d: int, depth: int, name: str, size: float, method: str
) -> None:
    rng = np.random.default_rng(seed)
    nodes: list[object] = [Input(d)]
    for _ in range(depth):
        last = len(nodes) - 1
        nodes.append(dense(last, rng.normal(size=(5, d)), rng))
        nodes.append(Activation(last + 1, name, 5))
        nodes.append(dense(last + 2, size * rng.normal(size=(d, 5)) / 5))
        nodes.append(Sum((last, last + 3), (1.0, 1.0), d))
    graph, found = Graph(tuple(nodes)), brackets(nodes, method)
    points = rng.normal(size=(60, d)) * np.resize([0.3, 1.0, 3.0, 30.0], 60)[:, None]
    values = np.linalg.svd(derivatives.jacobian(graph, points), compute_uv=False)
    assert found.M.upper is not None and values.max() <= found.M.upper * (1 + 1e-9)
    assert values.min() >= (found.m.lower or 0.0) * (1 - 1e-9) - 1e-12
    u = rng.normal(size=(60, d))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    bends = np.linalg.norm(derivatives.second_derivative(graph, points, u, u), axis=1)
    twists = np.linalg.norm(derivatives.third_derivative(graph, points, u, u, u), axis=1)
    assert found.M2.upper is not None and bends.max() <= found.M2.upper * (1 + 1e-9)
    assert found.M3.upper is not None and twists.max() <= found.M3.upper * (1 + 1e-9)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_a_kink_has_no_second_derivative_bound(name: str) -> None:
    found = brackets([Input(1), Activation(0, name, 1)], "residual rule")
    assert found.M2.upper == math.inf and found.M.upper == pytest.approx(1.0)
