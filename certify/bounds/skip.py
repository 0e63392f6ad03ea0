"""Blocks that are too large for increment forms: m and M from the norms of their parts, in memory O(N).

A block sum_k c_k f_k(z) in which the branches of K are multiples of its input, c_K their sum, has for increments

    m >= |c_K| - sum_{k not in K} |c_k| Lip(f_k),      M <= |c_K| + sum_{k not in K} |c_k| Lip(f_k)

(theory section 4), Lip(f_k) by composition (`certify.bounds.compositional`); a single layer has the extreme singular
values of its matrix (`certify.arithmetic.large_matrices`). Bounds rounded outward.
"""

from __future__ import annotations

import math

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.large_matrices import norm_upper, smallest_stretch_lower
from certify.bounds.compositional import derivative_norms
from certify.bounds.ranges import NodeRanges
from certify.bounds.structure import live_graph
from certify.generators.graph import Affine, Graph, Sum


def layer_bounds(graph: Graph) -> tuple[float, float] | None:
    """(lower bound of m, upper bound of M) of a single affine layer; None for any other graph.

    Bounds, rounded outward.
    """
    if len(graph.nodes) != 2 or not isinstance(graph.nodes[1], Affine):
        return None
    weight = graph.nodes[1].weight
    return smallest_stretch_lower(weight), norm_upper(weight)


def skip_bounds(graph: Graph, ranges: NodeRanges) -> tuple[float, float]:
    """(lower bound of m, upper bound of M) of a block: (0, the composition's bound) where it is no sum with a skip.

    Bounds, rounded outward.
    """
    last = graph.nodes[-1]
    if not isinstance(last, Sum):
        return 0.0, derivative_norms(graph, ranges)[-1].totals[0]
    with precision():
        skip, rest = ball(0), ball(0)
        for source, coefficient in zip(last.sources, last.coefficients, strict=True):
            if source == 0:
                skip = skip + ball(coefficient)
                continue
            branch, kept = live_graph(Graph(graph.nodes[: source + 1]))
            local = NodeRanges(branch, tuple(ranges.values[index] for index in kept))
            lipschitz = derivative_norms(branch, local)[-1].totals[0]
            if not math.isfinite(lipschitz):
                return 0.0, math.inf
            rest = rest + ball(abs(coefficient)) * ball(lipschitz)
        return max(0.0, lower(abs(skip) - rest)), upper(abs(skip) + rest)
