"""Linear operators and reductions beside matrix products: Einsum, CumSum, norms of computed tensors."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.softmax import reduced_rows
from certify.generators.onnx_operators.values import Constant, IntArray, Operation, Symbol, Value, shown

MOST_TERMS = 2**22


def einsum(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Einsum of one computed tensor with at most one constant: a matrix whose entries are those of the constant."""
    text = operation.attributes["equation"]
    equation = str(text.decode() if isinstance(text, bytes) else text).replace(" ", "")
    terms, _, output = equation.partition("->")
    labels = terms.split(",")
    if "." in equation or len(labels) != len(operation.inputs) or len(labels) > 2:
        raise InputError(f"{operation.label} has the equation {shown(equation)}; at most two tensors, no `...`")
    if "->" not in equation:
        output = "".join(sorted(label for label in set(terms) - {","} if terms.count(label) == 1))
    values = [operation.value(position) for position in range(len(labels))]
    symbols = [(label, value) for label, value in zip(labels, values, strict=True) if isinstance(value, Symbol)]
    constants = [(label, value) for label, value in zip(labels, values, strict=True) if isinstance(value, Constant)]
    if len(symbols) != 1 or len(symbols) + len(constants) != len(labels):
        raise InputError(f"{operation.label} contracts two computed tensors, which has no lowering")
    extents = _extents(operation, labels, values)
    order = "".join(sorted(extents))
    total = math.prod(extents.values())
    if total > MOST_TERMS:
        raise InputError(f"the model is too large: {operation.label} adds {total} terms; {MOST_TERMS} are accepted")
    builder.charge_weight(total)
    grid = {label: axis for label, axis in zip(order, np.indices([extents[label] for label in order]), strict=True)}
    shape = tuple(extents[label] for label in output)
    (names, symbol), factors = symbols[0], np.ones(total)
    for own, constant in constants:
        builder.parameters |= constant.parameters
        factors = constant.array.astype(np.float64)[tuple(grid[label] for label in own)].reshape(-1)
    rows = _flat(grid, output, extents, total)
    columns = _flat(grid, names, extents, total)
    return (_applied(builder, operation, symbol, (rows, columns, factors), shape),)


def cumulative_sum(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """CumSum along a constant axis."""
    symbol = operation.symbol(0)
    axis = int(operation.constant(1).array.reshape(()))
    if not -len(symbol.shape) <= axis < len(symbol.shape):
        raise InputError(f"{operation.label} has the axis {axis} for a tensor of {len(symbol.shape)} axes")
    places = np.moveaxis(np.arange(symbol.size, dtype=np.int64).reshape(symbol.shape), axis, -1)
    lines = places.reshape(-1, symbol.shape[axis])
    count = lines.shape[1]
    later = np.tril(np.ones((count, count)), -1 if operation.attributes.get("exclusive", 0) else 0)
    if operation.attributes.get("reverse", 0):
        later = later.T
    targets, sources = np.nonzero(later)
    builder.charge_weight(lines.shape[0] * targets.size)
    rows, columns = lines[:, targets].reshape(-1), lines[:, sources].reshape(-1)
    return (_applied(builder, operation, symbol, (rows, columns, np.ones(rows.size)), symbol.shape),)


def norm(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ReduceSumSquare, ReduceL2 (its root, smooth where the tensor is certainly not 0) and ReduceL1."""
    symbol = operation.symbol(0)
    rows, shape = reduced_rows(operation, symbol)
    if operation.kind == "ReduceL1":
        sides = [builder.activation(builder.scaled(symbol, sign), "relu") for sign in (1.0, -1.0)]
        entries = builder.sum(sides)
    else:
        entries = builder.activation(symbol, "square")
    owner = np.repeat(np.arange(rows.shape[0]), rows.shape[1])
    total = _applied(builder, operation, entries, (owner, rows.reshape(-1), np.ones(owner.size)), shape)
    return (builder.activation(total, "power", (0.5,)) if operation.kind == "ReduceL2" else total,)


def _extents(operation: Operation, labels: list[str], values: list[Value]) -> dict[str, int]:
    found: dict[str, int] = {}
    for own, value in zip(labels, values, strict=True):
        if len(own) != len(value.shape):
            raise InputError(f"{operation.label} names {len(own)} axes of a tensor of shape {value.shape}")
        for label, extent in zip(own, value.shape, strict=True):
            if found.setdefault(label, extent) != extent:
                raise InputError(f"{operation.label} uses the label {shown(label)} for axes of different extents")
    return found


def _flat(grid: dict[str, IntArray], labels: str, extents: dict[str, int], total: int) -> IntArray:
    """The flat position in a tensor with these labels of every point of the grid."""
    position = np.zeros(total, dtype=np.int64)
    for label in labels:
        position = position * extents[label] + grid[label].reshape(-1)
    return position


def _applied(
    builder: GraphBuilder,
    operation: Operation,
    symbol: Symbol,
    entries: tuple[IntArray, IntArray, FloatArray],
    shape: tuple[int, ...],
) -> Symbol:
    """The sparse matrix of (rows, columns, factors) applied to the flattened tensor; repeated places are added."""
    rows, columns, factors = entries
    matrix = sp.csr_array(sp.coo_array((factors, (rows, columns)), shape=(math.prod(shape), symbol.size)))
    if matrix.nnz < factors.size:
        builder.rounded.append(operation.name)
    matrix.sum_duplicates()
    return builder.affine(symbol, matrix, np.zeros(math.prod(shape)), shape)


OPERATORS = {
    "CumSum": cumulative_sum,
    "Einsum": einsum,
    "ReduceL1": norm,
    "ReduceL2": norm,
    "ReduceSumSquare": norm,
}
