"""Kinks: a map that is not C^1 on the region has M2 = M3 = infinity, one that is not C^2 has M3 = infinity.

A witness is a short segment z(t) from z to z' in the region on which one neuron's input p crosses a point where
sigma^(k) jumps (k = 1: a kink; k = 2: a corner of the slope). In balls over the whole segment: p(z) and p(z') lie on
either side, dp/dt != 0, no other neuron meets a jump of its own (relu(x) - relu(-x) is smooth), and dG/dv, v the
neuron's value, is not 0 in some output. Then p crosses exactly once, at some t*, and the one-sided k-th derivatives
of t -> G(z(t)) at t* differ by dG/dv * jump * (dp/dt)^k != 0, whatever else the network does (products and smooth
activations are welcome).
Where the crossing lies is found in floats, which prove nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision
from certify.bounds.bracket import Reason, Region, Witness
from certify.bounds.enclosure import linear_parts
from certify.bounds.method import BoundMethod, ConstantName, Problem, Proposal
from certify.bounds.ranges import node_ranges
from certify.bounds.recomputation import is_admissible
from certify.bounds.search import starting_points
from certify.bounds.structure import live_graph
from certify.generators.activations import Domain, Smoothness, activation
from certify.generators.activations.profile import KnotProfile
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Generator, Graph
from certify.generators.jets import (
    directional_derivatives_ball,
    has_slope_balls,
    node_value_balls,
    unit_sensitivity_ball,
    value_ball,
)

NAME = "kinks"

SAMPLES, MOST_PROJECTED, TRIES_PER_NODE, MOST_TRIES = 64, 32, 4, 16
REMEMBERED = 32
"""Searches that are remembered: every theorem asks the same of a generator."""

HALVINGS, APART = 200, 1e-9
"""Halvings of a segment at most, and its length relative to its ends at which they stop: floats still tell p's sign."""

SMOOTH = frozenset({Smoothness.SMOOTH, Smoothness.ONCE})
SMOOTH_CHOICES = "tanh, softplus, gelu, silu"


def kinked_activations(generator: Generator) -> list[str]:
    """Names of the activations of the graph that are not differentiable wherever their argument may lie, sorted.

    A logarithm, power or reciprocal counts as smooth where its argument is certified to stay in its domain on R^d.
    Verified.
    """
    rough = [
        node
        for node in generator.graph.nodes
        if isinstance(node, Activation)
        and activation(node.name).smoothness(activation(node.name).resolve(node.parameters)) not in SMOOTH
    ]
    if any(activation(node.name).domain is not Domain.REALS for node in rough):
        values = node_ranges(generator.graph, Region()).values
        rough = [
            node
            for node in rough
            if activation(node.name).domain is Domain.REALS
            or not activation(node.name).domain.contains(*values[node.source])
        ]
    return sorted({node.name for node in rough})


def jumps(node: Activation, order: int) -> list[tuple[float, arb]]:
    """Where sigma^(order) of the activation jumps, and by how much: (location, size up to sign).

    Enclosure, rounded outward.
    """
    item = activation(node.name)
    parameters = item.resolve(node.parameters)
    profile = item.profile(parameters, order)
    # The profile of sigma^(order) says something at a kink only if sigma^(order - 1) has none.
    if not isinstance(profile, KnotProfile) or item.smoothness(parameters) is Smoothness.SINGULAR:
        return []
    sides: dict[float, list[arb]] = {}
    for knot in profile.knots:
        if knot.left == knot.right and knot.low == knot.high and knot.low.is_finite():
            sides.setdefault(knot.left, []).append(knot.low)
    found = [(place, values[1] - values[0]) for place, values in sides.items() if len(values) == 2]
    return [(place, size) for place, size in found if size > 0 or size < 0]


@lru_cache(maxsize=REMEMBERED)
def find_break(graph: Graph, region: Region, order: int, seed: int = 0) -> tuple[Witness, str] | None:
    """Two points that prove G not C^order on the region, and the activation between them; None if none was found.

    Rigorous: by the argument of the module's docstring. Verified.
    """
    live, _ = live_graph(graph)
    random, tries = np.random.default_rng([seed, 0xC1, order]), 0
    points: FloatArray | None = None
    for index, node in enumerate(live.nodes):
        places = jumps(node, order) if isinstance(node, Activation) else []
        if not places:
            continue
        assert isinstance(node, Activation)
        points = starting_points(live, region, SAMPLES, random) if points is None else points
        before = Graph(live.nodes[: node.source + 1])
        for place, size in places:
            for unit, first, second in _crossings(before, region, points, place):
                pair = _narrowed(before, unit, place, first, second)
                if _is_break(live, index, unit, pair, (place, size), order):
                    witness = Witness((tuple(pair[0].tolist()), tuple(pair[1].tolist())))
                    if is_admissible(graph, region, witness):
                        return witness, node.name
                tries += 1
                if tries >= MOST_TRIES:
                    return None
    return None


def _crossings(
    before: Graph, region: Region, points: FloatArray, place: float
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Units whose input passes `place` between two points of the region, with the points. Estimate."""
    points = np.concatenate([points, _projected(before, region, place)])
    with np.errstate(all="ignore"):
        above = value(before, points) > place
    split = np.flatnonzero(above.any(axis=0) & ~above.all(axis=0))
    # Not the first units: those of a first layer may be dead together.
    for unit in split[np.unique(np.linspace(0, max(split.size - 1, 0), TRIES_PER_NODE).astype(int))[: split.size]]:
        yield int(unit), points[np.argmax(above[:, unit])], points[np.argmin(above[:, unit])]


def _projected(before: Graph, region: Region, place: float) -> FloatArray:
    """Points on both sides of the hyperplanes w.z + b = `place` of a first layer that meet the region. Estimate."""
    none = np.zeros((0, before.latent_dim))
    matrix = linear_parts(before).matrices[-1]
    if matrix is None or any(isinstance(node, Activation) for node in before.nodes):
        return none
    centre = np.zeros(before.latent_dim) if region.centre is None else np.asarray(region.centre)
    with np.errstate(all="ignore"):
        rows = matrix.midpoint[:MOST_PROJECTED]
        normals = rows / np.abs(rows).max(axis=1, keepdims=True)
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        rises = np.abs(rows).max(axis=1, keepdims=True) * lengths
        offsets = (place - value(before, centre[None])[0, : len(rows), None]) / rises
        room = np.abs(offsets) + 1.0 if region.radius is None else np.maximum(region.radius - np.abs(offsets), 0.0)
        ends = [centre + (offsets + side * 0.5 * room) * normals / lengths for side in (-1.0, 1.0)]
    points: FloatArray = np.concatenate(ends)
    return points[np.isfinite(points).all(axis=1)]


def _narrowed(
    before: Graph, unit: int, place: float, above: FloatArray, below: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The segment halved towards the crossing. Estimate."""
    with np.errstate(all="ignore"):
        for _ in range(HALVINGS):
            middle = 0.5 * above + 0.5 * below
            if np.abs(above - below).max() <= APART * np.abs(middle).max():
                break
            if value(before, middle[None])[0, unit] > place:
                above = middle
            else:
                below = middle
    return below, above


def _is_break(
    graph: Graph, index: int, unit: int, pair: tuple[FloatArray, FloatArray], jump: tuple[float, arb], order: int
) -> bool:
    """Whether the k-th derivative of G certainly jumps on the segment between the pair, through this unit."""
    node = graph.nodes[index]
    assert isinstance(node, Activation)
    before, (place, size) = Graph(graph.nodes[: node.source + 1]), jump
    with precision():
        first, second = ([ball(float(entry)) for entry in point] for point in pair)
        ends = [value_ball(before, point)[unit] - ball(place) for point in (first, second)]
        if not ((ends[0] < 0 and ends[1] > 0) or (ends[0] > 0 and ends[1] < 0)):
            return False
        along = [b - a for a, b in zip(first, second, strict=True)]
        segment = [a.union(b) for a, b in zip(first, second, strict=True)]
        if not _is_alone(graph, segment, (index, unit, place)):
            return False
        speed = directional_derivatives_ball(before, segment, along, 1)[1][unit]
        sizes = unit_sensitivity_ball(graph, segment, index, unit)
        total = [entry * size * speed**order for entry in sizes]
        return bool(speed != 0) and speed.is_finite() and any(entry.is_finite() and bool(entry != 0) for entry in total)


def _is_alone(graph: Graph, segment: list[arb], crossing: tuple[int, int, float]) -> bool:
    """Whether on the segment all activations but one are certainly smooth, and that one but for one place."""
    index, unit, place = crossing
    values = node_value_balls(graph, segment)
    for other, node in enumerate(graph.nodes):
        if not isinstance(node, Activation):
            continue
        item = activation(node.name)
        if item.smoothness(item.resolve(node.parameters)) is Smoothness.SMOOTH:
            continue
        for entry, has_slope in enumerate(has_slope_balls(node, values[node.source])):
            if not has_slope and (other, entry) != (index, unit):
                return False
        if other == index:
            own = values[node.source][unit]
            apart = [own - ball(spot) for order in (1, 2) for spot, _ in jumps(node, order) if spot != place]
            if not all(gap > 0 or gap < 0 for gap in apart):
                return False
    return True


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, region = problem.generator.graph, problem.region
    for order in (1, 2):
        found = find_break(graph, region, order, problem.seed)
        if found is None:
            continue
        witness, name = found
        what = "the slope" if order == 1 else "the second derivative"
        reason = Reason(
            f"{what} of G jumps between the two points of the witness (`{name}`), so no budget makes it finite",
            f"train with a smooth activation ({SMOOTH_CHOICES})",
        )
        constants: tuple[ConstantName, ...] = ("M2", "M3") if order == 1 else ("M3",)
        for constant in constants:
            yield Proposal(constant, "lower", math.inf, NAME, witness, reason)
            yield Proposal(constant, "upper", math.inf, NAME, reason=reason)
        return


METHOD = BoundMethod(
    NAME, "a jump of the slope or of the second derivative, crossed inside the region", 0.3, _propose, reads_graph=True
)
