"""Softmax, its logarithm and the logarithm of a sum of exponentials, in a form that never overflows.

With the rival r_i = log sum_{j != i} exp(z_j), softmax_i = s(z_i - r_i) for the logistic s and log softmax_i =
-softplus(r_i - z_i). A logarithm of a sum joins two others by a + softplus(b - a). Rivals of all entries are joined at
once: windows of entries, cyclic, grow by doubling, so n entries need about 2 log2(n) such joints.
`certify.bounds.known_maps` recognises the joints (for ranges) and which entries each has joined (for constants).
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import IntArray, Operation, Symbol, Value


def softmax(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Softmax or LogSoftmax: along one axis, before operator set 13 over all axes from `axis` on."""
    symbol = operation.symbol(0)
    rank = len(symbol.shape)
    axis = int(operation.attributes.get("axis", -1 if operation.opset >= 13 else 1))
    if not -rank <= axis < rank:
        raise InputError(f"{operation.label} has the axis {axis} for a tensor of {rank} axes")
    places = np.arange(symbol.size, dtype=np.int64).reshape(symbol.shape)
    if operation.opset >= 13:
        rows = np.moveaxis(places, axis, -1).reshape(-1, symbol.shape[axis])
    else:
        rows = places.reshape(math.prod(symbol.shape[: axis % rank]), -1)
    is_logarithm = operation.kind == "LogSoftmax"
    if rows.shape[1] == 1:
        # One entry alone: 1, or 0, whatever it is.
        nothing = sp.csr_array((symbol.size, symbol.size))
        return (builder.affine(symbol, nothing, np.full(symbol.size, 0.0 if is_logarithm else 1.0), symbol.shape),)
    own = _row_by_row(builder, symbol, rows)
    rival = _rolled(window(builder, own, rows.shape[1] - 1), 1)
    if is_logarithm:
        gap = builder.sum([rival, builder.scaled(own, -1.0)])
        result = builder.scaled(builder.activation(gap, "softplus"), -1.0)
    else:
        result = builder.activation(builder.sum([own, builder.scaled(rival, -1.0)]), "sigmoid")
    back = np.empty(symbol.size, dtype=np.int64)
    back[rows.reshape(-1)] = result.index.reshape(-1)
    return (Symbol(result.node, back.reshape(symbol.shape), result.scale),)


def log_sum_exp(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ReduceLogSumExp over constant axes."""
    symbol = operation.symbol(0)
    rows, shape = reduced_rows(operation, symbol)
    own = _row_by_row(builder, symbol, rows)
    # The windows of full length hold every entry; the one that starts at the first entry is taken.
    total = window(builder, own, rows.shape[1])
    return (Symbol(total.node, total.index[:, 0].reshape(shape), total.scale),)


def window(builder: GraphBuilder, own: Symbol, length: int) -> Symbol:
    """The logarithm of the sum of exponentials of `length` entries, cyclic from each entry of a row on."""
    result, reached = own, 1
    for bit in bin(length)[3:]:
        result, reached = joint(builder, result, _rolled(result, reached)), 2 * reached
        if bit == "1":
            result, reached = joint(builder, result, _rolled(own, reached)), reached + 1
    assert reached == length
    return result


def joint(builder: GraphBuilder, left: Symbol, right: Symbol) -> Symbol:
    """The tensor log(exp(a) + exp(b)) = a + softplus(b - a)."""
    gap = builder.sum([right, builder.scaled(left, -1.0)])
    return builder.sum([left, builder.activation(gap, "softplus")])


def reduced_rows(operation: Operation, symbol: Symbol) -> tuple[IntArray, tuple[int, ...]]:
    """The flat positions that a reduction joins, one row per output, and the shape of the output."""
    axes, rank = operation.integers(1, "axes"), len(symbol.shape)
    if axes is not None and not all(-rank <= axis < rank for axis in axes):
        raise InputError(f"{operation.label} has axes {axes} for a tensor of {rank} axes")
    if operation.flag("noop_with_empty_axes") and not axes:
        raise InputError(f"{operation.label} has no axes and `noop_with_empty_axes`, which is not supported")
    reduced = sorted({axis % rank for axis in axes} if axes else set(range(rank)))
    kept = [axis for axis in range(rank) if axis not in reduced]
    keep = bool(operation.attributes.get("keepdims", 1))
    shape = tuple(1 if axis in reduced else symbol.shape[axis] for axis in range(rank) if keep or axis not in reduced)
    places = np.arange(symbol.size, dtype=np.int64).reshape(symbol.shape)
    return np.transpose(places, (*kept, *reduced)).reshape(math.prod(shape), -1), shape


def _row_by_row(builder: GraphBuilder, symbol: Symbol, rows: IntArray) -> Symbol:
    """The tensor as a plain node of shape (rows, entries of a row)."""
    return builder.materialised(Symbol(symbol.node, symbol.index.reshape(-1)[rows], symbol.scale))


def _rolled(symbol: Symbol, steps: int) -> Symbol:
    return Symbol(symbol.node, np.roll(symbol.index, -steps, axis=-1), symbol.scale)


OPERATORS = {
    "LogSoftmax": softmax,
    "ReduceLogSumExp": log_sum_exp,
    "Softmax": softmax,
}
