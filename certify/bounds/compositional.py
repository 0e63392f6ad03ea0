"""Composition: M, M2, M3 from the norms of the layers and the derivatives of the activations, node by node.

For a node p(z) with gradients' norms r1_k >= |grad p_k|, r2_k >= ||D^2 p_k||, r3_k >= ||D^3 p_k|| (entry by entry)
and totals t1 >= ||Dp||, t2 >= sup|D^2p[u,v]|, t3 >= sup|D^3p[u,v,w]|, the rules are those of Faa di Bruno:

    D^2(sigma o p)[u,v]   = sigma'' Dp u Dp v + sigma' D^2p[u,v],
    D^3(sigma o p)[u,v,w] = sigma''' Dp u Dp v Dp w + sigma'' (D^2p[u,v] Dp w + two more) + sigma' D^3p[u,v,w],
    D^2(fg)[u,v]          = f D^2g[u,v] + Df u Dg v + Df v Dg u + g D^2f[u,v].

Every quantity is an upper bound, rounded outward. Source: theory section 4 (second derivative of a composition).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import precision, upper
from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, row_norms_upper
from certify.arithmetic.large_matrices import norm_upper, operand, row_lengths_upper, weighted_sums_upper
from certify.bounds.known_map import KnownMap
from certify.bounds.known_maps import known_maps
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.clock import fits, skip
from certify.generators.activations import activation_constants
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

RANGE_UNITS, RANGE_UNITS_PER_ENTRY = 2000.0, 1e-2
"""Units of work (`certify.clock`) of an activation's slopes on its ranges: tables at their first use, and per entry."""


@dataclass(frozen=True, eq=False)
class DerivativeNorms:
    """Upper bounds at one node for orders 1, 2, 3: `rows[k - 1]` of shape (width,), `totals[k - 1]` a float."""

    rows: tuple[FloatArray, FloatArray, FloatArray]
    totals: tuple[float, float, float]


def derivative_norms(graph: Graph, ranges: NodeRanges) -> tuple[DerivativeNorms, ...]:
    """Upper bounds of the first three derivatives of every node over the region behind `ranges` (a batch of one).

    Upper bound, rounded outward.
    """
    found: list[DerivativeNorms] = []
    known = known_maps(graph)
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                zero = np.zeros(node.width)
                found.append(DerivativeNorms((np.ones(node.width), zero, zero), (1.0, 0.0, 0.0)))
            case Affine():
                found.append(_affine(node, found[node.source]))
            case Sum():
                found.append(_sum(node, found))
            case Product():
                found.append(_product(node, found, ranges))
            case Activation():
                found.append(_activation(index, node, found[node.source], ranges))
        if index in known:
            found[index] = _least(found[index], _known(known[index], found[known[index].entry]))
    return tuple(found)


def _affine(node: Affine, source: DerivativeNorms) -> DerivativeNorms:
    """|W| r entrywise, or |W_j| t; ||W|| t."""
    weight = operand(node.weight)
    norm = norm_upper(weight)
    row_norms = row_lengths_upper(weight)
    rows, totals = [], []
    for own_rows, total in zip(source.rows, source.totals, strict=True):
        sums = weighted_sums_upper(weight, own_rows)
        rows.append(np.minimum(sums, _inflate(times(row_norms, np.array(total)), 2)))
        totals.append(float(_inflate(times(np.array(norm), np.array(total)), 2)))
    return _tightened(rows, totals)


def _sum(node: Sum, found: list[DerivativeNorms]) -> DerivativeNorms:
    rows = [np.zeros(node.width) for _ in range(3)]
    totals = [0.0, 0.0, 0.0]
    for source, coefficient in zip(node.sources, node.coefficients, strict=True):
        size = np.array(abs(coefficient))
        for order in range(3):
            rows[order] = _inflate(rows[order] + times(size, found[source].rows[order]), 3)
            totals[order] = float(_inflate(totals[order] + times(size, np.array(found[source].totals[order])), 3))
    return _tightened(rows, totals)


def _product(node: Product, found: list[DerivativeNorms], ranges: NodeRanges) -> DerivativeNorms:
    (f, g), (left, right) = (found[source] for source in node.sources), node.sources
    size_f, size_g = (np.maximum(*(np.abs(end[0]) for end in ranges.values[source])) for source in (left, right))
    (f1, f2, f3), (g1, g2, g3) = f.rows, g.rows
    rows = [
        _inflate(times(size_f, g1) + times(f1, size_g), 4),
        _inflate(times(size_f, g2) + 2 * times(f1, g1) + times(f2, size_g), 6),
        _inflate(times(size_f, g3) + 3 * times(f1, g2) + 3 * times(f2, g1) + times(f3, size_g), 8),
    ]
    # As maps: |f . Dg u| <= max|f_i| |Dg u|, and |Df u . Dg v| <= max_i |grad f_i| |u| |Dg v|.
    top_f, top_g, slope_f, slope_g = (values.max() for values in (size_f, size_g, f1, g1))
    (a1, a2, a3), (b1, b2, b3) = ([np.array(total) for total in factor.totals] for factor in (f, g))
    totals = [
        times(top_f, b1) + times(a1, top_g),
        times(top_f, b2) + 2 * np.minimum(times(slope_f, b1), times(a1, slope_g)) + times(a2, top_g),
        times(top_f, b3) + 3 * times(slope_f, b2) + 3 * times(a2, slope_g) + times(a3, top_g),
    ]
    return _tightened(rows, [float(_inflate(np.array(total), 9)) for total in totals])


def _activation(index: int, node: Activation, source: DerivativeNorms, ranges: NodeRanges) -> DerivativeNorms:
    s1, s2, s3 = _sizes(index, node, ranges)
    (r1, r2, r3), (t1, t2, t3) = source.rows, (np.array(total) for total in source.totals)
    rows = [
        _inflate(times(s1, r1), 2),
        _inflate(times(s2, times(r1, r1)) + times(s1, r2), 5),
        _inflate(times(s3, times(r1, times(r1, r1))) + 3 * times(s2, times(r1, r2)) + times(s1, r3), 8),
    ]
    top = s1.max()
    totals = [
        times(top, t1),
        times(times(s2, r1).max(), t1) + times(top, t2),
        times(times(s3, times(r1, r1)).max(), t1) + 3 * times(times(s2, r1).max(), t2) + times(top, t3),
    ]
    return _tightened(rows, [float(_inflate(np.array(total), 9)) for total in totals])


def _sizes(index: int, node: Activation, ranges: NodeRanges) -> list[FloatArray]:
    """Upper bounds of the activation's first three derivatives on its ranges, over R where there is no time for it."""
    if fits(RANGE_UNITS + RANGE_UNITS_PER_ENTRY * node.width):
        return [ranges.magnitude_upper(index, order)[0] for order in (1, 2, 3)]
    skip("slopes on the ranges, for which those over R stand in")
    constants = activation_constants(node.name, node.parameters)
    moduli = constants.slope_modulus, constants.curvature_modulus, constants.third_modulus
    with precision():
        return [np.full(node.width, upper(modulus)) for modulus in moduli]


def _known(outer: KnownMap, source: DerivativeNorms) -> DerivativeNorms:
    """The chain rule for a map whose own derivatives are known, after a node of these."""
    totals = _chained(tuple(np.array(total) for total in outer.totals), source.totals)
    rows = _chained(outer.rows, source.totals)
    return _tightened(rows, [float(total) for total in totals])


def _chained(outer: tuple[FloatArray, ...], source: tuple[float, float, float]) -> list[FloatArray]:
    h1, h2, h3 = outer
    t1, t2, t3 = (np.array(total) for total in source)
    return [
        _inflate(times(h1, t1), 2),
        _inflate(times(h2, times(t1, t1)) + times(h1, t2), 5),
        _inflate(times(h3, times(t1, times(t1, t1))) + 3 * times(h2, times(t1, t2)) + times(h1, t3), 8),
    ]


def _least(first: DerivativeNorms, second: DerivativeNorms) -> DerivativeNorms:
    rows = [np.minimum(a, b) for a, b in zip(first.rows, second.rows, strict=True)]
    return _tightened(rows, [min(a, b) for a, b in zip(first.totals, second.totals, strict=True)])


def _tightened(rows: list[FloatArray], totals: list[float]) -> DerivativeNorms:
    """A total is at most the Euclidean norm of its rows, and no row exceeds the total."""
    least = [min(total, float(row_norms_upper(row[None])[0])) for row, total in zip(rows, totals, strict=True)]
    r1, r2, r3 = (np.minimum(row, total) for row, total in zip(rows, least, strict=True))
    return DerivativeNorms((r1, r2, r3), (least[0], least[1], least[2]))


def times(first: FloatArray, second: FloatArray) -> FloatArray:
    """Entrywise product of non-negative bounds, 0 * inf = 0: a derivative that vanishes stays zero. Estimate."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        result: FloatArray = np.where((first == 0) | (second == 0), 0.0, first * second + SMALLEST_NORMAL)
    return result


def _inflate(values: FloatArray, operations: int) -> FloatArray:
    """Upper bound of a non-negative expression of at most `operations` roundings, from its float value."""
    with np.errstate(over="ignore"):
        result: FloatArray = np.asarray(values * (1.0 + 2 * operations * EPSILON))
    return result


def _propose(problem: Problem) -> Iterator[Proposal]:
    final = derivative_norms(problem.generator.graph, problem.ranges)[-1]
    yield Proposal("M", "upper", final.totals[0], METHOD.name)
    yield Proposal("M2", "upper", final.totals[1], METHOD.name)
    yield Proposal("M3", "upper", final.totals[2], METHOD.name)


METHOD = BoundMethod("composition", "products of layer norms and the chain rule at orders 1, 2, 3", 1.0, _propose)
