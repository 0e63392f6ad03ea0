"""Quadratics under weighted outputs and planes from rows: rational arithmetic without tolerance, then third order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import dense
from certify.envelopes.box_forms import BoxForms, box_forms
from certify.envelopes.box_rows import nodes_with_rows, row_plane
from certify.envelopes.box_weights import weights_of
from certify.envelopes.weighted import WeightedForm, weighted_lower, weighted_quadratic_lower
from certify.generators.activations import ACTIVATIONS
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

ENTIRE = sorted(set(ACTIVATIONS) - {"reciprocal", "log", "sqrt", "power", "rsqrt", "sign"})
Vector = list[Fraction]


def exact(values: FloatArray) -> Vector:
    return [Fraction(float(entry)) for entry in values]


def dot(first: Vector, second: Vector) -> Fraction:
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


def evaluate(graph: Graph, point: Vector) -> list[Vector]:
    """Every node's exact values."""
    values: list[Vector] = []
    for node in graph.nodes:
        match node:
            case Input():
                found = point
            case Affine():
                weight = dense(node.weight)
                below = values[node.source]
                found = [dot(exact(row), below) + bias for row, bias in zip(weight, exact(node.bias), strict=True)]
            case Activation(name="square"):
                found = [v * v for v in values[node.source]]
            case Activation():
                found = [max(v, Fraction(0)) for v in values[node.source]]
            case Product():
                first, second = (values[source] for source in node.sources)
                found = [a * b for a, b in zip(first, second, strict=True)]
            case Sum():
                factors = [Fraction(factor) for factor in node.coefficients]
                terms = zip(*(values[source] for source in node.sources), strict=True)
                found = [dot(factors, list(term)) for term in terms]
        values.append(found)
    return values


def rational_network(seed: int, random: np.random.Generator) -> Graph:
    """Four layers of squares and ReLUs with a product and a sum of nodes that share terms, over many magnitudes."""
    d, width, scale = 1 + seed % 2, 3, 10.0 ** int(random.integers(-6, 7))

    def affine(source: int, rows: int, columns: int, factor: float) -> Affine:
        weight = factor * random.standard_normal((rows, columns))
        if seed % 4 == 1:
            weight = sp.csr_array(weight * (random.random(weight.shape) < 0.08 + 0.5 * (seed % 8 == 1)))
        return Affine(source, weight, factor * random.standard_normal(rows) * (random.random() < 0.7))

    first, second = ("square", "relu") if seed % 3 else ("relu", "square")
    nodes: list[Node] = [Input(d), affine(0, width, d, scale), Activation(1, first, width)]
    nodes += [affine(2, width, width, 1 / scale), Activation(3, second, width), affine(4, width, width, 0.5)]
    nodes += [Activation(5, "square", width), affine(6, width, width, 0.3), Product((5, 7), width)]
    nodes += [Sum((7, 8, 5), (1.0, -0.25, 0.5), width), Activation(9, "relu", width), affine(10, 2, width, 1.0)]
    return Graph(tuple(nodes))


def boxes(d: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    return random.standard_normal((4, d)), np.exp(random.uniform(-14, 1, (4, d)))


def corners_and_more(centre: FloatArray, half: FloatArray, random: np.random.Generator) -> list[tuple[Vector, Vector]]:
    """Exact points of a box with their exact distances from its centre."""
    shares = np.concatenate([np.sign(random.standard_normal((4, len(half)))), random.uniform(-1, 1, (4, len(half)))])
    steps = [[Fraction(float(s)) * Fraction(float(h)) for s, h in zip(row, half, strict=True)] for row in shares]
    return [([c + u for c, u in zip(exact(centre), step, strict=True)], step) for step in steps]


def below(found: WeightedForm, box: int, step: Vector) -> Fraction:
    bent = sum((dot(exact(row), step) * u for row, u in zip(found.curvature[box], step, strict=True)), Fraction(0))
    return dot(exact(found.slope[box]), step) + bent / 2 + Fraction(float(found.rest[box]))


@pytest.mark.parametrize("seed", range(24))
def test_nothing_exact_is_below_a_quadratic_or_outside_a_row(seed: int) -> None:
    random = np.random.default_rng([seed, 0x5E])
    graph = rational_network(seed, random)
    centres, halves = boxes(graph.latent_dim, random)
    forms = box_forms(graph, centres, halves)
    weights = random.standard_normal((4, 2)) * 10.0 ** random.integers(-3, 4, (4, 2))
    found = weighted_quadratic_lower(forms, weights)
    wanted = (5, 7, 8, 9, 11)
    planes = {index: row_plane(graph, index, forms.nodes, forms.lines, forms.choices, halves) for index in wanted}
    known = 0
    for box in range(4):
        for point, step in corners_and_more(centres[box], halves[box], random):
            values = evaluate(graph, point)
            moved = [v - c for v, c in zip(values[-1], exact(forms.nodes[-1].value[box]), strict=True)]
            if np.isfinite(found.rest[box]):
                known += 1
                assert dot(exact(weights[box]), moved) >= below(found, box, step)
            for index, plane in planes.items():
                for entry, seen in enumerate(values[index]):
                    if not np.isfinite(plane.radius[box, entry]):
                        continue
                    about = Fraction(float(forms.nodes[index].value[box, entry]))
                    about += dot(exact(plane.slope[box, entry]), step) + Fraction(float(plane.shift[box, entry]))
                    assert abs(seen - about) <= Fraction(float(plane.radius[box, entry])), (index, box)
    assert known


def deep(name: str, random: np.random.Generator) -> Graph:
    """Four layers, a product and a skip behind them."""
    width, nodes = 8, list[Node]([Input(2)])
    for layer in range(4):
        columns = 2 if layer == 0 else width
        nodes.append(Affine(len(nodes) - 1, random.standard_normal((width, columns)) / columns**0.5, np.zeros(width)))
        nodes.append(Activation(len(nodes) - 1, name, width))
    nodes += [Product((6, 8), width), Sum((8, 9), (1.0, 0.5), width)]
    return Graph((*nodes, Affine(10, random.standard_normal((3, width)), np.zeros(3))))


def sampled(graph: Graph, forms: BoxForms, weights: FloatArray, random: np.random.Generator) -> tuple[FloatArray, ...]:
    steps = random.uniform(-1, 1, (80, *forms.centres.shape))
    steps[:30] = np.sign(steps[:30])
    steps = steps * forms.halves
    outputs = value(graph, (forms.centres + steps).reshape(-1, 2)).reshape(*steps.shape[:2], 3)
    return steps, np.einsum("bk,sbk->sb", weights, outputs - forms.nodes[-1].value)


@pytest.mark.parametrize("name", ENTIRE)
def test_no_sampled_sum_is_below_its_quadratic(name: str) -> None:
    random = np.random.default_rng([11, *name.encode()])
    graph = deep(name, random)
    weights = random.standard_normal((30, 3))
    centres, halves = random.standard_normal((30, 2)), np.exp(random.uniform(-8, 0.5, (30, 2)))
    forms = box_forms(graph, centres, halves)
    found = weighted_quadratic_lower(forms, weights)
    with np.errstate(over="ignore", invalid="ignore"):
        steps, seen = sampled(graph, forms, weights, random)
    bound = np.einsum("bd,sbd->sb", found.slope, steps) + found.rest
    bound = bound + 0.5 * np.einsum("sbi,bij,sbj->sb", steps, found.curvature, steps)
    # Four exponentials overflow somewhere.
    known = np.isfinite(seen)
    assert known.mean() > 0.3
    rest = np.broadcast_to(found.rest, seen.shape)[known]
    seen, bound = seen[known], bound[known]
    assert (bound <= seen + 1e-10 * (1 + np.abs(seen))).all()
    # A rest that is left out is seen.
    bounded = np.isfinite(rest)
    assert ((bound[bounded] - rest[bounded]) > seen[bounded]).any()


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "sin"])
def test_what_is_paid_is_of_third_order(name: str) -> None:
    random = np.random.default_rng([12, *name.encode()])
    graph = deep(name, random)
    weights, centres = random.standard_normal((20, 3)), random.standard_normal((20, 2))

    def rest(half: float, quadratic: bool) -> float:
        forms = box_forms(graph, centres, np.full((20, 2), half))
        found = weighted_quadratic_lower(forms, weights).rest if quadratic else weighted_lower(forms, weights)[1]
        return float(np.median(-found))

    assert rest(0.02, True) < rest(0.04, True) / 6.0
    assert rest(0.02, True) < 0.3 * rest(0.02, False)


def test_rows_are_for_deep_networks_that_are_not_too_wide() -> None:
    random = np.random.default_rng(13)
    graph = deep("tanh", random)
    assert nodes_with_rows(graph) == {5, 7, 11}
    shallow = Graph(graph.nodes[:3] + (Affine(2, random.standard_normal((3, 8)), np.zeros(3)),))
    assert not nodes_with_rows(shallow)
    wide = [Input(2)] + [
        node
        for layer in range(4)
        for node in (
            Affine(2 * layer, np.ones((900, 2 if layer == 0 else 900)), np.zeros(900)),
            Activation(2 * layer + 1, "tanh", 900),
        )
    ]
    assert not nodes_with_rows(Graph(tuple(wide)))


def test_rows_shrink_what_layers_add_up() -> None:
    random = np.random.default_rng(14)
    graph = deep("tanh", random)
    halves = np.full((20, 2), 0.1)
    forms = box_forms(graph, random.standard_normal((20, 2)), halves)
    plane = row_plane(graph, 7, forms.nodes, forms.lines, forms.choices, halves)
    steep = np.abs(np.asarray(graph.nodes[7].weight))  # type: ignore[union-attr]
    summed = forms.nodes[6].radius @ steep.T
    assert np.median(plane.radius / summed) < 0.6


def test_sparse_weights_multiply_like_dense_ones() -> None:
    random = np.random.default_rng(15)
    matrix = random.standard_normal((30, 40)) * (random.random((30, 40)) < 0.05)
    sparse, vectors = weights_of(Affine(0, sp.csr_array(matrix), np.zeros(30))), random.standard_normal((7, 40))
    assert sp.issparse(sparse.matrix)
    assert np.allclose(sparse.forward(vectors), vectors @ matrix.T, atol=1e-13)
    assert np.allclose(sparse.spread(vectors), vectors @ np.abs(matrix).T, atol=1e-13)
    rows, slopes = random.standard_normal((7, 30)), random.standard_normal((7, 40, 3))
    assert np.allclose(sparse.backward(rows), rows @ matrix, atol=1e-13)
    assert np.allclose(sparse.spread_backward(rows), rows @ np.abs(matrix), atol=1e-13)
    (first, second), planes = sparse.with_planes((vectors, 2 * vectors), slopes)
    assert np.allclose(planes, np.matmul(matrix, slopes), atol=1e-13)
    assert np.allclose(first, vectors @ matrix.T, atol=1e-13) and np.allclose(second, 2 * first, atol=1e-13)
