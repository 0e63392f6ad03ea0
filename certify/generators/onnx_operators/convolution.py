"""Convolutions and average pooling as sparse matrices.

A convolution of stride s, dilation t and padding p reads input position o s + k t - p for output o and kernel
offset k; a transposed convolution is the transposed matrix of that convolution; average pooling is a depthwise
convolution whose weights are 1 / (number of entries counted).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import IntArray, Operation, Symbol, Value, shown


@dataclass(frozen=True)
class Window:
    """One spatial axis of a convolution: extents and how the kernel moves along it."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    before: int

    def positions(self) -> IntArray:
        """Input position read by each (output, kernel offset), -1 where it falls in the padding."""
        read = np.arange(self.outputs)[:, None] * self.stride + np.arange(self.kernel) * self.dilation - self.before
        return np.where((read >= 0) & (read < self.inputs), read, -1)


def conv(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Conv with constant weights of shape (M, C / group, k...)."""
    symbol, weight = operation.symbol(0), operation.constant(1)
    kernel = weight.shape[2:]
    windows = pooling_windows(operation, symbol.shape[2:], kernel)
    group = int(operation.attributes.get("group", 1))
    matrix = convolution_matrix(builder, operation, weight.array.astype(np.float64), windows, symbol.shape[1], group)
    shape = (1, weight.shape[0], *(window.outputs for window in windows))
    builder.parameters |= weight.parameters
    return (_with_bias(builder, operation, symbol, matrix, shape),)


def conv_transpose(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ConvTranspose with constant weights of shape (C, M / group, k...): the transpose of a convolution's matrix."""
    symbol, weight = operation.symbol(0), operation.constant(1)
    options = operation.attributes
    kernel, group = weight.shape[2:], int(options.get("group", 1))
    rank = len(kernel)
    strides, dilations, pads = _movement(operation, rank)
    extra = tuple(options.get("output_padding") or (0,) * rank)
    if len(extra) != rank or min(extra, default=0) < 0 or len(symbol.shape) != rank + 2:
        raise InputError(f"{operation.label} has inconsistent `output_padding` or a tensor of the wrong rank")
    windows = []
    for axis, extent in enumerate(symbol.shape[2:]):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        whole = strides[axis] * (extent - 1) + extra[axis] + reach
        given = pads[axis], pads[axis + rank]
        before, after = _transposed_pads(operation, axis, whole, extent * strides[axis], given)
        target = whole - before - after
        windows.append(Window(target, extent, kernel[axis], strides[axis], dilations[axis], before))
    channels = weight.shape[1] * group
    matrix = convolution_matrix(builder, operation, weight.array.astype(np.float64), windows, channels, group)
    shape = (1, channels, *(window.inputs for window in windows))
    builder.parameters |= weight.parameters
    return (_with_bias(builder, operation, symbol, sp.csr_array(matrix.T), shape),)


def _transposed_pads(
    operation: Operation, axis: int, whole: int, same: int, pads: tuple[int, int]
) -> tuple[int, int]:
    """What is cut off both ends of one axis of extent `whole`: the pads, or what `output_shape` or `auto_pad` asks for.

    An odd remainder is cut at the end for SAME_UPPER and at the start otherwise.
    """
    mode = str(operation.attributes.get("auto_pad", "NOTSET"))
    shape = operation.attributes.get("output_shape")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise InputError(f"{operation.label} has the unknown `auto_pad` {shown(mode)}")
    if shape is None and mode == "NOTSET":
        return pads
    if shape is None and mode == "VALID":
        return 0, 0
    rank = len(operation.value(0).shape) - 2
    if shape is not None and len(shape) != rank:
        raise InputError(f"{operation.label} has an `output_shape` of {len(shape)} entries for {rank} spatial axes")
    total = whole - (same if shape is None else int(shape[axis]))
    if total < 0:
        raise InputError(f"{operation.label} asks for {whole - total} entries along an axis that has only {whole}")
    return (total // 2, total - total // 2) if mode == "SAME_UPPER" else (total - total // 2, total // 2)


def average_pool(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """AveragePool; the divisor counts the padding only with `count_include_pad`."""
    symbol = operation.symbol(0)
    if operation.attributes.get("ceil_mode", 0):
        raise InputError(f"{operation.label} uses `ceil_mode`, which is not supported; pad explicitly")
    kernel = tuple(operation.attributes["kernel_shape"])
    windows = pooling_windows(operation, symbol.shape[2:], kernel)
    return (_pooled(builder, operation, symbol, windows, bool(operation.attributes.get("count_include_pad", 0))),)


def global_average_pool(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """GlobalAveragePool: the mean over all spatial axes."""
    symbol = operation.symbol(0)
    windows = [Window(extent, 1, extent, 1, 1, 0) for extent in symbol.shape[2:]]
    return (_pooled(builder, operation, symbol, windows, True),)


def convolution_matrix(
    builder: GraphBuilder, operation: Operation, weight: FloatArray, windows: list[Window], channels: int, group: int
) -> sp.csr_array:
    """The matrix of a convolution from (channels, inputs...) to (M, outputs...), both flattened.

    `weight` has shape (M, channels / group, kernel...). Entries are copied, never added: two kernel offsets
    read distinct positions, so the matrix is exact.
    """
    outputs = weight.shape[0]
    consistent = group >= 1 and outputs % group == 0 and weight.shape[1] * group == channels and weight.ndim >= 3
    if not consistent or min(weight.shape) < 1 or any(window.outputs < 1 or window.inputs < 1 for window in windows):
        raise InputError(
            f"{operation.label} has weights of shape {weight.shape} and {group} groups for {channels} channels"
        )
    taps = math.prod(window.outputs * window.kernel for window in windows)
    builder.charge_weight(taps * weight.shape[0] * weight.shape[1])
    # Of a transposed convolution this is the result, as wide as its strides and paddings say.
    builder.charge_view(channels * math.prod(window.inputs for window in windows))
    reads, valid = window_reads(windows)
    inputs_per_channel = math.prod(window.inputs for window in windows)
    positions = reads.shape[0]
    flat = weight.reshape(outputs, weight.shape[1], -1)
    rank_in_group = np.arange(outputs) // (outputs // group) * weight.shape[1]
    source_channel = rank_in_group[:, None] + np.arange(weight.shape[1])
    rows = (np.arange(outputs)[:, None] * positions + np.arange(positions))[:, :, None, None]
    columns = source_channel[:, None, :, None] * inputs_per_channel + reads[None, :, None, :]
    entries = np.broadcast_to(flat[:, None, :, :], columns.shape)
    keep = np.broadcast_to(valid[None, :, None, :], columns.shape)
    stored = (entries[keep], (np.broadcast_to(rows, columns.shape)[keep], columns[keep]))
    return sp.csr_array(sp.coo_array(stored, shape=(outputs * positions, channels * inputs_per_channel)))


def window_reads(windows: list[Window]) -> tuple[IntArray, np.ndarray]:
    """Flat input position read at (output position, kernel offset), and where it is not padding."""
    reads = np.zeros((1, 1), dtype=np.int64)
    valid = np.ones((1, 1), dtype=bool)
    for window in windows:
        steps = window.positions()
        reads = (reads[:, None, :, None] * window.inputs + np.maximum(steps, 0)[None, :, None, :]).reshape(
            reads.shape[0] * window.outputs, reads.shape[1] * window.kernel
        )
        valid = (valid[:, None, :, None] & (steps >= 0)[None, :, None, :]).reshape(reads.shape)
    return reads, valid


def _pooled(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, windows: list[Window], include_padding: bool
) -> Symbol:
    channels = symbol.shape[1]
    kernel = tuple(window.kernel for window in windows)
    if len(symbol.shape) != len(windows) + 2:
        raise InputError(f"{operation.label} has a kernel of {len(kernel)} axes for a tensor of shape {symbol.shape}")
    builder.charge_weight(math.prod((channels, *kernel)))
    ones = np.ones((channels, 1, *kernel))
    counted = convolution_matrix(builder, operation, ones, windows, channels, channels)
    counts = np.full(counted.shape[0], float(math.prod(kernel)))
    if not include_padding:
        counts = np.maximum(np.diff(counted.indptr), 1).astype(np.float64)
    if np.any(np.frexp(counts)[0] != 0.5):
        builder.rounded.append(operation.name)
    matrix = sp.csr_array(
        (np.repeat(1.0 / counts, np.diff(counted.indptr)), counted.indices, counted.indptr), shape=counted.shape
    )
    shape = (1, channels, *(window.outputs for window in windows))
    return builder.affine(symbol, matrix, np.zeros(matrix.shape[0]), shape)


def _with_bias(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, matrix: sp.csr_array, shape: tuple[int, ...]
) -> Symbol:
    given = operation.optional_constant(2)
    bias = np.zeros(shape[1])
    if given is not None:
        builder.parameters |= given.parameters
        bias = given.array.reshape(shape[1]).astype(np.float64)
    return builder.affine(symbol, matrix, np.repeat(bias, math.prod(shape[2:])), shape)


def _movement(operation: Operation, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Strides, dilations and pads of a convolution of `rank` spatial axes."""
    options = operation.attributes
    strides = tuple(options.get("strides") or (1,) * rank)
    dilations = tuple(options.get("dilations") or (1,) * rank)
    pads = tuple(options.get("pads") or (0,) * (2 * rank))
    if not (len(strides) == len(dilations) == rank and len(pads) == 2 * rank):
        raise InputError(f"{operation.label} has strides {strides}, dilations {dilations}, pads {pads} for {rank} axes")
    if min((*strides, *dilations), default=1) < 1 or min(pads, default=0) < 0 or max(pads, default=0) > 65_536:
        raise InputError(f"{operation.label} has strides {strides}, dilations {dilations}, pads {pads} out of range")
    return strides, dilations, pads


def pooling_windows(operation: Operation, extents: tuple[int, ...], kernel: tuple[int, ...]) -> list[Window]:
    """The windows of a Conv or AveragePool, with `auto_pad` resolved."""
    rank = len(kernel)
    if len(extents) != rank or rank == 0 or not all(0 < side <= 65_536 for side in kernel):
        raise InputError(f"{operation.label} has a kernel {kernel} for spatial extents {extents}")
    strides, dilations, pads = _movement(operation, rank)
    mode = str(operation.attributes.get("auto_pad", "NOTSET"))
    windows = []
    for axis, extent in enumerate(extents):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        before, after = pads[axis], pads[axis + rank]
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            total = max(0, (-(-extent // strides[axis]) - 1) * strides[axis] + reach - extent)
            before = total // 2 if mode == "SAME_UPPER" else total - total // 2
            after = total - before
        elif mode == "VALID":
            before = after = 0
        elif mode != "NOTSET":
            raise InputError(f"{operation.label} has the unknown `auto_pad` {shown(mode)}")
        outputs = (extent + before + after - reach) // strides[axis] + 1
        windows.append(Window(extent, outputs, kernel[axis], strides[axis], dilations[axis], before))
    return windows


OPERATORS = {
    "AveragePool": average_pool,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": global_average_pool,
}
