r"""Ellipsoids, what lies between two of them, and the ranges that the neurons' inputs have inside one.

B_1, ..., B_k any ellipsoids {|L'(z - c)| <= R} and D_l = B_l \ B_(l-1), D_1 = B_1, D_(k+1) = R^d \ B_k: every z is in
D_l for the least l with z in B_l, or in D_(k+1). So the D_l cover R^d, nested or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    magnitude_upper,
    multiply,
    scale,
    subtract,
)
from certify.arithmetic.matrices import nonnegative_norm_upper
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import LiftedNetwork, factor_ends
from certify.generators.graph import Activation
from certify.profiles.propagation import values_over_balls


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """{z : |L'(z - c)| <= R}: `centre` c (d,), `root` L (d, d) lower triangular, `radius` R >= 0."""

    centre: FloatArray
    root: FloatArray
    radius: float


@dataclass(frozen=True, eq=False)
class Region:
    """What is in the ellipsoid `inside` and not in the interior of `outside`; None is no condition."""

    inside: Ellipsoid | None
    outside: Ellipsoid | None


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
    defect = add(multiply(exact_matrix(root.T), exact_matrix(factor)), exact_matrix(-np.eye(centre.size)))
    off = nonnegative_norm_upper(magnitude_upper(defect))
    radii = np.array([item.radius for item in ellipsoids])
    radii = np.nextafter(radii / (1.0 - off) * (1.0 + 2.0**-50), np.inf) if off < 0.5 else np.full(len(radii), np.inf)
    graph = network.graph
    values = values_over_balls(graph, centre, factor, radii)
    if network.partners is not None:
        low, high = factor_ends(graph, [value.bounds() for value in values], network.partners.swapped)
        return list(zip(low, high, strict=True))
    ends = [values[node.source].bounds() for node in graph.nodes if isinstance(node, Activation)]
    nothing = np.zeros((len(radii), 0))
    low, high = (np.concatenate([nothing, *(end[side] for end in ends)], axis=1) for side in (0, 1))
    return list(zip(low, high, strict=True))
