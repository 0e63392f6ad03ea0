"""Enclosures of every node's values over a region: interval propagation through the graph, batched.

Inclusion property. For every point z of the region (or of box b of a batch) and every node, the node's
value at z lies in the returned interval; infinite ends are legal, so R^d itself is a legal region.
Nodes that are affine functions of z are enclosed over a ball by |w.(z - c)| <= |w| R, not through its box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, round_down
from certify.arithmetic.large_matrices import entrywise, operand, row_lengths_upper
from certify.bounds.bracket import Region
from certify.bounds.joints import JointKind, joint
from certify.bounds.known_map import KnownMap
from certify.bounds.known_maps import known_maps
from certify.generators.activations import activation, range_enclosure
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

Interval: TypeAlias = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class NodeRanges:
    """Per node, the interval (lower, upper) of its values, arrays of shape (boxes, width)."""

    graph: Graph
    values: tuple[Interval, ...]

    def slopes(self, node: int, order: int = 1) -> Interval:
        """Range of sigma^(order) over the pre-activations of the activation `node`, shape (boxes, width).

        Enclosure, rounded outward.
        """
        own = self.graph.nodes[node]
        assert isinstance(own, Activation)
        return range_enclosure(own.name, own.parameters, order, *self.values[own.source])

    def magnitude_upper(self, node: int, order: int) -> FloatArray:
        """Upper bound of |sigma^(order)| at the activation `node`, shape (boxes, width), rounded outward."""
        low, high = self.slopes(node, order)
        return np.maximum(np.abs(low), np.abs(high))


def uncertified_domains(ranges: NodeRanges) -> list[str]:
    """One line per activation whose argument is not certified to stay in its domain over the region. Verified."""
    found = []
    for index, node in enumerate(ranges.graph.nodes):
        if isinstance(node, Activation):
            low, high = ranges.values[node.source]
            domain = activation(node.name).domain
            if not domain.contains(low, high):
                found.append(
                    f"node {index}: `{node.name}` needs {domain.value}, and its argument is only known to lie in "
                    f"[{low.min():.6g}, {high.max():.6g}]"
                )
    return found


def node_ranges(graph: Graph, region: Region, known: Mapping[int, Interval] = MappingProxyType({})) -> NodeRanges:
    """Enclosures over one region, as a batch of one box; `known` holds sharper ones of some nodes.

    Enclosure, rounded outward.
    """
    if region.radius is None:
        unbounded = np.full((1, graph.latent_dim), np.inf)
        return box_ranges(graph, -unbounded, unbounded, sharper=known)
    centre = np.zeros(graph.latent_dim) if region.centre is None else np.asarray(region.centre, dtype=np.float64)
    radius = float(region.radius)
    reach = np.nextafter(radius + EPSILON * np.abs(centre), np.inf)
    boxes = box_ranges(
        graph,
        np.nextafter(centre - reach, -np.inf)[None],
        np.nextafter(centre + reach, np.inf)[None],
        ball=(centre, radius),
        sharper=known,
    )
    return boxes


def box_ranges(
    graph: Graph,
    lower: FloatArray,
    upper: FloatArray,
    ball: tuple[FloatArray, float] | None = None,
    sharper: Mapping[int, Interval] = MappingProxyType({}),
) -> NodeRanges:
    """Enclosures over boxes [lower, upper], arrays of shape (boxes, d).

    `ball` = (centre, radius) says that a batch of one stands for that Euclidean ball, which is sharper; `sharper`
    holds enclosures of some nodes from elsewhere. Enclosure, rounded outward.
    """
    values: list[Interval] = []
    known = known_maps(graph)
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                values.append((lower, upper))
            case Affine():
                image = affine_image(node, values[node.source])
                if ball is not None and node.source == 0:
                    image = _intersection(image, _ball_image(node, *ball))
                values.append(image)
            case Sum():
                values.append(_sum_image(node, [values[source] for source in node.sources]))
            case Product():
                first, second = node.sources
                values.append(_square(values[first]) if first == second else product(values[first], values[second]))
            case Activation():
                values.append(range_enclosure(node.name, node.parameters, 0, *values[node.source]))
        values[index] = recognised_range(graph, index, known, values)
        if index in sharper:
            values[index] = _intersection(values[index], sharper[index])
        assert values[index][0].shape[1] == node.width
    return NodeRanges(graph, tuple(values))


def recognised_range(graph: Graph, index: int, known: dict[int, KnownMap], values: Sequence[Interval]) -> Interval:
    """The interval of the last of `values`, that of node `index`, cut by what is known of the map it belongs to.

    Enclosure, rounded outward.
    """
    found = values[index]
    join = joint(graph, index)
    if join is not None:
        found = _intersection(found, _joined_range(join.kind, values[join.left], values[join.right]))
    if index in known:
        found = _intersection(found, (known[index].low[None], known[index].high[None]))
    return found


def _joined_range(kind: JointKind, first: Interval, second: Interval) -> Interval:
    """A joint increases in both arguments: its values at both lower and at both upper ends, outward."""
    if kind is not JointKind.LOG_SUM_EXP:
        chosen = np.maximum if kind is JointKind.MAXIMUM else np.minimum
        return chosen(first[0], second[0]), chosen(first[1], second[1])
    ends = []
    for a, b in zip(first, second, strict=True):
        point = (np.minimum(a, b), np.minimum(a, b)), (np.maximum(a, b), np.maximum(a, b))
        # The larger plus softplus of the gap, which is at most 0: nothing cancels.
        with np.errstate(invalid="ignore"):
            gap = add(point[0], (-point[1][1], -point[1][0]))
            total = add(point[1], range_enclosure("softplus", (), 0, gap[0], gap[1]))
        # Two infinite ends are their own joint.
        exact = ~np.isfinite(a) & ~np.isfinite(b)
        ends.append((np.where(exact, point[1][0], total[0]), np.where(exact, point[1][1], total[1])))
    return ends[0][0], ends[1][1]


def dense(matrix: FloatArray | sp.csr_array) -> FloatArray:
    """The weight as a dense array. Exact."""
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix, dtype=np.float64)  # type: ignore[union-attr]


def affine_image(node: Affine, source: Interval) -> Interval:
    """Interval image of W v + b for v in [lower, upper] (boxes, k); infinite ends by sign of W.

    Enclosure, rounded outward.

    >>> node = Affine(0, np.array([[1.0, -1.0]]), np.zeros(1))
    >>> low, high = affine_image(node, (np.array([[0.0, 0.0]]), np.array([[1.0, np.inf]])))
    >>> float(low[0, 0]), bool(1.0 <= high[0, 0] < 1.0 + 1e-14)
    (-inf, True)
    """
    weight = operand(node.weight)
    low, high = source
    open_low, open_high = ~np.isfinite(low), ~np.isfinite(high)
    # Of a half-infinite interval only the finite end enters, as a point: the other end is infinite anyway.
    finite_low = np.where(open_low, np.where(open_high, 0.0, high), low)
    finite_high = np.where(open_high, np.where(open_low, 0.0, low), high)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        middle = 0.5 * finite_low + 0.5 * finite_high
        spread = np.maximum(finite_high - middle, middle - finite_low) * (1 + EPSILON)
        growth = (weight.shape[1] + 9) * EPSILON
        absolute = entrywise(weight, np.abs).T
        centre = middle @ weight.T + node.bias
        magnitude = growth * np.abs(middle) + SMALLEST_NORMAL * (middle != 0)
        radius = (spread + magnitude) @ absolute + growth * np.abs(node.bias) + EPSILON * np.abs(centre)
        radius = (radius + 8 * (weight.shape[1] + 1) * SMALLEST_NORMAL) * (1 + 4 * growth)
        image_low, image_high = np.nextafter(centre - radius, -np.inf), np.nextafter(centre + radius, np.inf)
    lost = ~np.isfinite(centre) | ~np.isfinite(radius)
    if not (open_low.any() or open_high.any()):
        return np.where(lost, -np.inf, image_low), np.where(lost, np.inf, image_high)
    positive = entrywise(weight, lambda entries: np.asarray(entries > 0, dtype=np.float64)).T
    negative = entrywise(weight, lambda entries: np.asarray(entries < 0, dtype=np.float64)).T
    falls = (open_low @ positive + open_high @ negative > 0) | lost
    rises = (open_high @ positive + open_low @ negative > 0) | lost
    return np.where(falls, -np.inf, image_low), np.where(rises, np.inf, image_high)


def product(first: Interval, second: Interval) -> Interval:
    """Interval product with 0 * inf = 0 (a factor that is zero throughout). Enclosure, rounded outward.

    >>> low, high = product((np.array([-1.0]), np.array([2.0])), (np.array([3.0]), np.array([4.0])))
    >>> bool(low[0] <= -4.0), bool(high[0] >= 8.0)
    (True, True)
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        corners = np.stack([_times(a, b) for a in first for b in second])
    return _outward(corners.min(axis=0)), -_outward(-corners.max(axis=0))


def add(first: Interval, second: Interval) -> Interval:
    """Interval sum; an undefined end (inf - inf cannot occur within one end) is unbounded.

    Enclosure, rounded outward.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = first[0] + second[0], first[1] + second[1]
    return _outward(low), -_outward(-high)


def scaled(values: Interval, factor: float) -> Interval:
    """Interval times one exact float. Enclosure, rounded outward."""
    constant = np.full((1, 1), factor)
    return product(values, (constant, constant))


def _sum_image(node: Sum, terms: list[Interval]) -> Interval:
    total = scaled(terms[0], node.coefficients[0]) if node.coefficients[0] != 1.0 else terms[0]
    for coefficient, term in zip(node.coefficients[1:], terms[1:], strict=True):
        total = add(total, scaled(term, coefficient) if coefficient != 1.0 else term)
    return total


def _square(values: Interval) -> Interval:
    low, high = product(values, values)
    return np.maximum(low, 0.0), high


def _ball_image(node: Affine, centre: FloatArray, radius: float) -> Interval:
    """W z + b over the Euclidean ball: centre value plus and minus |w_i| R."""
    point = affine_image(node, (centre[None], centre[None]))
    with np.errstate(over="ignore", under="ignore"):
        reach = np.nextafter(
            row_lengths_upper(operand(node.weight)) * radius * (1 + 4 * EPSILON) + SMALLEST_NORMAL, np.inf
        )[None]
        return np.nextafter(point[0] - reach, -np.inf), np.nextafter(point[1] + reach, np.inf)


def _intersection(first: Interval, second: Interval) -> Interval:
    return np.maximum(first[0], second[0]), np.minimum(first[1], second[1])


def _times(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.where((first == 0) | (second == 0), 0.0, first * second)


def _outward(low: FloatArray) -> FloatArray:
    """Float below each lower end; NaN becomes -inf, an exact zero product stays near zero."""
    return np.where(np.isnan(low), -np.inf, round_down(low))
