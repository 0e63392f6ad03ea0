"""Bounded in some direction: m = 0 on all of R^d, read off the ranges of the nodes.

Two arguments, both exact. Write G(z) = L z + r(z) with L the part that stays linear through the graph.

1. If r is bounded and L v = 0 for some v != 0, then |G(tv) - G(0)| = |r(tv) - r(0)| is bounded while |tv - 0| grows:
   the quotient tends to 0 along the ray, which is its infimum. (L = 0: the image of G is bounded.)
2. If n = d and some output is bounded below or above, G is not onto. With m > 0 a continuous G would be
   injective, with a closed image (|G(z) - G(0)| >= m|z|: bounded sets have bounded preimages) that is open by
   invariance of domain; R^d being connected, G would be onto. So m = 0.

No pair of points attains the infimum in general, so these ends have a reason and no witness.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from certify.bounds.bracket import Reason, Region
from certify.bounds.enclosure import linear_parts
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.narrow import is_continuous
from certify.bounds.ranges import Interval, NodeRanges, add, affine_image, node_ranges, scaled
from certify.generators.graph import Affine, Graph, Input, Sum

NAME = "bounded image"

REMEDY = (
    "give the decoder a linear last layer over unbounded activations, or a skip connection (on a ball: `certify "
    "constants --region RADIUS`)"
)


def bounded_direction(graph: Graph) -> Reason | None:
    """Why inf |G(z)-G(z')|/|z-z'| = 0 over R^d, by one of the arguments above; None where neither applies. Verified."""
    ranges = node_ranges(graph, Region())
    low, high = _remainder(graph, ranges)
    linear = linear_parts(graph).matrices[-1]
    if np.isfinite(low).all() and np.isfinite(high).all():
        if linear is None:
            return Reason("the image of G is bounded, so its quotient tends to 0 along every ray", REMEDY)
        idle = np.flatnonzero(~((linear.midpoint != 0) | (linear.radius != 0)).any(axis=0))
        if idle.size:
            text = f"G is bounded along latent {idle[0]}, so its quotient tends to 0 along that ray"
            return Reason(text, REMEDY)
    low, high = ranges.values[-1]
    bounded = np.flatnonzero(np.isfinite(low[0]) | np.isfinite(high[0]))
    if graph.observed_dim == graph.latent_dim and bounded.size and is_continuous(graph):
        text = f"output {bounded[0]} is bounded on one side, so G is not onto R^{graph.latent_dim}"
        return Reason(f"{text}, as m > 0 would make it", REMEDY)
    return None


def _remainder(graph: Graph, ranges: NodeRanges) -> Interval:
    """Range of r = G - L z over R^d, rounded outward."""
    rests: list[Interval] = []
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                rests.append((np.zeros((1, node.width)), np.zeros((1, node.width))))
            case Affine():
                rests.append(affine_image(node, rests[node.source]))
            case Sum():
                terms = [scaled(rests[k], c) for k, c in zip(node.sources, node.coefficients, strict=True)]
                total = terms[0]
                for term in terms[1:]:
                    total = add(total, term)
                rests.append(total)
            case _:
                rests.append(ranges.values[index])
    return rests[-1]


def _propose(problem: Problem) -> Iterator[Proposal]:
    reason = bounded_direction(problem.generator.graph) if problem.region.radius is None else None
    if reason is not None:
        yield Proposal("m", "lower", 0.0, NAME, reason=reason)
        yield Proposal("m", "upper", 0.0, NAME, reason=reason)


METHOD = BoundMethod(NAME, "bounded in a direction over R^d: m = 0", 0.2, _propose, reads_graph=True)
