"""Normalisation v -> v/sqrt(a |v|^2 + b) and its constants, recognised in a graph.

In units x = sqrt(a/b) v it is the gradient h of sqrt(1 + |x|^2). Symmetric forms are largest on the diagonal, where one
variable is left, so that the derivatives of h of order 1, 2, 3 have norms at most 1, 48/(25 sqrt 5), 3 everywhere and
1/Q^(1/2), (2/sqrt 3)/Q, 3/Q^(3/2) where 1 + |x|^2 >= Q (docs/operators.md). Where v = L z + c is affine in the input of
the graph, Q comes from the least |v|^2 over all z, shown by a positive definite matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import (
    EPSILON,
    SMALLEST_NORMAL,
    MatrixBall,
    add,
    exact_matrix,
    multiply,
    scale,
    scale_columns,
    subtract,
)
from certify.bounds.known_map import IntArray, KnownMap, through_selections
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

MOST_GROUPS = 64
"""With more groups the least size of a group is not looked for."""


@dataclass(frozen=True)
class _Quadratic:
    """q_g = sum_e weight[g, e] u_e^2 + offset_g for node u, with relative errors of at most `error`."""

    entry: int
    weight: sp.csr_array
    offset: FloatArray
    error: float


def normalisation_map(graph: Graph, index: int) -> KnownMap | None:
    """u_e / sqrt(q_g(u)) with q_g a positive combination of squares, u_e among them, plus a positive number.

    Upper bound, rounded outward.
    """
    node = graph.nodes[index]
    assert isinstance(node, Product)
    for numerator, divisor in (node.sources, node.sources[::-1]):
        node_of, groups = through_selections(graph, divisor)
        power = graph.nodes[node_of]
        if not isinstance(power, Activation) or power.name != "power" or power.parameters != (-0.5,):
            continue
        quadratic = _quadratic(graph, power.source)
        entry, entries = through_selections(graph, numerator)
        if quadratic is not None and quadratic.entry == entry:
            return _normalised(graph, index, quadratic, entries, groups)
    return None


def _normalised(
    graph: Graph, index: int, quadratic: _Quadratic, entries: IntArray, groups: IntArray
) -> KnownMap | None:
    dense = quadratic.weight.toarray()
    own = dense[groups, entries]
    used = np.unique(groups)
    if np.any(own <= 0) or np.any(quadratic.offset[used] <= 0) or np.any(dense[used] < 0):
        return None
    # Different outputs of a group are different entries, or the group's map is not the gradient it is taken for.
    if len(set(zip(groups.tolist(), entries.tolist(), strict=True))) < groups.size:
        return None
    form = affine_form(graph, quadratic.entry) if len(used) <= MOST_GROUPS else None
    with precision():
        slack = 1 + ball(quadratic.error)
        bounds = []
        for group in used.tolist():
            chosen = dense[group]
            least, most = ball(float(own[groups == group].min())) / slack, ball(float(chosen.max())) * slack
            offset = ball(float(quadratic.offset[group])) / slack
            # y = D h(S u) with |D| <= least^(-1/2), |S| <= (most/offset)^(1/2) and h the gradient of sqrt(1 + |x|^2).
            stretch, height = (most / offset).sqrt(), 1 / least.sqrt()
            size = ball(0.0 if form is None else least_combination(form, chosen)) / slack
            growth = 1 + size / (ball(float(quadratic.offset[group])) * slack)
            norms = (
                1 / growth.sqrt(),
                min(ball(48) / (25 * ball(5).sqrt()), 2 / ball(3).sqrt() / growth, key=upper),
                3 / (growth * growth.sqrt()),
            )
            bounds.append([upper(height * norm * stretch ** (k + 1)) for k, norm in enumerate(norms)])
        table = np.array(bounds)
        places = np.searchsorted(used, groups)
        reach = np.array([upper((slack / ball(float(entry))).sqrt()) for entry in own.tolist()])
        disjoint = bool(np.all((dense[used] > 0).sum(axis=0) <= 1))
        totals = table.max(axis=0) if disjoint else np.sqrt((table**2).sum(axis=0)) * (1 + 8 * len(used) * EPSILON)
    rows = tuple(table[places, k] for k in range(3))
    return KnownMap(
        quadratic.entry,
        index,
        (rows[0], rows[1], rows[2]),
        (float(totals[0]), float(totals[1]), float(totals[2])),
        -reach,
        reach,
    )


def affine_form(graph: Graph, index: int) -> MatrixBall | None:
    """The matrix (L | c), of shape (width, d + 1), of a node that is L z + c in the input z; None for any other.

    Enclosure, rounded outward.
    """
    ancestors = {index}
    for position in range(index, -1, -1):
        if position in ancestors:
            ancestors.update(graph.nodes[position].sources)
    forms: dict[int, MatrixBall] = {}
    for position in sorted(ancestors):
        node = graph.nodes[position]
        match node:
            case Input():
                forms[position] = exact_matrix(np.eye(node.width, node.width + 1))
            case Affine():
                shift = np.zeros((node.width, graph.latent_dim + 1))
                shift[:, -1] = node.bias
                weight = node.weight if isinstance(node.weight, np.ndarray) else node.weight.toarray()
                forms[position] = add(multiply(exact_matrix(weight), forms[node.source]), exact_matrix(shift))
            case Sum():
                terms = [
                    scale(forms[source], coefficient)
                    for source, coefficient in zip(node.sources, node.coefficients, strict=True)
                ]
                forms[position] = reduce(add, terms)
            case _:
                return None
    return forms[index]


def least_combination(form: MatrixBall, weights: FloatArray) -> float:
    """Lower bound over all z of sum_e weights_e (L_e z + c_e)^2, for weights (w,) >= 0, with (L | c) = `form`.

    s is one if [z; 1]^T (B^T W B - s e e^T) [z; 1] >= 0 for B = (L | c) and e the last unit vector, which a positive
    definite matrix shows; a float proposes s. Lower bound, rounded outward.
    """
    kept = weights > 0
    rows = MatrixBall(form.midpoint[kept], form.radius[kept])
    gram = multiply(scale_columns(rows.transpose, exact_matrix(weights[kept][None])), rows)
    if not gram.is_finite:
        return 0.0
    try:
        proposed = 1.0 / float(np.linalg.inv(gram.midpoint)[-1, -1])
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return 0.0
    if not 0.0 < proposed < np.inf:
        return 0.0
    for share in (1 - 1e-6, 0.99, 0.5):
        corner = np.zeros(gram.shape)
        corner[-1, -1] = share * proposed
        if positive_definite(subtract(gram, exact_matrix(corner))):
            return share * proposed
    return 0.0


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
                base, entries = through_selections(graph, node.source)
                place = sp.csr_array(
                    (np.ones(entries.size), entries, np.arange(entries.size + 1)),
                    shape=(entries.size, graph.nodes[base].width),
                )
                total = sp.csr_array(weight @ place)
                return _Quadratic(base, total, offset, 4 * (roundings + total.shape[1] + 2) * EPSILON)
            case _:
                return None
        # All terms are non-negative, so that every rounding is relative, unless a product leaves the range of floats.
        if np.any(step.data < 0) or np.any(shift < 0) or not _stays_normal(weight.data, step.data, shift):
            return None
        offset = offset + weight @ shift
        weight = sp.csr_array(weight @ step)
        roundings += step.shape[1] + 3


def _stays_normal(weights: FloatArray, *factors: FloatArray) -> bool:
    """Whether no product of a weight and a factor, and no sum of such, can under- or overflow."""
    sizes = np.concatenate(factors)
    weights, sizes = weights[weights != 0.0], sizes[sizes != 0.0]
    if not weights.size or not sizes.size:
        return True
    with np.errstate(over="ignore", under="ignore"):
        least, most = weights.min() * sizes.min(), weights.max() * sizes.max() * (weights.size * sizes.size)
    return bool(least >= SMALLEST_NORMAL and most < np.inf)
