"""Witnesses: points and directions that bound m from above and M, M2, M3 from below, recomputed in balls.

m <= |J(z)u|/|u|,  m <= |G(z)-G(z')|/|z-z'|,  M >= |J(z)u|/|u|,  M2 >= |D^2G(z)[u,u]|/|u|^2,
M3 >= |D^3G(z)[u,u,u]|/|u|^3: each is a bound at every point and direction of the region, so the search
(`certify.bounds.search`) need not be trusted. Ends rounded outward; recomputing them at the stored floats
in ordinary arithmetic agrees to about 1e-9 relative, because pairs are kept apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.bounds.bracket import Region, Witness
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.search import closest_pair, extreme_curvature, extreme_stretch
from certify.generators.graph import FloatArray, Graph
from certify.generators.jets import directional_derivatives_ball, value_ball

STARTS = 16
"""Local searches per constant for m and M; half as many for M2 and M3, whose objective is costlier."""


def derivative_size(graph: Graph, point: Sequence[float], direction: Sequence[float], order: int) -> arb:
    """Ball that contains |D^kG(z)[u, ..., u]|/|u|^k for k = `order`."""
    with precision():
        images = directional_derivatives_ball(graph, [float(x) for x in point], [float(x) for x in direction], order)
        size = euclidean_norm([ball(float(entry)) for entry in direction])
        return euclidean_norm(images[order]) / size**order


def pair_quotient(graph: Graph, first: Sequence[float], second: Sequence[float]) -> arb:
    """Ball that contains |G(z)-G(z')|/|z-z'|."""
    with precision():
        images = [value_ball(graph, [float(x) for x in point]) for point in (first, second)]
        gap = [ball(float(a)) - ball(float(b)) for a, b in zip(first, second, strict=True)]
        return euclidean_norm([a - b for a, b in zip(*images, strict=True)]) / euclidean_norm(gap)


def euclidean_norm(entries: Sequence[arb]) -> arb:
    """Ball that contains the Euclidean norm of every vector in the given balls."""
    # A ball that touches negative squares through rounding would make sqrt undefined.
    total = sum((entry * entry for entry in entries), arb(0))
    return abs(total).sqrt() if total >= 0 else total.union(arb(0)).max(arb(0)).sqrt()


def is_inside(region: Region, point: FloatArray) -> bool:
    """Whether the point provably lies in the region."""
    if region.radius is None:
        return True
    centre = np.zeros(point.size) if region.centre is None else np.asarray(region.centre)
    with precision():
        gap = [ball(float(a)) - ball(float(b)) for a, b in zip(point, centre, strict=True)]
        return bool(euclidean_norm(gap) <= ball(region.radius))


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, region = problem.generator.graph, problem.region
    rng = np.random.default_rng(problem.seed)
    deadline = problem.deadline
    for largest in (True, False):
        found = extreme_stretch(graph, region, largest, deadline, rng, STARTS)
        yield from _checked("M" if largest else "m", problem, found.point, found.direction, 1)
    pair = closest_pair(graph, region, deadline, rng)
    if math.isfinite(pair.objective) and is_inside(region, pair.point) and is_inside(region, pair.direction):
        end = upper(pair_quotient(graph, pair.point.tolist(), pair.direction.tolist()))
        if math.isfinite(end):
            witness = Witness((_floats(pair.point), _floats(pair.direction)))
            yield Proposal("m", "upper", max(0.0, end), "witness pair", witness)
    for order in (2, 3):
        found = extreme_curvature(graph, region, order, deadline, rng, STARTS // 2)
        yield from _checked("M2" if order == 2 else "M3", problem, found.point, found.direction, order)


def _checked(
    constant: str, problem: Problem, point: FloatArray, direction: FloatArray, order: int
) -> Iterator[Proposal]:
    if not is_inside(problem.region, point):
        return
    size = derivative_size(problem.generator.graph, point.tolist(), direction.tolist(), order)
    witness = Witness((_floats(point),), (_floats(direction),) * order)
    if constant == "m":
        end = upper(size)
        if math.isfinite(end):
            yield Proposal("m", "upper", max(0.0, end), "witness", witness)
    elif constant in ("M", "M2", "M3"):
        yield Proposal(constant, "lower", max(0.0, lower(size)), "witness", witness)  # type: ignore[arg-type]


def _floats(vector: FloatArray) -> tuple[float, ...]:
    return tuple(float(entry) for entry in vector)


METHOD = BoundMethod("witness", "multi-start search for extreme points and directions, recomputed in balls", 9.0,
                     _propose, is_search=True)
