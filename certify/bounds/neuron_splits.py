"""M2 by cases on the neurons: the lifted bound where a pre-activation lies below a place, and where it lies above.

M2 = sup |D^2G(z)| over the points of the region, so it is at most the largest bound of the parts {z: p_i(z) <= t} and
{z: p_i(z) >= t} of any neuron i, and so on for parts of parts. On a part the slopes and curvatures of the neuron have
smaller ranges, and the inequality of `certify.bounds.lifted`, which speaks of one point at a time, holds with these.
It takes every neuron's slope and curvature as free within their ranges: cases bring back what one value of p_i says
about both. The part with the largest bound is cut next, at the neuron that its proof says matters most; a part starts
from the multipliers of the one it was cut from. Whether a part is empty is not asked. Upper bounds, rounded outward.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.bounds.effort import Work
from certify.bounds.lifted import Lifted, Second, searched, seconds, turn
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.reachability import passage_of
from certify.bounds.structure import increment_form
from certify.generators.graph import Activation, Graph, Product

MOST_NEURONS = 24
"""Neurons of a network for which some hundred inequalities are solved in seconds."""

MOST_PARTS = 128

CHECK, SHRINKS = 24, 0.97
"""After so many parts the bound must have come down to this share of the first one, or the search ends; a bound from
elsewhere that is below it ends it before."""

GAP = 5e-3
"""Duality gap, relative to the bound's square, of a part's inequality."""

SHARE = 0.5
"""Part of the effort left that is used; the rest is for the chain rule."""


@dataclass(frozen=True, eq=False)
class Part:
    """The points of the region where the values of the nodes are in these ranges, and what bounds D^2G there."""

    lifted: Lifted
    found: Second


def halves(part: Part, work: Work) -> Iterator[Part | None]:
    """The two sides of the cut of a part; None for one that is not bounded any better. Bounds, rounded outward."""
    lifted = part.lifted
    source, entry, place = cut(part)
    for side in (1, 0):
        values = list(lifted.ranges.values)
        ends = values[source][0].copy(), values[source][1].copy()
        ends[side][0, entry] = place
        values[source] = ends
        ranges = NodeRanges(lifted.graph, tuple(values))
        passage = passage_of(increment_form(lifted.graph, ranges, centred=True))
        if passage is None:
            yield None
            continue
        inner = Lifted(lifted.graph, ranges, passage)
        search = searched(work, GAP, part.found.proof)
        found = turn(inner, part.found.weights, part.found.share, search, work)
        yield None if found is None else Part(inner, found)


def cut(part: Part) -> tuple[int, int, float]:
    """The node, its entry and the place at which to cut: where the proof's multipliers weigh most. Estimate."""
    lifted, form = part.lifted, part.found.form
    rows = np.concatenate([block.midpoint for block in form.inputs])
    weights = np.asarray(part.found.proof.values) * np.concatenate(form.spans) ** 2 * (rows**2).sum(axis=1)
    owners = [(lifted.graph.nodes[node].sources[0], k) for node in lifted.nodes for k in range(_width(lifted, node))]
    scores = dict.fromkeys(owners, 0.0)
    # First the drives of all neurons, then the gains that they pass, in the order of the form.
    passing = [(lifted.graph.nodes[node].sources[0], k) for node in form.nodes[1:] for k in range(_width(lifted, node))]
    for owner, weight in zip([*owners, *passing], weights.tolist(), strict=True):
        low, high = (float(end[0, owner[1]]) for end in lifted.ranges.values[owner[0]])
        if low < middle(low, high) < high:
            scores[owner] += weight
    source, entry = max(scores, key=lambda owner: scores[owner])
    low, high = (float(end[0, entry]) for end in lifted.ranges.values[source])
    return source, entry, middle(low, high)


def middle(low: float, high: float) -> float:
    """Where an interval is cut: at 0 or twice as far out as its one finite end, or in the middle. Estimate.

    >>> middle(-np.inf, np.inf), middle(0.0, np.inf), middle(-np.inf, -1.0), middle(0.0, 3.0)
    (0.0, 0.7, -2.0, 1.5)
    """
    if np.isinf(low) and np.isinf(high):
        return 0.0
    if np.isinf(high):
        return max(2.0 * low, low + 0.7) if low >= 0.0 else 0.0
    if np.isinf(low):
        return min(2.0 * high, high - 0.7) if high <= 0.0 else 0.0
    return 0.5 * low + 0.5 * high


def bounds(root: Part, work: Work) -> Iterator[float]:
    """Bounds of M2, each the largest of all parts, as the parts grow in number. Upper bounds, rounded outward."""
    waiting, count = [(-root.found.value, 0, root)], 1
    first = root.found.value
    while count < MOST_PARTS and not work.is_spent:
        value, _, part = heapq.heappop(waiting)
        if count >= CHECK and -value > SHRINKS * first:
            return
        for half in halves(part, work):
            # What holds on a part holds on every part of it.
            smaller = part if half is None else half
            heapq.heappush(waiting, (max(value, -smaller.found.value), count, smaller))
            count += 1
        yield -waiting[0][0]


def _width(lifted: Lifted, node: int) -> int:
    return lifted.graph.nodes[node].width


def _is_small(graph: Graph) -> bool:
    widths = [node.width for node in graph.nodes if isinstance(node, Activation)]
    return len(widths) > 1 and sum(widths) <= MOST_NEURONS and not any(isinstance(n, Product) for n in graph.nodes)


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, passage = problem.generator.graph, problem.reach.passage
    if passage is None or not _is_small(graph) or problem.is_settled("M2"):
        return
    lifted = Lifted(graph, problem.ranges, passage)
    if not all(np.isfinite(end).all() for end in lifted.bends(2)):
        return
    work = problem.work.share(SHARE)
    turns = list(seconds(lifted, None, work))
    # Where branch and bound got further, in few directions, cases on neurons do not come near.
    if not turns or problem.best.get(("M2", "upper"), np.inf) < SHRINKS * turns[-1].value:
        return
    for value in bounds(Part(lifted, turns[-1]), work):
        yield Proposal("M2", "upper", value, METHOD.name)


METHOD = BoundMethod("neuron splits", "the lifted inequality by cases on the neurons' pre-activations", 2.9, _propose)
