r"""Ellipsoids, what lies between two of them, and the ranges that the neurons' inputs have inside one.

B_1, ..., B_k any ellipsoids {|L'(z - c)| <= R} and D_l = B_l \ B_(l-1), D_1 = B_1, D_(k+1) = R^d \ B_k: every z is in
D_l for the least l with z in B_l, or in D_(k+1). So the D_l cover R^d, nested or not. A D_l may be cut further by
hyperplanes: the leaves of a tree of cuts are boxes in the coordinates t = A (z - c), and cover R^d too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.arithmetic.intervals import (
    EPSILON,
    SMALLEST_NORMAL,
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    magnitude_upper,
    multiply,
    scale,
    scale_columns,
    subtract,
)
from certify.arithmetic.matrices import nonnegative_norm_upper
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import LiftedNetwork, factor_ends
from certify.generators.graph import Activation
from certify.profiles import forms
from certify.profiles.forms import Form
from certify.profiles.propagation import values_from, values_over_balls

Cut = tuple[int, float]
"""Axis and place of a cut, (-1, 0.0) for a leaf: a tree is its cuts in preorder, what is below the place first."""

LEAF: Cut = (-1, 0.0)


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """{z : |L'(z - c)| <= R}: `centre` c (d,), `root` L (d, d) lower triangular, `radius` R >= 0."""

    centre: FloatArray
    root: FloatArray
    radius: float


@dataclass(frozen=True, eq=False)
class Box:
    """{z : low <= t <= high}, t = A (z - c): `centre` c (d,), `axes` A (d, d), ends (d,). Empty where low > high."""

    centre: FloatArray
    axes: FloatArray
    low: FloatArray
    high: FloatArray

    def halves(self, axis: int, place: float) -> tuple[Box, Box]:
        """What the box has below a cut and above it: a cover, disjoint up to a null set, wherever the cut is. Exact.

        Where the cut does not meet the box one of the two is empty: its low end is above its high end.
        """
        high, low = self.high.copy(), self.low.copy()
        # Not the place itself: what is beyond the box may be in another one.
        high[axis], low[axis] = min(high[axis], place), max(low[axis], place)
        return replace(self, high=high), replace(self, low=low)


@dataclass(frozen=True, eq=False)
class Region:
    """What is in the ellipsoid `inside`, not in the interior of `outside`, and in `box`; None is no condition."""

    inside: Ellipsoid | None
    outside: Ellipsoid | None
    box: Box | None = None


def regions_between(ellipsoids: Sequence[Ellipsoid]) -> tuple[Region, ...]:
    """The cover D_1, ..., D_(k+1) of R^d."""
    return tuple(map(Region, (*ellipsoids, None), (None, *ellipsoids)))


def distance_form(mean: FloatArray, root: FloatArray) -> MatrixBall:
    """T (1+d square) with (1, z)'T(1, z) = |L'(z - mean)|^2, rounded outward."""
    columns = exact_matrix(root.T)
    shift = multiply(columns, exact_matrix(-mean[:, None]))
    rows = MatrixBall(
        np.concatenate([shift.midpoint, columns.midpoint], axis=1),
        np.concatenate([shift.radius, columns.radius], axis=1),
    )
    return multiply(rows.transpose, rows)


def excess_form(ellipsoid: Ellipsoid, multiplier: float) -> MatrixBall:
    """w (|L'(z - c)|^2 - R^2) as a form in (1, z), w = `multiplier`, rounded outward."""
    d = ellipsoid.centre.size
    corner = np.zeros((1 + d, 1))
    corner[0, 0] = ellipsoid.radius
    square = multiply(exact_matrix(corner), exact_matrix(corner.T))
    return scale(subtract(distance_form(ellipsoid.centre, ellipsoid.root), square), multiplier)


def boxes_of(whole: Box, cuts: Sequence[Cut]) -> list[Box] | None:
    """The leaves of a tree of cuts, which cover `whole`, disjoint up to null sets; None where it is no tree. Exact."""
    left, found = [whole], []
    for axis, place in cuts:
        if not left or not axis < whole.low.size or not math.isfinite(place):
            return None
        box = left.pop()
        if axis < 0:
            found.append(box)
        else:
            below, above = box.halves(axis, place)
            left.extend([above, below])
    return None if left else found


def sides_form(box: Box, multipliers: FloatArray) -> MatrixBall:
    """sum_i w_i (t_i - low_i)(t_i - high_i) as a form in (1, z), at most 0 on the box for w = `multipliers` >= 0.

    Rounded outward.
    """
    columns = exact_matrix(box.axes)
    shift = multiply(columns, exact_matrix(-box.centre[:, None]))
    low, high = (
        MatrixBall(np.hstack([at.midpoint, columns.midpoint]), np.hstack([at.radius, columns.radius]))
        for at in (subtract(shift, exact_matrix(ends[:, None])) for ends in (box.low, box.high))
    )
    half = multiply(scale_columns(low.transpose, exact_matrix(0.5 * multipliers[None])), high)
    return add(half, half.transpose)


def box_around(ellipsoid: Ellipsoid, axes: FloatArray) -> Box:
    """The least box of equal sides around an ellipsoid, up to rounding: |t| <= ||A L^-T|| R. Verified.

    Its ends are infinite where L is nearly singular or A too large; LinAlgError where L is exactly singular.
    """
    d = ellipsoid.centre.size
    inverse = exact_matrix(np.asarray(np.linalg.inv(ellipsoid.root).T, dtype=np.float64))
    off = _off(exact_matrix(ellipsoid.root.T), inverse)
    turn = multiply(exact_matrix(axes), inverse)
    # ||A L^-T|| <= ||A B|| ||(L'B)^-1|| for B near L^-T, and ||AB||^2 <= 1 + ||(AB)'AB - I||.
    square = 1.0 + _off(turn.transpose, turn)
    reach = ellipsoid.radius * math.sqrt(square) / (1.0 - off) * (1.0 + 2.0**-40) if off < 0.5 else math.inf
    # Below the normal range a factor 1 + 2^-40 is none.
    reach += SMALLEST_NORMAL
    return Box(ellipsoid.centre, axes, np.full(d, -reach), np.full(d, reach))


def box_ranges(network: LiftedNetwork, ellipsoid: Ellipsoid, box: Box, known: Interval) -> Interval:
    """Lower and upper ends (k,) of the inputs of all neurons over what an ellipsoid and a box have in common.

    `known` are those over the ellipsoid. One centre; no products. Rounded outward; LinAlgError where A is singular.
    """
    assert network.partners is None and ellipsoid.centre is box.centre, "one centre, no products"
    d = box.centre.size
    factor = np.asarray(np.linalg.inv(box.axes), dtype=np.float64)
    off, reach = _off(exact_matrix(box.axes), exact_matrix(factor)), float(box_around(ellipsoid, box.axes).high[0])
    if not (off < 0.5 and math.isfinite(reach)):
        return known
    grown = 1.0 + 2.0**-40
    # z - c = B y with y = (A B)^-1 t, so |y - t| <= |t| ||AB - I||/(1 - ||AB - I||).
    moved = reach * off / (1.0 - off) * grown + SMALLEST_NORMAL
    low, high = np.maximum(box.low, -reach), np.minimum(box.high, reach)
    # What is empty has any range.
    low, high = np.minimum(low, high), np.maximum(low, high)
    cut = (low > -reach) | (high < reach)
    # Along axes that are cut y is in an interval, along the others in a ball.
    near = np.where(cut, np.maximum(0.0, np.maximum(low, -high)), 0.0) / grown
    # As shares of the reach, whose square may be no float.
    shares = near / reach
    rest = reach * math.sqrt(max(0.0, grown - float(shares @ shares) / grown)) * grown + moved
    middle = np.where(cut, 0.5 * low + 0.5 * high, 0.0)
    blur = moved + 8 * EPSILON * (np.abs(low) + np.abs(high))
    half = np.where(cut, np.maximum(high - middle, middle - low) * grown + blur, 0.0)
    error = (np.abs(box.centre) + np.abs(factor) @ (np.abs(middle) + half)) * ((d + 8) * EPSILON)
    error += d * SMALLEST_NORMAL
    count = int(cut.sum())
    noise = np.zeros((1, d, count + network.graph.neurons))
    noise[0, :, :count] = (factor * half)[:, cut]
    start = Form(
        np.array([rest]), (box.centre + factor @ middle)[None], (factor * ~cut)[None], noise, np.zeros((1, d, 0)),
        error[None], forms.Turns(),
    )  # fmt: skip
    values = values_from(network.graph, start, count)
    ends = [values[node.source].bounds() for node in network.graph.nodes if isinstance(node, Activation)]
    low, high = (np.concatenate([np.zeros(0), *(end[side][0] for end in ends)]) for side in (0, 1))
    return np.maximum(low, known[0]), np.minimum(high, known[1])


def _off(left: MatrixBall, right: MatrixBall) -> float:
    """||left right - I|| from above."""
    unit = exact_matrix(-np.eye(left.shape[0]))
    return nonnegative_norm_upper(magnitude_upper(add(multiply(left, right), unit)))


def input_ranges(network: LiftedNetwork, ellipsoids: Sequence[Ellipsoid]) -> list[Interval]:
    """Lower and upper ends (k,) of the inputs of all neurons over each of ellipsoids with one centre and one root.

    With products (2k,), those of their other factors last. Rounded outward; the whole line where nothing is known.
    """
    if not ellipsoids:
        return []
    centre, root = ellipsoids[0].centre, ellipsoids[0].root
    assert all(item.centre is centre and item.root is root for item in ellipsoids), "one centre, one root"
    factor = np.asarray(np.linalg.inv(root).T, dtype=np.float64)
    # z - c = L^-T y = B (L'B)^-1 y, and ||(L'B)^-1|| <= 1/(1 - ||L'B - I||).
    off = _off(exact_matrix(root.T), exact_matrix(factor))
    radii = np.array([item.radius for item in ellipsoids])
    radii = np.nextafter(radii / (1.0 - off) * (1.0 + 2.0**-50), np.inf) if off < 0.5 else np.full(len(radii), np.inf)
    return ball_ranges(network, centre, factor, radii)


def ball_ranges(network: LiftedNetwork, centre: FloatArray, factor: FloatArray, radii: FloatArray) -> list[Interval]:
    """Ends (k,) of the inputs of all neurons at c + B y over |y| <= R for each of the `radii`, B = `factor` (d, d).

    With products (2k,), those of their other factors last. Rounded outward; the whole line where nothing is known.
    """
    graph = network.graph
    values = values_over_balls(graph, centre, factor, radii)
    if network.partners is not None:
        low, high = factor_ends(graph, [value.bounds() for value in values], network.partners.swapped)
        return list(zip(low, high, strict=True))
    ends = [values[node.source].bounds() for node in graph.nodes if isinstance(node, Activation)]
    nothing = np.zeros((len(radii), 0))
    low, high = (np.concatenate([nothing, *(end[side] for end in ends)], axis=1) for side in (0, 1))
    return list(zip(low, high, strict=True))
