"""Derivatives of a generator graph in floating point, batched over latent points.

Every function takes z of shape (batch, d) or (d,) and drops the batch axis in the second case. All are
exact up to rounding (no finite differences). Estimates: the rigorous counterparts are in `jets`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.clock import ask
from certify.errors import InputError
from certify.generators import activations
from certify.generators.nodes import Activation, Affine, Graph, Input, Matrix, Node, Product, Sum

Directions: TypeAlias = frozenset[int]
Multiplication: TypeAlias = Callable[[Affine, FloatArray], FloatArray]
"""W v for the weight W of a node and vectors v (batch, k)."""


def value(graph: Graph, z: npt.ArrayLike) -> FloatArray:
    """G(z), shape (batch, n). Estimate."""
    points, squeeze = _batch(graph, z)
    for found in _in_turn(graph, points):
        last = found
    return _unbatch(last, squeeze)


def guarded_value(
    graph: Graph, points: FloatArray, product: Multiplication | None = None
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """G at points (batch, d), and where floats know it, (batch,): where every node on the way is finite. Estimate.

    By `product` where it is given.
    An overflow need not be seen in the output: sigmoid(log(exp(800)) - 800) is 1 in floats and 1/2 in truth.
    """
    known = np.ones(len(points), dtype=bool)
    for found in _in_turn(graph, points, product):
        known &= np.isfinite(found).all(axis=1)
    return found, known


def _in_turn(graph: Graph, points: FloatArray, product: Multiplication | None = None) -> Iterator[FloatArray]:
    """The nodes' values at points (batch, d), one after the other."""
    last_use = {source: index for index, node in enumerate(graph.nodes) for source in node.sources}
    values: list[FloatArray] = []
    for index, node in enumerate(graph.nodes):
        if product is not None and isinstance(node, Affine):
            values.append(product(node, values[node.source]) + node.bias)
        else:
            values.append(_node_value(node, points, values))
        # A deep network's values together are many times what a layer needs.
        for source in node.sources:
            if last_use[source] == index:
                values[source] = np.empty(0)
        yield values[-1]


def jacobian(graph: Graph, z: npt.ArrayLike) -> FloatArray:
    """J(z) = dG/dz, shape (batch, n, d), by one forward pass with d tangents. Estimate."""
    points, squeeze = _batch(graph, z)
    tangents = node_tangents(graph, node_values(graph, points))[-1]
    return _unbatch(np.ascontiguousarray(np.swapaxes(tangents, 1, 2)), squeeze)


def vector_jacobian_product(graph: Graph, z: npt.ArrayLike, r: npt.ArrayLike) -> FloatArray:
    """J(z)^T r for r of shape (batch, n) or (n,), shape (batch, d), by one reverse pass. Estimate."""
    points, squeeze = _batch(graph, z)
    covectors, single = _vectors(r, graph.observed_dim, "r")
    points, covectors = _repeat(points, len(covectors)), _repeat(covectors, len(points))
    return _unbatch(_adjoints(graph, node_values(graph, points), covectors)[0], squeeze and single)


def hessian_contraction(graph: Graph, z: npt.ArrayLike, r: npt.ArrayLike) -> FloatArray:
    """sum_i r_i Hess G_i(z), shape (batch, d, d), symmetric. Estimate.

    The Hessian of r . G is the sum over the nodes of (adjoint of the node) times (the node's own second
    derivative at the tangents of its sources); only activations and products have one.
    """
    points, squeeze = _batch(graph, z)
    covectors, single = _vectors(r, graph.observed_dim, "r")
    points, covectors = _repeat(points, len(covectors)), _repeat(covectors, len(points))
    values = node_values(graph, points)
    tangents = node_tangents(graph, values)
    adjoints = _adjoints(graph, values, covectors)
    d = graph.latent_dim
    hessian = np.zeros((len(points), d, d))
    for index, node in enumerate(graph.nodes):
        match node:
            case Activation():
                curvature = activations.derivatives(node.name, values[node.source], node.parameters, 2)[2]
                tangent = tangents[node.source]
                hessian += (tangent * (adjoints[index] * curvature)[:, None, :]) @ np.swapaxes(tangent, 1, 2)
            case Product():
                left, right = (tangents[source] for source in node.sources)
                mixed = (left * adjoints[index][:, None, :]) @ np.swapaxes(right, 1, 2)
                hessian += mixed + np.swapaxes(mixed, 1, 2)
    return _unbatch(hessian, squeeze and single)


def directional_derivative(graph: Graph, z: npt.ArrayLike, u: npt.ArrayLike) -> FloatArray:
    """DG(z)[u] = J(z) u for u of shape (batch, d) or (d,), shape (batch, n). Estimate."""
    return _mixed_derivative(graph, z, (u,))


def second_derivative(graph: Graph, z: npt.ArrayLike, u: npt.ArrayLike, v: npt.ArrayLike) -> FloatArray:
    """D^2G(z)[u, v], shape (batch, n). Estimate."""
    return _mixed_derivative(graph, z, (u, v))


def third_derivative(
    graph: Graph, z: npt.ArrayLike, u: npt.ArrayLike, v: npt.ArrayLike, w: npt.ArrayLike
) -> FloatArray:
    """D^3G(z)[u, v, w], shape (batch, n). Estimate."""
    return _mixed_derivative(graph, z, (u, v, w))


def _mixed_derivative(graph: Graph, z: npt.ArrayLike, directions: tuple[npt.ArrayLike, ...]) -> FloatArray:
    """Derivative of G along all `directions`: each node carries one array per subset of them."""
    points, squeeze = _batch(graph, z)
    checked = [_vectors(direction, graph.latent_dim, "direction") for direction in directions]
    rows = max(len(points), *(len(vectors) for vectors, _ in checked))
    points = _repeat(points, rows)
    everything = frozenset(range(len(directions)))
    subsets = [frozenset(part) for part in _subsets(sorted(everything))]
    carried: list[dict[Directions, FloatArray]] = []
    for node in graph.nodes:
        match node:
            case Input():
                parts = {subset: np.zeros_like(points) for subset in subsets}
                parts[frozenset()] = points
                parts.update({frozenset({i}): _repeat(vectors, rows) for i, (vectors, _) in enumerate(checked)})
            case Affine():
                source = carried[node.source]
                parts = {subset: apply_weight(node.weight, source[subset]) for subset in subsets}
                parts[frozenset()] = parts[frozenset()] + node.bias
            case Sum():
                parts = {
                    subset: _combine([carried[source][subset] for source in node.sources], node.coefficients)
                    for subset in subsets
                }
            case Product():
                left, right = (carried[source] for source in node.sources)
                # Leibniz: the derivative along S is the sum over A in S of u_A v_{S minus A}.
                parts = {
                    subset: _sum(left[frozenset(part)] * right[subset - frozenset(part)] for part in _subsets(subset))
                    for subset in subsets
                }
            case Activation():
                source = carried[node.source]
                sigma = activations.derivatives(node.name, source[frozenset()], node.parameters, len(directions))
                # Faa di Bruno: the sum over partitions of S of sigma^(blocks) times the product over the blocks.
                parts = {
                    subset: _sum(
                        sigma[len(partition)] * _product([source[block] for block in partition], source[frozenset()])
                        for partition in _partitions(sorted(subset))
                    )
                    for subset in subsets
                }
        carried.append(parts)
    return _unbatch(carried[-1][everything], squeeze and all(single for _, single in checked))


def apply_weight(weight: Matrix, rows: FloatArray) -> FloatArray:
    """W v for every v along the last axis of `rows`, for a dense or CSR weight of shape (width, source width)."""
    entries = weight.size if isinstance(weight, np.ndarray) else 4 * weight.nnz
    ask(2e-6 * entries * (rows.size // max(rows.shape[-1], 1)))
    if isinstance(weight, np.ndarray):
        return np.asarray(rows @ weight.T)
    if weight.format == "csr" and weight.nnz == weight.shape[0] and (np.diff(weight.indptr) == 1).all():
        # One entry in each row (of a transpose, stored by columns, it would be each column): entries times a number.
        return np.asarray(rows[..., weight.indices] * weight.data)
    flat = np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]).T)
    return np.ascontiguousarray((weight @ flat).T).reshape(*rows.shape[:-1], weight.shape[0])


def node_values(graph: Graph, points: FloatArray) -> list[FloatArray]:
    """The value of every node at points (batch, d), each of shape (batch, width). Estimate."""
    values: list[FloatArray] = []
    for node in graph.nodes:
        values.append(_node_value(node, points, values))
    return values


def node_tangents(graph: Graph, values: list[FloatArray]) -> list[FloatArray]:
    """The transposed Jacobian of every node, each of shape (batch, d, width), from `node_values`. Estimate."""
    batch, d = values[0].shape
    tangents: list[FloatArray] = []
    for node in graph.nodes:
        match node:
            case Input():
                tangents.append(np.broadcast_to(np.eye(d), (batch, d, d)))
            case Affine():
                tangents.append(apply_weight(node.weight, tangents[node.source]))
            case Sum():
                tangents.append(_combine([tangents[source] for source in node.sources], node.coefficients))
            case Product():
                left, right = node.sources
                tangents.append(tangents[left] * values[right][:, None, :] + values[left][:, None, :] * tangents[right])
            case Activation():
                slope = activations.derivatives(node.name, values[node.source], node.parameters, 1)[1]
                tangents.append(tangents[node.source] * slope[:, None, :])
    return tangents


def _node_value(node: Node, points: FloatArray, values: list[FloatArray]) -> FloatArray:
    match node:
        case Input():
            return points
        case Affine():
            return np.asarray(apply_weight(node.weight, values[node.source]) + node.bias)
        case Sum():
            return _combine([values[source] for source in node.sources], node.coefficients)
        case Product():
            left, right = node.sources
            return np.asarray(values[left] * values[right])
        case Activation():
            return activations.derivatives(node.name, values[node.source], node.parameters, 0)[0]


def _adjoints(graph: Graph, values: list[FloatArray], covectors: FloatArray) -> list[FloatArray]:
    """d(r . G)/d(node) for every node, each of shape (batch, width), by one reverse pass."""
    adjoints = [np.zeros_like(node_value) for node_value in values]
    adjoints[-1] = np.array(covectors, dtype=np.float64)
    for index in reversed(range(len(graph.nodes))):
        node, adjoint = graph.nodes[index], adjoints[index]
        match node:
            case Affine():
                adjoints[node.source] += apply_weight(node.weight.T, adjoint)
            case Sum():
                for source, coefficient in zip(node.sources, node.coefficients, strict=True):
                    adjoints[source] += coefficient * adjoint
            case Product():
                left, right = node.sources
                adjoints[left] += adjoint * values[right]
                adjoints[right] += adjoint * values[left]
            case Activation():
                slope = activations.derivatives(node.name, values[node.source], node.parameters, 1)[1]
                adjoints[node.source] += adjoint * slope
    return adjoints


def _batch(graph: Graph, z: npt.ArrayLike) -> tuple[FloatArray, bool]:
    """Points as (batch, d), and whether the batch axis was added."""
    return _vectors(z, graph.latent_dim, "z")


def _vectors(vectors: npt.ArrayLike, width: int, name: str) -> tuple[FloatArray, bool]:
    array = np.asarray(vectors, dtype=np.float64)
    if array.ndim not in (1, 2) or array.shape[-1] != width:
        raise InputError(f"`{name}` must have shape (batch, {width}) or ({width},), got {array.shape}")
    return (array[None, :], True) if array.ndim == 1 else (array, False)


def _repeat(rows: FloatArray, batch: int) -> FloatArray:
    """A single row repeated `batch` times; several rows as they are."""
    return np.broadcast_to(rows, (batch, rows.shape[1])) if len(rows) == 1 else rows


def _unbatch(array: FloatArray, squeeze: bool) -> FloatArray:
    return array[0] if squeeze else array


def _combine(arrays: list[FloatArray], coefficients: tuple[float, ...]) -> FloatArray:
    return _sum(array if c == 1.0 else c * array for c, array in zip(coefficients, arrays, strict=True))


def _sum(arrays: Iterator[FloatArray]) -> FloatArray:
    total = next(arrays)
    for array in arrays:
        total = total + array
    return total


def _product(arrays: list[FloatArray], like: FloatArray) -> FloatArray:
    product = np.ones_like(like)
    for array in arrays:
        product = product * array
    return product


def _subsets(items: list[int] | Directions) -> Iterator[tuple[int, ...]]:
    ordered = sorted(items)
    return chain.from_iterable(combinations(ordered, size) for size in range(len(ordered) + 1))


def _partitions(items: list[int]) -> Iterator[list[Directions]]:
    """All partitions of a set into non-empty blocks."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for companions in _subsets(rest):
        block = frozenset({first, *companions})
        for others in _partitions([item for item in rest if item not in block]):
            yield [block, *others]
