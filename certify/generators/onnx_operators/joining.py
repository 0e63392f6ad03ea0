"""Operators that put entries of several tensors into one: Concat, ScatterND, Where.

Views of one node stay a view; views of several nodes become a sum of 0/1 placements. All are exact.
"""

from __future__ import annotations

import math

import numpy as np

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.piecewise import where_computed
from certify.generators.onnx_operators.values import Constant, IntArray, Operation, Symbol, Value, dense


def concat(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Concatenate along one axis."""
    values = [dense(operation.value(position)) for position in range(len(operation.inputs))]
    builder.charge_tensor(sum(math.prod(value.shape) for value in values))
    labels = [np.full(value.shape, position) for position, value in enumerate(values)]
    owner = np.concatenate(labels, axis=operation.axis(operation.attributes["axis"], len(values[0].shape)))
    places = [np.flatnonzero(owner == position).astype(np.int64) for position in range(len(values))]
    return (joined(builder, values, places, owner.shape),)


def scatter(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ScatterND with constant distinct indices: a copy of the data with the updates at their places."""
    data, updates = dense(operation.value(0)), dense(operation.value(2))
    indices = operation.constant(1).array
    if operation.attributes.get("reduction", "none") != "none" or indices.dtype.kind != "i":
        raise InputError(
            f"{operation.label} reduces or has indices that are not integers; plain scattering is supported"
        )
    if indices.shape[-1] > len(data.shape):
        raise InputError(f"{operation.label} has indices of {indices.shape[-1]} axes for a tensor of {len(data.shape)}")
    size = math.prod(data.shape)
    builder.charge_tensor(2 * size + math.prod(updates.shape))
    positions = np.arange(size, dtype=np.int64).reshape(data.shape)
    targets = positions[tuple(np.moveaxis(indices, -1, 0))]
    if targets.shape != updates.shape or np.unique(targets).size != targets.size:
        raise InputError(
            f"{operation.label} has updates of shape {updates.shape} for {targets.shape}, or repeated indices"
        )
    kept = np.setdiff1d(positions, targets)
    return (joined(builder, [_taken(data, kept), updates], [kept, targets.reshape(-1)], data.shape),)


def where(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Where: entries of the second input where the condition holds, of the third elsewhere."""
    if isinstance(operation.value(0), Symbol):
        return (where_computed(builder, operation),)
    condition = operation.constant(0).array.astype(np.bool_)
    left, right = dense(operation.value(1)), dense(operation.value(2))
    shape = np.broadcast_shapes(condition.shape, left.shape, right.shape)
    builder.charge_tensor(3 * math.prod(shape))
    chosen = np.broadcast_to(condition, shape).reshape(-1)
    places = [np.flatnonzero(chosen).astype(np.int64), np.flatnonzero(~chosen).astype(np.int64)]
    sides = [_taken(_broadcast(side, shape), place) for side, place in zip((left, right), places, strict=True)]
    return (joined(builder, sides, places, shape),)


def joined(
    builder: GraphBuilder, values: list[Constant | Symbol], places: list[IntArray], shape: tuple[int, ...]
) -> Value:
    """The tensor of `shape` whose flat entries `places[i]` are those of `values[i]`, in order."""
    parts = [(value, place) for value, place in zip(values, places, strict=True) if place.size]
    constants = [(value, place) for value, place in parts if isinstance(value, Constant)]
    symbols = [(value, place) for value, place in parts if isinstance(value, Symbol)]
    if not symbols:
        array = np.zeros(shape, dtype=np.result_type(*(value.array for value in values if isinstance(value, Constant))))
        for constant, place in constants:
            array.reshape(-1)[place] = constant.array.reshape(-1)
        return Constant(array, frozenset().union(*(constant.parameters for constant, _ in constants)))
    if not constants and len({(symbol.node, symbol.scale) for symbol, _ in symbols}) == 1:
        index = np.empty(math.prod(shape), dtype=np.int64)
        for symbol, place in symbols:
            index[place] = symbol.index.reshape(-1)
        return Symbol(symbols[0][0].node, index.reshape(shape), symbols[0][0].scale)
    for constant, _ in constants:
        builder.parameters |= constant.parameters
    return builder.assembled([value for value, _ in parts], [place for _, place in parts], shape)


def _taken(value: Constant | Symbol, places: IntArray) -> Constant | Symbol:
    if isinstance(value, Constant):
        return Constant(value.array.reshape(-1)[places], value.parameters)
    return Symbol(value.node, value.index.reshape(-1)[places], value.scale)


def _broadcast(value: Constant | Symbol, shape: tuple[int, ...]) -> Constant | Symbol:
    if isinstance(value, Constant):
        return Constant(np.broadcast_to(value.array, shape), value.parameters)
    return Symbol(value.node, np.broadcast_to(value.index, shape), value.scale)


OPERATORS = {
    "Concat": concat,
    "ScatterND": scatter,
    "Where": where,
}
