"""Sub-graphs whose constants are known in closed form: normalisations, softmax, log-sum-exp, maxima.

Node by node their constants are lost (a product with an unbounded factor has none), so they are recognised from the
graph itself, by proof and not by name: each recogniser reads the nodes and their weights. The proofs are in
docs/operators.md.
"""

from __future__ import annotations

from certify.bounds.joints import Joins, JointKind, joined_map, joint, softmax_map
from certify.bounds.known_map import KnownMap
from certify.bounds.normalisations import normalisation_map
from certify.generators.graph import Activation, Graph, Product, Sum


def known_maps(graph: Graph) -> dict[int, KnownMap]:
    """Every recognised map by its exit. Upper bound, rounded outward."""
    joins = {kind: Joins(graph, kind) for kind in JointKind}
    found: dict[int, KnownMap] = {}
    for index, node in enumerate(graph.nodes):
        match node:
            case Product():
                known = normalisation_map(graph, index)
            case Activation(name="sigmoid" | "softplus"):
                known = softmax_map(graph, index, joins[JointKind.LOG_SUM_EXP])
            case Sum():
                join = joint(graph, index)
                known = None if join is None else joined_map(index, joins[join.kind])
            case _:
                known = None
        if known is not None:
            found[index] = known
    return found
