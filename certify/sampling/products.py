"""Products of a weight matrix with a block of chains: tiles of registers, BLAS for the largest matrices.

A block is a flat array in which row r of lane l stands at r * lanes + l. `lanes` chains share every load
of a weight. With one lane the loops run over the matrix instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sampling.numba_options import elementary, kernel
from certify.sampling.tiles import ADD, CONTINUE, SET, multiply_by_tiles, tile_shape
from certify.sampling.windows import window

IntegerArray = npt.NDArray[np.int64]

_SMALL_ENTRIES = 64
_FEW_LANES = 8


@elementary
def starts_from_target(entries: int, lanes: int) -> bool:
    """Whether sums start from what they are added to: of small matrices and few chains; of others they start from 0.

    The order of the summands is part of what a seed means, so this rule has nothing to do with speed.
    """
    return entries < _SMALL_ENTRIES or lanes < _FEW_LANES


@kernel
def multiply(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
    scratch: FloatArray,
    lanes: int,
    adds: bool,
) -> None:
    """Set target to W source, or add it, for the matrix W_ij = weight[i * row_stride + j * column_stride].

    One of the strides is 1. `scratch` holds rows * lanes numbers. If `starts_from_target`, what is added to is the
    start of the sums, and `adds` must be true.
    """
    if lanes == 1:
        if not adds:
            clear(target)
        _multiply_add_vector(weight, rows, columns, row_stride, column_stride, source, target)
    elif lanes >= _FEW_LANES and rows * columns >= tile_shape()[2]:
        _multiply_by_blas(weight, rows, columns, column_stride != 1, source, target, scratch, lanes, adds)
    else:
        mode = SET if not adds else CONTINUE if starts_from_target(rows * columns, lanes) else ADD
        multiply_by_tiles(weight, rows, columns, row_stride, column_stride, source, target, lanes, mode)


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
def _multiply_by_blas(
    weight: FloatArray,
    rows: int,
    columns: int,
    transposed: bool,
    source: FloatArray,
    target: FloatArray,
    scratch: FloatArray,
    lanes: int,
    adds: bool,
) -> None:
    product = window(scratch, 0, rows * lanes) if adds else target
    if transposed:
        matrix = weight.reshape((columns, rows)).T
        np.dot(matrix, source.reshape((columns, lanes)), product.reshape((rows, lanes)))
    else:
        straight = weight.reshape((rows, columns))
        np.dot(straight, source.reshape((columns, lanes)), product.reshape((rows, lanes)))
    if adds:
        _add_multiple(1.0, product, target)


@kernel
def clear(target: FloatArray) -> None:
    """Set every entry to 0."""
    for i in range(target.size):
        target[i] = 0.0


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
