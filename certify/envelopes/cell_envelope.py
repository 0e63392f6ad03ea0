"""(R1) by a mixture of Gaussians, region by region, where the regions are cells (`cell_search`): sharper and slower.

Cells are cut where the linear programme says that C is asked for, until the acceptance is expected to be enough or the
counted work is done. Everything found is a candidate; each cell's inequality is verified by `region_bound`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.envelopes.cell_fit import (
    SMALLEST_SHARE,
    CellMultipliers,
    Dictionary,
    Programme,
    cell_dictionary,
    cell_multipliers,
    programme,
    target_forms,
)
from certify.envelopes.cell_search import Cell, Shells, Tree, divide, first_cells
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_barrier import BarrierPath
from certify.envelopes.posterior_moments import Moments
from certify.envelopes.quadratic_search import LowerObjective
from certify.envelopes.region_bound import MixtureBound, RegionBound, region_bound
from certify.envelopes.region_fit import Minorant, alone, at_shares
from certify.envelopes.region_search import BEYOND, STEPS_BETWEEN, dictionary_of, ellipsoids_of
from certify.envelopes.regions import input_ranges

WORK = 2.5e6
"""Cells times k^2.5, k neurons, after which none is cut: counted, so the same everywhere; a minute or less."""

FARTHER = (64.0, 100.0, 160.0)
"""More of `BEYOND`: what the form on all of R^d needs beyond the last ellipsoid may be most of C."""

AT_ONCE = 8
"""Cells cut between two linear programmes."""

LEAST_SHARE = 0.01
"""Of C that a cell asks for if it is cut."""

FIT_ROUNDS, CLOSE = 8, 0.05
"""Linear programmes with the cells' worst places added, and the excess of log C over the programme's that ends them."""


def cell_bound(
    network: LiftedNetwork,
    form: MatrixBall,
    objective: LowerObjective,
    scales: FloatArray,
    outer: BarrierPath,
    moments: Moments,
    known: Sequence[Minorant],
    target: float,
    seed: int,
) -> MixtureBound | None:
    """The bound by cells, proved; None where it fails. No more cells than it takes for log C <= `target`.

    `known` are forms that were searched for on growing ellipsoids, the last on all of R^d by the search `outer`;
    `scales` as `neuron_constraints` takes them.
    """
    far = known[-1]
    ellipsoids = ellipsoids_of(moments, far, (*BEYOND, *FARTHER))[STEPS_BETWEEN - 1 :: STEPS_BETWEEN]
    axes, factor = _axes(ellipsoids[0].root, far.curvature)
    shells = Shells(network, objective, scales, factor, axes, ellipsoids, input_ranges(network, ellipsoids))
    random = np.random.default_rng([seed, 0xCE])
    far = replace(far, region=shells.beyond)
    widest = alone(far)
    if widest is None:
        return None
    floor, wide = widest
    forms = list({id(item.coefficients): item.coefficients for item in known}.values())
    search = _Search(shells, floor, wide, first_cells(shells, outer, forms, random), dictionary_of(known), random)
    search.cut(target)
    fitted = search.fit()
    if fitted is None:
        return None
    proposal, multipliers = fitted
    proofs: list[RegionBound] = []
    for cell, chosen in zip(search.leaves(), multipliers, strict=True):
        inside, outside, *sides = chosen.multipliers
        proof = region_bound(
            network, form, proposal, shells.region(cell.shell, cell.box), cell.ranges, cell.coefficients,
            chosen.shares, float(inside), float(outside) if cell.shell else 0.0, chosen.offset, sides=np.array(sides),
        )  # fmt: skip
        if proof is None:
            return None
        proofs.append(proof)
    last = at_shares(far, proposal, np.eye(proposal.size)[0])
    proof = region_bound(
        network, form, proposal, shells.beyond, None, far.coefficients, last.shares, last.inside, last.outside,
        last.offset,
    )  # fmt: skip
    if proof is None:
        return None
    proofs.append(proof)
    cuts = tuple(tree.cuts() for tree in search.trees)
    return MixtureBound(proposal, max(item.log_constant for item in proofs), tuple(proofs), cuts)


def _axes(root: FloatArray, curvature: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A and B = A^-1: the principal axes of a form in coordinates in which an ellipsoid is a ball."""
    inverse = np.linalg.inv(root)
    turn = np.linalg.eigh(inverse @ curvature @ inverse.T)[1]
    return np.asarray(turn.T @ root.T), np.asarray(inverse.T @ turn)


class _Search:
    """The trees of cells, and the Gaussians of all cells that there were."""

    def __init__(
        self,
        shells: Shells,
        floor: float,
        wide: Mixture,
        trees: list[Tree],
        others: Mixture,
        random: np.random.Generator,
    ) -> None:
        self.trees = trees
        self._shells, self._floor, self._random = shells, floor, random
        axes, factor, centre = shells.axes, shells.factor, shells.ellipsoids[0].centre
        means, roots = (np.concatenate([getattr(wide, part), getattr(others, part)]) for part in ("means", "roots"))
        turned = factor.T @ roots
        self._others = Dictionary((means - centre) @ axes.T, np.matmul(turned, np.swapaxes(turned, 1, 2)))
        self._volume = float(np.linalg.slogdet(factor)[1])
        self._all = self.leaves()
        self._known: dict[int, list[CellMultipliers]] = {}

    def leaves(self) -> list[Cell]:
        return [leaf.cell for tree in self.trees for leaf in tree.leaves()]

    def cut(self, target: float) -> None:
        """Cut cells until log C is expected to be below the target."""
        cost = float(self._shells.network.neurons) ** 2.5
        while True:
            trees = [leaf for tree in self.trees for leaf in tree.leaves()]
            cells = [tree.cell for tree in trees]
            found = self._programme(cells)
            if found is None:
                break
            # The rows of points leave out what a certificate asks for beyond them.
            asked = self._asked(cells, found)
            mixture, targets = self._mixture(found)
            for cell, share in zip(cells, asked, strict=True):
                if share > LEAST_SHARE or id(cell) not in self._known:
                    self._prove(cell, mixture, targets)
            found = self._programme(cells)
            if found is None or found.log_constant <= target or len(self._all) * cost > WORK:
                break
            asked = self._asked(cells, found)
            for index in np.argsort(-asked)[:AT_ONCE]:
                if asked[index] > LEAST_SHARE:
                    divide(self._shells, trees[index], self._random)
                    self._all.extend(part.cell for part in trees[index].parts)

    def fit(self) -> tuple[Mixture, list[CellMultipliers]] | None:
        """The mixture in z with what proves it on every cell."""
        cells = self.leaves()
        best: tuple[float, Mixture, list[CellMultipliers]] | None = None
        for _ in range(FIT_ROUNDS):
            found = self._programme(cells)
            if found is None:
                break
            mixture, targets = self._mixture(found)
            multipliers = [self._prove(cell, mixture, targets) for cell in cells]
            worst = max(item.excess for item in multipliers) + self._volume
            if math.isfinite(worst) and (best is None or worst < best[0]):
                best = worst, mixture, multipliers
            if worst <= found.log_constant + CLOSE:
                break
        if best is None:
            return None
        _, mixture, multipliers = best
        axes, factor, centre = self._shells.axes, self._shells.factor, self._shells.ellipsoids[0].centre
        precisions = np.matmul(axes.T, np.matmul(mixture.roots, np.swapaxes(mixture.roots, 1, 2))) @ axes
        means = centre + mixture.means @ factor.T
        return Mixture(mixture.weights, means, np.linalg.cholesky(precisions)), multipliers

    def _rows(self, cell: Cell) -> FloatArray:
        return np.concatenate([cell.moments, *(item.moments[None] for item in self._known.get(id(cell), ()))])

    def _programme(self, cells: list[Cell]) -> Programme | None:
        rows = [self._rows(cell) for cell in cells]
        levels = [cell.levels(some) for cell, some in zip(cells, rows, strict=True)]
        return programme(
            cell_dictionary(self._all, self._others), np.concatenate(rows), np.concatenate(levels) - self._volume,
            self._floor,
        )  # fmt: skip

    def _asked(self, cells: list[Cell], found: Programme) -> FloatArray:
        """The share of C that each cell asks for."""
        ends = np.cumsum([0, *(len(self._rows(cell)) for cell in cells)])
        return np.array([found.shares[low:high].sum() for low, high in zip(ends[:-1], ends[1:], strict=True)])

    def _mixture(self, found: Programme) -> tuple[Mixture, FloatArray]:
        """In y, with the forms of its components."""
        kept = found.weights > SMALLEST_SHARE
        kept[0] = True
        chosen = Dictionary(found.dictionary.means[kept], found.dictionary.precisions[kept])
        mixture = chosen.mixture(found.weights[kept])
        return mixture, target_forms(mixture)

    def _prove(self, cell: Cell, mixture: Mixture, targets: FloatArray) -> CellMultipliers:
        """What the mixture is worth on a cell, kept as one more row."""
        rows, known = self._rows(cell), self._known.setdefault(id(cell), [])
        means = mixture.log_peaks() - 0.5 * np.einsum("jac,bac->bj", targets, rows)
        top = means.max(axis=1)
        heights = -cell.levels(rows) - top - np.log(np.exp(means - top[:, None]).sum(axis=1))
        start = known[-1].multipliers if known else cell.multipliers
        # No point was found in a cell that is small, or empty.
        first = rows[int(np.argmax(heights))] if len(rows) else cell.own_moments()
        found = cell_multipliers(cell, mixture, targets, first, start)
        if math.isfinite(found.excess):
            known.append(found)
        return found
