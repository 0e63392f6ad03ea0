"""The mixture of Gaussians above exp(-f) where f is known cell by cell, and the multipliers that prove it. Estimate.

As in `region_fit`, a linear programme over a dictionary; here the dual weights of its rows are used too, and a cell has
a multiplier for every inequality it has: Newton's method with a log barrier finds them,

    maximise  min over y of x'(M + sum_i u_i G_i)x/2,  x = (1, y),  G_i <= 0 on the cell, u >= 0,  concave in u.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.cell_search import Cell
from certify.envelopes.cuts import least_cover, solved_by_cuts
from certify.envelopes.mixture import Mixture
from certify.envelopes.quadratic_search import cholesky, inverse_of
from certify.envelopes.region_bound import whole_shares

SCALES = (1.0, 1.3, 1.7)
"""Widenings of each cell's Gaussian among which the mixture chooses."""

LARGEST_RATIO = 1e6
SMALLEST_SHARE = 1e-6
CUTS, CUT_ROUNDS = 100, 20
SHARE_ROUNDS, COUNTS, CLOSE = 3, 1e-3, 0.05
"""Choices of the components that count, at least by such a share; the gain that is worth another."""

WEIGHTS = (1.0, 0.1, 1e-2, 1e-3)
"""Of the barrier; Newton steps at each at most."""
STEPS = 30


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Gaussians in y: `means` (k, d), `precisions` (k, d, d)."""

    means: FloatArray
    precisions: FloatArray

    def mixture(self, weights: FloatArray) -> Mixture:
        """The Gaussians with these weights (k,)."""
        return Mixture(weights, self.means, np.asarray(np.linalg.cholesky(self.precisions), dtype=np.float64))

    def log_densities(self, moments: FloatArray) -> FloatArray:
        """Means of each Gaussian's log density under moments of (1, y), (b, 1 + d, 1 + d), as (b, k)."""
        same = self.mixture(np.full(len(self.means), 1.0 / len(self.means)))
        flat = target_forms(same).reshape(same.size, -1)
        return np.asarray(same.log_peaks() + math.log(same.size) - 0.5 * moments.reshape(len(moments), -1) @ flat.T)


def cell_dictionary(cells: Sequence[Cell], others: Dictionary) -> Dictionary:
    """The Gaussians `others` first, then the cells' own at several widths."""
    means = np.array([cell.mean for cell in cells for _ in SCALES])
    precisions = np.array([cell.precision / scale**2 for cell in cells for scale in SCALES])
    return Dictionary(np.concatenate([others.means, means]), np.concatenate([others.precisions, precisions]))


@dataclass(frozen=True, eq=False)
class Programme:
    """Weights (k,) of a dictionary with sum 1, log C at the rows, and what share of C each row asks for, (b,)."""

    dictionary: Dictionary
    weights: FloatArray
    log_constant: float
    shares: FloatArray


def programme(dictionary: Dictionary, moments: FloatArray, levels: FloatArray, floor: float) -> Programme | None:
    """The least C with C rho >= exp(-levels) at rows, which are moments; the first weight times C above exp(floor)."""
    heights = dictionary.log_densities(moments) + levels[:, None]
    base = min(float(heights.max(axis=1).min()), -floor)
    matrix = np.exp(np.clip(heights - base, -700.0, math.log(LARGEST_RATIO)))
    bounds = [(math.exp(max(floor + base, -700.0)), None), *[(0.0, None)] * (matrix.shape[1] - 1)]

    def solve(some: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        # The simplex method gives up on rows that are nearly the same.
        return least_cover(some, bounds, ("highs", "highs-ipm"))

    def primal(some: FloatArray) -> FloatArray | None:
        found = solve(some)
        return None if found is None else found[0]

    first = np.argsort(matrix.max(axis=1))[:CUTS]
    weights = solved_by_cuts(matrix, first, primal, CUTS, CUT_ROUNDS)
    if weights is None:
        return None
    # Rows that hold with room ask for nothing.
    binding = np.flatnonzero(matrix @ weights < 1.05)
    last, shares = solve(matrix[binding]), np.zeros(len(levels))
    if last is not None:
        shares[binding] = last[1] / max(float(last[1].sum()), 1e-300)
    total = float(weights.sum())
    return Programme(dictionary, np.maximum(weights, 0.0) / total, math.log(total) - base, shares)


@dataclass(frozen=True, eq=False)
class CellMultipliers:
    """-q - log rho is at most `excess` over a cell, as much under `moments` of (1, y); by what `region_bound` takes."""

    excess: float
    moments: FloatArray
    shares: FloatArray
    multipliers: FloatArray
    offset: float


@np.errstate(over="ignore", invalid="ignore")
def cell_multipliers(
    cell: Cell, proposal: Mixture, targets: FloatArray, moments: FloatArray, start: FloatArray
) -> CellMultipliers:
    """Shares and multipliers together, of components that count under `moments`, multipliers from `start` on.

    `proposal` is in y, with its `target_forms`. log C is jointly convex in both. At the best ones the moments that are
    dual to H have the shares p_j ~ exp(mean of log w_j N_j). Given back to the programme as a row, these moments say
    what a cell asks for by its certificate, which is more than by its points where a cell is not convex.
    """
    logs = proposal.log_peaks()
    best = CellMultipliers(math.inf, moments, np.zeros(proposal.size), start, math.inf)
    for _ in range(SHARE_ROUNDS):
        parts = logs - 0.5 * np.einsum("jab,ab->j", targets, moments)
        there = np.exp(parts - parts.max())
        used = np.flatnonzero(there > COUNTS * there.sum())
        first = np.concatenate([start, there[used] / there[used].sum()])
        joint = _greatest(cell.least, cell.constraints, targets[used], logs[used], first, WEIGHTS)
        if joint is None:
            break
        moments, (start, own) = joint.moments, np.split(joint.point, [len(start)])
        shares = np.zeros(proposal.size)
        shares[used] = own
        shares = whole_shares(shares)
        used = np.flatnonzero(shares)
        target = np.einsum("j,jab->ab", shares[used], targets[used])
        found = _greatest(cell.least - target, cell.constraints, targets[:0], logs[:0], start, WEIGHTS[-1:])
        if found is None:
            break
        excess = -found.value - float((shares[used] * (logs[used] - np.log(shares[used]))).sum())
        gained = best.excess - excess
        if gained > 0.0:
            best = CellMultipliers(excess, moments, shares, found.point, -found.value - cell.paid)
        if gained < 0.1 * CLOSE or proposal.size == 1:
            break
    return best


def target_forms(proposal: Mixture) -> FloatArray:
    """|L_j'(y - mu_j)|^2 in (1, y), (j, 1 + d, 1 + d)."""
    columns = np.swapaxes(proposal.roots, 1, 2)
    shift = -np.einsum("jab,jb->ja", columns, proposal.means)
    rows = np.concatenate([shift[:, :, None], columns], axis=2)
    return np.asarray(np.matmul(np.swapaxes(rows, 1, 2), rows))


@dataclass(frozen=True, eq=False)
class _Dual:
    """A point (u, p) of the dual's central path: its value without logarithms, x, H^-1, what rises, the weight."""

    value: float
    x: FloatArray
    inverse: FloatArray
    height: float
    point: FloatArray
    weight: float

    @property
    def moments(self) -> FloatArray:
        """The mean of xx' that is dual to H: of x, and of what H hardly holds."""
        found = np.outer(self.x, self.x)
        found[1:, 1:] += 2.0 * self.weight * self.inverse
        return found


def _dual(base: FloatArray, forms: FloatArray, logs: FloatArray, point: FloatArray, weight: float) -> _Dual | None:
    total = base + np.einsum("m,mij->ij", point, forms)
    factor = cholesky(total[1:, 1:])
    if factor is None or point.min() <= 0.0:
        return None
    inverse = inverse_of(total[1:, 1:])
    x = np.concatenate([[1.0], -inverse @ total[1:, 0]])
    value = 0.5 * float(total[0] @ x)
    u, p = np.split(point, [len(point) - len(logs)])
    height = value + float(p @ (logs - np.log(p)))
    height += weight * float(2.0 * np.log(np.diag(factor)).sum() + np.log(u).sum())
    return _Dual(value, x, inverse, height, point, weight)


def _greatest(
    base: FloatArray,
    constraints: FloatArray,
    targets: FloatArray,
    logs: FloatArray,
    start: FloatArray,
    weights: Sequence[float],
) -> _Dual | None:
    """The greatest value over multipliers u of constraints and shares p, sum p = 1, of targets; None: no u is enough.

    It is that of min over y of x'(base + sum u G - sum p T)x/2 + sum p (logs - log p).
    """
    count, forms = len(constraints), np.concatenate([constraints, -targets])
    point = start.copy()
    point[:count] = np.maximum(start[:count], 1e-3 * max(float(start[:count].max()), 1e-6))
    found = None
    for _ in range(60):
        found = _dual(base, forms, logs, point, weights[0])
        if found is not None:
            break
        # The ball alone makes it definite in the end.
        point[0], point[1] = 2.0 * point[0], 0.5 * point[1]
    one = np.concatenate([np.zeros(count), np.ones(len(targets))])
    for weight in weights:
        if found is None:
            return None
        found = _dual(base, forms, logs, found.point, weight)
        for _ in range(STEPS):
            if found is None:
                return None
            pulls, turned = forms @ found.x, forms[:, 1:, 1:] @ found.inverse
            u, p = np.split(found.point, [count])
            gradient = 0.5 * pulls @ found.x + weight * np.einsum("mii->m", turned)
            gradient += np.concatenate([weight / u, logs - np.log(p) - 1.0])
            bend = pulls[:, 1:] @ found.inverse @ pulls[:, 1:].T + weight * np.einsum("mij,nji->mn", turned, turned)
            bend += np.diag(np.concatenate([weight / u**2, 1.0 / p]))
            scale = 1.0 / np.sqrt(np.diag(bend))
            sides = scale[:, None] * np.stack([gradient, one], axis=1)
            both = scale[:, None] * np.linalg.solve(scale[:, None] * bend * scale + 1e-12 * np.eye(len(scale)), sides)
            move = both[:, 0] - (both[:, 1] * (one @ both[:, 0]) / (one @ both[:, 1]) if len(targets) else 0.0)
            rise = float(gradient @ move)
            if rise < 0.1 * weight:
                break
            longest = min(1.0, 0.95 / max(float((-move / found.point).max()), 1e-12))
            tried = None
            for halvings in range(30):
                length = longest * 0.5**halvings
                tried = _dual(base, forms, logs, found.point + length * move, weight)
                if tried is not None and tried.height >= found.height + 0.1 * length * rise:
                    break
            else:
                break
            found = tried
    return found
