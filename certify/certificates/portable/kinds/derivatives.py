"""M, M2 and M3 by composition of layer norms, each norm with a factor that proves it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall, exact_matrix, multiply, subtract
from certify.arithmetic.matrices import spectral_norm_upper
from certify.bounds.compositional import derivative_norms
from certify.bounds.ranges import NodeRanges, dense
from certify.bounds.structure import live_graph
from certify.certificates.portable.exact_text import rounded_up
from certify.certificates.portable.factor import semidefinite_factor
from certify.certificates.portable.question import PortableKind, Question
from certify.generators.graph import Activation, Affine, Graph

KNOWN = ("tanh", "sigmoid", "softplus", "relu")
NORM_DIGITS = 16
ROOM = (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8)
"""Shares of a norm that are given up, in this order, until it is verified; an orthogonal weight needs the last two."""

MARGIN = Fraction(1, 1 << 40)
"""Share of a claim that is given up for the checker's own rounding and rules."""


def _make(question: Question) -> dict[str, Any] | str:
    graph, _ = live_graph(question.generator.graph)
    names = {node.name for node in graph.nodes if isinstance(node, Activation)}
    if not names <= set(KNOWN):
        return f"the checker knows the derivatives of {', '.join(KNOWN)}"
    totals = derivative_norms(graph, _no_ranges(graph))[-1].totals
    orders = ("M",) if "relu" in names else ("M", "M2", "M3")
    norms = [_norm(dense(node.weight)) for node in graph.nodes if isinstance(node, Affine)]
    proved = [norm for norm, _ in norms if norm is not None]
    if len(proved) < len(norms) or not all(map(math.isfinite, totals[: len(orders)])):
        return "a norm was not verified, or a derivative is not bounded"
    # In the derivative of order k a norm occurs at most k times in a product.
    lost = math.prod(1 + room for _, room in norms)
    bounds = (Fraction(total) * (1 + MARGIN) * lost**order for order, total in enumerate(totals, 1))
    claims = {name: str(rounded_up(bound)) for name, bound in zip(orders, bounds, strict=False)}
    return {"claims": claims, "norms": proved}


def _no_ranges(graph: Graph) -> NodeRanges:
    """Nothing is known of the nodes' values: the checker bounds the derivatives of sigma over the whole line."""
    ends = (np.full((1, node.width), np.inf) for node in graph.nodes)
    return NodeRanges(graph, tuple((-end, end) for end in ends))


def _norm(weight: FloatArray) -> tuple[dict[str, Any] | None, Fraction]:
    """A bound of ||W|| and the factor of bound^2 I - W W^T, or of W^T W where W is tall; and the share given up."""
    matrix = exact_matrix(weight if weight.shape[0] <= weight.shape[1] else weight.T)
    gram = multiply(matrix, matrix.transpose)
    least = Fraction(spectral_norm_upper(weight))
    for room in map(Fraction, ROOM):
        bound = rounded_up(least * (1 + room), NORM_DIGITS)
        size = float(bound * bound)
        ones = np.eye(matrix.shape[0])
        factor = semidefinite_factor(subtract(MatrixBall(size * ones, np.spacing(size) * ones), gram))
        if factor is not None:
            return {"value": str(bound), "factor": factor}, bound / least - 1
    return None, Fraction(0)


KIND = PortableKind("derivatives", "||DG|| <= M, |D^2 G[u, v]| <= M2, |D^3 G[u, v, w]| <= M3 everywhere", _make)
