"""Normalisations of one input: layer, group, instance and root-mean-square normalisation.

Each divides groups of entries by their size: with v the group, centred unless it is a root mean square,

    y = v * (|v|^2 / m + epsilon)^(-1/2),   then a scale and an offset per entry.

`certify.bounds.known_maps` recognises the graph of this map and knows its constants.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Constant, IntArray, Operation, Symbol, Value

DENSE_CENTRING = 65_536
"""Entries up to which centring is one affine map, whose norm is 1; beyond it is v minus its mean."""


def layer_normalization(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """LayerNormalization over the axes from `axis` on."""
    symbol = operation.symbol(0)
    axis = _axis(operation, symbol)
    groups = _positions(symbol).reshape(math.prod(symbol.shape[:axis]), -1)
    result = normalised(builder, operation, symbol, groups, centred=True)
    return (_affine(builder, operation, result, operation.constant(1), operation.optional_constant(2)),)


def root_mean_square(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """RMSNormalization over the axes from `axis` on: nothing is centred."""
    symbol = operation.symbol(0)
    axis = _axis(operation, symbol)
    groups = _positions(symbol).reshape(math.prod(symbol.shape[:axis]), -1)
    result = normalised(builder, operation, symbol, groups, centred=False)
    return (_affine(builder, operation, result, operation.constant(1), None),)


def instance_normalization(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """InstanceNormalization: each channel of (batch, channels, ...) is a group."""
    symbol = operation.symbol(0)
    groups = _positions(symbol).reshape(math.prod(symbol.shape[:2]), -1)
    result = normalised(builder, operation, symbol, groups, centred=True)
    return (_per_channel(builder, operation, result, symbol.shape[1]),)


def group_normalization(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """GroupNormalization: scale and offset per group before operator set 21, per channel since."""
    symbol = operation.symbol(0)
    count = int(operation.attributes["num_groups"])
    batch, channels = symbol.shape[:2]
    if count < 1 or channels % count:
        raise InputError(f"{operation.label} has {count} groups for {channels} channels")
    groups = _positions(symbol).reshape(batch * count, -1)
    result = normalised(builder, operation, symbol, groups, centred=True)
    return (_per_channel(builder, operation, result, count if operation.opset < 21 else channels),)


def normalised(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, groups: IntArray, *, centred: bool
) -> Symbol:
    """The tensor with each row of `groups` (flat positions) divided by its size; `centred` subtracts its mean first."""
    count, size = groups.shape
    epsilon = float(operation.attributes.get("epsilon", np.float32(1e-5)))
    if not epsilon > 0 or not math.isfinite(epsilon):
        raise InputError(f"{operation.label} has epsilon = {epsilon}; only a positive number keeps the map smooth")
    if operation.output_count != 1:
        raise InputError(f"{operation.label} has {operation.output_count} outputs; one is supported")
    builder.rounded.append(operation.name)
    owner = np.empty(count * size, dtype=np.int64)
    owner[groups.reshape(-1)] = np.repeat(np.arange(count), size)
    mean = sp.csr_array(
        (np.full(count * size, 1.0 / size), groups.reshape(-1), np.arange(0, count * size + 1, size)),
        shape=(count, count * size),
    )
    mean.sort_indices()
    if centred:
        symbol = _centred(builder, symbol, mean, owner)
    squares = builder.activation(symbol, "square")
    variance = builder.affine(squares, mean, np.full(count, epsilon), (count,))
    inverse = builder.activation(variance, "power", (-0.5,))
    builder.charge_view(owner.size)
    return builder.product(symbol, Symbol(inverse.node, inverse.index[owner].reshape(symbol.shape)))


def _centred(builder: GraphBuilder, symbol: Symbol, mean: sp.csr_array, owner: IntArray) -> Symbol:
    """The tensor minus the mean of each group."""
    count, entries = mean.shape
    if entries * (entries // count) <= DENSE_CENTRING:
        projection = sp.csr_array(sp.csr_array(sp.eye_array(entries)) - mean[owner])
        projection.sort_indices()
        return builder.affine(symbol, projection, np.zeros(entries), symbol.shape)
    average = builder.affine(symbol, mean, np.zeros(count), (count,))
    spread = Symbol(average.node, average.index[owner].reshape(symbol.shape))
    return builder.sum([symbol, builder.scaled(spread, -1.0)])


def _positions(symbol: Symbol) -> IntArray:
    return np.arange(symbol.size, dtype=np.int64)


def _axis(operation: Operation, symbol: Symbol) -> int:
    axis, rank = int(operation.attributes.get("axis", -1)), len(symbol.shape)
    if not -rank <= axis < rank:
        raise InputError(f"{operation.label} has the axis {axis} for a tensor of {rank} axes")
    return axis % rank


def _per_channel(builder: GraphBuilder, operation: Operation, symbol: Symbol, expected: int) -> Symbol:
    """Scale and offset of `expected` entries, each for an equal share of the channels."""
    scale, offset = operation.constant(1), operation.constant(2)
    if scale.shape != (expected,) or offset.shape != (expected,):
        raise InputError(
            f"{operation.label} has a scale of shape {scale.shape} and an offset of shape {offset.shape}; "
            f"{expected} entries each are expected"
        )
    channels = symbol.shape[1]
    shape = (channels, *(1,) * (len(symbol.shape) - 2))
    spread = [
        Constant(np.repeat(constant.array, channels // expected).reshape(shape), constant.parameters)
        for constant in (scale, offset)
    ]
    return _affine(builder, operation, symbol, *spread)


def _affine(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, scale: Constant, offset: Constant | None
) -> Symbol:
    """The tensor times a scale plus an offset, both broadcast to it; what is 1 or 0 throughout costs no node."""
    for constant in (scale, offset):
        if constant is not None and np.broadcast_shapes(constant.shape, symbol.shape) != symbol.shape:
            raise InputError(
                f"{operation.label} has a scale or offset of shape {constant.shape} for a tensor of {symbol.shape}"
            )
    builder.parameters |= scale.parameters
    if not np.all(scale.array == 1.0):
        symbol = builder.diagonal(symbol, scale.array.astype(np.float64), symbol.shape)
    if offset is not None:
        builder.parameters |= offset.parameters
        if np.any(offset.array != 0.0):
            symbol = builder.shifted(symbol, offset.array.astype(np.float64), symbol.shape)
    return symbol


OPERATORS = {
    "GroupNormalization": group_normalization,
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": root_mean_square,
}
