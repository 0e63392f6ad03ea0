"""Branch and bound over boxes: the supremum of exp(-f)/rho from above, and the integral of exp(-f) from below.

Both start from one box and bisect it, so at any time the boxes tile it: the bound over all of them holds for the first
one, whenever the search is stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_tree import Cuts, IntArray, Tiling, bisected, lattice
from certify.envelopes.box_weights import is_expensive, multiplications
from certify.envelopes.likelihood import Likelihood, boxes_of, known_potential, potential
from certify.envelopes.live_neurons import Local, local_graph
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Graph

BATCH = 512
BULK = 6.0
"""Deviations of rho's Gaussians around their means: most boxes lie there."""

LATTICE = {1: 64, 2: 16, 3: 8, 4: 5}
"""Boxes per axis with which the integral starts, by dimension."""


@dataclass(frozen=True)
class BoxLimits:
    """When to stop: `tolerance` in log C, the largest number of boxes, the `share` of the integral that is enough."""

    tolerance: float = 0.1
    boxes: int = 200_000
    share: float = 0.95

    @classmethod
    def of(cls, graph: Graph) -> BoxLimits:
        """What is within seconds for one and two latents, within a minute for three, within two for four.

        It is work that is counted, so that a wide network gets fewer boxes.
        """
        found = LIMITS[min(graph.latent_dim, 4)]
        work = WORK if graph.latent_dim > 3 else WORK_FEW
        each = (graph.latent_dim + 3) * max(multiplications(graph), 1)
        share = min(found.share, EXPENSIVE_SHARE) if is_expensive(graph) else found.share
        return replace(found, boxes=min(found.boxes, max(1, int(work / each))), share=share)


EXPENSIVE_SHARE = 0.85
"""Of the integral, where one evaluation is expensive."""

LIMITS = {1: BoxLimits(), 2: BoxLimits(share=0.92), 3: BoxLimits(0.2, 60_000, 0.85), 4: BoxLimits(0.4, 120_000, 0.75)}
"""By dimension: a tolerance t costs a factor e^-t of the acceptance at most, and boxes grow like t^(-d/2)."""


@dataclass(frozen=True, eq=False)
class SupremumBound:
    """log sup exp(-f)/rho over the box is in [`lower`, `upper`]: `upper` certified, `lower` seen at `worst` (d,).

    `boxes` were bounded; `finished` where the two are within the tolerance. `upper` is the largest bound of a leaf of
    `tiling`.
    """

    upper: float
    lower: float
    worst: FloatArray
    boxes: int
    finished: bool
    tiling: Tiling


@dataclass(frozen=True, eq=False)
class IntegralBound:
    """Log int exp(-f) over the leaves of `tiling` is at least `lower`."""

    lower: float
    tiling: Tiling


WORK, WORK_FEW = 2.4e10, 1.7e11
"""Multiplications in all boxes of a decoder with four latents, about two minutes, and with fewer: only behind wide
convolutions (millions of weights that are not zero) it is these that end a search."""


def log_ratio(graph: Graph, likelihood: Likelihood, proposal: Mixture, points: FloatArray) -> FloatArray:
    """-f - log rho at points (b, d). Estimate."""
    return known_log_ratio(graph, likelihood, proposal, points)[0]


def known_log_ratio(
    graph: Graph, likelihood: Likelihood, proposal: Mixture, points: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """`log_ratio`, and where floats know it (`known_potential`). Estimate."""
    found, known = known_potential(graph, likelihood, points)
    return np.asarray(-found - proposal.log_density(points)), known


def supremum_of_ratio(
    graph: Graph,
    likelihood: Likelihood,
    proposal: Mixture,
    low: FloatArray,
    high: FloatArray,
    seen: FloatArray,
    limits: BoxLimits,
    potentials: FloatArray | None = None,
) -> SupremumBound:
    """Bounds of log sup exp(-f)/rho over the box [low, high], (d,) each; `seen` (k, d) are points to begin with.

    `potentials` (k,): f there, where it is known already. Guarantee: `upper` holds, rounded outward, whatever stopped
    the search.
    """
    known = potential(graph, likelihood, seen) if potentials is None else potentials
    within = ((seen >= low) & (seen <= high)).all(axis=1)
    middle = 0.5 * (low + high)[None]
    inside = np.concatenate([seen[within], middle])
    ratios = -np.append(known[within], potential(graph, likelihood, middle)) - proposal.log_density(inside)
    best = float(np.max(ratios))
    worst = inside[int(np.argmax(ratios))]
    lows, highs = lattice(low, high, 1)
    numbers, cuts = np.arange(1), Cuts(1)
    bounds, splits, _ = _log_ratios(graph, likelihood, proposal, lows, highs)
    count, finished_bound = 1, -math.inf
    while len(bounds):
        # Finished boxes keep their bound; the others are bisected, the worst first.
        done = bounds <= best + limits.tolerance
        if done.any():
            finished_bound = max(finished_bound, float(bounds[done].max()))
        lows, highs, bounds, splits, numbers = lows[~done], highs[~done], bounds[~done], splits[~done], numbers[~done]
        if not len(bounds) or count >= limits.boxes:
            break
        order = np.argsort(-bounds)
        taken, kept = order[:BATCH], order[BATCH:]
        halves = bisected(lows[taken], highs[taken], splits[taken])
        numbers = np.concatenate([numbers[kept], cuts.bisect(numbers[taken], splits[taken])])
        found = _log_ratios(graph, likelihood, proposal, *halves)
        top = int(np.argmax(found[2]))
        if found[2][top] > best:
            best, worst = float(found[2][top]), 0.5 * halves[0][top] + 0.5 * halves[1][top]
        count += len(found[0])
        lows = np.concatenate([lows[kept], halves[0]])
        highs = np.concatenate([highs[kept], halves[1]])
        bounds = np.concatenate([bounds[kept], found[0]])
        splits = np.concatenate([splits[kept], found[1]])
    upper = max(finished_bound, float(bounds.max()) if len(bounds) else -math.inf)
    return SupremumBound(upper, best, worst, count, not len(bounds), Tiling(low, high, 1, cuts.splits()))


def log_integral_lower(
    graph: Graph,
    likelihood: Likelihood,
    low: FloatArray,
    high: FloatArray,
    share: float,
    limits: BoxLimits,
) -> IntegralBound:
    """Lower bound of log int exp(-f) over the box, rounded down: bisected until it is `share` of the midpoint rule's.

    The midpoint rule on the same boxes only says when to stop.
    """
    d = low.size
    graph = local_graph(graph, low, high).inside
    sides = LATTICE[min(d, 4)]
    lows, highs = lattice(low, high, sides)
    numbers, cuts = np.arange(len(lows)), Cuts(len(lows))
    masses, middles = _log_masses(graph, likelihood, lows, highs)
    count = len(masses)
    while True:
        top = max(float(masses.max()), float(middles.max()))
        held, hoped = np.exp(masses - top), np.exp(middles - top)
        wanted = max(float(hoped.sum()), float(held.sum()))
        if not math.isfinite(top) or held.sum() >= share * wanted or count >= limits.boxes:
            break
        missing = np.maximum(hoped - held, 0.0)
        order = np.argsort(-missing)[:BATCH]
        taken = order[missing[order] > 0.1 * (1.0 - share) * wanted / len(missing)]
        if not len(taken):
            break
        rest = np.setdiff1d(np.arange(len(lows)), taken)
        axes = np.argmax(highs[taken] - lows[taken], axis=1)
        halves = bisected(lows[taken], highs[taken], axes)
        numbers = np.concatenate([numbers[rest], cuts.bisect(numbers[taken], axes)])
        count += len(halves[0])
        lows, highs = np.concatenate([lows[rest], halves[0]]), np.concatenate([highs[rest], halves[1]])
        found = _log_masses(graph, likelihood, *halves)
        masses, middles = np.concatenate([masses[rest], found[0]]), np.concatenate([middles[rest], found[1]])
    return IntegralBound(log_sum_lower(masses), Tiling(low, high, sides, cuts.splits()))


def log_sum_lower(masses: FloatArray) -> float:
    """Lower bound of log sum exp of `masses` (b,), rounded down; -inf if none of them is finite."""
    top = float(masses.max())
    if not math.isfinite(top):
        return -math.inf
    total = top + math.log(float(np.exp(masses - top).sum()))
    return total - 16 * (len(masses) + 64) * EPSILON * (1 + abs(top))


def log_ratio_upper(
    graph: Graph, likelihood: Likelihood, proposal: Mixture, lows: FloatArray, highs: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Upper bounds of log exp(-f)/rho over boxes, rounded outward, and the axes to bisect."""
    return _log_ratios(graph, likelihood, proposal, lows, highs)[:2]


def _log_ratios(
    graph: Graph, likelihood: Likelihood, proposal: Mixture, lows: FloatArray, highs: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    """What `log_ratio_upper` says, and log exp(-f)/rho near the boxes' centres.

    Boxes in the bulk of rho are bounded by what is left of the graph there (`live_neurons`).
    """
    centres, halves = centred_boxes(lows, highs)
    local = _local_to(graph, proposal)
    inside = local.holds(lows, highs)
    lower, split, middle = np.empty(len(lows)), np.empty(len(lows), dtype=np.intp), np.empty(len(lows))
    for network, boxes in ((local.graph, ~inside), (local.inside, inside)):
        for part in _parts(network, np.flatnonzero(boxes)):
            found = potential_plus_log_density(network, likelihood, proposal, centres[part], halves[part])
            lower[part], split[part], middle[part] = found.lower, found.split, found.middle
    return -lower, split, -middle


@lru_cache(maxsize=1)
def _local_to(graph: Graph, proposal: Mixture) -> Local:
    """The graph in the bulk of rho: made once for all boxes of a search, or of a record that is verified."""
    return local_graph(graph, *proposal.bulk(BULK))


def _parts(graph: Graph, boxes: IntArray) -> list[IntArray]:
    """Boxes that are bounded at a time."""
    step = boxes_of(graph)
    return [boxes[start : start + step] for start in range(0, len(boxes), step)]


def log_masses_lower(graph: Graph, likelihood: Likelihood, lows: FloatArray, highs: FloatArray) -> FloatArray:
    """Lower bounds of log int exp(-f) over boxes: their log volume less the mean of f, rounded down."""
    return _log_masses(graph, likelihood, lows, highs)[0]


def _log_masses(
    graph: Graph, likelihood: Likelihood, lows: FloatArray, highs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What `log_masses_lower` says, and the midpoint rule's estimates.

    The centred box must not be larger than the one that is counted, so both are the one of the rounded half-widths
    around the centre, cut by a rounding.
    """
    centres = 0.5 * lows + 0.5 * highs
    halves = np.minimum(highs - centres, centres - lows) * (1 - 4 * EPSILON)
    parts = _parts(graph, np.arange(len(lows)))
    found = [mean_potential_upper(graph, likelihood, centres[part], halves[part]) for part in parts]
    mean, middle = np.concatenate([item.upper for item in found]), np.concatenate([item.middle for item in found])
    volume = np.log(2 * halves).sum(axis=1)
    lower = volume - mean - 16 * EPSILON * (np.abs(volume) + np.abs(mean) + lows.shape[1])
    return np.asarray(lower), np.asarray(volume - middle)


def centred_boxes(lows: FloatArray, highs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centres and half-widths, rounded so that the boxes are covered."""
    centres = 0.5 * lows + 0.5 * highs
    halves = np.maximum(highs - centres, centres - lows)
    return centres, np.nextafter(halves * (1 + 2 * EPSILON), np.inf)
