"""Chain rule over cuts: the best way to bracket the chain of blocks, with sharp bounds for every stretch of it.

Between any two cuts i < j of the chain lies a map G_ij. Its constants are bounded directly (residual rule and
semidefinite for M; one hidden layer's curvature or composition for M2, M3) and through every cut k between by

    M(h o g) <= M(h) M(g),   M2(h o g) <= M2(h) M(g)^2 + M(h) M2(g),
    M3(h o g) <= M3(h) M(g)^3 + 3 M2(h) M(g) M2(g) + M(h) M3(g),   m(h o g) >= m(h) m(g),

(theory section 4; Faa di Bruno), and the best is kept: dynamic programming over intervals of cuts. A block that
ends in a sum has at most the sum of its branches' M2 and M3, each branch a chain again. Bounds rounded outward;
the ranges of each stretch are those of the whole map's region, so local constants chain too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.bounds.compositional import derivative_norms
from certify.bounds.curvature import curvature_units, layer_curvature_upper, single_layer
from certify.bounds.effort import Work, cubic_units
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.semidefinite import block_bounds
from certify.bounds.structure import Block, block_ranges, blocks, has_increment_form, increment_form, join, live_graph
from certify.generators.graph import Activation, Graph, Product, Sum

MOST_CUTS = 16
"""Longer chains are bounded block by block without regrouping."""


@dataclass(frozen=True)
class StretchConstants:
    """Certified ends for one stretch: m from below, M, M2, M3 from above."""

    m: float
    M: float
    M2: float
    M3: float


_NOTHING = StretchConstants(0.0, math.inf, math.inf, math.inf)


def direct_constants(
    block: Block, ranges: NodeRanges, work: Work, is_whole: bool = False, is_joined: bool = False
) -> StretchConstants:
    """Constants of one stretch without cutting it; m and M of the whole map are left to other methods.

    A stretch that is not joined from several is one block, whose branches are bounded one by one.
    Bounds, rounded outward.
    """
    local = block_ranges(block, ranges)
    norms = derivative_norms(block.graph, local)[-1]
    low, high = (0.0, math.inf) if is_whole else block_bounds(block.graph, local, work)
    second, third = norms.totals[1], norms.totals[2]
    if not has_increment_form(block.graph):
        return StretchConstants(low, min(high, norms.totals[0]), second, third)
    form = increment_form(block.graph, local, centred=False)
    work.charge(cubic_units(form.size, form.size, form.latent_dim))
    layer = single_layer(block.graph, form)
    if layer is not None and work.affords(curvature_units(form.size)):
        work.charge(curvature_units(form.size))
        for order in (2, 3):
            least, largest = (end[0] for end in local.slopes(form.nodes[0], order))
            bound = layer_curvature_upper(*layer, least, largest, order)
            second, third = (min(second, bound), third) if order == 2 else (second, min(third, bound))
    elif layer is None and len(form.inputs) > 1 and not is_joined and not work.is_spent:
        bends = branch_curvatures(block.graph, local, work)
        second, third = min(second, bends[0]), min(third, bends[1])
    return StretchConstants(low, min(high, norms.totals[0]), second, third)


def branch_curvatures(graph: Graph, ranges: NodeRanges, work: Work) -> tuple[float, float]:
    """(M2, M3) of a sum, sum_k |c_k| (M2, M3)(f_k), each branch f_k a chain of its own; infinite for no sum.

    A linear branch adds nothing, so a residual block is as curved as what it adds to its input.
    Upper bound, rounded outward.
    """
    last = graph.nodes[-1]
    if not isinstance(last, Sum):
        return math.inf, math.inf
    with precision():
        second, third = ball(0), ball(0)
        for source, coefficient in zip(last.sources, last.coefficients, strict=True):
            branch, kept = live_graph(Graph(graph.nodes[: source + 1]))
            if not any(isinstance(node, Activation | Product) for node in branch.nodes):
                continue
            local = NodeRanges(branch, tuple(ranges.values[index] for index in kept))
            found = chain_constants(stretches(branch), local, work)
            size = ball(abs(coefficient))
            second, third = second + _times(size, ball(found.M2)), third + _times(size, ball(found.M3))
        return upper(second), upper(third)


def compose(outer: StretchConstants, inner: StretchConstants) -> StretchConstants:
    """Constants of h o g from those of h and g. Bounds, rounded outward.

    >>> twice = StretchConstants(2.0, 2.0, 0.0, 0.0)
    >>> compose(twice, StretchConstants(0.5, 1.0, 3.0, 4.0))
    StretchConstants(m=1.0, M=2.0, M2=6.0, M3=8.0)
    """
    with precision():
        h1, h2, h3 = (ball(value) for value in (outer.M, outer.M2, outer.M3))
        g1, g2, g3 = (ball(value) for value in (inner.M, inner.M2, inner.M3))
        return StretchConstants(
            max(0.0, lower(ball(outer.m) * ball(inner.m))),
            upper(_times(h1, g1)),
            upper(_times(h2, g1, g1) + _times(h1, g2)),
            upper(_times(h3, g1, g1, g1) + 3 * _times(h2, g1, g2) + _times(h1, g3)),
        )


def chain_constants(chain: tuple[Block, ...], ranges: NodeRanges, work: Work) -> StretchConstants:
    """Best constants of the whole chain over all groupings of its blocks. Bounds, rounded outward."""
    count = len(chain)
    if count > MOST_CUTS:
        total = direct_constants(chain[0], ranges, work)
        for block in chain[1:]:
            total = compose(direct_constants(block, ranges, work), total)
        return total
    best: dict[tuple[int, int], StretchConstants] = {}
    left = count * (count + 1) // 2
    for length in range(1, count + 1):
        for start in range(count - length + 1):
            stop = start + length
            found = _NOTHING
            # Single blocks always: there must be something to compose.
            joined = join(chain[start:stop])
            # Of a joined stretch without a form nothing is known that the composition of the whole does not say.
            if length == 1 or (not work.is_spent and has_increment_form(joined.graph)):
                share = work.share(1.0 / left)
                found = direct_constants(joined, ranges, share, length == count, length > 1)
            left -= 1
            for cut in range(start + 1, stop):
                found = _better(found, compose(best[cut, stop], best[start, cut]))
            best[start, stop] = found
    return best[0, count]


def stretches(graph: Graph) -> tuple[Block, ...]:
    """The chain of blocks with each lone activation joined to the block after it: cuts at pre-activations suffice.

    Exact.
    """
    found: list[Block] = []
    waiting: Block | None = None
    for block in blocks(graph):
        current = block if waiting is None else join((waiting, block))
        alone = len(block.graph.nodes) == 2 and isinstance(block.graph.nodes[1], Activation)
        waiting = current if alone else None
        if waiting is None:
            found.append(current)
    return tuple(found) if waiting is None else (*found, waiting)


def _better(first: StretchConstants, second: StretchConstants) -> StretchConstants:
    return StretchConstants(
        max(first.m, second.m), min(first.M, second.M), min(first.M2, second.M2), min(first.M3, second.M3)
    )


def _times(*factors: arb) -> arb:
    """Product of non-negative balls with 0 * inf = 0: a derivative that vanishes identically stays zero."""
    result = ball(1)
    if any(factor == 0 for factor in factors):
        return ball(0)
    for factor in factors:
        result = result * factor
    return result if not result.is_nan() else ball(math.inf)


def _propose(problem: Problem) -> Iterator[Proposal]:
    chain = stretches(problem.generator.graph)
    if len(chain) == 1 and sum(isinstance(node, Activation) for node in chain[0].graph.nodes) == 1:
        return  # One hidden layer: `certify.bounds.curvature` and the methods of the whole graph have said it all.
    found = chain_constants(chain, problem.ranges, problem.work)
    yield Proposal("m", "lower", found.m, METHOD.name)
    yield Proposal("M", "upper", found.M, METHOD.name)
    yield Proposal("M2", "upper", found.M2, METHOD.name)
    yield Proposal("M3", "upper", found.M3, METHOD.name)


METHOD = BoundMethod(
    "chain rule", "dynamic programming over the cuts of the graph with sharp bounds of each stretch", 3.0, _propose
)
