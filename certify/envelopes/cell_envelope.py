"""An envelope cell by cell (`cells`): every cell has a Gaussian of its own, so that few proposals are evaluated.

What a form says beyond its cell does not matter, and no mixture has to follow all of them at once: the evaluations that
one accepted draw takes are the masses of exp(-q) on the cells, over int exp(-f). Cells are cut where that mass is until
it is expected to be small enough or the counted work is done. Everything found is a candidate; each cell's inequality
is verified by `region_bound`, and the share of proposals that are evaluated is bounded by `evaluated_share`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.bounds.ranges import Interval
from certify.envelopes.cell_search import Cell, Shells, Tree, divide, first_cells
from certify.envelopes.cells import cells_of
from certify.envelopes.evaluated_share import evaluated_upper
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_barrier import BarrierPath
from certify.envelopes.neuron_forms import neuron_points
from certify.envelopes.posterior_moments import Moments
from certify.envelopes.quadratic_search import LowerObjective
from certify.envelopes.region_bound import MixtureBound, RegionBound, log_constant_of, region_bound
from certify.envelopes.region_fit import Minorant, alone, at_shares
from certify.envelopes.region_search import BEYOND, STEPS_BETWEEN, ellipsoids_of
from certify.envelopes.regions import Cut, input_ranges

WORK = 1.2e6
"""Searches times k^2, k neurons, after which none is cut: counted, so the same everywhere; a minute or less."""

FARTHER = (64.0, 100.0, 160.0)
"""More of `BEYOND`: what the form on all of R^d needs beyond the last ellipsoid may be most of C."""

AT_ONCE = 8
"""Cells cut between two looks at all of them."""

GIVEN_UP = ((1e-8, 0.0), (1e-7, 0.0), (1e-6, 1e-8), (1e-5, 1e-7), (1e-4, 1e-6), (1e-3, 1e-5))
"""Shares of a Gaussian's precision and multiples of (s - s_0)^2 for every neuron, until a cell is verified.

Where a neuron hardly matters in a cell the form may be all but singular in its output s.
"""


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
    """The bound by cells, proved; None where it fails. No more cells than it takes for a mass of exp(`target`).

    `known` are forms that were searched for on growing ellipsoids, the last on all of R^d by the search `outer`;
    `scales` as `neuron_constraints` takes them. Each region is proved with the component of its own place alone.
    """
    far = known[-1]
    ellipsoids = ellipsoids_of(moments, far, (*BEYOND, *FARTHER))[STEPS_BETWEEN - 1 :: STEPS_BETWEEN]
    axes, factor = _axes(ellipsoids[0].root, far.curvature)
    shells = Shells(network, objective, scales, factor, axes, ellipsoids, input_ranges(network, ellipsoids))
    forms = list({id(item.coefficients): item.coefficients for item in known}.values())
    trees = _cut(shells, first_cells(shells, outer, forms, np.random.default_rng([seed, 0xCE])), target, seed)
    proofs = [_proved(network, form, shells, leaf.cell) for tree in trees for leaf in tree.leaves()]
    proofs.append(_beyond(network, form, shells, far))
    bounds = [proof for proof in proofs if proof is not None]
    if len(bounds) < len(proofs):
        return None
    return _joined(bounds, tuple(tree.cuts() for tree in trees))


def _axes(root: FloatArray, curvature: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A and B = A^-1: the principal axes of a form in coordinates in which an ellipsoid is a ball."""
    inverse = np.linalg.inv(root)
    turn = np.linalg.eigh(inverse @ curvature @ inverse.T)[1]
    return np.asarray(turn.T @ root.T), np.asarray(inverse.T @ turn)


def _cut(shells: Shells, trees: list[Tree], target: float, seed: int) -> list[Tree]:
    """Cut the cells with the largest masses until all of them together are expected below the target."""
    cost, random = float(shells.network.neurons) ** 2, np.random.default_rng([seed, 0xC7])
    volume, count = float(np.linalg.slogdet(shells.factor)[1]), len(trees)
    while True:
        leaves = [leaf for tree in trees for leaf in tree.leaves()]
        masses = np.array([leaf.cell.evaluated for leaf in leaves]) + volume
        if float(np.logaddexp.reduce(masses)) <= target or count * cost > WORK:
            return trees
        for index in np.argsort(-masses, kind="stable")[:AT_ONCE]:
            divide(shells, leaves[index], random)
            count += 2


Proof: TypeAlias = tuple[RegionBound, Mixture]
"""A region's inequality for the one Gaussian that it is proved with."""


def _proved(network: LiftedNetwork, form: MatrixBall, shells: Shells, cell: Cell) -> Proof | None:
    """The inequality of a cell with its own Gaussian."""
    centre, axes = shells.ellipsoids[0].centre, shells.axes
    inside, outside, *sides = cell.multipliers
    x = np.concatenate([[1.0], cell.mean])
    # The least value of the whole form is -offset; payments are added where it is verified.
    offset = -0.5 * float(x @ cell.total @ x) - cell.paid
    outputs = _middle_outputs(network, cell.ranges)
    for share, steeper in GIVEN_UP:
        coefficients = cell.coefficients.copy()
        coefficients[:, 1] -= 2.0 * steeper * outputs
        coefficients[:, 4] += steeper
        root = np.asarray(np.linalg.cholesky((1.0 - share) * axes.T @ cell.precision @ axes), dtype=np.float64)
        own = Mixture(np.ones(1), (centre + shells.factor @ cell.mean)[None], root[None])
        found = region_bound(
            network, form, own, shells.region(cell.shell, cell.box), cell.ranges, coefficients, np.ones(1),
            float(inside), float(outside) if cell.shell else 0.0, offset + steeper * float(outputs @ outputs),
            sides=np.array(sides),
        )  # fmt: skip
        if found is not None:
            return found, own
    return None


def _middle_outputs(network: LiftedNetwork, ranges: Interval) -> FloatArray:
    """s_0 (k,): the neurons' outputs in the middle of their inputs' ranges, 0 where there is none. Estimate."""
    found = neuron_points(network.sigmas, 0.5 * (ranges[0] + ranges[1])[:, None])[:, 0, 1]
    return np.where(np.isfinite(found), found, 0.0)


def _beyond(network: LiftedNetwork, form: MatrixBall, shells: Shells, far: Minorant) -> Proof | None:
    """That of what is in none of the ellipsoids, with the Gaussian of the form on all of R^d, wider."""
    far = replace(far, region=shells.beyond)
    widest = alone(far)
    if widest is None:
        return None
    _, own = widest
    chosen = at_shares(far, own, np.ones(1))
    found = region_bound(
        network, form, own, shells.beyond, None, far.coefficients, np.ones(1), chosen.inside, chosen.outside,
        chosen.offset,
    )  # fmt: skip
    return None if found is None else (found, own)


def _joined(proofs: Sequence[Proof], cuts: tuple[tuple[Cut, ...], ...]) -> MixtureBound:
    """All regions under one mixture, its weights such that each of them asks for the same log C."""
    logs = np.array([proof.log_constant for proof, _ in proofs])
    weights = np.maximum(np.exp(logs - logs.max()), 1e-300)
    means, roots = (np.concatenate([getattr(own, part) for _, own in proofs]) for part in ("means", "roots"))
    mixture = Mixture(weights / weights.sum(), means, roots)
    units = np.eye(len(proofs))
    regions = tuple(
        replace(proof, shares=unit, log_constant=log_constant_of(mixture, proof.payments, unit, proof.offset))
        for (proof, _), unit in zip(proofs, units, strict=True)
    )
    found = MixtureBound(mixture, max(item.log_constant for item in regions), regions, cuts)
    cells = cells_of(regions)
    assert cells is not None, "each region has a component of its own"
    return replace(found, evaluated=evaluated_upper(cells, mixture))
