"""What the values of a network can reach: every neuron's range on a ball, and how steep and how curved it can be.

The ellipsoid of increments (`certify.bounds.layers`) is carried through the network; before each layer it bounds the
gradient of every neuron, and on a ball of radius R around c a neuron of gradient l lies within l R of its value at c.
Where that is sharper than interval arithmetic it replaces it, for this layer's slopes and all that follow. So every
method sees the slopes on the ball and not on a box around it. Bounds rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall, round_up
from certify.bounds.bracket import Region
from certify.bounds.effort import Work, cubic_units
from certify.bounds.layers import Ellipsoid, ellipsoid, layer_weights
from certify.bounds.ranges import Interval, NodeRanges, box_ranges, node_ranges
from certify.bounds.structure import IncrementForm, increment_form
from certify.clock import OutOfTimeError, skip
from certify.generators.graph import Activation, Graph, Product

MOST_OPERATIONS = 6e9
"""Layers times the cube of the coordinates beyond which nothing but interval arithmetic is done (a few seconds)."""


@dataclass(frozen=True, eq=False)
class Gain:
    """What is known before a gain: K with p x = K y and |y| <= growth |delta|, and the gradients' sizes."""

    image: MatrixBall
    growth: float
    rows: FloatArray
    total: float


@dataclass(frozen=True, eq=False)
class Passage:
    """All gains of an increment form in order, then its output; the weights T that prove it."""

    form: IncrementForm
    gains: tuple[Gain, ...]
    output: Gain
    weights: tuple[FloatArray, ...]


@dataclass(frozen=True, eq=False)
class Reach:
    """Ranges of every node over the region, and the passage that sharpened them (None: interval arithmetic alone)."""

    ranges: NodeRanges
    passage: Passage | None


def is_affordable(graph: Graph) -> bool:
    """Whether the network is small enough for the ellipsoid, by its own size and nothing else. Exact."""
    widths = [node.width * (2 if isinstance(node, Product) else 1) for node in graph.nodes if _is_gain(node)]
    size = float(graph.latent_dim + sum(widths))
    return bool(widths) and len(widths) * size**3 <= MOST_OPERATIONS


def reach(graph: Graph, region: Region, work: Work) -> Reach:
    """Ranges and gradients over the region; of `work` only the deadline ends it. Enclosure, rounded outward."""
    ranges = node_ranges(graph, region)
    if not is_affordable(graph):
        return Reach(ranges, None)
    try:
        return _sharpened(graph, region, ranges, work)
    except OutOfTimeError:
        skip("the ellipsoid of increments")
        return Reach(ranges, None)


def _sharpened(graph: Graph, region: Region, ranges: NodeRanges, work: Work) -> Reach:
    """The ranges that the ellipsoid of increments leaves, with the passage."""
    centre = _at_centre(graph, region)
    known: dict[int, Interval] = {}
    form = increment_form(graph, ranges, centred=True)
    ellipse = ellipsoid(form, [])
    weights: list[FloatArray] = []
    gains: list[Gain] = []
    for block, source in enumerate(form.sources):
        if ellipse is None or work.is_late:
            return Reach(ranges, None)
        work.charge(10.0 * cubic_units(ellipse.size, ellipse.size, ellipse.size))
        gains.append(_gain(ellipse, form.inputs[block]))
        if centre is not None and region.radius is not None and block > 0:
            known[source] = _around(centre.values[source], gains[-1].rows, region.radius)
            ranges = node_ranges(graph, region, known)
            form = increment_form(graph, ranges, centred=True)
        ellipse = _extended(form, block, ellipse, weights)
    if ellipse is None:
        return Reach(ranges, None)
    return Reach(ranges, Passage(form, tuple(gains), _gain(ellipse, form.output), tuple(weights)))


def passage_from(graph: Graph, ranges: NodeRanges, entry: int, metric: FloatArray) -> Passage | None:
    """The passage of increments that begin at node `entry` and are measured by `metric`; None where none is verified.

    Enclosure, rounded outward.
    """
    return passage_of(increment_form(graph, ranges, centred=True, entry=entry), metric)


def passage_of(form: IncrementForm, metric: FloatArray | None = None) -> Passage | None:
    """The passage of a centred increment form; None where none is verified. Enclosure, rounded outward."""
    ellipse = ellipsoid(form, [], metric)
    weights: list[FloatArray] = []
    gains: list[Gain] = []
    for block in range(len(form.inputs)):
        if ellipse is None:
            return None
        gains.append(_gain(ellipse, form.inputs[block]))
        ellipse = _extended(form, block, ellipse, weights, metric)
    return None if ellipse is None else Passage(form, tuple(gains), _gain(ellipse, form.output), tuple(weights))


def _extended(
    form: IncrementForm, block: int, before: Ellipsoid, weights: list[FloatArray], metric: FloatArray | None = None
) -> Ellipsoid | None:
    """The ellipsoid with one gain more, whose weights are appended; larger weights' inverses where it takes them."""
    if not np.isfinite(form.spans[block]).all():
        return None
    chosen = layer_weights(form, block, before)
    if chosen is None:
        return None
    for growth in (1.0, 1.001, 1.1, 2.0):
        found = ellipsoid(form, [*weights, chosen / growth], metric)
        if found is not None:
            weights.append(chosen / growth)
            return found
    return None


def _gain(ellipse: Ellipsoid, rows: MatrixBall) -> Gain:
    image = ellipse.image(rows)
    return Gain(image, ellipse.growth, ellipse.row_norms(image), ellipse.norm(image))


def _at_centre(graph: Graph, region: Region) -> NodeRanges | None:
    if region.radius is None:
        return None
    point = np.zeros(graph.latent_dim) if region.centre is None else np.asarray(region.centre, dtype=np.float64)
    return box_ranges(graph, point[None], point[None])


def _around(value: Interval, slopes: FloatArray, radius: float) -> Interval:
    """The value at the centre plus and minus slope times radius, outward."""
    move = round_up(round_up(slopes * radius))[None]
    low, high = value[0] - move, value[1] + move
    return (
        np.where(np.isnan(low), -np.inf, np.nextafter(low, -np.inf)),
        np.where(np.isnan(high), np.inf, np.nextafter(high, np.inf)),
    )


def _is_gain(node: object) -> bool:
    return isinstance(node, Activation | Product)
