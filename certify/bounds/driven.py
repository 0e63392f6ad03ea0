"""A network at rest but for what drives its neurons: the linear network whose output is a higher derivative.

See `certify.bounds.lifted`, where the drives are the powers of the slopes of all neurons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, multiply, round_up, scale_columns
from certify.bounds.ranges import NodeRanges, dense
from certify.bounds.structure import IncrementForm
from certify.generators.graph import Activation, Affine, Graph, Sum


@dataclass(frozen=True, eq=False)
class Drive:
    """What is put into every neuron: a multiple in [low, high] of its row of `rows` psi; all of shape (w, ...)."""

    rows: FloatArray
    low: FloatArray
    high: FloatArray


def driven_form(graph: Graph, ranges: NodeRanges, nodes: Sequence[int], drives: Sequence[Drive]) -> IncrementForm:
    """The linearised network, at rest but for what drives the activations `nodes`, as a centred increment form in psi.

    The drives' rows, low and high list all neurons of `nodes` in order; every drive is a gain of its own, and those of
    the slopes follow. Enclosure, rounded outward.
    """
    widths = [graph.nodes[node].width for node in nodes]
    starts = dict(zip(nodes, np.cumsum([0, *widths]).tolist(), strict=False))
    moved = _moved(graph, nodes)
    passing = [node for node in nodes if moved[graph.nodes[node].sources[0]]]
    count, latent = sum(widths), drives[0].rows.shape[1]
    offsets = np.cumsum([latent, *[count] * len(drives), *[graph.nodes[node].width for node in passing]])
    size = int(offsets[-1])
    inputs, spans = [], []
    total = exact_matrix(np.zeros((count, size)))
    for place, drive in enumerate(drives):
        centre = 0.5 * drive.low + 0.5 * drive.high
        rows = exact_matrix(np.pad(drive.rows, ((0, 0), (0, size - latent))))
        own = _identity(count, int(offsets[place]), size)
        total = add(total, add(scale_columns(rows.transpose, exact_matrix(centre[None])).transpose, own))
        inputs.append(rows)
        spans.append(round_up(np.maximum(drive.high - centre, centre - drive.low)))
    maps: list[MatrixBall] = []
    for index, node in enumerate(graph.nodes):
        match node:
            case Affine():
                maps.append(multiply(exact_matrix(dense(node.weight)), maps[node.source]))
            case Sum():
                found = exact_matrix(np.zeros((node.width, size)))
                for source, coefficient in zip(node.sources, node.coefficients, strict=True):
                    weight = exact_matrix(np.full((1, size), coefficient))
                    found = add(found, scale_columns(maps[source], weight))
                maps.append(found)
            case Activation() if index in starts:
                own_rows = slice(starts[index], starts[index] + node.width)
                image = MatrixBall(total.midpoint[own_rows], total.radius[own_rows])
                if index in passing:
                    low, high = (end[0] for end in ranges.slopes(index))
                    centre = 0.5 * low + 0.5 * high
                    before = maps[node.source]
                    through = scale_columns(before.transpose, exact_matrix(centre[None])).transpose
                    own = _identity(node.width, int(offsets[len(inputs)]), size)
                    inputs.append(before)
                    spans.append(round_up(np.maximum(high - centre, centre - low)))
                    image = add(image, add(through, own))
                maps.append(image)
            case _:
                maps.append(exact_matrix(np.zeros((node.width, size))))
    sources = (*[nodes[0]] * len(drives), *(graph.nodes[node].sources[0] for node in passing))
    return IncrementForm(
        latent,
        tuple(int(offset) for offset in offsets[:-1]),
        tuple(inputs),
        maps[-1],
        tuple(-span for span in spans),
        tuple(spans),
        (*[nodes[0]] * len(drives), *passing),
        sources,
    )


def _moved(graph: Graph, nodes: Sequence[int]) -> list[bool]:
    """Per node whether anything that is put into `nodes` reaches it."""
    found: list[bool] = []
    for index, node in enumerate(graph.nodes):
        found.append(index in nodes or any(found[source] for source in node.sources))
    return found


def _identity(width: int, start: int, size: int) -> MatrixBall:
    return exact_matrix(np.eye(width, size, start))
