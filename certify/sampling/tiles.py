"""Tiles: a few rows of a product for a few chains, held in vector registers while their sums run.

A loop over columns that adds a multiple of one to the target loads and stores the target at every column. A tile loads
its chains once per column, multiplies them by one weight per row, and stores its rows once, at the end. Every sum
runs over the columns in their order, fused where the processor fuses, so a chain's bits depend neither on its place
in the block nor on the size of the tile, which is the processor's (`tile_shape`).

The vectors are written out for the compiler: whether it finds them in a loop depends on its version.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from certify.arithmetic.arrays import FloatArray
from certify.sampling.numba_options import CONTRACT, generated, kernel
from certify.sampling.windows import window

VECTOR = 8
"""Chains of a vector: one register of AVX-512, two of AVX2, four of SSE2 or NEON."""

SET, ADD, CONTINUE = range(3)
"""What becomes of the target: set to the sum from 0; the sum from 0 is added to it; the sum starts from it."""

_WIDE_REGISTERS = "+avx512f"
_DOUBLE, _INTEGER = ir.DoubleType(), ir.IntType(32)
_BYTES = 8


@generated
def tile_shape(typing_context: Any) -> Any:
    """Rows and vectors of the tile that fills this processor's registers, and the entries from which BLAS is faster.

    With 32 registers of 8 numbers 8 x 16 sums run at the peak of the multipliers; with 16 registers of 4 they
    would spill, and weights that do not fit the first cache are better packed, which BLAS does.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, _, features = context.codegen().magic_tuple()
        shape = (8, 2, 2**19) if _WIDE_REGISTERS in features.split(",") else (4, 1, 2**13)
        return context.make_tuple(builder, signature.return_type, [context.get_constant(types.intp, n) for n in shape])

    library: Any = types
    return library.UniTuple(types.intp, 3)(), generate


def _tile(rows: int, vectors: int, width: int) -> Any:
    """The function tile(weight, row_stride, column_stride, columns, source, target, lanes, mode).

    It computes `rows` rows for vectors * width chains: rows i and columns k of the weight stand at
    i * row_stride + k * column_stride, rows of the source and the target at multiples of `lanes`.
    """

    @generated
    def tile(
        typing_context: Any,
        weight: Any,
        row_stride: Any,
        column_stride: Any,
        columns: Any,
        source: Any,
        target: Any,
        lanes: Any,
        mode: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            whole = [arguments[0], arguments[4], arguments[5]]
            arrays = [context.make_array(weight)(context, builder, value).data for value in whole]
            _write_tile(builder, arrays, arguments[1:4], arguments[6], arguments[7], (rows, vectors, width))
            return context.get_dummy_value()

        number = types.intp
        return types.void(weight, number, number, number, source, target, number, number), generate

    return tile


def _write_tile(
    builder: Any, arrays: Any, weight_layout: Any, lanes: Any, mode: Any, shape: tuple[int, int, int]
) -> None:
    weight, source, target = arrays
    row_stride, column_stride, columns = weight_layout
    rows, vectors, width = shape
    utilities: Any = cgutils
    vector: Any = ir.VectorType(_DOUBLE, width) if width > 1 else _DOUBLE
    cells = [(i, j) for i in range(rows) for j in range(vectors)]

    # Where row `row` of an array has its j-th vector, that vector, and one weight in every chain.
    def vector_at(array: Any, row: Any, j: int) -> Any:
        place = builder.add(builder.mul(row, lanes), lanes.type(j * width))
        return builder.bitcast(builder.gep(array, [place], inbounds=True), vector.as_pointer())

    def load(array: Any, row: Any, j: int) -> Any:
        return builder.load(vector_at(array, row, j), align=_BYTES)

    def spread(value: Any) -> Any:
        if width == 1:
            return value
        single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _INTEGER(0))
        return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(_INTEGER, width), [0] * width))

    # The sums are variables on the stack until the compiler makes registers of them.
    sums = {cell: utilities.alloca_once(builder, vector) for cell in cells}
    for cell in cells:
        builder.store(ir.Constant(vector, [0.0] * width if width > 1 else 0.0), sums[cell])
    with builder.if_then(builder.icmp_signed("==", mode, mode.type(CONTINUE))):
        for i, j in cells:
            builder.store(load(target, lanes.type(i), j), sums[i, j])
    # One column: its chains once, and for every row one weight and a fused multiplication per vector.
    with utilities.for_range(builder, columns) as loop:
        chains = [load(source, loop.index, j) for j in range(vectors)]
        column = builder.mul(loop.index, column_stride)
        for i in range(rows):
            place = builder.add(column, builder.mul(row_stride, row_stride.type(i)))
            factor = spread(builder.load(builder.gep(weight, [place], inbounds=True)))
            for j in range(vectors):
                product = builder.fmul(factor, chains[j], flags=tuple(CONTRACT))
                builder.store(builder.fadd(builder.load(sums[i, j]), product, flags=tuple(CONTRACT)), sums[i, j])
    # The end: each row is stored once, after what it is added to.
    with builder.if_then(builder.icmp_signed("==", mode, mode.type(ADD))):
        for i, j in cells:
            builder.store(builder.fadd(load(target, lanes.type(i), j), builder.load(sums[i, j])), sums[i, j])
    for i, j in cells:
        builder.store(builder.load(sums[i, j]), vector_at(target, lanes.type(i), j), align=_BYTES)


_tile_eight_by_two = _tile(8, 2, VECTOR)
_tile_four_by_two = _tile(4, 2, VECTOR)
_tile_four_by_one = _tile(4, 1, VECTOR)
_tile_one_by_two = _tile(1, 2, VECTOR)
_tile_one_by_one = _tile(1, 1, VECTOR)
_tile_four_single = _tile(4, 1, 1)
_tile_single = _tile(1, 1, 1)


@kernel
def multiply_by_tiles(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
    mode: int,
) -> None:
    """Set or add to target the product W source (`products.multiply`), by strips of chains.

    Strips have two vectors of chains where the registers hold two, then one vector, and one chain at the end.
    """
    _, vectors, _ = tile_shape()
    wide = lanes - lanes % (2 * VECTOR) if vectors == 2 else 0
    whole = lanes - lanes % VECTOR
    for lane in range(0, wide, 2 * VECTOR):
        chains, sums = window(source, lane, 0), window(target, lane, 0)
        _wide_strip(weight, rows, columns, row_stride, column_stride, chains, sums, lanes, mode)
    for lane in range(wide, whole, VECTOR):
        chains, sums = window(source, lane, 0), window(target, lane, 0)
        _strip(weight, rows, columns, row_stride, column_stride, chains, sums, lanes, mode)
    for lane in range(whole, lanes):
        chains, sums = window(source, lane, 0), window(target, lane, 0)
        _single_strip(weight, rows, columns, row_stride, column_stride, chains, sums, lanes, mode)


@kernel
def _wide_strip(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
    mode: int,
) -> None:
    tall = rows - rows % 8
    for row in range(0, tall, 8):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_eight_by_two(part, row_stride, column_stride, columns, source, sums, lanes, mode)
    for row in range(tall, rows - 3, 4):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_four_by_two(part, row_stride, column_stride, columns, source, sums, lanes, mode)
    for row in range(rows - rows % 4, rows):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_one_by_two(part, row_stride, column_stride, columns, source, sums, lanes, mode)


@kernel
def _strip(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
    mode: int,
) -> None:
    for row in range(0, rows - 3, 4):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_four_by_one(part, row_stride, column_stride, columns, source, sums, lanes, mode)
    for row in range(rows - rows % 4, rows):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_one_by_one(part, row_stride, column_stride, columns, source, sums, lanes, mode)


@kernel
def _single_strip(
    weight: FloatArray,
    rows: int,
    columns: int,
    row_stride: int,
    column_stride: int,
    source: FloatArray,
    target: FloatArray,
    lanes: int,
    mode: int,
) -> None:
    for row in range(0, rows - 3, 4):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_four_single(part, row_stride, column_stride, columns, source, sums, lanes, mode)
    for row in range(rows - rows % 4, rows):
        part, sums = window(weight, row * row_stride, 0), window(target, row * lanes, 0)
        _tile_single(part, row_stride, column_stride, columns, source, sums, lanes, mode)
