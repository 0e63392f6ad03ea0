"""Cells: shells between ellipsoids cut by hyperplanes, each with a form made for it. Estimate: proves nothing.

In y with z = c + B y the ellipsoids are balls |y| <= R, and cuts are across axes. On a narrow cell inputs have narrow
ranges, and what a form q says elsewhere does not matter: the search is for the form plus multiples of the cell's own
inequalities, which make exp(-q) a Gaussian about as wide as the cell, from which the cell's proposals are drawn. Next
to be cut are the cells that hold most of int exp(-q), which is what evaluations of G are spent on, each across the axis
along which the inputs move whose forms lose most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import Interval
from certify.envelopes.cell_multipliers import least_mass, log_mass
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.neuron_barrier import BarrierPath, BarrierPoint, inside, minimise, neuron_constraints
from certify.envelopes.neuron_forms import neuron_points
from certify.envelopes.product_forms import payments_upper
from certify.envelopes.quadratic_search import LowerObjective
from certify.envelopes.regions import LEAF, Box, Cut, Ellipsoid, Region, box_around, box_ranges
from certify.generators.derivatives import node_tangents, node_values
from certify.generators.graph import Activation

FIRST_WEIGHT, AGAIN, LAST_WEIGHT = 1e-2, 1.0, 1e-4
"""Weights of the barrier: near the path, far from it, end."""

SIDES = 2.0
"""Multiples of 1/h^2, h half a cell's width, by which its sides count in a search; its radius R counts d/R^2."""

DRAWS, LOOKED_AT = 4000, 200
"""By which the share of a cell's Gaussian is estimated that is evaluated, and what its forms lose."""

NEAR = 1.7
"""Deviations of its Gaussian up to which a cell's half-width counts."""


@dataclass(frozen=True, eq=False)
class Shells:
    """What all cells have in common: the network and its objective, B, A = B^-1, c, ellipsoids, and what came before.

    `balls` are the ranges of the inputs over each of the `ellipsoids`.
    """

    network: LiftedNetwork
    objective: LowerObjective
    scales: FloatArray
    factor: FloatArray
    axes: FloatArray
    ellipsoids: Sequence[Ellipsoid]
    balls: Sequence[Interval]

    def radii(self, shell: int) -> tuple[float, float]:
        """The inner and the outer one."""
        return self.ellipsoids[shell - 1].radius if shell else 0.0, self.ellipsoids[shell].radius

    def region(self, shell: int, box: Box) -> Region:
        return Region(self.ellipsoids[shell], self.ellipsoids[shell - 1] if shell else None, box)

    @property
    def beyond(self) -> Region:
        """What is in none of the ellipsoids."""
        return Region(None, self.ellipsoids[-1])

    def ranges(self, shell: int, box: Box) -> Interval:
        """Of the inputs over what is in the ellipsoid and in the box. Certified."""
        return box_ranges(self.network, self.ellipsoids[shell], box, self.balls[shell])


@dataclass(frozen=True, eq=False)
class Cell:
    """What a box has of a shell.

    least         q(y) - paid as x'Mx/2 at x = (1, y), (1 + d, 1 + d): f is above it on the cell
    constraints   forms at most 0 on the cell, (2 + d, 1 + d, 1 + d): the ball, outside the inner ball, sides
    multipliers   (2 + d,), with which M and the constraints are a definite form: of the Gaussian N(mean, precision^-1)
    evaluated     log int exp(-q) over the cell in y, estimated
    drawn         points y of the Gaussian that are in the cell, (b, d), or one that is nearly
    """

    shell: int
    box: Box
    ranges: Interval
    coefficients: FloatArray
    paid: float
    start: BarrierPoint
    least: FloatArray
    constraints: FloatArray
    multipliers: FloatArray
    mean: FloatArray
    precision: FloatArray
    evaluated: float
    drawn: FloatArray

    @property
    def total(self) -> FloatArray:
        """M with the constraints, (1 + d, 1 + d)."""
        return np.asarray(self.least + np.tensordot(self.multipliers, self.constraints, axes=1))


@dataclass(eq=False)
class Tree:
    """A cell, or what it was cut into."""

    cell: Cell
    cut: Cut = LEAF
    parts: tuple[Tree, ...] = ()

    def leaves(self) -> list[Tree]:
        return [leaf for part in self.parts for leaf in part.leaves()] if self.parts else [self]

    def cuts(self) -> tuple[Cut, ...]:
        """In preorder."""
        return (self.cut, *(cut for part in self.parts for cut in part.cuts()))


def first_cells(shells: Shells, whole: BarrierPath, forms: list[FloatArray], random: np.random.Generator) -> list[Tree]:
    """One cell for every shell in the order of the ellipsoids; the `forms` are tried too."""
    found: list[Tree] = []
    start, known = whole.middle, forms
    for shell in reversed(range(len(shells.ellipsoids))):
        box = box_around(shells.ellipsoids[shell], shells.axes)
        cell = searched_cell(shells, shell, box, start, known, random)
        start, known = cell.start, [cell.coefficients, *forms]
        found.append(Tree(cell))
    return found[::-1]


def divide(shells: Shells, leaf: Tree, random: np.random.Generator) -> None:
    """Cut a leaf in two, each with a form of its own."""
    cell = leaf.cell
    leaf.cut = _cut_of(shells, cell)
    leaf.parts = tuple(
        Tree(searched_cell(shells, cell.shell, box, cell.start, [cell.coefficients], random))
        for box in cell.box.halves(*leaf.cut)
    )


def _cut_of(shells: Shells, cell: Cell) -> Cut:
    """The axis along which those inputs move whose forms lose most, and the middle of what is drawn there.

    Neuron k loses eta_k - psi_k, on average over what is drawn from the cell's Gaussian.
    """
    network, graph = shells.network, shells.network.graph
    values = node_values(graph, cell.box.centre + cell.drawn @ shells.factor.T)
    sources = [node.source for node in graph.nodes if isinstance(node, Activation)]
    inputs = np.concatenate([values[source] for source in sources], axis=1)
    tangents = node_tangents(graph, values)
    moves = np.concatenate([shells.factor.T @ tangents[source] for source in sources], axis=2)
    psi = np.einsum("kbi,ki->k", neuron_points(network.sigmas, inputs.T), cell.coefficients) / len(inputs)
    losses = payments_upper(network, cell.coefficients, cell.ranges) - psi
    spread = np.sqrt(np.diag(np.linalg.inv(cell.precision)))
    parts = (moves**2).mean(axis=0) * np.minimum(0.5 * (cell.box.high - cell.box.low), NEAR * spread)[:, None] ** 2
    axis = int(np.argmax(parts / np.maximum(parts.sum(axis=0), 1e-300) @ np.maximum(losses, 0.0)))
    low, high = float(cell.box.low[axis]), float(cell.box.high[axis])
    middle = float(np.median(cell.drawn[:, axis]))
    return axis, min(max(middle, low + 0.2 * (high - low)), high - 0.2 * (high - low))


def searched_cell(
    shells: Shells,
    shell: int,
    box: Box,
    start: BarrierPoint,
    known: list[FloatArray],
    random: np.random.Generator,
) -> Cell:
    """The cell with the best form of a search and of the `known` ones."""
    network, d = shells.network, shells.network.latent_dim
    ranges = shells.ranges(shell, box)
    constraints, multipliers = _constraints(shells.radii(shell), box)
    to_y = np.eye(network.size)[: 1 + d]
    to_y[1:, 0], to_y[1:, 1 : 1 + d] = -box.axes @ box.centre, box.axes
    own = np.einsum("m,mij->ij", multipliers, constraints)
    guide = replace(shells.objective, form=shells.objective.form + to_y.T @ own @ to_y)
    room = neuron_constraints(network, shells.scales, ranges=ranges)
    point = inside(room, start.coefficients, np.full(network.neurons, -np.inf), FIRST_WEIGHT)
    path = minimise(guide, room, point, FIRST_WEIGHT, LAST_WEIGHT, AGAIN)

    def height(item: FloatArray) -> float:
        value = guide.value(item, 0.0) + float(payments_upper(network, item, ranges).sum())
        return value if math.isfinite(value) else math.inf

    best = min([path.last.coefficients, *known], key=height)
    paid = float(payments_upper(network, best, ranges).sum())
    total = shells.objective.matrix(best)
    least = total[: 1 + d, : 1 + d] - total[: 1 + d, 1 + d :] @ np.linalg.solve(
        total[1 + d :, 1 + d :], total[1 + d :, : 1 + d]
    )
    to_z = np.eye(1 + d)
    to_z[1:, 0], to_z[1:, 1:] = box.centre, shells.factor
    least = to_z.T @ (0.5 * (least + least.T)) @ to_z
    least[0, 0] -= 2.0 * paid
    multipliers = least_mass(least, constraints, multipliers)
    own = np.tensordot(multipliers, constraints, axes=1)
    local = least + own
    mean = -np.linalg.solve(local[1:, 1:], local[1:, 0])
    share, drawn = _log_share(shells.radii(shell), box, mean, local[1:, 1:], own, random)
    return Cell(
        shell, box, ranges, best, paid, path.middle if path.finished else start, least, constraints, multipliers,
        mean, local[1:, 1:], log_mass(local) + share, drawn,
    )  # fmt: skip


def _constraints(radii: tuple[float, float], box: Box) -> tuple[FloatArray, FloatArray]:
    """The forms in (1, y) that are at most 0 on a cell, and how much of each a search adds: of sides only if cut."""
    (inner, outer), d = radii, box.low.size
    found = [np.diag([-outer * outer, *np.ones(d)]), np.diag([inner * inner, *-np.ones(d)])]
    multiples = [d / outer**2, 0.0]
    for axis, (low, high) in enumerate(zip(box.low, box.high, strict=True)):
        side = np.zeros((1 + d, 1 + d))
        side[0, 0], side[1 + axis, 1 + axis] = low * high, 1.0
        side[0, 1 + axis] = side[1 + axis, 0] = -0.5 * (low + high)
        found.append(side)
        is_cut = low > -outer or high < outer
        multiples.append(SIDES / (0.5 * (high - low)) ** 2 if is_cut else 0.0)
    return np.array(found), np.array(multiples)


def _log_share(
    radii: tuple[float, float],
    box: Box,
    mean: FloatArray,
    precision: FloatArray,
    own: FloatArray,
    random: np.random.Generator,
) -> tuple[float, FloatArray]:
    """Log E[exp(x'Gx/2); cell] under N(mean, precision^-1), x'Gx <= 0 on the cell, G = `own`; -inf if none is met.

    And some of the points that are in the cell, or one that is nearly.
    """
    (inner, outer), d = radii, mean.size
    root = np.linalg.cholesky(precision)
    points = mean + np.linalg.solve(root.T, random.standard_normal((d, DRAWS))).T
    lengths = np.linalg.norm(points, axis=1)
    is_in = (lengths <= outer) & (lengths >= inner) & ((points >= box.low) & (points <= box.high)).all(axis=1)
    x = np.concatenate([np.ones((DRAWS, 1)), points], axis=1)[is_in]
    found = float(np.exp(np.minimum(0.5 * ((x @ own) * x).sum(axis=1), 0.0)).sum()) / DRAWS
    drawn = x[:LOOKED_AT, 1:] if len(x) else np.clip(mean, box.low, box.high)[None]
    return math.log(found) if found > 0.0 else -math.inf, drawn
