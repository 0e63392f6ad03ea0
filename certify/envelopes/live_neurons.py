"""The same map on a box without the neurons that are off throughout it.

Where the range of a ReLU's input over a box ends at or below 0 the neuron is 0 on the box, and so is every product with
it: without its row and its column the network is the very same function there, with no rounding. Behind wide
convolutions that is half of the neurons and two thirds of the products. A box inside the region may then be bounded by
the smaller network; elsewhere the smaller network says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_forms import box_forms
from certify.envelopes.box_weights import is_expensive, with_dense_weights
from certify.generators.graph import Activation, Affine, Graph
from certify.generators.nodes import Node

MARGIN = 1e-9
"""By how much the region is enlarged before its neurons are looked at: boxes are centred with a rounding."""


@dataclass(frozen=True, eq=False)
class Local:
    """`graph`, and `inside`, the same function on the box [`low`, `high`] (d,)."""

    graph: Graph
    inside: Graph
    low: FloatArray
    high: FloatArray

    def holds(self, lows: FloatArray, highs: FloatArray) -> npt.NDArray[np.bool_]:
        """Which boxes [lows, highs], (b, d) each, lie in the region. Exact."""
        if self.inside is self.graph:
            return np.zeros(len(lows), dtype=bool)
        return np.asarray(((lows >= self.low) & (highs <= self.high)).all(axis=1))


def local_graph(graph: Graph, low: FloatArray, high: FloatArray) -> Local:
    """The graph with what is left of it on [`low`, `high`], where one evaluation is expensive and neurons are off.

    Guarantee: both are the same function on the region, in exact arithmetic.
    """
    if not (is_expensive(with_dense_weights(graph)) and np.isfinite(low).all() and np.isfinite(high).all()):
        return Local(graph, graph, low, high)
    room = MARGIN * (1.0 + np.abs(low) + np.abs(high))
    forms = box_forms(graph, (0.5 * low + 0.5 * high)[None], (0.5 * (high - low) + room)[None])
    nodes = list(graph.nodes)
    for index, node in enumerate(graph.nodes):
        if isinstance(node, Activation) and node.name == "relu" and _is_between_weights(graph, index):
            # What is not known to be off is live.
            live = ~(forms.nodes[node.source].high[0] <= 0)
            # A node has a neuron at least.
            live[0] |= not live.any()
            _keep(nodes, index, live)
    return Local(graph, Graph(tuple(nodes)), low, high)


def _is_between_weights(graph: Graph, index: int) -> bool:
    """Whether an activation alone reads an affine node, and affine nodes alone read it."""
    source = graph.nodes[index].sources[0]
    readers = [item for item, node in enumerate(graph.nodes) if source in node.sources]
    after = [isinstance(node, Affine) for node in graph.nodes if index in node.sources]
    return readers == [index] and isinstance(graph.nodes[source], Affine) and bool(after) and all(after)


def _keep(nodes: list[Node], index: int, live: npt.NDArray[np.bool_]) -> None:
    """Leave out of an activation the neurons that are not live, with their rows before it and their columns behind."""
    node = nodes[index]
    assert isinstance(node, Activation), "the caller has looked"
    before = nodes[node.source]
    assert isinstance(before, Affine), "the caller has looked"
    nodes[node.source] = replace(before, weight=before.weight[live], bias=before.bias[live])
    nodes[index] = replace(node, width=int(live.sum()))
    for place, after in enumerate(nodes):
        if isinstance(after, Affine) and after.source == index:
            nodes[place] = replace(after, weight=after.weight[:, live])
