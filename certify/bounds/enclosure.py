"""Enclosures of J, D^2G and D^3G over pieces of R^d, bounded or not: interval arithmetic through the graph.

Values are propagated as L z + r with L the part that is linear in z (it survives affine maps and sums, so a
residual path keeps its coordinates) and r an interval; derivatives follow the rules of Faa di Bruno with the range of
sigma^(k) over the piece. Sharper than these naive enclosures T_k is the mean-value form over a bounded piece
with the middle c and half-widths h along the chart's basis V,

    T_k(z) in T_k(c) + sum_j [-h_j, h_j] mid(T_{k+1})[V e_j]  +  an error of size sum_j h_j rad(T_{k+1})[V e_j],

whose norm is convex in the signs and thus largest at a vertex: second-order sharp. All rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.interval_tensors import (
    TensorBall,
    exact_tensor,
    tensor_apply,
    tensor_from_bounds,
    tensor_plus,
    tensor_times,
    weight_apply,
)
from certify.arithmetic.intervals import (
    EPSILON,
    SMALLEST_NORMAL,
    MatrixBall,
    add,
    exact_matrix,
    multiply,
    round_down,
    round_up,
    scale,
)
from certify.bounds.charts import Pieces
from certify.bounds.known_map import KnownMap
from certify.bounds.known_maps import known_maps
from certify.bounds.ranges import Interval, NodeRanges, affine_image, dense, product, recognised_range
from certify.bounds.ranges import add as add_intervals
from certify.bounds.ranges import scaled as scale_interval
from certify.generators.activations import range_enclosure
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

_TINY = 8 * SMALLEST_NORMAL
"""More than what underflow can cost in a sum of products."""

_PERMUTED = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
"""Which of three directions stands alone in Dp[u] D^2p[v, w]."""


@dataclass(frozen=True, eq=False)
class LinearParts:
    """Per node the matrix L of the part linear in z (None where it is zero), of shape (width, d)."""

    graph: Graph
    matrices: tuple[MatrixBall | None, ...]
    known: dict[int, KnownMap]

    @cached_property
    def is_shallow(self) -> bool:
        """Whether every activation and product reads what is affine in z: nothing is lost on the way to it. Exact."""
        bent: list[bool] = []
        for node in self.graph.nodes:
            has_bent_source = any(bent[source] for source in node.sources)
            bends = isinstance(node, Activation | Product)
            if bends and has_bent_source:
                return False
            bent.append(bends or has_bent_source)
        return True

    def scales(self, largest: float) -> FloatArray:
        """Per coordinate of z, `largest` over the steepest slope of an activation's input; 0 if none sees it.

        Estimate.
        """
        steepest = np.zeros(self.graph.latent_dim)
        for node in self.graph.nodes:
            for source in node.sources if isinstance(node, Activation | Product) else ():
                matrix = self.matrices[source]
                if matrix is not None:
                    steepest = np.maximum(steepest, (np.abs(matrix.midpoint) + matrix.radius).max(axis=0))
        with np.errstate(divide="ignore", over="ignore"):
            # A power of two, so that the cover's ends and their differences are short binary numbers.
            exponents = np.round(np.log2(np.where(steepest > 0, largest / steepest, 1.0)))
        return np.where(steepest > 0, np.ldexp(1.0, np.clip(exponents, -900, 900).astype(int)), 0.0)


def linear_parts(graph: Graph) -> LinearParts:
    """The matrices L of every node. Enclosure, rounded outward."""
    found: list[MatrixBall | None] = []
    for node in graph.nodes:
        match node:
            case Input():
                found.append(exact_matrix(np.eye(node.width)))
            case Affine():
                source = found[node.source]
                found.append(None if source is None else _without_false_zeros(dense(node.weight), source))
            case Sum():
                total: MatrixBall | None = None
                for index, coefficient in zip(node.sources, node.coefficients, strict=True):
                    part = found[index]
                    if part is not None:
                        term = part if coefficient == 1.0 else scale(part, coefficient)
                        total = term if total is None else _added(total, term)
                found.append(total)
            case Activation() | Product():
                found.append(None)
    return LinearParts(graph, tuple(found), known_maps(graph))


def piece_ranges(parts: LinearParts, pieces: Pieces) -> NodeRanges:
    """Enclosures of every node's values over every piece, arrays of shape (pieces, width), rounded outward."""
    values: list[Interval] = []
    rests: list[Interval] = []
    moves = None if parts.is_shallow or (pieces.lower == pieces.upper).all() else _Moves(parts, pieces)
    for index, node in enumerate(parts.graph.nodes):
        zero = np.zeros((pieces.count, node.width))
        match node:
            case Input():
                natural, rest = _linear_image(parts.matrices[0], pieces), (zero, zero)
            case Affine():
                natural, rest = affine_image(node, values[node.source]), affine_image(node, rests[node.source])
            case Sum():
                natural, rest = _sum(node, values), _sum(node, rests)
            case Product():
                natural = rest = product(values[node.sources[0]], values[node.sources[1]])
            case Activation():
                natural = rest = range_enclosure(node.name, node.parameters, 0, *values[node.source])
        matrix = parts.matrices[index]
        if matrix is not None and index > 0:
            linear = add_intervals(_linear_image(matrix, pieces), rest)
            natural = _intersection(natural, linear)
        values.append(natural)
        if index in parts.known or isinstance(node, Sum):
            values[index] = recognised_range(parts.graph, index, parts.known, values)
            rest = values[index] if matrix is None else rest
        if moves is not None:
            values[index] = _intersection(values[index], moves.image(node, values))
            rest = values[index] if matrix is None else rest
        rests.append(rest)
    return NodeRanges(parts.graph, tuple(values))


class _Moves:
    """The mean-value form of every node in turn: its value at the corner or middle of a piece, and how it moves.

    v(a) lies in v(a_0) + sum_j [dv/da_j](a_j - a_0j), the derivatives along the chart enclosed over the piece. Where a
    coordinate is unbounded and its derivative has a sign, the value goes to infinity with it, layer after layer;
    intervals alone lose that at the first activation.
    """

    def __init__(self, parts: LinearParts, pieces: Pieces) -> None:
        self.pieces, self.graph = pieces, parts.graph
        base = pieces.middle()
        reach = pieces.reach(base)
        self.is_open = ~np.isfinite(reach)
        self.steps = np.where(self.is_open, 0.0, reach)
        self.origin = piece_ranges(parts, Pieces(pieces.basis, base, base))
        self.derivatives: list[TensorBall] = []

    def image(self, node: Node, values: list[Interval]) -> Interval:
        """The mean-value form of the next node, whose sources' enclosures are among `values`, rounded outward."""
        found = self._derivative(node, values)
        low, high = self.origin.values[len(self.derivatives)]
        self.derivatives.append(found)
        slopes = found.bounds()
        with np.errstate(all="ignore"):
            # A coordinate that does not move counts for nothing, however steep it is.
            sizes = np.where(self.steps[:, None] == 0, 0.0, np.maximum(np.abs(slopes[0]), np.abs(slopes[1])))
            moved = ((sizes * self.steps[:, None]).sum(axis=2) + _TINY) * (1 + (self.steps.shape[1] + 4) * EPSILON)
            falls = (self.is_open[:, None] & ~(slopes[0] >= 0)).any(axis=2)
            rises = (self.is_open[:, None] & ~(slopes[1] <= 0)).any(axis=2)
            low, high = round_down(low - moved), round_up(high + moved)
        return np.where(falls | np.isnan(low), -np.inf, low), np.where(rises | np.isnan(high), np.inf, high)

    def _derivative(self, node: Node, values: list[Interval]) -> TensorBall:
        match node:
            case Input():
                return exact_tensor(self.pieces.basis)
            case Affine():
                return weight_apply(node.weight, self.derivatives[node.source])
            case Sum():
                return _sum_tensors(node, [(tensor,) for tensor in self.derivatives], 1)[0]
            case Product():
                factors = [tensor_from_bounds(*values[source]).view(..., None) for source in node.sources]
                first, second = (self.derivatives[source] for source in node.sources)
                return tensor_plus(tensor_times(factors[1], first), tensor_times(factors[0], second))
            case Activation():
                slopes = range_enclosure(node.name, node.parameters, 1, *values[node.source])
                return tensor_times(tensor_from_bounds(*slopes).view(..., None), self.derivatives[node.source])


def derivative_tensors(graph: Graph, ranges: NodeRanges, order: int) -> tuple[TensorBall, ...]:
    """Enclosures of J, ..., D^kG for k = `order` <= 3 over the sets behind `ranges`: (boxes or 1, n, d, ..., d).

    Enclosure, rounded outward.
    """
    d, found = graph.latent_dim, []
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                shapes = [(1, d) + (d,) * k for k in range(1, order + 1)]
                zeros = [exact_tensor(np.zeros(shape)) for shape in shapes[1:]]
                found.append((exact_tensor(np.eye(d)[None]), *zeros))
            case Affine():
                found.append(tuple(weight_apply(node.weight, tensor) for tensor in found[node.source]))
            case Sum():
                found.append(_sum_tensors(node, found, order))
            case Product():
                factors = [tensor_from_bounds(*ranges.values[source]) for source in node.sources]
                left, right = ((factor, *found[source]) for factor, source in zip(factors, node.sources, strict=True))
                found.append(tuple(_leibniz(left, right, k) for k in range(1, order + 1)))
            case Activation():
                slopes = [tensor_from_bounds(*ranges.slopes(index, k)) for k in range(1, order + 1)]
                found.append(_faa_di_bruno(slopes, found[node.source], order))
    return tuple(found[-1])


def along_basis(tensor: TensorBall, pieces: Pieces, reach: FloatArray) -> TensorBall:
    """T[h_j V e_j] for every j, shape (boxes, d_j, n, d, ...), from T of shape (boxes, n, d, ..., d_j).

    Enclosure, rounded outward.
    """
    steps = tensor_times(exact_tensor(pieces.basis), TensorBall(reach[:, None], np.zeros_like(reach[:, None])))
    total: TensorBall | None = None
    rank = len(tensor.shape) - 2
    for k in range(pieces.basis.shape[1]):
        step = steps.view(slice(None), k, slice(None), *(None,) * rank)
        term = tensor_times(tensor.view(slice(None), None, ..., k), step)
        total = term if total is None else tensor_plus(total, term)
    assert total is not None
    return total


def _faa_di_bruno(slopes: list[TensorBall], source: tuple[TensorBall, ...], order: int) -> tuple[TensorBall, ...]:
    """Of sigma o p: sigma' Dp; sigma'' Dp Dp + sigma' D2p; sigma''' Dp^3 + 3 sigma'' Dp D2p + sigma' D3p."""
    every = slice(None)
    results = [tensor_times(slopes[0].view(every, every, None), source[0])]
    if order >= 2:
        square = tensor_times(source[0].view(every, every, every, None), source[0].view(every, every, None, every))
        bend = slopes[1].view(every, every, None, None)
        results.append(
            tensor_plus(tensor_times(bend, square), tensor_times(slopes[0].view(every, every, None, None), source[1]))
        )
    if order >= 3:
        cube = tensor_times(square.view(..., None), source[0].view(every, every, None, None, every))
        deep = (every, every, None, None, None)
        mixed = _spread(source[0], source[1])
        total = tensor_plus(tensor_times(slopes[2].view(*deep), cube), tensor_times(slopes[1].view(*deep), mixed))
        results.append(tensor_plus(total, tensor_times(slopes[0].view(*deep), source[2])))
    return tuple(results)


def _spread(first: TensorBall, second: TensorBall) -> TensorBall:
    """The symmetric sum first[u] second[v, w] + first[v] second[u, w] + first[w] second[u, v]."""
    every = slice(None)
    outer = tensor_times(first.view(every, every, every, None, None), second.view(every, every, None, every, every))
    total: TensorBall | None = None
    for axes in _PERMUTED:
        place = (0, 1, *(2 + axes.index(k) for k in range(3)))
        term = TensorBall(outer.midpoint.transpose(place), outer.radius.transpose(place))
        total = term if total is None else tensor_plus(total, term)
    assert total is not None
    return total


def _leibniz(left: tuple[TensorBall, ...], right: tuple[TensorBall, ...], order: int) -> TensorBall:
    """D^k(f g) from (f, Df, ...) and (g, Dg, ...)."""
    every = slice(None)
    wide = (every, every, *(None,) * order)
    ends = tensor_plus(tensor_times(left[0].view(*wide), right[order]), tensor_times(left[order], right[0].view(*wide)))
    if order == 1:
        return ends
    if order == 2:
        mixed = tensor_times(left[1].view(..., None), right[1].view(every, every, None, every))
        swapped = TensorBall(mixed.midpoint.swapaxes(2, 3), mixed.radius.swapaxes(2, 3))
        return tensor_plus(ends, tensor_plus(mixed, swapped))
    return tensor_plus(ends, tensor_plus(_spread(left[1], right[2]), _spread(right[1], left[2])))


def _sum_tensors(node: Sum, found: list[tuple[TensorBall, ...]], order: int) -> tuple[TensorBall, ...]:
    results = []
    for k in range(order):
        total: TensorBall | None = None
        for source, coefficient in zip(node.sources, node.coefficients, strict=True):
            term = found[source][k]
            if coefficient != 1.0:
                term = tensor_times(term, exact_tensor(np.full((1,) * len(term.shape), coefficient)))
            total = term if total is None else tensor_plus(total, term)
        assert total is not None
        results.append(total)
    return tuple(results)


def _intersection(first: Interval, second: Interval) -> Interval:
    return np.maximum(first[0], second[0]), np.minimum(first[1], second[1])


def _sum(node: Sum, terms: list[Interval]) -> Interval:
    total: Interval | None = None
    for source, coefficient in zip(node.sources, node.coefficients, strict=True):
        term = terms[source] if coefficient == 1.0 else scale_interval(terms[source], coefficient)
        total = term if total is None else add_intervals(total, term)
    assert total is not None
    return total


def _linear_image(matrix: MatrixBall | None, pieces: Pieces) -> Interval:
    """Range of L z over z = V a: the terms (L V)_j a_j with possibly infinite a_j, zero columns exactly zero."""
    assert matrix is not None
    low, high = tensor_apply(matrix, exact_tensor(pieces.basis)).bounds()
    total: Interval | None = None
    for j in range(low.shape[2]):
        ends = pieces.lower[:, j, None], pieces.upper[:, j, None]
        term = product((low[:, :, j], high[:, :, j]), ends)
        total = term if total is None else add_intervals(total, term)
    assert total is not None
    return total


def _added(first: MatrixBall, second: MatrixBall) -> MatrixBall:
    """Sum that keeps exact zeros exact."""
    total = add(first, second)
    is_zero = (first.midpoint == 0) & (first.radius == 0) & (second.midpoint == 0) & (second.radius == 0)
    return MatrixBall(total.midpoint, np.where(is_zero, 0.0, total.radius))


def _without_false_zeros(weight: FloatArray, source: MatrixBall) -> MatrixBall:
    """W L with entries that are sums of exact zeros exactly zero, which unbounded directions need."""
    image = multiply(exact_matrix(weight), source)
    meets = (weight != 0).astype(np.float64) @ ((source.midpoint != 0) | (source.radius != 0)).astype(np.float64) > 0
    return MatrixBall(np.where(meets, image.midpoint, 0.0), np.where(meets, image.radius, 0.0))
