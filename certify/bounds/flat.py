"""Pairs of points with equal values, and jumps: m = 0, and M = M2 = M3 = infinity, by exact witnesses.

Two distinct points of the region with G(z) = G(z') give m = 0. If every path from the input to the output passes a
sign, G takes finitely many values; two different ones among them make it discontinuous on the region, which is
connected, so no Lipschitz constant exists, of G or of a derivative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import precision
from certify.bounds.bracket import Witness
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.recomputation import is_admissible
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Graph, Input
from certify.generators.jets import value_ball

NAME = "equal values"
SCALES = (0.5, 2.0, 30.0)
SAMPLES, ROUNDS = 64, 8


def takes_finitely_many_values(graph: Graph) -> bool:
    """Whether every path from the input to the output passes a sign activation. Exact."""
    free: list[bool] = []
    for node in graph.nodes:
        match node:
            case Input():
                free.append(True)
            case Activation() if node.name == "sign":
                free.append(False)
            case Affine() if node.weight.shape[0] * node.weight.shape[1] == 0:
                free.append(False)
            case _:
                free.append(any(free[source] for source in node.sources))
    return not free[-1]


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, region = problem.generator.graph, problem.region
    is_flat = takes_finitely_many_values(graph)
    if not is_flat and not any(isinstance(node, Activation) and node.name == "relu" for node in graph.nodes):
        # Of the other activations none is constant on an interval.
        return
    points = _points(problem)
    pairs = zip(points[::2], points[1::2], strict=True)
    pair = next((p for p in pairs if is_admissible(graph, region, _witness(*p)) and _equal(graph, *p)), None)
    if pair is not None:
        yield Proposal("m", "lower", 0.0, NAME)
        yield Proposal("m", "upper", 0.0, NAME, _witness(*pair))
    if is_flat:
        jump = _jump(problem, points)
        if jump is not None:
            for constant in ("M", "M2", "M3"):
                yield Proposal(constant, "lower", math.inf, "finitely many values", _witness(*jump))
                yield Proposal(constant, "upper", math.inf, "finitely many values")


def _points(problem: Problem) -> FloatArray:
    """Pairs z, (1 + 1/4) z on several scales, those inside the region; the rows of a pair follow one another."""
    random = np.random.default_rng([problem.seed, 0xF1A7])
    d, region = problem.generator.latent_dim, problem.region
    centre = np.zeros(d) if region.centre is None else np.asarray(region.centre)
    reach = 1.0 if region.radius is None else region.radius / (2.0 * math.sqrt(d))
    signs = np.where(random.standard_normal((SAMPLES, d)) < 0, -1.0, 1.0)
    sizes = random.uniform(0.5, 1.5, (SAMPLES, d)) if region.radius is None else random.uniform(0.5, 1.0, (SAMPLES, d))
    scales = np.resize(SCALES if region.radius is None else (1.0,), SAMPLES)[:, None]
    first = reach * scales * signs * sizes
    # Away from the origin both points lie in one orthant, which is what a sign of the input needs.
    return np.asarray(centre + np.stack([first, 1.25 * first], axis=1).reshape(2 * SAMPLES, d))


def _equal(graph: Graph, first: FloatArray, second: FloatArray) -> bool:
    """Whether the two values are the same numbers, exactly: rounded balls never are."""
    if not np.array_equal(value(graph, first), value(graph, second)):
        return False
    with precision():
        images = [value_ball(graph, [float(entry) for entry in point]) for point in (first, second)]
        return all(a.is_exact() and b.is_exact() and bool(a == b) for a, b in zip(*images, strict=True))


def _jump(problem: Problem, points: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Two points with certainly different values, close together."""
    graph = problem.generator.graph
    images = value(graph, points)
    other = next((row for row, image in zip(points, images, strict=True) if not np.array_equal(image, images[0])), None)
    if other is None:
        return None
    first, second = points[0], other
    # One coordinate after the other: on the way some single step changes the value.
    path = np.tile(first, (first.size + 1, 1))
    for index in range(first.size):
        path[index + 1 :, index] = second[index]
    images = value(graph, path)
    index = next(i for i in range(first.size) if not np.array_equal(images[i], images[i + 1]))
    first, second = _across_zero(graph, path[index], index) or _closer(graph, path[index], path[index + 1])
    return (first, second) if _differ(graph, first, second) else None


def _across_zero(graph: Graph, point: FloatArray, index: int) -> tuple[FloatArray, FloatArray] | None:
    """The two smallest numbers in place of coordinate `index`, if the value jumps there: where a sign reads it."""
    pair = np.stack([point, point])
    pair[:, index] = math.ulp(0.0), -math.ulp(0.0)
    images = value(graph, pair)
    return None if np.array_equal(images[0], images[1]) else (pair[0], pair[1])


def _closer(graph: Graph, first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two neighbours of a fine division of the segment with different values, several times over."""
    shares = np.linspace(0.0, 1.0, 33)[:, None]
    for _ in range(ROUNDS):
        line = first + shares * (second - first)
        line[0], line[-1] = first, second
        images = value(graph, line)
        place = next(i for i in range(len(line) - 1) if not np.array_equal(images[i], images[i + 1]))
        first, second = line[place], line[place + 1]
    return first, second


def _differ(graph: Graph, first: FloatArray, second: FloatArray) -> bool:
    with precision():
        images = [value_ball(graph, [float(entry) for entry in point]) for point in (first, second)]
        return any(bool(a < b) or bool(a > b) for a, b in zip(*images, strict=True))


def _witness(first: FloatArray, second: FloatArray) -> Witness:
    return Witness((tuple(first.tolist()), tuple(second.tolist())))


METHOD = BoundMethod(
    NAME,
    "two points with one value give m = 0; finitely many values are no continuous map",
    0.0,
    _propose,
    reads_graph=True,
)
