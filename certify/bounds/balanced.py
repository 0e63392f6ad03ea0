"""The semidefinite problem of an increment form in balanced coordinates, for the float search. Estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall
from certify.bounds.barrier import LinearMatrixInequality
from certify.bounds.structure import IncrementForm


@dataclass(frozen=True, eq=False)
class Balanced:
    """The problem in coordinates in which all spans are 1, without the gains that never see delta.

    `groups` are the multipliers of the successive layers, `units` (k,) those of the gains, `size` that of the output.
    """

    inequality: LinearMatrixInequality
    groups: list[slice]
    is_live: npt.NDArray[np.bool_]
    units: FloatArray
    size: float

    def inward(self, s: float, multipliers: FloatArray) -> tuple[float, FloatArray]:
        """(s, T) of the form in these coordinates. Estimate."""
        weights = multipliers[: self.units.size] * (self.units / self.size) ** 2
        return s / self.size**2, weights[self.is_live]

    def outward(self, s: float, multipliers: FloatArray, idle: float) -> tuple[float, FloatArray]:
        """(s, T) in the form's own coordinates, `idle` for the gains that are not here. Estimate."""
        values = np.full(self.units.size, idle)
        values[self.is_live] = multipliers * (self.size / self.units[self.is_live]) ** 2
        return s * (self.size * self.size), values

    def pairs_outward(self, pairs: FloatArray, weights: FloatArray) -> FloatArray:
        """Pairs (count, 5) and weights in the form's own coordinates and numbers, (6 count,). Estimate."""
        live = np.flatnonzero(self.is_live)
        i, j = live[pairs[:, 0].astype(int)], live[pairs[:, 1].astype(int)]
        first, second = self.units[i], self.units[j]
        ratios, own = pairs[:, 4] * second / first, weights * self.size**2 / (first * second)
        return np.column_stack([i, j, pairs[:, 2:4], ratios, own]).ravel()


def balanced_problem(form: IncrementForm, matrix: MatrixBall, sign: float) -> Balanced | None:
    """The problem for M (`sign` 1) or m (-1), `matrix` (n, size); None where the output is 0 or overflows. Estimate."""
    d = form.latent_dim
    spans = np.concatenate([*form.spans, np.zeros(0)])
    rows = np.concatenate([block.midpoint for block in form.inputs] + [np.zeros((0, form.size))])
    reach = spans[:, None] * rows
    # A gain that never sees delta is zero: its multiplier would grow without end, and takes a large value instead.
    is_live = np.asarray(reach.any(axis=1))
    seen = np.concatenate([np.ones(d, dtype=bool), is_live])
    # A unit of eta_i is what its pre-activation can move per unit of delta, propagated through the layers.
    units = np.ones(form.size)
    for block in range(len(form.inputs)):
        own = form.columns(block)
        local = reach[own.start - d : own.stop - d]
        units[own] = np.maximum(np.sqrt(((local * units) ** 2).sum(axis=1)), 1e-12)
    factor = matrix.midpoint * units
    size = float(np.linalg.norm(factor, 2)) if factor.size else 0.0
    if not (math.isfinite(size) and size > 0):
        return None
    scaled_reach = (reach * units / units[d:, None])[is_live][:, seen]
    factor = factor[:, seen] / size
    if sign > 0:
        factor, scaled_reach, d = _without_idle_directions(factor, scaled_reach, d)
    inequality = LinearMatrixInequality(factor.T @ factor, scaled_reach, d, sign)
    counts, first = np.concatenate([[0], np.cumsum(is_live)]), form.latent_dim
    layers = [form.columns(block) for block in range(len(form.inputs))]
    groups = [slice(int(counts[own.start - first]), int(counts[own.stop - first])) for own in layers]
    return Balanced(inequality, groups, is_live, units[form.latent_dim :], size)


def _without_idle_directions(factor: FloatArray, reach: FloatArray, d: int) -> tuple[FloatArray, FloatArray, int]:
    """The problem for M on the directions delta that reach anything: along the others s|delta|^2 >= 0 remains."""
    seen = np.concatenate([reach[:, :d], factor[:, :d]])
    if seen.shape[0] >= d:
        return factor, reach, d
    basis = np.linalg.svd(seen, full_matrices=False)[2].T
    reduced = (np.concatenate([rows[:, :d] @ basis, rows[:, d:]], axis=1) for rows in (factor, reach))
    smaller_factor, smaller_reach = reduced
    return smaller_factor, smaller_reach, basis.shape[1]
