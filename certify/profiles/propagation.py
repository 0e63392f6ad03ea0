"""Forward and reverse passes of a graph in affine forms: node values, and the adjoints of <G - x, G>/beta^2.

The adjoint of a node is the derivative of <r, G(.)> with respect to that node's value, at r = (G(z) - x)/beta^2 held
fixed: a_out = r, and backwards by the chain rule with the slopes sigma'(p) in forms of the same y and e. With
them the curvature of f is a sum over neurons (`certify.profiles.curvature`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import NodeRanges, dense
from certify.generators.activations import range_enclosure
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum
from certify.profiles import forms
from certify.profiles.forms import Form
from certify.profiles.relaxation import relax


@dataclass(frozen=True, eq=False)
class Propagation:
    """Forms of every node's value and adjoint (None where the output does not depend on the node)."""

    graph: Graph
    values: tuple[Form, ...]
    adjoints: tuple[Form | None, ...]

    def ranges(self, ball: int) -> NodeRanges:
        """Enclosures of every node's values over the ball number `ball`, as a batch of one, rounded outward."""
        ends = []
        for form in self.values:
            low, high = form.bounds()
            ends.append((low[ball : ball + 1], high[ball : ball + 1]))
        return NodeRanges(self.graph, tuple(ends))


def values_over_balls(graph: Graph, centre: FloatArray, factor: FloatArray, radii: FloatArray) -> tuple[Form, ...]:
    """Forms of every node's value over |y| <= radii[b], (b,), at z = c + B y for c (d,), B (d, d).

    Enclosure, rounded outward.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _values(graph, forms.coordinates(radii, centre, factor, graph.neurons))


def values_from(graph: Graph, start: Form, used: int) -> tuple[Form, ...]:
    """Forms of every node's value at inputs in `start`, of whose symbols e the first `used` are taken.

    Enclosure, rounded outward.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _values(graph, start, used)


def propagate(
    graph: Graph, observation: FloatArray, beta: float, centre: FloatArray, factor: FloatArray, radii: FloatArray
) -> Propagation:
    """Forms over |y| <= radii[b] of all nodes at z = centre + factor y, for x = `observation` (n,).

    Enclosure, rounded outward.
    """
    # What overflows becomes infinite or undefined, and then stands for the whole line.
    with np.errstate(invalid="ignore", over="ignore"):
        values = values_over_balls(graph, centre, factor, radii)
        return Propagation(graph, values, _adjoints(graph, values, observation, beta))


def _values(graph: Graph, start: Form, symbol: int = 0) -> tuple[Form, ...]:
    values: list[Form] = []
    for node in graph.nodes:
        match node:
            case Input():
                values.append(start)
            case Affine():
                values.append(forms.affine(dense(node.weight), node.bias, values[node.source]))
            case Sum():
                values.append(forms.combine([values[source] for source in node.sources], node.coefficients))
            case Product():
                first, second = node.sources
                values.append(forms.times(values[first], values[second]))
            case Activation():
                values.append(_through(node, values[node.source], symbol))
                symbol += node.width
    return tuple(values)


def _adjoints(graph: Graph, values: tuple[Form, ...], observation: FloatArray, beta: float) -> tuple[Form | None, ...]:
    gap = forms.combine([values[-1], forms.constant(values[-1], observation)], (1.0, -1.0))
    found: list[Form | None] = [None] * len(values)
    found[-1] = forms.scaled_by_inverse_square(gap, beta)
    turns = gap.turns
    bent = _bent(graph)
    for index in range(len(values) - 1, 0, -1):
        node, adjoint = graph.nodes[index], found[index]
        if adjoint is None:
            continue
        match node:
            case Affine():
                if bent[node.source]:
                    _add(found, node.source, forms.affine(dense(node.weight).T, None, adjoint))
            case Sum():
                for source, coefficient in zip(node.sources, node.coefficients, strict=True):
                    if bent[source]:
                        _add(found, source, forms.combine([adjoint], (coefficient,)))
            case Product():
                first, second = node.sources
                _add(found, first, forms.times(adjoint, values[second]))
                _add(found, second, forms.times(adjoint, values[first]))
            case Activation():
                if bent[node.source]:
                    slopes = range_enclosure(node.name, node.parameters, 1, *values[node.source].bounds())
                    back = forms.turned_by(forms.widened(adjoint, turns), *slopes)
                    turns = back.turns
                    _add(found, node.source, back)
    return tuple(found)


def _bent(graph: Graph) -> list[bool]:
    """Which nodes are behind an activation or a product: only their adjoints are asked for."""
    found: list[bool] = []
    for node in graph.nodes:
        found.append(isinstance(node, Activation | Product) or any(found[source] for source in node.sources))
    return found


def _through(node: Activation, source: Form, symbol: int) -> Form:
    relaxation = relax(node.name, node.parameters, 0, *source.bounds())
    return forms.relaxed(source, relaxation.slope, relaxation.offset, relaxation.gap, symbol)


def _add(found: list[Form | None], index: int, term: Form) -> None:
    present = found[index]
    found[index] = term if present is None else forms.combine([present, term], (1.0, 1.0))
