"""Sub-graphs whose constants are known in closed form: normalisations, softmax, log-sum-exp, maxima.

Node by node their constants are lost (a product with an unbounded factor has none), so they are recognised from the
graph itself, by proof and not by name: each recogniser reads the nodes and their weights. The proofs are in
docs/operators.md. In short:

- v -> v/sqrt(a|v|^2 + b) is, in units sqrt(a/b) v, the gradient of sqrt(1 + |x|^2), whose derivatives of order 2, 3, 4
  have norms at most 1, 48/(25 sqrt 5), 3 (symmetric forms are largest on the diagonal, where one variable is left).
- softmax is the gradient of the logarithm of a sum of exponentials, whose derivatives of order 2, 3, 4 are cumulants
  of a random variable on an interval of length sqrt 2: at most 1/2, sqrt(2)/(3 sqrt 3), 1/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.generators.graph import Activation, Affine, Graph, Product, Sum

IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownMap:
    """Node `exit` as a function of node `entry`: bounds of its derivatives of order 1, 2, 3 and of its values.

    `rows[k - 1]` bounds the derivative of order k of each entry, `totals[k - 1]` that of the whole map, both as
    multilinear forms in Euclidean norms and over the whole space. Upper bounds, rounded outward.
    """

    entry: int
    exit: int
    rows: tuple[FloatArray, FloatArray, FloatArray]
    totals: tuple[float, float, float]
    low: FloatArray
    high: FloatArray


def known_maps(graph: Graph) -> dict[int, KnownMap]:
    """Every recognised map by its exit."""
    joins = {kind: Joins(graph, kind) for kind in JointKind}
    found: dict[int, KnownMap] = {}
    for index, node in enumerate(graph.nodes):
        match node:
            case Product():
                known = _normalisation(graph, index)
            case Activation(name="sigmoid" | "softplus"):
                known = _softmax(graph, index, joins[JointKind.LOG_SUM_EXP])
            case Sum():
                join = joint(graph, index)
                known = None if join is None else _joined(index, joins[join.kind])
            case _:
                known = None
        if known is not None:
            found[index] = known
    return found


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
    """The joint that a node is, in the form a + softplus(b - a), a + relu(b - a) or a - relu(a - b)."""
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
        """(u, S) with each S_i as the bits of an integer; a node that joins nothing is its own u."""
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


def selected(node: Affine) -> IntArray | None:
    """The entries that an affine node only copies, or None if it does anything else."""
    if not sp.issparse(node.weight) or np.any(node.bias != 0.0):
        return None
    weight = sp.csr_array(node.weight)
    if weight.nnz != node.width or np.any(np.diff(weight.indptr) != 1) or np.any(weight.data != 1.0):
        return None
    chosen: IntArray = weight.indices.astype(np.int64)
    return chosen


def _softmax(graph: Graph, index: int, joins: Joins) -> KnownMap | None:
    """s(z_i - r_i), or softplus(r_i - z_i), where r_i joins other entries than z_i."""
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
        return _known(base, index, node.width, rows, totals, (0.0, math.inf if is_logarithm else 1.0))


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


def _joined(index: int, joins: Joins) -> KnownMap | None:
    """Entries joined over sets: 1-Lipschitz each, and together at most the root of how often an entry is joined.

    With weights p_i on S_i (a softmax, or one entry), sum_i (p_i . v)^2 <= sum_i sum_j p_ij v_j^2 by Jensen.
    """
    base, sets = joins.sets(index)
    if base == index:
        return None
    counts = [0] * joins.graph.nodes[base].width
    for group in sets:
        while group:
            counts[(group & -group).bit_length() - 1] += 1
            group &= group - 1
    with precision():
        root = ball(max(counts)).sqrt()
        if joins.kind is JointKind.LOG_SUM_EXP:
            rows = ball(1), ball(1) / 2, ball(2).sqrt() / (3 * ball(3).sqrt())
        else:
            rows = ball(1), ball("inf"), ball("inf")
        return _known(base, index, len(sets), rows, tuple(root * row for row in rows), (-math.inf, math.inf))


@dataclass(frozen=True)
class _Quadratic:
    """q_g = sum_e weight[g, e] u_e^2 + offset_g for node u, with relative errors of at most `error`."""

    entry: int
    weight: sp.csr_array
    offset: FloatArray
    error: float


def _normalisation(graph: Graph, index: int) -> KnownMap | None:
    """u_e / sqrt(q_g(u)) with q_g a positive combination of squares, u_e among them, plus a positive number."""
    node = graph.nodes[index]
    assert isinstance(node, Product)
    for numerator, divisor in (node.sources, node.sources[::-1]):
        node_of, groups = _through_selections(graph, divisor)
        power = graph.nodes[node_of]
        if not isinstance(power, Activation) or power.name != "power" or power.parameters != (-0.5,):
            continue
        quadratic = _quadratic(graph, power.source)
        entry, entries = _through_selections(graph, numerator)
        if quadratic is not None and quadratic.entry == entry:
            return _normalised(index, quadratic, entries, groups)
    return None


def _normalised(index: int, quadratic: _Quadratic, entries: IntArray, groups: IntArray) -> KnownMap | None:
    dense = quadratic.weight.toarray()
    own = dense[groups, entries]
    used = np.unique(groups)
    if np.any(own <= 0) or np.any(quadratic.offset[used] <= 0) or np.any(dense[used] < 0):
        return None
    # Different outputs of a group are different entries, or the group's map is not the gradient it is taken for.
    if len(set(zip(groups.tolist(), entries.tolist(), strict=True))) < groups.size:
        return None
    slack = 1 + ball(quadratic.error)
    with precision():
        bounds = []
        for group in used.tolist():
            chosen = dense[group]
            least, most = ball(float(own[groups == group].min())) / slack, ball(float(chosen.max())) * slack
            offset = ball(float(quadratic.offset[group])) / slack
            # y = D h(S u) with |D| <= least^(-1/2), |S| <= (most/offset)^(1/2) and h the gradient of sqrt(1 + |x|^2).
            stretch, height = (most / offset).sqrt(), 1 / least.sqrt()
            norms = (ball(1), ball(48) / (25 * ball(5).sqrt()), ball(3))
            bounds.append([upper(height * norm * stretch ** (k + 1)) for k, norm in enumerate(norms)])
        table = np.array(bounds)
        places = np.searchsorted(used, groups)
        reach = np.array([upper((slack / ball(float(entry))).sqrt()) for entry in own.tolist()])
        disjoint = bool(np.all((dense[used] > 0).sum(axis=0) <= 1))
        totals = table.max(axis=0) if disjoint else np.sqrt((table**2).sum(axis=0)) * (1 + 8 * len(used) * EPSILON)
    rows = tuple(table[places, k] for k in range(3))
    return KnownMap(
        quadratic.entry, index, (rows[0], rows[1], rows[2]), (float(totals[0]), float(totals[1]), float(totals[2])),
        -reach, reach,
    )


def _through_selections(graph: Graph, index: int) -> tuple[int, IntArray]:
    """The node behind copies of its entries, and which of its entries each entry is."""
    entries: IntArray = np.arange(graph.nodes[index].width, dtype=np.int64)
    while True:
        node = graph.nodes[index]
        chosen = selected(node) if isinstance(node, Affine) else None
        if chosen is None or not isinstance(node, Affine):
            return index, entries
        index, entries = node.source, chosen[entries]


def _quadratic(graph: Graph, index: int) -> _Quadratic | None:
    """The node as a combination of squares with non-negative weights, found by composing affine nodes backwards."""
    weight = sp.csr_array(sp.eye_array(graph.nodes[index].width))
    offset = np.zeros(graph.nodes[index].width)
    roundings = 0
    while True:
        node = graph.nodes[index]
        match node:
            case Affine():
                step, shift, index = sp.csr_array(node.weight), node.bias, node.source
            case Sum() if len(node.sources) == 1:
                step = sp.csr_array(sp.eye_array(node.width) * node.coefficients[0])
                shift, index = np.zeros(node.width), node.sources[0]
            case Activation(name="square"):
                base, entries = _through_selections(graph, node.source)
                place = sp.csr_array(
                    (np.ones(entries.size), entries, np.arange(entries.size + 1)),
                    shape=(entries.size, graph.nodes[base].width),
                )
                total = sp.csr_array(weight @ place)
                return _Quadratic(base, total, offset, 4 * (roundings + total.shape[1] + 2) * EPSILON)
            case _:
                return None
        # All terms are non-negative, so that every rounding is relative.
        if np.any(step.data < 0) or np.any(shift < 0):
            return None
        offset = offset + weight @ shift
        weight = sp.csr_array(weight @ step)
        roundings += step.shape[1] + 3


def _known(
    entry: int, index: int, width: int, rows: tuple[arb, ...], totals: tuple[arb, ...], ends: tuple[float, float]
) -> KnownMap:
    full = [np.full(width, upper(row)) for row in rows]
    sums = [upper(total) for total in totals]
    return KnownMap(
        entry, index, (full[0], full[1], full[2]), (sums[0], sums[1], sums[2]),
        np.full(width, ends[0]), np.full(width, ends[1]),
    )
