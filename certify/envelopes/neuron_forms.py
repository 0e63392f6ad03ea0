"""Suprema of quadratic forms over the graph of an activation: eta >= sup_v psi(v, sigma(v)) over ALL real v.

psi(v, s) = b_v v + b_s s + q_vv v^2 + q_vs v s + q_ss s^2 is linear in its five coefficients, so whatever is enclosed
once for the activation serves every form on it. Between two grid points g(v) = psi(v, sigma(v)) exceeds its chord by at
most w^2/8 max(0, -inf g''), w the width, and nowhere its own range. Beyond the last grid point V, with
sigma(V + tau) = sigma(V) + a tau for a mean slope a in the range [a_1, a_2] of sigma' there,

    g(V + tau) = g(V) + c_1(a) tau + c_2(a) tau^2 <= g(V) + max(0, c_1)^2/(-4 c_2)    if c_2 < 0 for every such a,

which is where a grid that merely ends would be wrong. A piecewise linear activation is two such half-lines: no grid.
Over a range [l, u] of inputs only the cells and the parts of the half-lines that meet it count: on tau <= T a parabola
c_1 tau + c_2 tau^2 is largest at its vertex, or at an end. Everything is rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray
from certify.bounds.ranges import Interval, add, product
from certify.envelopes.box_activations import CONVEX_KINKS, flat_slope
from certify.envelopes.lifted_form import Sigma
from certify.generators.activations import derivatives, range_enclosure

LAST = 40.0
"""Where the grid ends and the half-lines begin; a power-of-two lattice, so that edges are exact floats."""

FAR = (45.0, 60.0, 80.0, 120.0, 200.0, 400.0, 1e3, 1e4)
"""Further inputs that a search looks at."""

VANISHED = SMALLEST_NORMAL / EPSILON
"""Size of a coefficient whose relative error is more than all that underflows can have lost of it."""


@dataclass(frozen=True, eq=False)
class Features:
    """Enclosures [low, high], (j, 5) each: the five numbers that the coefficients multiply, at each of j places."""

    low: FloatArray
    high: FloatArray

    def row(self, place: int) -> Features:
        """Those of one place."""
        return Features(self.low[place : place + 1], self.high[place : place + 1])

    def upper(self, coefficients: FloatArray) -> FloatArray:
        """Upper bounds of the products with `coefficients` (k, 5), shape (k, j). Rounded outward."""
        rising, falling = np.maximum(coefficients, 0.0), np.minimum(coefficients, 0.0)
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        known = np.asarray(np.isfinite(largest).all(axis=1))
        low, high, size = (np.where(known[:, None], values, 0.0) for values in (self.low, self.high, largest))
        with np.errstate(over="ignore", invalid="ignore"):
            value = rising @ high.T + falling @ low.T
            error = 32 * EPSILON * (np.abs(coefficients) @ size.T) + SMALLEST_NORMAL
            bound = value + error
        return np.where(known & ~np.isnan(bound), bound, np.inf)


@dataclass(frozen=True, eq=False)
class ActivationGraph:
    """The graph of one activation over all of R, in cells and two half-lines.

    edges    psi at the j + 1 grid points; cells    psi over the j cells; bends    g'' over them; widths    theirs, (j,)
    starts   psi where the half-lines start (2 places: left, right), slopes c_1 and curvatures c_2 along them
    """

    edges: Features
    cells: Features
    bends: Features
    widths: FloatArray
    starts: Features
    slopes: Features
    curvatures: Features


def suprema_upper(sigmas: tuple[Sigma, ...], coefficients: FloatArray, ranges: Interval | None = None) -> FloatArray:
    """Eta (k,) >= sup of psi_k(v, sigma_k(v)) over real v, or over the `ranges` [low, high], (k,) each.

    Rounded outward; inf where it is or may be infinite.
    """
    found = np.full(len(sigmas), np.inf)
    everything = np.full(len(sigmas), -np.inf), np.full(len(sigmas), np.inf)
    low, high = everything if ranges is None else ranges
    for sigma in dict.fromkeys(sigmas):
        chosen = np.array([other == sigma for other in sigmas])
        found[chosen] = _suprema(sigma, coefficients[chosen], low[chosen], high[chosen])
    return found


def _suprema(sigma: Sigma, coefficients: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    graph = activation_graph(sigma)
    starts, slopes, curvatures = (part.upper(coefficients) for part in (graph.starts, graph.slopes, graph.curvatures))
    first, last = graph.edges.low[0, 0], graph.edges.high[-1, 0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lengths = np.nextafter(np.stack([first - low, high - last], axis=1), np.inf)
        bound = np.nextafter(starts + gain(slopes, curvatures, lengths), np.inf)
        found = np.where(lengths > 0, bound, -np.inf).max(axis=1)
        if graph.widths.size:
            grid, ends = graph.edges.low[:, 0], graph.edges.upper(coefficients)
            # A range that ends inside a cell may have its own end for one of the cell's.
            own = [_at_points(sigma, coefficients, at)[:, None] for at in (low, high)]
            left = np.where(grid[:-1] < low[:, None], own[0], ends[:, :-1])
            right = np.where(grid[1:] > high[:, None], own[1], ends[:, 1:])
            sag = np.maximum(graph.bends.upper(-coefficients), 0.0) * (graph.widths**2 / 8.0) * (1 + 4 * EPSILON)
            bent = np.minimum(np.maximum(left, right), np.maximum(ends[:, :-1], ends[:, 1:])) + sag
            inside = np.minimum(np.nextafter(bent, np.inf), graph.cells.upper(coefficients))
            met = (grid[1:] >= low[:, None]) & (grid[:-1] <= high[:, None])
            found = np.maximum(found, np.where(met, inside, -np.inf).max(axis=1))
        else:
            # Two lines that meet in 0: where the range keeps to one side of it, only its own end counts.
            narrow = _line_suprema(sigma, coefficients, low, high)
            found = np.where(np.isfinite(low) & np.isfinite(high), np.minimum(found, narrow), found)
    return np.where(np.isnan(found), np.inf, found)


def _at_points(sigma: Sigma, coefficients: FloatArray, at: FloatArray) -> FloatArray:
    """Upper bounds (k,) of psi_k at its own input `at` (k,); inf where that is infinite."""
    known = np.isfinite(at)
    inputs = np.where(known, at, 0.0)
    places = _values((inputs, inputs), range_enclosure(*sigma, 0, inputs, inputs))
    return np.where(known, np.diagonal(places.upper(coefficients)), np.inf)


def gain(slopes: FloatArray, curvatures: FloatArray, lengths: FloatArray) -> FloatArray:
    """Upper bounds of max(0, c_1 tau + c_2 tau^2) over 0 <= tau <= T, T > 0; of anything where T is not positive."""
    rise = np.maximum(slopes, 0.0)
    # The quotient first: a square underflows, and 4 c_2 overflows, where the gain does not.
    vertex = np.where(rise == 0, 0.0, 0.25 * rise * (rise / -curvatures) * (1 + 8 * EPSILON) + SMALLEST_NORMAL)
    closed = (curvatures < 0) | ((curvatures <= 0) & (slopes <= 0))
    unbounded = np.where(closed, vertex, np.inf)
    # The parabola rises up to T if its slope there does; with c_2 >= 0 the larger end is the largest.
    straight, curved = slopes * lengths, curvatures * lengths * lengths
    at_end = straight + curved + 8 * EPSILON * (np.abs(straight) + np.abs(curved)) + SMALLEST_NORMAL
    rises = (curvatures >= 0) | (slopes + 2 * curvatures * lengths > 8 * EPSILON * (rise - 2 * curvatures * lengths))
    bounded = np.where(rises, np.maximum(at_end, 0.0), unbounded)
    return np.where(np.isfinite(lengths) & ~np.isnan(bounded), bounded, unbounded)


def _line_suprema(sigma: Sigma, coefficients: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """The same for a piecewise linear activation over finite ranges: parabolas B v + Q v^2 on either side of 0."""
    left = 1.0 if sigma[0] == "identity" else flat_slope(*sigma)
    b_v, b_s, q_vv, q_vs, q_ss = coefficients.T
    found = np.full(len(coefficients), -np.inf)
    pieces = ((left, low, np.minimum(high, 0.0)), (1.0, np.maximum(low, 0.0), high))
    for slope, start, end in pieces:
        # The coefficient first: a square of the slope vanishes where the term does not.
        rise, bend = b_v + slope * b_s, q_vv + slope * q_vs + slope * (slope * q_ss)
        farthest = np.maximum(np.abs(start), np.abs(end))
        size = (np.abs(b_v) + np.abs(slope * b_s) + VANISHED) * farthest
        curved = np.abs(q_vv) + np.abs(slope * q_vs) + np.abs(slope * (slope * q_ss)) + VANISHED
        size = size + curved * farthest * farthest
        peak = -0.5 * rise / bend
        # Outside the piece by a rounding or not: there the vertex is as high as the end.
        near = (bend < 0) & (peak >= start - 1e-9 * farthest) & (peak <= end + 1e-9 * farthest)
        vertex = np.where(near, -0.25 * rise * (rise / bend), -np.inf)
        ends = np.maximum(rise * start + bend * start * start, rise * end + bend * end * end)
        highest = np.maximum(ends, vertex) + 32 * EPSILON * (size + np.where(near, np.abs(vertex), 0.0))
        found = np.maximum(found, np.where(start <= end, highest + SMALLEST_NORMAL, -np.inf))
    return found


@cache
def activation_graph(sigma: Sigma) -> ActivationGraph:
    """The enclosed graph of an activation."""
    name, parameters = sigma
    grid = _grid(name)
    low, high = grid[:-1], grid[1:]
    values = [range_enclosure(name, parameters, order, low, high) for order in range(3)]
    with np.errstate(all="ignore"):
        cells = _values((low, high), values[0])
        bends = _bends((low, high), *values)
    ends = np.array([grid[0], grid[-1]])
    lines = (np.array([-np.inf, ends[1]]), np.array([ends[0], np.inf]))
    points = range_enclosure(name, parameters, 0, grid, grid)
    start = range_enclosure(name, parameters, 0, ends, ends)
    if name in CONVEX_KINKS or name == "identity":
        left = flat_slope(name, parameters) if name in CONVEX_KINKS else 1.0
        slope = (np.array([left, 1.0]), np.array([left, 1.0]))
    else:
        slope = range_enclosure(name, parameters, 1, *lines)
    return ActivationGraph(
        _values((grid, grid), points), cells, bends, high - low, _values((ends, ends), start),
        _half_line_slopes(ends, start, slope), _half_line_curvatures(slope),
    )  # fmt: skip


def search_grid(sigma: Sigma) -> FloatArray:
    """Inputs at which a search looks, in increasing order."""
    if sigma[0] in CONVEX_KINKS or sigma[0] == "identity":
        near = np.array([0.0, *(sign * 2.0**power for power in range(-8, 6) for sign in (-1, 1))])
        return np.unique(near)
    return np.unique(np.concatenate([_grid(sigma[0])[::2], FAR, -np.array(FAR)]))


def graph_points(sigma: Sigma, inputs: FloatArray) -> FloatArray:
    """What the coefficients multiply at the inputs v, (..., 5). Estimate."""
    (s,) = derivatives(sigma[0], inputs, sigma[1], 0)
    return np.stack([inputs, s, inputs * inputs, inputs * s, s * s], axis=-1)


@np.errstate(over="ignore", invalid="ignore")
def neuron_points(sigmas: tuple[Sigma, ...], inputs: FloatArray) -> FloatArray:
    """What the coefficients multiply at each neuron's `inputs` (k, j), (k, j, 5). Estimate."""
    found = np.zeros((*inputs.shape, 5))
    for sigma in dict.fromkeys(sigmas):
        chosen = np.array([other == sigma for other in sigmas])
        found[chosen] = graph_points(sigma, inputs[chosen])
    return found


def half_line_curvatures(sigma: Sigma) -> FloatArray:
    """What the coefficients multiply in c_2 at the ends of the ranges of a and a^2, rows (j, 5). Estimate."""
    enclosed = activation_graph(sigma).curvatures
    rows = [np.where([0, 0, 0, first, second], enclosed.high, enclosed.low) for first in (0, 1) for second in (0, 1)]
    return np.unique(np.round(np.concatenate(rows), 12), axis=0)


def _grid(name: str) -> FloatArray:
    if name in CONVEX_KINKS or name == "identity":
        return np.zeros(1)
    inner = np.arange(0.0, 8.0, 2.0**-6)
    half = np.concatenate([inner, np.arange(8.0, LAST + 0.125, 0.25)])
    return np.concatenate([-half[:0:-1], half])


def _values(v: Interval, s: Interval) -> Features:
    return _features(v, s, _square(v), product(v, s), _square(s))


def _bends(v: Interval, s: Interval, first: Interval, second: Interval) -> Features:
    """G'' = b_s s'' + 2 q_vv + q_vs (2 s' + v s'') + 2 q_ss (s'^2 + s s'')."""
    nothing, two = np.zeros_like(v[0]), np.full_like(v[0], 2.0)
    mixed = add(product((two, two), first), product(v, second))
    squares = add(_square(first), product(s, second))
    return _features((nothing, nothing), second, (two, two), mixed, product((two, two), squares))


def _half_line_slopes(ends: FloatArray, s: Interval, slope: Interval) -> Features:
    """c_1 = +-(b_v + a b_s + 2 q_vv V + q_vs (s_V + a V) + 2 q_ss s_V a), outward from each end."""
    one, two = np.ones(2), np.full(2, 2.0)
    mixed = add(s, product(slope, (ends, ends)))
    parts = _features((one, one), slope, (2 * ends, 2 * ends), mixed, product((two, two), product(s, slope)))
    outward = np.array([[-1.0], [1.0]])
    return Features(np.where(outward < 0, -parts.high, parts.low), np.where(outward < 0, -parts.low, parts.high))


def _half_line_curvatures(slope: Interval) -> Features:
    """c_2 = q_vv + a q_vs + a^2 q_ss."""
    nothing, one = np.zeros(2), np.ones(2)
    return _features((nothing, nothing), (nothing, nothing), (one, one), slope, _square(slope))


def _square(values: Interval) -> Interval:
    low, high = product(values, values)
    return np.maximum(low, 0.0), high


def _features(*parts: Interval) -> Features:
    return Features(np.stack([part[0] for part in parts], axis=1), np.stack([part[1] for part in parts], axis=1))
