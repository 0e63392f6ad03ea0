"""Backward rows over boxes: planes of single nodes, and forms below weighted sums of outputs, at the boxes' corners."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from flint import arb, fmpq
from hypothesis import strategies as st

from certify.arithmetic.balls import precision
from certify.envelopes.box_forms import BoxForms, box_forms
from certify.envelopes.box_rows import row_plane
from certify.envelopes.weighted import weighted_lower, weighted_quadratic_lower
from tests.inclusion.draw import Data, array, checks
from tests.inclusion.exact import rational
from tests.inclusion.ranges import BITS, box_points, coefficient, drawn_graph, jets, may_lie

ROWS, WEIGHTED = "certify.envelopes.box_rows.", "certify.envelopes.weighted."


def drawn_forms(data: Data) -> BoxForms:
    """Forms of a graph with two activations over one box; mostly of a size at which they say something."""
    graph = drawn_graph(data, 0.02 if data.draw(st.booleans()) else 0.2)
    centre, half = array(data, 2, span=0.02), array(data, 2, span=0.02, signed=False)
    return box_forms(graph, centre[None], half[None])


def values_at_corners(forms: BoxForms) -> Iterator[tuple[list[fmpq], list[list[arb]]]]:
    """Every u of the box that is tried, with the values of all nodes at c + u."""
    centre, half = forms.centres[0], forms.halves[0]
    for u in box_points(-half, half):
        point = [rational(c) + step for c, step in zip(centre, u, strict=True)]
        nodes = jets(forms.graph, point, [fmpq(0)] * 2, 0)
        yield u, [[coefficient(entry, 0) for entry in entries] for entries in nodes]


def linear(slope: np.ndarray, u: list[fmpq]) -> fmpq:
    """Slope . u."""
    return sum((rational(s) * step for s, step in zip(slope, u, strict=True)), fmpq(0))


@checks(ROWS + "row_plane")
def planes_by_rows(data: Data) -> None:
    forms = drawn_forms(data)
    with np.errstate(all="ignore"):
        planes = [
            row_plane(forms.graph, index, forms.nodes, forms.lines, forms.choices, forms.halves)
            for index in range(1, len(forms.graph.nodes))
        ]
    with precision(BITS):
        for u, nodes in values_at_corners(forms):
            for values, form, plane in zip(nodes[1:], forms.nodes[1:], planes, strict=True):
                for i, value in enumerate(values):
                    numbers = [plane.shift[0, i], plane.radius[0, i], form.value[0, i], *plane.slope[0, i]]
                    if not np.isfinite(numbers).all():
                        continue
                    at = rational(form.value[0, i]) + rational(plane.shift[0, i]) + linear(plane.slope[0, i], u)
                    assert may_lie(abs(value - arb(at)), 0.0, plane.radius[0, i])


@checks(WEIGHTED + "weighted_lower", WEIGHTED + "weighted_quadratic_lower")
def forms_below_weighted_sums(data: Data) -> None:
    forms = drawn_forms(data)
    weights = array(data, 1, 2, span=0.05)
    with np.errstate(all="ignore"):
        slope, rest = weighted_lower(forms, weights)
        curved = weighted_quadratic_lower(forms, weights)
    centre = [float(value) for value in forms.nodes[-1].value[0]]
    if not np.isfinite(centre).all():
        return
    with precision(BITS):
        for u, nodes in values_at_corners(forms):
            parts = zip(weights[0], nodes[-1], centre, strict=True)
            gap = sum((arb(rational(w)) * (value - arb(rational(c))) for w, value, c in parts), arb(0))
            for plane, bent, constant in (
                (slope[0], np.zeros((2, 2)), rest[0]), (curved.slope[0], curved.curvature[0], curved.rest[0])
            ):  # fmt: skip
                if np.isfinite(constant):
                    square = sum((rational(bent[i, j]) * u[i] * u[j] for i in (0, 1) for j in (0, 1)), fmpq(0))
                    below = linear(plane, u) + square / 2 + rational(constant)
                    assert may_lie(gap - arb(below), 0.0, np.inf)
