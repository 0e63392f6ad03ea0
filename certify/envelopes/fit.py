"""A proposal close to the posterior, found in floats: cells where the mass lies, EM, and a linear programme.

The programme is the minimax problem itself: over a dictionary of Gaussians N_j it minimises C = sum w_j subject to
sum_j w_j N_j >= exp(-f) at many points. What it returns is a candidate; C is certified elsewhere (`box_search`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_weights import is_expensive
from certify.envelopes.cuts import solved_by_cuts
from certify.envelopes.likelihood import Likelihood, candidate_potential, repeated_potential
from certify.envelopes.live_chain import LiveRegion
from certify.envelopes.mixture import Mixture
from certify.errors import CertifyError
from certify.generators.graph import Graph

IntArray = npt.NDArray[np.intp]

WIDE = 1.3
"""Standard deviation of the component that is wider than the prior: it alone bounds the tail on all of R^d."""

WIDE_SHARE = 0.005
SCALES = (1.0, 1.25, 1.6, 2.2)
MOMENT_SCALES = (1.0, 1.5, 2.5)
CLOSE = 0.02
"""Excess of log C over the programme's that ends the climbs."""


@dataclass(frozen=True)
class Effort:
    """How many points are looked at.

    side      by how much the lattice has fewer points on an axis
    finest    share of the mass above which a cell is divided
    rows      heavy cells, and draws of the dictionary, that the programme starts with
    climbs    programmes at most, each followed by a climb
    starts    points that climb
    steps     of each
    """

    side: int
    finest: float
    rows: int
    climbs: int
    starts: int
    steps: int


FULL, SPARING = Effort(1, 1 / 2000, 1800, 6, 64, 16), Effort(3, 1 / 250, 400, 2, 12, 8)
"""The second where one evaluation is expensive: there a thousand points cost as much as a hundred boxes."""

REACHES = (6.0, 12.0, 24.0, 48.0)
"""Half-widths of the lattice, from the prior's bulk on."""

HEAVIEST = 64
"""Cells whose neighbours are divided until they are no wider than twice as wide."""

CUTS, CUT_ROUNDS = 120, 12
"""Rows that the programme is given at a time, and how often."""

LARGEST_RATIO = 1e5
"""Entries of the programme above this only say that the row holds."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Points (k, d), their potentials f (k,) and logarithms of their cells' masses (k,)."""

    points: FloatArray
    potentials: FloatArray
    log_masses: FloatArray

    @property
    def log_integral(self) -> float:
        """Log int exp(-f) by the midpoint rule. Estimate."""
        top = float(self.log_masses.max())
        return top + math.log(float(np.exp(self.log_masses - top).sum()))

    @property
    def shares(self) -> FloatArray:
        """Masses with sum 1."""
        weights = np.exp(self.log_masses - self.log_masses.max())
        return np.asarray(weights / weights.sum())


def find_cells(graph: Graph, likelihood: Likelihood, extra: FloatArray | None = None) -> Cells:
    """Cells of a lattice on [-6, 6]^d, divided where the mass of exp(-f) lies; `extra` (k, d) get their own.

    Where mass lies at the lattice's border, as for observations far from what a decoder makes, the lattice is doubled.
    """
    for reach in REACHES:
        cells = _divided_cells(graph, likelihood, extra, reach)
        heavy = cells.points[cells.log_masses >= cells.log_masses.max() - 12.0]
        if np.abs(heavy).max() < reach * (1 - 2 / _side(graph)):
            break
    return cells


def _side(graph: Graph) -> int:
    # Fewer than four have no inner points, by which a lattice is known to reach far enough.
    return max(4, {1: 512, 2: 96, 3: 20}.get(graph.latent_dim, 6) // effort_of(graph).side)


def effort_of(graph: Graph) -> Effort:
    """How many points are looked at for this graph."""
    return SPARING if is_expensive(graph) else FULL


def _divided_cells(graph: Graph, likelihood: Likelihood, extra: FloatArray | None, reach: float) -> Cells:
    d = graph.latent_dim
    side, finest = _side(graph), effort_of(graph).finest
    axis = (np.arange(side) + 0.5) / side * 2 * reach - reach
    points = np.array(list(product(axis, repeat=d)))
    widths = np.full(len(points), 2 * reach / side)
    potentials = repeated_potential(graph, likelihood, points)
    if extra is not None and len(extra):
        points, widths = np.concatenate([points, extra]), np.concatenate([widths, np.full(len(extra), 0.05)])
        potentials = np.concatenate([potentials, candidate_potential(graph, likelihood, extra)])
    offsets = np.array(list(product((-0.25, 0.25), repeat=d)))
    if not np.isfinite(potentials).any():
        raise CertifyError(f"the potential is finite at no point of a lattice on [-{reach:g}, {reach:g}]^d")
    for _ in range(40):
        masses = d * np.log(widths) - potentials
        shares = np.exp(masses - masses.max())
        shares = shares / shares.sum()
        heavy = (shares > finest) | _coarse_neighbours(points, widths, masses)
        if not heavy.any() or len(points) > 30_000:
            break
        children = (points[heavy][:, None, :] + widths[heavy][:, None, None] * offsets).reshape(-1, d)
        points = np.concatenate([points[~heavy], children])
        potentials = np.concatenate([potentials[~heavy], candidate_potential(graph, likelihood, children)])
        widths = np.concatenate([widths[~heavy], np.repeat(widths[heavy] / 2, len(offsets))])
    masses = d * np.log(widths) - potentials
    # Beyond 2^58 nats a difference of 40 is none in floats: the heaviest are kept all the same.
    kept = masses >= masses.max() - 40.0
    return Cells(points[kept], potentials[kept], masses[kept])


def _coarse_neighbours(points: FloatArray, widths: FloatArray, masses: FloatArray) -> npt.NDArray[np.bool_]:
    """Cells that touch one of the heaviest and are wider: what is narrower than a cell may reach beyond its border."""
    top = np.argsort(-masses)[:HEAVIEST]
    # Of the many cells few are near any of the heaviest.
    reach = 0.501 * (widths + widths[top].max())
    near = (widths > 1.5 * widths[top].min())[:, None] & (points >= points[top].min(axis=0) - reach[:, None])
    wide = np.flatnonzero((near & (points <= points[top].max(axis=0) + reach[:, None])).all(axis=1))
    touching = np.ones((len(wide), len(top)), dtype=bool)
    reach = 0.501 * (widths[wide, None] + widths[top])
    for axis in range(points.shape[1]):
        touching &= np.abs(points[wide, None, axis] - points[top, axis]) <= reach
    found = np.zeros(len(points), dtype=bool)
    found[wide] = (touching & (widths[wide, None] > 1.5 * widths[top])).any(axis=1)
    return found


def dictionary_of(cells: Cells, components: int, seed: int) -> Mixture:
    """Gaussians to choose from: EM's and the moments' at several widths, and one wider than the prior."""
    random = np.random.default_rng([seed, 0xE4])
    shares, d = cells.shares, cells.points.shape[1]
    means, covariances = [np.zeros(d)], [np.eye(d) * WIDE**2]
    centre = shares @ cells.points
    gaps = cells.points - centre
    spread = (shares[:, None] * gaps).T @ gaps + 1e-12 * np.eye(d)
    for scale in MOMENT_SCALES:
        means.append(centre)
        covariances.append(spread * scale**2)
    for count in (components, max(2, components // 3)):
        for mean, covariance in zip(*_expectation_maximisation(cells, shares, count, random), strict=True):
            for scale in SCALES:
                means.append(mean)
                covariances.append(covariance * scale**2)
    roots = np.asarray(np.linalg.cholesky(np.linalg.inv(np.array(covariances))), dtype=np.float64)
    return Mixture(np.ones(len(means)), np.array(means), roots)


def choose_weights(
    graph: Graph,
    likelihood: Likelihood,
    dictionary: Mixture,
    rows: FloatArray,
    potentials: FloatArray,
    seed: int,
    region: LiveRegion | None = None,
) -> tuple[Mixture, float] | None:
    """The mixture with the least C on the rows, f there `potentials`, and on peaks that a climb finds; None: none.

    Estimate, with log C; in `region` by its smaller chain. Peaks of exp(-f)/rho are looked for here, where a point
    costs one evaluation and no box.
    """
    best: tuple[Mixture, float] | None = None
    random = np.random.default_rng([seed, 0xC1])
    binding: IntArray | None = None
    for _ in range(effort_of(graph).climbs):
        found = _least_constant(potentials, dictionary, rows, binding)
        if found is None:
            return best
        proposal, log_constant, binding = found
        peaks, heights = _climbed(graph, likelihood, proposal, rows, potentials, random, region)
        seen = max(log_constant, float(heights.max()))
        if best is None or seen < best[1]:
            best = proposal, seen
        if seen <= log_constant + CLOSE:
            break
        peaks = peaks[heights > log_constant]
        # The next programme starts with the rows that bind in this one, or nearly, and the new ones.
        binding = np.append(binding, len(rows) + np.arange(len(peaks)))
        rows = np.concatenate([rows, peaks])
        potentials = np.concatenate([potentials, candidate_potential(graph, likelihood, peaks, region)])
    return best


def _climbed(
    graph: Graph,
    likelihood: Likelihood,
    proposal: Mixture,
    rows: FloatArray,
    potentials: FloatArray,
    random: np.random.Generator,
    region: LiveRegion | None,
) -> tuple[FloatArray, FloatArray]:
    """Points with large exp(-f)/rho and its logarithms there: random steps around the rows where it is largest."""

    def ratio(points: FloatArray, known: FloatArray | None = None) -> FloatArray:
        heights = candidate_potential(graph, likelihood, points, region) if known is None else known
        found = -heights - proposal.log_density(points)
        return np.where(np.isnan(found), -np.inf, found)

    effort = effort_of(graph)
    heights = ratio(rows, potentials)
    order = np.argsort(-heights)[: effort.starts // 2]
    order = np.union1d(order, random.choice(len(rows), min(len(rows), effort.starts // 2), replace=False))
    points, heights, radius = rows[order], heights[order], np.full(len(order), 0.2)
    each = np.arange(len(order))
    for _ in range(effort.steps):
        tried = points[:, None, :] + radius[:, None, None] * random.standard_normal((len(order), 8, rows.shape[1]))
        found = ratio(tried.reshape(-1, rows.shape[1])).reshape(len(order), 8)
        top = np.argmax(found, axis=1)
        better = found[each, top] > heights
        points = np.where(better[:, None], tried[each, top], points)
        heights = np.maximum(heights, found[each, top])
        radius = np.where(better, radius, 0.6 * radius)
    return points, heights


def _least_constant(
    potentials: FloatArray, dictionary: Mixture, rows: FloatArray, first: IntArray | None
) -> tuple[Mixture, float, IntArray] | None:
    """The mixture with the least C on the rows, pruned, log C there, and the rows that are nearest to binding.

    Estimate; None if the programme fails. It begins with the rows `first`, or with some of its own choice.
    """
    floor = potentials.min()
    # log N_j without weights, less -f: how far component j alone is above exp(-f).
    parts = dictionary.log_parts(rows) - np.log(dictionary.weights) + math.log(dictionary.weights.sum())
    relative = parts + (potentials - floor)[:, None]
    with np.errstate(over="ignore"):
        matrix = np.minimum(np.exp(relative), LARGEST_RATIO)
    weights = _programme(matrix, first)
    if weights is None:
        return None
    kept = weights > 1e-6 * weights.sum()
    kept[0] = True
    chosen = Mixture(np.maximum(weights[kept], 1e-9 * weights.sum()), dictionary.means[kept], dictionary.roots[kept])
    return chosen, float(math.log(weights.sum()) - floor), np.argsort(matrix @ weights)[:CUTS]


def _programme(matrix: FloatArray, first: IntArray | None = None) -> FloatArray | None:
    """Weights w >= 0 with the least sum and matrix w >= 1, the wide component at `WIDE_SHARE` or more. Estimate.

    By cuts: few rows bind, so the programme starts with few, those of `first` where it is given, and is given those
    that its solution violates.
    """
    from scipy.optimize import linprog

    rows, count = matrix.shape
    share_row = np.full((1, count), WIDE_SHARE)
    share_row[0, 0] -= 1.0
    if first is None:
        spread = np.linspace(0, rows - 1, CUTS).astype(int)
        first = np.unique(np.concatenate([np.argsort(matrix.max(axis=1))[:CUTS], spread]))

    def solve(some: FloatArray) -> FloatArray | None:
        constraint = np.concatenate([-some, share_row])
        # Dense rows without redundance: a presolve finds nothing.
        ends = np.append(-np.ones(len(some)), 0.0)
        found = linprog(np.ones(count), constraint, ends, method="highs", options={"presolve": False})
        return None if found.status != 0 else np.asarray(found.x)

    return solved_by_cuts(matrix, first, solve, CUTS, CUT_ROUNDS)


def programme_rows(cells: Cells, dictionary: Mixture, seed: int, count: int) -> tuple[FloatArray, FloatArray]:
    """Points at which the programme asks for the envelope: heavy cells, and draws of the dictionary.

    With f at the first of them, the cells, where it is known.
    """
    random = np.random.default_rng([seed, 0x10])
    order = np.argsort(-cells.log_masses)[: 4 * count]
    chosen = order if len(order) <= count else random.choice(order, count, replace=False)
    return np.concatenate([cells.points[chosen], dictionary.draw(count, random)]), cells.potentials[chosen]


def _expectation_maximisation(
    cells: Cells, shares: FloatArray, count: int, random: np.random.Generator, rounds: int = 30
) -> tuple[FloatArray, FloatArray]:
    """Means (k, d) and covariances (k, d, d) of a mixture fitted to the weighted cells."""
    heavy = shares > 1e-7
    points, shares = cells.points[heavy], shares[heavy] / shares[heavy].sum()
    count, d = min(count, len(points)), points.shape[1]
    centre = shares @ points
    gaps = points - centre
    # A component's log density is linear in these, and its moments are their means.
    first, second = np.triu_indices(d)
    features = np.concatenate([np.ones((len(gaps), 1)), gaps, gaps[:, first] * gaps[:, second]], axis=1)
    means = gaps[random.choice(len(gaps), count, replace=False, p=shares)]
    total = (shares[:, None] * gaps).T @ gaps + 1e-12 * np.eye(d)
    floor = 1e-4 * np.trace(total) / d / count * np.eye(d)
    covariances = np.repeat((total / count + floor)[None], count, axis=0)
    weights = np.full(count, 1.0 / count)
    for _ in range(rounds):
        precisions = np.linalg.inv(covariances)
        pulls = np.einsum("kij,kj->ki", precisions, means)
        levels = np.log(weights) + 0.5 * (np.linalg.slogdet(precisions)[1] - (means * pulls).sum(axis=1))
        bends = np.where(first == second, -0.5, -1.0) * precisions[:, first, second]
        parts = features @ np.concatenate([levels[:, None], pulls, bends], axis=1).T
        parts -= parts.max(axis=1, keepdims=True)
        inside = np.exp(parts, out=parts)
        inside *= (shares / inside.sum(axis=1))[:, None]
        moments = inside.T @ features
        weights = np.maximum(moments[:, 0], 1e-12)
        moments /= weights[:, None]
        means = moments[:, 1 : 1 + d]
        covariances = np.zeros((count, d, d))
        covariances[:, first, second] = covariances[:, second, first] = moments[:, 1 + d :]
        covariances += floor - means[:, :, None] * means[:, None, :]
    means = centre + means
    return means, covariances
