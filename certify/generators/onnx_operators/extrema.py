"""Maxima and minima: Max, Min, ReduceMax, ReduceMin, MaxPool, GlobalMaxPool, all by max(a, b) = a + relu(b - a).

Many entries are joined in pairs, halving their number each time. `certify.bounds.known_maps` recognises the joints:
a maximum is between the maxima of the bounds, and maxima of disjoint sets are together 1-Lipschitz.
"""

from __future__ import annotations

import math

import numpy as np

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.convolution import pooling_windows, window_reads
from certify.generators.onnx_operators.softmax import reduced_rows
from certify.generators.onnx_operators.values import Constant, IntArray, Operation, Symbol, Value, dense

FAR_BOUND = 2.0**20
"""Constants of this size are guards against division by zero, not bounds that tensors reach."""


def extremum(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The maximum or minimum of any number of tensors, some of them possibly constant."""
    sign = 1.0 if operation.kind == "Max" else -1.0
    values = [dense(operation.value(position)) for position in range(len(operation.inputs))]
    shape = np.broadcast_shapes(*(value.shape for value in values))
    symbols = [value for value in values if isinstance(value, Symbol)]
    constants = [value.array.astype(np.float64) for value in values if isinstance(value, Constant)]
    if not symbols:
        raise InputError(f"{operation.label} needs a tensor that depends on the latent vector")
    builder.charge_view(math.prod(shape))
    found = Symbol(symbols[0].node, np.broadcast_to(symbols[0].index, shape), symbols[0].scale)
    for other in symbols[1:]:
        found = _larger(builder, found, Symbol(other.node, np.broadcast_to(other.index, shape), other.scale), sign)
    for bound in constants:
        if np.abs(bound).min(initial=np.inf) >= FAR_BOUND:
            # A guard that hardly ever acts: a + relu(c - a) is a itself where a wins, c + relu(a - c) cancels there.
            rest = builder.shifted(builder.scaled(found, -sign), sign * bound, shape)
            found = builder.sum([found, builder.scaled(builder.activation(rest, "relu"), sign)])
            continue
        excess = builder.activation(builder.scaled(builder.shifted(found, -bound, shape), sign), "relu")
        found = builder.shifted(builder.scaled(excess, sign), bound, shape)
    return (found,)


def reduction(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ReduceMax or ReduceMin over constant axes."""
    symbol = operation.symbol(0)
    rows, shape = reduced_rows(operation, symbol)
    return (_joined(builder, symbol, rows, shape, 1.0 if operation.kind == "ReduceMax" else -1.0),)


def max_pool(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """MaxPool without indices; padding never wins, so a window that has some repeats one of its entries instead."""
    symbol, options = operation.symbol(0), operation.attributes
    if operation.output_count != 1 or options.get("storage_order", 0):
        raise InputError(f"{operation.label} returns indices, which have no derivative; one output is supported")
    if options.get("ceil_mode", 0):
        raise InputError(f"{operation.label} uses `ceil_mode`, which is not supported; pad explicitly")
    windows = pooling_windows(operation, symbol.shape[2:], tuple(options["kernel_shape"]))
    if any(window.outputs < 1 for window in windows):
        raise InputError(f"{operation.label} has a kernel {options['kernel_shape']} beyond its input {symbol.shape}")
    reads, valid = window_reads(windows)
    if not valid.any(axis=1).all():
        raise InputError(f"{operation.label} has a window that lies in the padding; its maximum is not a number")
    first = np.take_along_axis(reads, valid.argmax(axis=1)[:, None], axis=1)
    reads = np.where(valid, reads, first)
    leading = math.prod(symbol.shape[:2])
    builder.charge_tensor(leading * reads.size)
    rows = (np.arange(leading)[:, None, None] * math.prod(symbol.shape[2:]) + reads).reshape(-1, reads.shape[1])
    shape = (*symbol.shape[:2], *(window.outputs for window in windows))
    return (_joined(builder, symbol, rows, shape, 1.0),)


def global_max_pool(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """GlobalMaxPool: the maximum over all spatial axes."""
    symbol = operation.symbol(0)
    rows = np.arange(symbol.size, dtype=np.int64).reshape(math.prod(symbol.shape[:2]), -1)
    shape = (*symbol.shape[:2], *(1,) * (len(symbol.shape) - 2))
    return (_joined(builder, symbol, rows, shape, 1.0),)


def _joined(builder: GraphBuilder, symbol: Symbol, rows: IntArray, shape: tuple[int, ...], sign: float) -> Symbol:
    """The extremum of each row of flat positions; an entry without a partner is joined twice, which changes nothing."""
    builder.charge_view(rows.size)
    found = Symbol(symbol.node, symbol.index.reshape(-1)[rows], symbol.scale)
    while found.shape[1] > 1:
        half = -(-found.shape[1] // 2)
        left, right = found.index[:, :half], found.index[:, -half:]
        found = _larger(builder, Symbol(found.node, left, found.scale), Symbol(found.node, right, found.scale), sign)
    return Symbol(found.node, found.index.reshape(shape), found.scale)


def _larger(builder: GraphBuilder, left: Symbol, right: Symbol, sign: float) -> Symbol:
    """The maximum a + relu(b - a), or the minimum a - relu(a - b)."""
    left, right = builder.materialised(left), builder.materialised(right)
    excess = builder.activation(builder.sum([builder.scaled(right, sign), builder.scaled(left, -sign)]), "relu")
    return builder.sum([left, builder.scaled(excess, sign)])


OPERATORS = {
    "GlobalMaxPool": global_max_pool,
    "Max": extremum,
    "MaxPool": max_pool,
    "Min": extremum,
    "ReduceMax": reduction,
    "ReduceMin": reduction,
}
