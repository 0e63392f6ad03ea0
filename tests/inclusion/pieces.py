"""Charts and what is bounded over their pieces: covers, reaches, tensors along a basis, least values over boxes."""

from __future__ import annotations

from itertools import product

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from certify.bounds import charts, enclosure
from certify.envelopes import box_minimum
from tests.inclusion.draw import LARGEST, Data, array, checks, interval, tensor_ball
from tests.inclusion.exact import at_least, at_most, between, inside, members, rational
from tests.inclusion.ranges import CHARTS, ENCLOSURE, drawn_graph


@checks(ENCLOSURE + "along_basis", ENCLOSURE + "LinearParts.scales")
def along_charts(data: Data) -> None:
    tensor, reach = tensor_ball(data, 1, 2, 2), np.abs(array(data, 1, 2))
    pieces = charts.cover(np.ones(2)).take(np.array([5]))
    found = enclosure.along_basis(tensor, pieces, reach)
    for j, i in product(range(2), range(2)):
        entries = [members(float(tensor.midpoint[0, i, k]), float(tensor.radius[0, i, k])) for k in range(2)]
        steps = [rational(reach[0, j]) * rational(pieces.basis[0, k, j]) for k in range(2)]
        for a, b in product(*entries):
            assert inside(a * steps[0] + b * steps[1], found.midpoint[0, j, i], found.radius[0, j, i])
    # The scales cover R^2 with boxes; any positive ones do, and an idle coordinate has none.
    scales = enclosure.linear_parts(drawn_graph(data)).scales(4.0)
    assert np.isfinite(scales).all() and (scales >= 0).all()


@checks(
    CHARTS + "cover",
    CHARTS + "split",
    CHARTS + "join",
    CHARTS + "Pieces.take",
    CHARTS + "Pieces.reach",
    CHARTS + "Pieces.middle",
    CHARTS + "Pieces.is_bounded",
    CHARTS + "Pieces.count",
)
def covers(data: Data) -> None:
    scales = np.exp2(np.array([data.draw(st.integers(-900, 900)) for _ in range(2)], dtype=np.float64))
    point = [rational(a) for a in array(data, 2)]
    _reaches(charts.box(*interval(data, 2, unbounded=False)))
    pieces = charts.cover(scales)
    for depth in range(4):
        assert pieces.count == len(pieces.basis) and any(_holds(pieces, row, point) for row in range(pieces.count))
        _reaches(pieces)
        chosen = np.arange(pieces.count) if pieces.count < 20 else np.arange(0, pieces.count, 2)
        kept = [row for row in range(pieces.count) if row not in chosen]
        halves = charts.split(pieces.take(chosen), np.ones((len(chosen), 2)), np.full(len(chosen), depth))
        pieces = charts.join([halves, pieces.take(np.array(kept, dtype=np.int64))])


def _reaches(pieces: charts.Pieces) -> None:
    """Both ends of every coordinate lie within the reach of the middle."""
    middle = pieces.middle()
    with np.errstate(over="ignore", invalid="ignore"):
        reach = pieces.reach(middle)
    assert np.isfinite(reach[pieces.is_bounded]).all() or np.abs(pieces.upper[pieces.is_bounded]).max() > LARGEST / 4
    for c, r, low, high in zip(*(part.ravel() for part in (middle, reach, pieces.lower, pieces.upper)), strict=True):
        assert all(inside(end, c, r) for end in between(low, high))


def _holds(pieces: charts.Pieces, row: int, point: list[fmpq]) -> bool:
    """Whether the point is V a with a between the ends."""
    (a, b), (c, d) = (list(map(rational, line)) for line in pieces.basis[row])
    determinant = a * d - b * c
    chart = ((point[0] * d - point[1] * b) / determinant, (point[1] * a - point[0] * c) / determinant)
    ends = zip(chart, pieces.lower[row], pieces.upper[row], strict=True)
    return all(at_least(value, low) and at_most(value, high) for value, low, high in ends)


@checks("certify.envelopes.box_minimum.box_minimum_lower", "certify.envelopes.box_minimum.box_minimiser")
def least_values(data: Data) -> None:
    drawn, linear = array(data, 1, 2, 2, span=0.3), array(data, 1, 2, span=0.3)
    curvature = 0.5 * (drawn + np.swapaxes(drawn, 1, 2))
    low, point = box_minimum.box_minimum_lower(curvature, linear), box_minimum.box_minimiser(curvature, linear)
    assert (np.abs(point) <= 1.0).all()
    grid = [fmpq(k, 4) for k in range(-4, 5)]
    for v in [*product(grid, grid), tuple(map(rational, point[0]))]:
        quadratic = sum((rational(curvature[0, i, j]) * v[i] * v[j] for i in range(2) for j in range(2)), fmpq(0))
        assert at_least(
            quadratic / 2 + sum((rational(b) * a for b, a in zip(linear[0], v, strict=True)), fmpq(0)), low[0]
        )
