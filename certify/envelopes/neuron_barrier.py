"""Newton's method with a log barrier for one quadratic form per neuron. Estimate: proves nothing.

    minimise  J(q) + sum_k eta_k    subject to    psi_k(v, sigma_k(v); q_k) <= eta_k for all v

over rows q_k of five coefficients, J smooth and convex (`SmoothObjective`). The constraints enter at grid points, to
which the peaks of psi_k are added as the search goes on, and as signs of the curvatures of psi_k along the two
half-lines, which a bounded range of inputs does not have. A product has nine coefficients, of which neurons leave the
last four at 0; its grid is one of both factors (`product_forms`). eta_k meets no other neuron, so it is eliminated from
the Newton system (Boyd and Vandenberghe, Convex Optimization, sections 10.4 and 11.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.definite_systems import scaled_solution
from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import NEURON_WIDTH, LiftedNetwork, Sigma
from certify.envelopes.neuron_forms import half_line_curvatures, neuron_points, search_grid
from certify.envelopes.product_forms import factor_ranges, product_peaks, search_points

IntArray: TypeAlias = npt.NDArray[np.intp]

GRID = 41
FINE_GRID = 241
PEAKS = 2
SHRINK = 0.2
STEPS = 400
"""A safety net: 40 to 120 are usual."""


class SmoothObjective(Protocol):
    """J with its barrier at weight mu: J(q) - mu log det of what must stay positive definite."""

    def value(self, coefficients: FloatArray, mu: float) -> float:
        """At `coefficients` (k, 5), with products (k, 9); inf outside the domain."""

    def derivatives(self, coefficients: FloatArray, mu: float) -> tuple[FloatArray, FloatArray]:
        """Gradient and Hessian there, for the coefficients in one row."""


@dataclass(frozen=True, eq=False)
class NeuronConstraints:
    """points (k, j, 5): psi_k <= eta_k there; signs (k, i, 5): psi_k negative there, without eta, unless all are 0.

    `neurons` says which they are of, out of all; the others pay nothing here. `scales` (all,): sizes that coefficients
    have where they matter. `inputs` (k, m), increasing, and `table` (k, m, 5), psi's numbers there: where peaks are
    looked for, if anywhere (m > 0). With products nine numbers in place of five; `factors` are then the ranges of
    theirs, `products` (k,) says which they are, and `inputs` and `table` are of the others.
    """

    neurons: IntArray
    sigmas: tuple[Sigma, ...]
    points: FloatArray
    signs: FloatArray
    scales: FloatArray
    inputs: FloatArray
    table: FloatArray
    products: npt.NDArray[np.bool_]
    factors: tuple[Interval, Interval] | None = None

    def free(self, shape: tuple[int, int]) -> IntArray:
        """Places of the coefficients that have a meaning, in one row of all: neurons have five."""
        used = np.ones(shape, dtype=bool)
        used[self.neurons[~self.products], NEURON_WIDTH:] = False
        return np.flatnonzero(used)

    def depths(self, coefficients: FloatArray) -> FloatArray:
        """By how much the signs are kept, (k, i); 1 where there is none to keep."""
        found = -np.einsum("kji,ki->kj", self.signs, coefficients[self.neurons])
        return np.where(self.signs.any(axis=2), found, 1.0)

    def with_peaks(self, coefficients: FloatArray) -> NeuronConstraints:
        """The same with each neuron's two highest local maxima of psi_k added, where the points are points of psi."""
        own = coefficients[self.neurons]
        added = np.zeros((int((~self.products).sum()), 0, NEURON_WIDTH))
        if self.inputs.size:
            plain = own[~self.products, :NEURON_WIDTH]
            inputs = _peaks(self.inputs, np.einsum("kji,ki->kj", self.table, plain))
            added = neuron_points(self.sigmas, inputs)
        if self.factors is not None:
            peaks = product_peaks(own[self.products], *self.factors)
            added = _joined(self.products, added, peaks, peaks.shape[2])
        return replace(self, points=np.concatenate([self.points, added], axis=1))


def neuron_constraints(
    network: LiftedNetwork, scales: FloatArray, neurons: IntArray | None = None, ranges: Interval | None = None
) -> NeuronConstraints:
    """A coarse grid of the `neurons` (of all if None): over `ranges` [low, high], (k,) each, or over all of R."""
    which = np.arange(network.neurons) if neurons is None else neurons
    products = network.products[which]
    if products.any():
        assert neurons is None, "with products all neurons are searched for together"
        return _with_products(network, scales, ranges)
    sigmas = tuple(network.sigmas[index] for index in which)
    if ranges is None:
        kinds = dict.fromkeys(sigmas)
        fine = {sigma: search_grid(sigma)[:, None] for sigma in kinds}
        coarse = {sigma: grid[:: max(1, len(grid) // GRID)] for sigma, grid in fine.items()}
        inputs, grid = (_stacked(sigmas, tables)[..., 0] for tables in (fine, coarse))
        signs = _stacked(sigmas, {sigma: half_line_curvatures(sigma) for sigma in kinds})
    else:
        signs = np.zeros((len(which), 0, 5))
        inputs, grid = (_range_grid(ranges, count) for count in (FINE_GRID, GRID))
    points, table = neuron_points(sigmas, grid), neuron_points(sigmas, inputs)
    return NeuronConstraints(which, sigmas, points, signs, scales, inputs, table, products)


def _with_products(network: LiftedNetwork, scales: FloatArray, ranges: Interval | None) -> NeuronConstraints:
    """The constraints of the neurons that are no products in five of nine columns, and those of products."""
    products, factors = network.products, factor_ranges(network, ranges)
    plain = np.flatnonzero(~products)
    own = None if ranges is None else (ranges[0][plain], ranges[1][plain])
    single = replace(network, sigmas=tuple(network.sigmas[index] for index in plain), partners=None)
    found = neuron_constraints(single, scales, None, own)
    points, signs = (
        _joined(products, *parts, network.width)
        for parts in zip((found.points, found.signs), search_points(*factors), strict=True)
    )
    return NeuronConstraints(
        np.arange(len(products)), found.sigmas, points, signs, scales, found.inputs, found.table, products, factors
    )


def _joined(products: npt.NDArray[np.bool_], plain: FloatArray, others: FloatArray, width: int) -> FloatArray:
    """Tables of neurons (k - m, i, 5) and of products (m, j, 9) in one; shorter ones repeat their last row."""
    longest = max(plain.shape[1], others.shape[1]) if len(plain) else others.shape[1]
    found = np.zeros((len(products), longest, width))
    for chosen, table in ((~products, plain), (products, others)):
        if table.size:
            rows = np.minimum(np.arange(longest), table.shape[1] - 1)
            found[chosen, :, : table.shape[2]] = table[:, rows]
    return found


def _range_grid(ranges: Interval, count: int) -> FloatArray:
    """Increasing inputs (k, count) from end to end, the one nearest to 0 among them."""
    low, high = ranges
    steps = np.linspace(0.0, 1.0, count - 1)
    even = low[:, None] * (1.0 - steps) + high[:, None] * steps
    return np.sort(np.concatenate([even, np.clip(0.0, low, high)[:, None]], axis=1), axis=1)


def _stacked(sigmas: tuple[Sigma, ...], tables: dict[Sigma, FloatArray]) -> FloatArray:
    """The table of every neuron's activation, (k, j, w); shorter tables repeat their last row."""
    longest = max((len(table) for table in tables.values()), default=1)
    padded = {sigma: table[np.minimum(np.arange(longest), len(table) - 1)] for sigma, table in tables.items()}
    width = max((table.shape[1] for table in tables.values()), default=5)
    return np.array([padded[sigma] for sigma in sigmas]).reshape(len(sigmas), longest, width)


def _peaks(grid: FloatArray, values: FloatArray) -> FloatArray:
    """Inputs (k, PEAKS) near the highest local maxima: vertices of parabolas through the `values` on the grid."""
    inner = values[:, 1:-1]
    is_peak = (inner >= values[:, :-2]) & (inner >= values[:, 2:])
    order = np.argsort(-np.where(is_peak, inner, -np.inf), axis=1)[:, :PEAKS] + 1
    rows = np.arange(len(values))[:, None]
    (left, middle, right), (x, y, z) = ([part[rows, order + shift] for shift in (-1, 0, 1)] for part in (grid, values))
    with np.errstate(all="ignore"):
        one, two = (y - x) / (middle - left), (z - y) / (right - middle)
        vertex = 0.5 * (left + middle) - 0.5 * one * (right - left) / (two - one)
    return np.where(np.isfinite(vertex), np.clip(vertex, left, right), middle)


@dataclass(frozen=True, eq=False)
class BarrierPoint:
    """Coefficients of all neurons (k, 5) and payments eta of those that pay, strictly inside."""

    coefficients: FloatArray
    payments: FloatArray


@dataclass(frozen=True, eq=False)
class BarrierPath:
    """The last point of the central path, one from its middle to start similar problems from, the steps taken.

    `finished` where Newton's method came near the path at the end; otherwise it stuck at the boundary.
    """

    last: BarrierPoint
    middle: BarrierPoint
    steps: int
    finished: bool


def minimise(
    objective: SmoothObjective,
    constraints: NeuronConstraints,
    start: BarrierPoint,
    first: float,
    last: float,
    again: float | None = None,
) -> BarrierPath:
    """The central path from weight `first` to `last`; where that sticks, from weight `again` on.

    A small first weight is quick near the path; far from it Newton's steps run into the boundary, where H is all but
    singular, and do not come back.
    """
    path = _path(objective, constraints, start, first, last)
    if path.finished or again is None:
        return path
    inner = inside(constraints, start.coefficients, start.payments, again)
    second = _path(objective, constraints, inner, again, last)
    return replace(second, steps=path.steps + second.steps)


def _path(
    objective: SmoothObjective, constraints: NeuronConstraints, start: BarrierPoint, first: float, last: float
) -> BarrierPath:
    point, middle, mu, steps = start, start, first, 0
    while True:
        near = False
        for _ in range(60):
            moved, decrement = _newton(objective, constraints, point, mu)
            steps += 1
            near = decrement < 0.5
            if moved is None:
                break
            point = moved
            if near or steps >= STEPS:
                break
        if mu >= 1e-3:
            middle = point
        if mu <= last or steps >= STEPS:
            return BarrierPath(point, middle, steps, near)
        mu = max(last, mu * SHRINK)
        constraints = constraints.with_peaks(point.coefficients)
        point = inside(constraints, point.coefficients, point.payments, mu)


def inside(constraints: NeuronConstraints, coefficients: FloatArray, payments: FloatArray, room: float) -> BarrierPoint:
    """The point with the payments raised to clear every constraint by `room`."""
    highest = np.einsum("kji,ki->kj", constraints.points, coefficients[constraints.neurons]).max(axis=1)
    return BarrierPoint(coefficients, np.maximum(payments, highest + room))


@np.errstate(all="ignore")
def _newton(
    objective: SmoothObjective, constraints: NeuronConstraints, point: BarrierPoint, mu: float
) -> tuple[BarrierPoint | None, float]:
    q, eta, which = point.coefficients, point.payments, constraints.neurons
    slack = eta[:, None] - np.einsum("kji,ki->kj", constraints.points, q[which])
    depth = constraints.depths(q)
    gradient, hessian = objective.derivatives(q, mu)
    # A neuron whose input hardly moves leaves its coefficients free: the ridge keeps them.
    ridge = np.broadcast_to(1.0 / constraints.scales[:, None] ** 2, q.shape)
    gradient = gradient.reshape(q.shape) / mu + ridge * q
    # d/dq of -log(eta - psi) is points/slack, of -log(depth) is signs/depth.
    pull, push = constraints.points / slack[:, :, None], constraints.signs / depth[:, :, None]
    gradient[which] += pull.sum(axis=1) + push.sum(axis=1)
    paid = 1.0 / mu - (1.0 / slack).sum(axis=1)
    own = np.einsum("kji,kjl->kil", pull, pull) + np.einsum("kji,kjl->kil", push, push)
    cross = -np.einsum("kji,kj->ki", pull, 1.0 / slack)
    square = (1.0 / slack**2).sum(axis=1)
    # Elimination of eta.
    own -= cross[:, :, None] * cross[:, None, :] / square[:, None, None]
    reduced = gradient.copy()
    reduced[which] -= cross * (paid / square)[:, None]
    matrix = hessian / mu
    matrix[np.diag_indices(q.size)] += ridge.ravel()
    index = np.arange(q.size).reshape(q.shape)[which]
    matrix[index[:, :, None], index[:, None, :]] += own
    free = constraints.free(q.shape)
    if len(free) < q.size:
        matrix = matrix[np.ix_(free, free)]
    scale = 1.0 / np.sqrt(np.maximum(matrix.diagonal(), 1e-300))
    move = np.zeros(q.shape)
    descent = scaled_solution(matrix, reduced.ravel()[free], scale, 1e-13)
    if descent is None:
        return None, np.inf
    move.flat[free] = -descent
    shift = -(paid + (cross * move[which]).sum(axis=1)) / square
    decrement = -float((gradient * move).sum() + (paid * shift).sum())
    if not np.isfinite(decrement):
        return None, np.inf

    def cost(length: float) -> float:
        coefficients, payments = q + length * move, eta + length * shift
        gaps = payments[:, None] - np.einsum("kji,ki->kj", constraints.points, coefficients[which])
        depths = constraints.depths(coefficients)
        if not (gaps.min(initial=1.0) > 0 and depths.min(initial=1.0) > 0):
            return np.inf
        smooth = objective.value(coefficients, mu)
        return float(
            (smooth + payments.sum()) / mu
            - np.log(gaps).sum()
            - np.log(depths).sum()
            + 0.5 * (ridge * coefficients**2).sum()
        )

    length = _line_search(cost, decrement)
    if length == 0.0:
        return None, decrement
    return BarrierPoint(q + length * move, eta + length * shift), decrement


def _line_search(cost: Callable[[float], float], decrement: float) -> float:
    """The best power of 1/2 along the step that lowers the cost as a Newton step should; 0 if none."""
    before, length, best, lowest = cost(0.0), 1.0, 0.0, np.inf
    tolerance = 1e-9 * abs(before)
    for _ in range(40):
        after = cost(length)
        if after < lowest and after <= before - 0.01 * length * decrement + tolerance:
            best, lowest = length, after
        elif best > 0.0:
            break
        length *= 0.5
    return best
