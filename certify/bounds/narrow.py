"""A bottleneck narrower than the latents: m = 0 on every region with interior, read off the graph.

If every path from the input to the output passes nodes of total width k < d, then G = h o p with p: R^d -> R^k
continuous. On a small sphere S^(d-1) inside the region, Borsuk and Ulam's theorem gives two antipodal points with the
same image under p, hence under G: two different points with |G(z) - G(z')| = 0, so m = 0. Nothing is asked of h, nor
of p beyond continuity. An affine node counts with the rank of its matrix where that is less than its width, because
it factors through R^rank. The least total is a minimum cut, found by a maximum flow. Both ends are exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.exact_matrices import exact
from certify.bounds.bracket import Reason
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import dense
from certify.bounds.structure import live_graph
from certify.generators.activations import activation
from certify.generators.activations.function import Smoothness
from certify.generators.graph import Activation, Affine, Graph, Matrix

NAME = "narrow layer"

MOST_ENTRIES = 300_000
"""Entries of a matrix beyond which its exact rank is not found (about half a second)."""


def narrowest_cut(graph: Graph) -> int:
    """Least total width (or rank) of nodes that every path from input to output passes; the input itself counts d.

    Upper bound, rounded outward.
    """
    from scipy.sparse.csgraph import maximum_flow

    live, _ = live_graph(graph)
    count, unlimited = len(live.nodes), live.latent_dim + 1
    rows, columns, capacities = [], [], []
    # Node k is split into an entry k and an exit count + k, joined by an edge of its capacity.
    for index, node in enumerate(live.nodes):
        rows.append(index)
        columns.append(count + index)
        capacities.append(min(_capacity(live, index), unlimited))
        for source in set(node.sources):
            rows.append(count + source)
            columns.append(index)
            capacities.append(unlimited)
    shape = (2 * count, 2 * count)
    network = sp.csr_array((np.array(capacities, dtype=np.int32), (rows, columns)), shape=shape)
    found = maximum_flow(sp.csr_matrix(network), 0, 2 * count - 1)
    return int(found.flow_value)


def is_continuous(graph: Graph) -> bool:
    """Whether every activation of the live graph is continuous on R, so that every node is. Exact."""
    return not any(
        isinstance(node, Activation)
        and activation(node.name).smoothness(activation(node.name).resolve(node.parameters)) is Smoothness.SINGULAR
        for node in live_graph(graph)[0].nodes
    )


def rank_upper(weight: FloatArray) -> int:
    """Upper bound of the rank: rows and columns other than 0, and the exact rank where floats doubt it is full.

    Upper bound, rounded outward.

    >>> rank_upper(np.array([[1.0, 2.0], [2.0, 4.0]])), rank_upper(np.eye(3))
    (1, 3)
    """
    used = weight[np.ix_(weight.any(axis=1), weight.any(axis=0))]
    rows, columns = used.shape
    full: int = min(rows, columns)
    if full == 0 or used.size > MOST_ENTRIES or not np.isfinite(used).all():
        return full
    try:
        doubtful = int(np.linalg.matrix_rank(used / np.abs(used).max())) < full
    except np.linalg.LinAlgError:
        doubtful = True
    return exact(used).rank() if doubtful else full


def _capacity(graph: Graph, index: int) -> int:
    node = graph.nodes[index]
    if not isinstance(node, Affine):
        return node.width
    if node.weight.shape[0] * node.weight.shape[1] > MOST_ENTRIES:
        return _used(node.weight)
    return rank_upper(dense(node.weight))


def _used(weight: Matrix) -> int:
    """Rows or columns other than 0, the fewer of them: no matrix has a larger rank."""
    pattern = abs(weight) > 0
    return int(min((pattern @ np.ones(weight.shape[1]) > 0).sum(), (pattern.T @ np.ones(weight.shape[0]) > 0).sum()))


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, d = problem.generator.graph, problem.generator.latent_dim
    if not is_continuous(graph):
        return
    narrowest = narrowest_cut(graph)
    if narrowest >= d:
        return
    if graph.observed_dim < d:
        reason = Reason(
            f"G has {graph.observed_dim} outputs for {d} latents, so two points of every ball have one image",
            f"use at most {graph.observed_dim} latents",
        )
    else:
        reason = Reason(
            f"all that G says of its {d} latents passes through {narrowest} numbers, so two points of every ball have "
            "one image",
            f"widen the narrow layer to {d} or more (of full rank), or add a linear path or skip connection past it",
        )
    yield Proposal("m", "lower", 0.0, NAME, reason=reason)
    yield Proposal("m", "upper", 0.0, NAME, reason=reason)


METHOD = BoundMethod(
    NAME, "a cut of the graph of less than d numbers: m = 0 by Borsuk and Ulam", 0.1, _propose, reads_graph=True
)
