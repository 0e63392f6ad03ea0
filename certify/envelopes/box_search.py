"""Branch and bound over boxes: the supremum of exp(-f)/rho from above, and the integral of exp(-f) from below.

Both start from one box and bisect it, so at any time the boxes tile it: the bound over all of them holds for the first
one, whenever the search is stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_chain import Chain, chain_of
from certify.envelopes.box_tree import Cuts, IntArray, Tiling, bisected, centred_boxes, divided, lattice
from certify.envelopes.box_weights import is_expensive, multiplications
from certify.envelopes.likelihood import Likelihood, boxes_of, candidate_potential, known_potential
from certify.envelopes.live_chain import Bits, LiveChains, LiveRegion, all_live
from certify.envelopes.live_neurons import Local, local_graph
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Graph

BATCH = 512
FAR = (0.45, 0.8, 0.95)
"""Shares of a bound's looseness above which boxes are divided by four, by eight, by sixteen: halves would be too."""

CHAINED, CHAINED_LIVE = 48, 96
"""Boxes whose forms through a chain are held at a time, and through one that has fewer neurons (`live_chain`)."""

BULK = 6.0
"""Deviations of rho's Gaussians around their means: most boxes lie there."""

LATTICE = {1: 64, 2: 16, 3: 8, 4: 5}
"""Boxes per axis with which the integral starts, by dimension; half as many where one evaluation is expensive."""


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
        boxes = min(found.boxes, max(1, int(work / each)))
        if not is_expensive(graph):
            return replace(found, boxes=boxes)
        tolerance = max(found.tolerance, EXPENSIVE_TOLERANCE)
        return replace(found, tolerance=tolerance, boxes=boxes, share=min(found.share, EXPENSIVE_SHARE))


EXPENSIVE_TOLERANCE, EXPENSIVE_SHARE = 0.13, 0.9
"""Where one evaluation is expensive: the supremum takes four times as many boxes as the integral, and may lose more."""

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
    region: LiveRegion | None = None,
) -> SupremumBound:
    """Bounds of log sup exp(-f)/rho over the box [low, high], (d,) each; `seen` (k, d) are points to begin with.

    `potentials` (k,): f there, where it is known already; `region`: where a smaller chain is known. Guarantee: `upper`
    holds, rounded outward, whatever stopped the search.
    """
    known = candidate_potential(graph, likelihood, seen) if potentials is None else potentials
    within = ((seen >= low) & (seen <= high)).all(axis=1)
    middle = 0.5 * (low + high)[None]
    inside = np.concatenate([seen[within], middle])
    ratios = -np.append(known[within], candidate_potential(graph, likelihood, middle)) - proposal.log_density(inside)
    best = float(np.max(ratios))
    worst = inside[int(np.argmax(ratios))]
    lows, highs = lattice(low, high, 1)
    numbers, cuts = np.arange(1), Cuts(1)
    chains = _chains(graph, region)
    bounds, steeps, middles, bits = _log_ratios(graph, likelihood, proposal, lows, highs)
    count, finished_bound = 1, -math.inf
    while len(bounds):
        # Finished boxes keep their bound; the others are divided, the worst first.
        wanted = best + limits.tolerance
        done = bounds <= wanted
        if done.any():
            finished_bound = max(finished_bound, float(bounds[done].max()))
        lows, highs, numbers = lows[~done], highs[~done], numbers[~done]
        bounds, steeps, middles = (part[~done] for part in (bounds, steeps, middles))
        bits = bits[~done]
        if not len(bounds) or count >= limits.boxes:
            break
        order = np.argsort(-bounds)
        taken, kept = order[:BATCH], order[BATCH:]
        levels = _levels(bounds[taken] - wanted, bounds[taken] - middles[taken])
        starts, ends, places, origins = divided(lows[taken], highs[taken], steeps[taken], levels, numbers[taken], cuts)
        smaller = None if chains is None else chains.parts(bits[taken][origins], starts, ends)
        found = _log_ratios(graph, likelihood, proposal, starts, ends, smaller=smaller)
        top = int(np.argmax(found[2]))
        if found[2][top] > best:
            best, worst = float(found[2][top]), 0.5 * starts[top] + 0.5 * ends[top]
        count += len(starts)
        lows, highs = np.concatenate([lows[kept], starts]), np.concatenate([highs[kept], ends])
        numbers = np.concatenate([numbers[kept], places])
        bounds, steeps, middles = (
            np.concatenate([old[kept], new]) for old, new in zip((bounds, steeps, middles), found[:3], strict=True)
        )
        bits = np.concatenate([bits[kept], found[3]])
    upper = max(finished_bound, float(bounds.max()) if len(bounds) else -math.inf)
    return SupremumBound(upper, best, worst, count, not len(bounds), Tiling(low, high, 1, cuts.splits()))


def _levels(excess: FloatArray, loose: FloatArray) -> IntArray:
    """How often boxes are halved before they are bounded again, by how far a bound is above what is wanted and above f.

    Where most of what a bound is too large by is too much, the halves' bounds would hardly ever do.
    """
    return np.asarray(1 + (excess[:, None] > np.array(FAR) * loose[:, None]).sum(axis=1))


def log_integral_lower(
    graph: Graph,
    likelihood: Likelihood,
    low: FloatArray,
    high: FloatArray,
    share: float,
    limits: BoxLimits,
    region: LiveRegion | None = None,
) -> IntegralBound:
    """Lower bound of log int exp(-f) over the box, rounded down: bisected until it is `share` of the midpoint rule's.

    The midpoint rule on the same boxes only says when to stop; `region`: where a smaller chain is known.
    """
    d, is_costly = low.size, is_expensive(graph)
    if chain_of(graph) is None:
        graph = local_graph(graph, low, high).inside
    sides = max(1, LATTICE[min(d, 4)] // (1 + is_costly))
    lows, highs = lattice(low, high, sides)
    numbers, cuts = np.arange(len(lows)), Cuts(len(lows))
    chains = _chains(graph, region)
    smaller = None if chains is None else chains.parts(all_live(chains.whole, len(lows)), lows, highs)
    masses, middles, bits = _log_masses(graph, likelihood, lows, highs, smaller=smaller)
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
        # Where a box has hardly any of what is hoped for its halves would be divided again.
        levels = 1 + (is_costly & (missing[taken] > FAR[0] * hoped[taken])).astype(np.intp)
        widths = highs[taken] - lows[taken]
        starts, ends, places, origins = divided(lows[taken], highs[taken], widths, levels, numbers[taken], cuts)
        smaller = None if chains is None else chains.parts(bits[taken][origins], starts, ends)
        found = _log_masses(graph, likelihood, starts, ends, smaller=smaller)
        count += len(starts)
        lows, highs = np.concatenate([lows[rest], starts]), np.concatenate([highs[rest], ends])
        numbers = np.concatenate([numbers[rest], places])
        masses, middles = np.concatenate([masses[rest], found[0]]), np.concatenate([middles[rest], found[1]])
        bits = np.concatenate([bits[rest], found[2]])
    return IntegralBound(log_sum_lower(masses), Tiling(low, high, sides, cuts.splits()))


def log_sum_lower(masses: FloatArray) -> float:
    """Lower bound of log sum exp of `masses` (b,), rounded down; -inf if none of them is finite."""
    top = float(masses.max())
    if not math.isfinite(top):
        return -math.inf
    total = top + math.log(float(np.exp(masses - top).sum()))
    return total - 16 * (len(masses) + 64) * EPSILON * (1 + abs(top))


def log_ratio_upper(
    graph: Graph,
    likelihood: Likelihood,
    proposal: Mixture,
    lows: FloatArray,
    highs: FloatArray,
    enough: float = math.inf,
) -> tuple[FloatArray, IntArray]:
    """Upper bounds of log exp(-f)/rho over boxes, rounded outward, and the axes to bisect.

    Where float32 leaves one above `enough` it is bounded by float64 too, and then by its halves: a search that knew of
    larger boxes what is off in them may have been closer than what is seen of the box alone.
    """
    bounds, steeps, _, _ = _log_ratios(graph, likelihood, proposal, lows, highs)
    axes = np.argmax(steeps, axis=1)
    above = np.flatnonzero(~(bounds <= enough))
    if len(above) and chain_of(graph) is not None:
        closer = _log_ratios(graph, likelihood, proposal, lows[above], highs[above], single=False)[0]
        bounds[above] = np.fmin(bounds[above], closer)
        above = above[~(bounds[above] <= enough)]
        halves = bisected(lows[above], highs[above], axes[above])
        both = _log_ratios(graph, likelihood, proposal, *halves)[0].reshape(2, -1)
        bounds[above] = np.fmin(bounds[above], both.max(axis=0))
    return bounds, axes


def _log_ratios(
    graph: Graph,
    likelihood: Likelihood,
    proposal: Mixture,
    lows: FloatArray,
    highs: FloatArray,
    single: bool = True,
    smaller: Inside | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, Bits]:
    """What `log_ratio_upper` says, how steep boxes are along the axes, log exp(-f)/rho near their centres, and the
    neurons of a chain that may be on in them.

    With `single` by float32, where the graph begins with a chain (`box_chain`), and by the `smaller` chains.
    Otherwise boxes in the bulk of rho are bounded by what is left of the graph there (`live_neurons`).
    """
    centres, halves = centred_boxes(lows, highs)
    chain = chain_of(graph) if single else None
    lower, steep, middle, bits = np.empty(len(lows)), np.empty(lows.shape), np.empty(len(lows)), _no_bits(chain, lows)
    networks: list[tuple[Graph, Chain | None, IntArray]]
    if chain is not None:
        networks = [(graph, *item) for item in smaller or [(chain, np.arange(len(lows)))]]
    else:
        local = _local_to(graph, proposal)
        held = local.holds(lows, highs)
        networks = [(local.graph, None, np.flatnonzero(~held)), (local.inside, None, np.flatnonzero(held))]
    for network, own, part in _batches(networks):
        found = potential_plus_log_density(network, likelihood, proposal, centres[part], halves[part], own)
        lower[part], steep[part], middle[part] = found.lower, found.steep, found.middle
        if found.bits is not None:
            bits[part] = found.bits
    return -lower, steep, -middle, bits


Inside: TypeAlias = list[tuple[Chain, IntArray]]
"""Chains, and the boxes on which each of them is the graph's."""


def _chains(graph: Graph, region: LiveRegion | None) -> LiveChains | None:
    chain = chain_of(graph)
    return None if chain is None else LiveChains(chain, region)


def _no_bits(chain: Chain | None, boxes: FloatArray) -> Bits:
    return np.zeros((len(boxes), 0), dtype=np.uint8) if chain is None else all_live(chain, len(boxes))


@lru_cache(maxsize=1)
def _local_to(graph: Graph, proposal: Mixture) -> Local:
    """The graph in the bulk of rho: made once for all boxes of a search, or of a record that is verified."""
    return local_graph(graph, *proposal.bulk(BULK))


def _batches(
    networks: Sequence[tuple[Graph, Chain | None, IntArray]],
) -> Iterator[tuple[Graph, Chain | None, IntArray]]:
    """The same with as many boxes as are bounded at a time."""
    for graph, chain, boxes in networks:
        step = boxes_of(graph) if chain is None else CHAINED if chain.live is None else CHAINED_LIVE
        for start in range(0, len(boxes), step):
            yield graph, chain, boxes[start : start + step]


def log_masses_lower(
    graph: Graph, likelihood: Likelihood, lows: FloatArray, highs: FloatArray, single: bool = True
) -> FloatArray:
    """Lower bounds of log int exp(-f) over boxes: their log volume less the mean of f, rounded down.

    With `single` by float32, where the graph begins with a chain (`box_chain`).
    """
    return _log_masses(graph, likelihood, lows, highs, single)[0]


def _log_masses(
    graph: Graph,
    likelihood: Likelihood,
    lows: FloatArray,
    highs: FloatArray,
    single: bool = True,
    smaller: Inside | None = None,
) -> tuple[FloatArray, FloatArray, Bits]:
    """What `log_masses_lower` says, the midpoint rule's estimates, and the neurons of a chain that may be on.

    The centred box must not be larger than the one that is counted, so both are the one of the rounded half-widths
    around the centre, cut by a rounding. The neurons that are off in it are off in all of [lows, highs]: to the ends it
    is a rounding of the centre and five of the half-width, and of what the first layer reads `chain_forms` pays for 32.
    """
    centres = 0.5 * lows + 0.5 * highs
    halves = np.minimum(highs - centres, centres - lows) * (1 - 4 * EPSILON)
    chain = chain_of(graph) if single else None
    mean, middle, bits = np.empty(len(lows)), np.empty(len(lows)), _no_bits(chain, lows)
    chains: Sequence[tuple[Chain | None, IntArray]] = smaller or [(chain, np.arange(len(lows)))]
    for _, own, part in _batches([(graph, *item) for item in chains]):
        found = mean_potential_upper(graph, likelihood, centres[part], halves[part], own)
        mean[part], middle[part] = found.upper, found.middle
        if found.bits is not None:
            bits[part] = found.bits
    volume = np.log(2 * halves).sum(axis=1)
    lower = volume - mean - 16 * EPSILON * (np.abs(volume) + np.abs(mean) + lows.shape[1])
    return np.asarray(lower), np.asarray(volume - middle), bits
