"""Joints of two numbers into one, log(exp(a) + exp(b)), max(a, b), min(a, b), and what is joined to what in a graph.

Softmax is the gradient of the logarithm of a sum of exponentials, whose derivatives of order 2, 3, 4 are cumulants of a
random variable on an interval of length sqrt 2: at most 1/2, sqrt(2)/(3 sqrt 3), 1/2 (docs/operators.md).
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from certify.arithmetic.balls import ball, precision
from certify.bounds.known_map import KnownMap, selected, uniform_map
from certify.generators.graph import Activation, Affine, Graph, Sum


class JointKind(StrEnum):
    """How two numbers are joined; each is associative, commutative and increasing in both."""

    LOG_SUM_EXP = "log(exp(a) + exp(b))"
    MAXIMUM = "max(a, b)"
    MINIMUM = "min(a, b)"


class Joint(NamedTuple):
    """A node that joins the nodes `left` and `right` entry by entry."""

    kind: JointKind
    left: int
    right: int


_FORMS = {
    ("softplus", 1.0): JointKind.LOG_SUM_EXP,
    ("relu", 1.0): JointKind.MAXIMUM,
    ("relu", -1.0): JointKind.MINIMUM,
}
"""A joint is a + c sigma(c (b - a)) for an activation sigma and c = +-1."""


def joint(graph: Graph, index: int) -> Joint | None:
    """The joint that a node is, in the form a + softplus(b - a), a + relu(b - a) or a - relu(a - b). Exact."""
    node = graph.nodes[index]
    if not isinstance(node, Sum) or len(node.sources) != 2 or node.coefficients[0] != 1.0:
        return None
    (left, curved), sign = node.sources, node.coefficients[1]
    bend = graph.nodes[curved]
    kind = _FORMS.get((bend.name, sign)) if isinstance(bend, Activation) else None
    if kind is None or not isinstance(bend, Activation):
        return None
    gap = graph.nodes[bend.source]
    if not isinstance(gap, Sum) or gap.coefficients != (sign, -sign) or gap.sources[1] != left:
        return None
    return Joint(kind, left, gap.sources[0])


class Joins:
    """For each node v of a graph, which entries of which node u it joins: v_i joins u_j over j in S_i."""

    def __init__(self, graph: Graph, kind: JointKind) -> None:
        self.graph, self.kind = graph, kind
        self._known: dict[int, tuple[int, tuple[int, ...]]] = {}

    def sets(self, index: int) -> tuple[int, tuple[int, ...]]:
        """(u, S) with each S_i as the bits of an integer; a node that joins nothing is its own u. Exact."""
        # Ends of chains first, so that no recursion is deep.
        waiting = [index]
        while index not in self._known:
            missing = [source for source in self._sources(waiting[-1]) if source not in self._known]
            if missing:
                waiting.extend(missing)
            else:
                current = waiting.pop()
                self._known[current] = self._of(current)
        return self._known[index]

    def _sources(self, index: int) -> tuple[int, ...]:
        node = self.graph.nodes[index]
        if isinstance(node, Affine):
            return () if selected(node) is None else (node.source,)
        found = joint(self.graph, index)
        return () if found is None or found.kind is not self.kind else (found.left, found.right)

    def _of(self, index: int) -> tuple[int, tuple[int, ...]]:
        node = self.graph.nodes[index]
        sources = [self._known[source] for source in self._sources(index)]
        if isinstance(node, Affine) and sources:
            chosen = selected(node)
            assert chosen is not None
            return sources[0][0], tuple(sources[0][1][entry] for entry in chosen.tolist())
        if len(sources) == 2 and sources[0][0] == sources[1][0]:
            pairs = list(zip(sources[0][1], sources[1][1], strict=True))
            # An entry that is joined twice changes a maximum not at all, but a sum of exponentials.
            if self.kind is not JointKind.LOG_SUM_EXP or all(left & right == 0 for left, right in pairs):
                return sources[0][0], tuple(left | right for left, right in pairs)
        return index, tuple(1 << entry for entry in range(node.width))


def softmax_map(graph: Graph, index: int, joins: Joins) -> KnownMap | None:
    """s(z_i - r_i), or softplus(r_i - z_i), where r_i joins other entries than z_i. Upper bound, rounded outward."""
    node = graph.nodes[index]
    assert isinstance(node, Activation)
    gap = graph.nodes[node.source]
    if not isinstance(gap, Sum) or gap.coefficients != (1.0, -1.0):
        return None
    is_logarithm = node.name == "softplus"
    own, rival = gap.sources[::-1] if is_logarithm else gap.sources
    (base, entries), (other, rest) = joins.sets(own), joins.sets(rival)
    pairs = list(zip(entries, rest, strict=True))
    if base != other or any(entry.bit_count() != 1 or entry & others for entry, others in pairs):
        return None
    whole = [entry | others for entry, others in pairs]
    with precision():
        skew = ball(2).sqrt() / (3 * ball(3).sqrt())
        if is_logarithm:
            # D log softmax_i = e_i - p, its further derivatives are those of the joined logarithm; for a group of n
            # entries, I - 1 p^T is a projection of the norm of its complement 1 p^T, at most sqrt(n).
            rows = ball(2).sqrt(), ball(1) / 2, skew
            root = ball(max(group.bit_count() for group in whole)).sqrt()
            totals = root, root / 2, root * skew
        else:
            # The gradient of p_i is p_i (e_i - p), of norm at most sqrt(2) p_i (1 - p_i).
            rows, totals = (ball(2).sqrt() / 4, skew, ball(1) / 2), (ball(1) / 2, skew, ball(1) / 2)
        if not _is_partition(whole, entries):
            many = ball(node.width).sqrt()
            totals = rows[0] * many, rows[1] * many, rows[2] * many
        return uniform_map(base, index, node.width, rows, totals, (0.0, math.inf if is_logarithm else 1.0))


def _is_partition(whole: list[int], entries: tuple[int, ...]) -> bool:
    """Whether outputs are different entries, and groups of entries equal or disjoint: the groups do not interact."""
    if len(set(zip(whole, entries, strict=True))) < len(whole):
        return False
    seen = 0
    for group in set(whole):
        if seen & group:
            return False
        seen |= group
    return True


def joined_map(index: int, joins: Joins) -> KnownMap | None:
    """Entries joined over sets: 1-Lipschitz each, and together at most the root of how often an entry is joined.

    With weights p_i on S_i (a softmax, or one entry), sum_i (p_i . v)^2 <= sum_i sum_j p_ij v_j^2 by Jensen.
    Upper bound, rounded outward.
    """
    base, sets = joins.sets(index)
    if base == index:
        return None
    size = -(-joins.graph.nodes[base].width // 8)
    packed = np.frombuffer(b"".join(group.to_bytes(size, "little") for group in sets), dtype=np.uint8)
    counts = np.unpackbits(packed.reshape(len(sets), size), axis=1).sum(axis=0, dtype=np.int64)
    with precision():
        root = ball(int(counts.max())).sqrt()
        if joins.kind is JointKind.LOG_SUM_EXP:
            rows = ball(1), ball(1) / 2, ball(2).sqrt() / (3 * ball(3).sqrt())
        else:
            rows = ball(1), ball("inf"), ball("inf")
        return uniform_map(base, index, len(sets), rows, tuple(root * row for row in rows), (-math.inf, math.inf))
