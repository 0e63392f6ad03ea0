"""Products of a weight matrix with a block of chains: loops for small ones, BLAS for large ones.

A block is a flat array in which row r of lane l stands at r * lanes + l. `lanes` chains share every load
of a weight. With one lane the loops run over the matrix instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from certify.sampling.numba_options import kernel
from certify.sampling.windows import window

FloatArray = npt.NDArray[np.float64]
IntegerArray = npt.NDArray[np.int64]

BLAS_ENTRIES = 64
"""Matrices of at least this many entries go to BLAS when the block has `BLAS_LANES` lanes or more."""

BLAS_LANES = 8


@kernel
def multiply_add(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
) -> None:
    """Add W source to target for the matrix W_ij = weight[i * row_stride + j * column_stride]; `lanes` chains."""
    if lanes == 1:
        _multiply_add_vector(weight, rows, columns, row_stride, column_stride, source, target)
        return
    for i in range(0, rows - 1, 2):
        upper = window(target, i * lanes, lanes)
        lower = window(target, (i + 1) * lanes, lanes)
        for j in range(0, columns - 3, 4):
            at = i * row_stride + j * column_stride
            _four_into_two(weight, at, row_stride, column_stride, window(source, j * lanes, 4 * lanes), upper, lower)
        for j in range(columns - columns % 4, columns):
            at = i * row_stride + j * column_stride
            _add_multiple(weight[at], window(source, j * lanes, lanes), upper)
            _add_multiple(weight[at + row_stride], window(source, j * lanes, lanes), lower)
    if rows % 2 == 1:
        last = window(target, (rows - 1) * lanes, lanes)
        for j in range(columns):
            at = (rows - 1) * row_stride + j * column_stride
            _add_multiple(weight[at], window(source, j * lanes, lanes), last)


@kernel
def _four_into_two(
    weight: FloatArray,
    at: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    upper: FloatArray,
    lower: FloatArray,
) -> None:
    """Add a 2 x 4 part of the product: each load of the source and of the target serves several multiplications."""
    lanes = upper.size
    a0, a1 = weight[at], weight[at + column_stride]
    a2, a3 = weight[at + 2 * column_stride], weight[at + 3 * column_stride]
    at += row_stride
    b0, b1 = weight[at], weight[at + column_stride]
    b2, b3 = weight[at + 2 * column_stride], weight[at + 3 * column_stride]
    first, second = window(source, 0, lanes), window(source, lanes, lanes)
    third, fourth = window(source, 2 * lanes, lanes), window(source, 3 * lanes, lanes)
    for lane in range(lanes):
        v0, v1, v2, v3 = first[lane], second[lane], third[lane], fourth[lane]
        upper[lane] += a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3
        lower[lane] += b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3


@kernel
def _add_multiple(factor: float, source: FloatArray, target: FloatArray) -> None:
    for i in range(target.size):
        target[i] += factor * source[i]


@kernel
def _multiply_add_vector(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
) -> None:
    if column_stride == 1:
        for i in range(rows):
            total = 0.0
            row = window(weight, i * row_stride, columns)
            for j in range(columns):
                total += row[j] * source[j]
            target[i] += total
    else:
        # The transposed product: W is stored by columns, each of which is contiguous.
        for j in range(columns):
            value = source[j]
            column = window(weight, j * column_stride, rows)
            for i in range(rows):
                target[i] += column[i] * value


@kernel
def blas_product(
    weight: FloatArray, rows: int, columns: int, transposed: bool, source: FloatArray, target: FloatArray, lanes: int
) -> None:
    """Set target = W source, or W^T source, by BLAS; `weight` is W (rows, columns) in row-major order."""
    matrix = weight.reshape((rows, columns))
    if transposed:
        np.dot(matrix.T, source.reshape((rows, lanes)), target.reshape((columns, lanes)))
    else:
        np.dot(matrix, source.reshape((columns, lanes)), target.reshape((rows, lanes)))


@kernel
def sparse_multiply_add(
    data: FloatArray,
    pointers: IntegerArray,
    columns: IntegerArray,
    rows: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
) -> None:
    """Add W source to target for a CSR matrix with `rows` rows."""
    for i in range(rows):
        row = window(target, i * lanes, lanes)
        for entry in range(pointers[i], pointers[i + 1]):
            _add_multiple(data[entry], window(source, columns[entry] * lanes, lanes), row)


@kernel
def sparse_transposed_multiply_add(
    data: FloatArray,
    pointers: IntegerArray,
    columns: IntegerArray,
    rows: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
) -> None:
    """Add W^T source to target for a CSR matrix with `rows` rows."""
    for i in range(rows):
        row = window(source, i * lanes, lanes)
        for entry in range(pointers[i], pointers[i + 1]):
            _add_multiple(data[entry], row, window(target, columns[entry] * lanes, lanes))
