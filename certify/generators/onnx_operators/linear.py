"""Linear operators on vectors and matrices: Gemm, MatMul, BatchNormalization at inference, ReduceSum, ReduceMean."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.nodes import Matrix
from certify.generators.onnx_operators.builder import GraphBuilder, stored_entries
from certify.generators.onnx_operators.values import Constant, Operation, SparseConstant, Symbol, Value, dense


def gemm(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The matrix alpha A' B' + beta C, with exactly one of A and B computed."""
    options = operation.attributes
    alpha, beta = float(options.get("alpha", 1.0)), float(options.get("beta", 1.0))
    left, right, bias = operation.value(0), operation.value(1), operation.optional(2)
    bias = None if bias is None else dense(bias)
    if len(left.shape) != 2 or len(right.shape) != 2:
        raise InputError(f"{operation.label} multiplies tensors of shape {left.shape} and {right.shape}, not matrices")
    if operation.flag("transA"):
        left = _transposed(left)
    if operation.flag("transB"):
        right = _transposed(right)
    shape = (left.shape[0], right.shape[1])
    if bias is not None and np.broadcast_shapes(bias.shape, shape) != shape:
        raise InputError(f"{operation.label} adds a tensor of shape {bias.shape} to a matrix of shape {shape}")
    if alpha == 1.0 and beta == 1.0 and isinstance(bias, Constant) and isinstance(left, Symbol):
        return (_times_constant(builder, operation, left, right, bias),)
    result = builder.scaled(product(builder, operation, left, right), alpha)
    if isinstance(bias, Constant):
        builder.parameters |= bias.parameters
        offset = bias.array if beta == 1.0 else beta * bias.array
        if beta not in (0.0, 1.0):
            builder.rounded.append(operation.name)
        result = builder.shifted(result, offset, result.shape)
    elif isinstance(bias, Symbol):
        result = builder.sum([result, builder.scaled(bias, beta)])
    return (result,)


def matmul(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The matrix product with exactly one computed factor."""
    return (product(builder, operation, operation.value(0), operation.value(1)),)


def product(builder: GraphBuilder, operation: Operation, left: Value, right: Value) -> Symbol:
    """`left @ right` for a computed and a constant factor; A X is read as (X^T A^T)^T, whose transposes are views."""
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        raise InputError(f"{operation.label} multiplies two computed matrices, which has no lowering")
    if isinstance(left, Symbol):
        return _times_constant(builder, operation, left, right, None)
    if not isinstance(right, Symbol):
        raise InputError(f"{operation.label} multiplies two sparse constants, which has no lowering")
    if len(right.shape) == 1:
        return _times_constant(builder, operation, right, _transposed(left), None)
    result = _times_constant(builder, operation, _transposed_view(right), _transposed(left), None)
    return _transposed_view(result) if len(left.shape) > 1 else result


def batch_normalization(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The affine map s (x - mean) + b with s = scale / sqrt(var + epsilon) per channel, rounded to doubles once."""
    symbol = operation.symbol(0)
    scale, offset, mean, variance = (operation.constant(position) for position in range(1, 5))
    # Statistics of a batch, which inference does not update.
    operation.disregard("momentum")
    if operation.flag("training_mode"):
        raise InputError(f"{operation.label} is in training mode; export the model after `model.eval()`")
    if operation.output_count != 1:
        raise InputError(f"{operation.label} has {operation.output_count} outputs; at inference it has one")
    channels = symbol.shape[1:2] or (1,)
    if any(given.shape != channels for given in (scale, offset, mean, variance)):
        raise InputError(f"{operation.label} has statistics that do not fit a tensor of shape {symbol.shape}")
    spread = variance.array.astype(np.float64) + float(operation.attributes["epsilon"])
    if not np.all(spread > 0):
        raise InputError(f"{operation.label} has a negative variance")
    builder.parameters |= scale.parameters | offset.parameters
    builder.rounded.append(operation.name)
    factors = scale.array / np.sqrt(spread)
    shape = (factors.size, *(1,) * (len(symbol.shape) - 2))
    result = builder.diagonal(symbol, factors.reshape(shape), symbol.shape)
    return (builder.shifted(result, (offset.array - factors * mean.array).reshape(shape), symbol.shape),)


def reduction(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ReduceSum or ReduceMean over constant axes."""
    symbol = operation.symbol(0)
    rank = len(symbol.shape)
    reduced = reduced_axes(operation, rank)
    if reduced is None:
        return (symbol,)
    kept = [axis for axis in range(rank) if axis not in reduced]
    count = math.prod(symbol.shape[axis] for axis in reduced)
    keep = operation.flag("keepdims")
    shape = tuple(1 if axis in reduced else symbol.shape[axis] for axis in range(rank) if keep or axis not in reduced)
    index = np.transpose(symbol.index, (*kept, *reduced)).reshape(-1)
    rows = index.size // count
    builder.charge_weight(index.size)
    pointers = np.arange(0, index.size + 1, count)
    weight = sp.csr_array((np.ones(index.size), np.arange(index.size), pointers), shape=(rows, index.size))
    total = builder.affine(Symbol(symbol.node, index, symbol.scale), weight, np.zeros(rows), shape)
    if operation.kind == "ReduceSum":
        return (total,)
    if count & (count - 1):
        builder.rounded.append(operation.name)
    return (builder.scaled(total, 1.0 / count),)


def reduced_axes(operation: Operation, rank: int) -> tuple[int, ...] | None:
    """Axes over which a Reduce operator runs, all of them where none is given, or None where it does nothing."""
    axes, idle = operation.integers(1, "axes"), operation.flag("noop_with_empty_axes")
    if axes:
        return tuple(sorted(operation.axes(axes, rank)))
    return None if idle else tuple(range(rank))


def _times_constant(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, right: Value, bias: Constant | None
) -> Symbol:
    """The product x W (+ c) for x of shape (..., k) and a constant W of shape (k,), (k, n) or (1, ..., 1, k, n)."""
    weight, shape = _weight(operation, symbol, right)
    columns = int(weight.shape[1])
    rows = symbol.size // columns
    if rows > 1:
        entries = rows * stored_entries(weight)
        builder.charge_weight(entries)
        weight = sp.csr_array(sp.kron(sp.eye_array(rows), sp.csr_array(weight), format="csr"))
    if isinstance(right, Constant | SparseConstant):
        builder.parameters |= right.parameters
    offset: FloatArray = np.zeros(int(weight.shape[0]))
    if bias is not None:
        builder.parameters |= bias.parameters
        offset = np.broadcast_to(bias.array, shape).reshape(-1).astype(np.float64)
    return builder.affine(symbol, weight, offset, shape)


def _weight(operation: Operation, symbol: Symbol, right: Value) -> tuple[Matrix, tuple[int, ...]]:
    """W^T of shape (n, k) and the shape of the product."""
    match right:
        case SparseConstant():
            weight: Matrix = sp.csr_array(right.matrix.T)
            tail: tuple[int, ...] = (int(weight.shape[0]),)
        case Constant() if len(right.shape) == 1:
            weight, tail = right.array.reshape(1, -1), ()
        case Constant() if len(right.shape) >= 2 and math.prod(right.shape[:-2]) == 1:
            weight, tail = np.ascontiguousarray(right.array.reshape(right.shape[-2:]).T), (right.shape[-1],)
        case _:
            raise InputError(f"{operation.label} needs a constant vector or matrix, not a batch of matrices")
    if not symbol.shape or symbol.shape[-1] != int(weight.shape[1]) or weight.shape[0] == 0 or symbol.size == 0:
        raise InputError(
            f"{operation.label} multiplies a tensor of shape {symbol.shape} by a matrix of shape {right.shape}"
        )
    if not sp.issparse(weight):
        weight = np.asarray(weight, dtype=np.float64)
    leading = symbol.shape[:-1]
    if isinstance(right, Constant):
        # Batch axes of the matrix, all of extent 1, beyond those of the tensor.
        leading = (1,) * (len(right.shape) - 2 - max(len(leading) - 1, 0)) + leading
    return weight, leading + tail


def _transposed_view(value: Symbol) -> Symbol:
    return Symbol(value.node, np.swapaxes(value.index, -1, -2), value.scale)


def _transposed(value: Value) -> Value:
    """The last two axes swapped; a vector stays a vector."""
    match value:
        case SparseConstant():
            return SparseConstant(sp.csr_array(value.matrix.T), value.parameters)
        case Constant():
            return value if value.array.ndim < 2 else Constant(np.swapaxes(value.array, -1, -2), value.parameters)
        case Symbol():
            return _transposed_view(value)


OPERATORS = {
    "BatchNormalization": batch_normalization,
    "Gemm": gemm,
    "MatMul": matmul,
    "ReduceMean": reduction,
    "ReduceSum": reduction,
}
