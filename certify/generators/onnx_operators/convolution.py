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

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder, stored_entries
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
    kernel = _kernel(operation, weight.shape)
    windows = pooling_windows(operation, symbol.shape[2:], kernel)
    group = int(operation.attributes.get("group", 1))
    matrix = convolution_matrix(builder, operation, weight.array.astype(np.float64), windows, symbol.shape[1], group)
    shape = (symbol.shape[0], weight.shape[0], *(window.outputs for window in windows))
    builder.parameters |= weight.parameters
    return (_with_bias(builder, operation, symbol, matrix, shape),)


def conv_transpose(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ConvTranspose with constant weights of shape (C, M / group, k...): the transpose of a convolution's matrix."""
    symbol, weight = operation.symbol(0), operation.constant(1)
    kernel, group = _kernel(operation, weight.shape), int(operation.attributes.get("group", 1))
    if len(symbol.shape) != len(kernel) + 2 or symbol.shape[1] != weight.shape[0]:
        raise InputError(
            f"{operation.label} has weights of shape {weight.shape} for a tensor of shape {symbol.shape}; as many "
            "axes and the tensor's channels first are expected"
        )
    windows = _transposed_windows(operation, symbol.shape[2:], kernel)
    channels = weight.shape[1] * group
    matrix = convolution_matrix(builder, operation, weight.array.astype(np.float64), windows, channels, group)
    shape = (symbol.shape[0], channels, *(window.inputs for window in windows))
    builder.parameters |= weight.parameters
    return (_with_bias(builder, operation, symbol, sp.csr_array(matrix.T), shape),)


def _transposed_windows(operation: Operation, extents: tuple[int, ...], kernel: tuple[int, ...]) -> list[Window]:
    """The windows of the convolution whose transpose a ConvTranspose is.

    The result has s (extent - 1) + output_padding + (k - 1) t + 1 - p entries along an axis, where the total padding
    p is that of `pads`, or follows from `output_shape`, or from a result of s * extent entries with `auto_pad`; a
    total that follows is split so that the odd entry goes to the end for SAME_UPPER and to the start otherwise.
    """
    rank, options = len(kernel), operation.attributes
    strides, dilations, pads = _movement(operation, rank)
    extra = tuple(options.get("output_padding") or (0,) * rank)
    mode, targets = _auto_pad(operation), options.get("output_shape")
    if targets is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        targets = tuple(extent * stride for extent, stride in zip(extents, strides, strict=True))
    targets = None if targets is None else tuple(targets)
    if len(extra) != rank or min(extra) < 0:
        raise InputError(f"{operation.label} has `output_padding` = {extra} for {rank} spatial axes")
    if targets is not None and len(targets) != rank:
        raise InputError(f"{operation.label} has an `output_shape` of {len(targets)} entries for {rank} spatial axes")
    if targets is not None and any(pads):
        raise InputError(f"{operation.label} has `pads` beside `output_shape` or `auto_pad`; one of them is expected")
    windows = []
    for axis, extent in enumerate(extents):
        full = strides[axis] * (extent - 1) + extra[axis] + (kernel[axis] - 1) * dilations[axis] + 1
        before, after = pads[axis], pads[axis + rank]
        if targets is not None:
            total = full - targets[axis]
            if total < 0:
                raise InputError(f"{operation.label} asks for {targets[axis]} entries on an axis that has only {full}")
            before = total // 2 if mode == "SAME_UPPER" else total - total // 2
            after = total - before
        windows.append(Window(full - before - after, extent, kernel[axis], strides[axis], dilations[axis], before))
    return windows


def average_pool(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """AveragePool; the divisor counts the padding only with `count_include_pad`."""
    symbol = operation.symbol(0)
    if operation.flag("ceil_mode"):
        raise InputError(f"{operation.label} uses `ceil_mode`, which is not supported; pad explicitly")
    kernel = tuple(operation.attributes["kernel_shape"])
    windows = pooling_windows(operation, symbol.shape[2:], kernel)
    return (_pooled(builder, operation, symbol, windows, operation.flag("count_include_pad")),)


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
        counts = np.diff(counted.indptr).astype(np.float64)
        if not np.all(counts):
            raise InputError(f"{operation.label} has a window that lies in the padding, whose mean is undefined")
    if np.any(np.frexp(counts)[0] != 0.5):
        builder.rounded.append(operation.name)
    matrix = sp.csr_array(
        (np.repeat(1.0 / counts, np.diff(counted.indptr)), counted.indices, counted.indptr), shape=counted.shape
    )
    shape = (symbol.shape[0], channels, *(window.outputs for window in windows))
    return _each(builder, symbol, matrix, np.zeros(matrix.shape[0]), shape)


def _each(
    builder: GraphBuilder, symbol: Symbol, matrix: sp.csr_array, bias: FloatArray, shape: tuple[int, ...]
) -> Symbol:
    """W x + b for each image x of a batch: the first axis of `shape` counts them."""
    batch = shape[0]
    if batch > 1:
        builder.charge_weight(batch * stored_entries(matrix))
        matrix = sp.csr_array(sp.kron(sp.eye_array(batch), matrix, format="csr"))
    return builder.affine(symbol, matrix, np.tile(bias, batch), shape)


def _with_bias(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, matrix: sp.csr_array, shape: tuple[int, ...]
) -> Symbol:
    given = operation.optional_constant(2)
    bias = np.zeros(shape[1])
    if given is not None:
        builder.parameters |= given.parameters
        if given.shape != (shape[1],):
            raise InputError(f"{operation.label} has a bias of shape {given.shape} for {shape[1]} channels")
        bias = given.array.astype(np.float64)
    return _each(builder, symbol, matrix, np.repeat(bias, math.prod(shape[2:])), shape)


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
    mode = _auto_pad(operation)
    if mode != "NOTSET" and any(pads):
        raise InputError(f"{operation.label} has `pads` beside `auto_pad`; one of them is expected")
    if mode.startswith("SAME") and max(dilations) > 1:
        # onnxruntime refuses this for Conv and pads an AveragePool as if it were not dilated.
        raise InputError(f"{operation.label} has `dilations` beside `auto_pad`; export it with explicit pads")
    windows = []
    for axis, extent in enumerate(extents):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        before, after = pads[axis], pads[axis + rank]
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            total = (-(-extent // strides[axis]) - 1) * strides[axis] + reach - extent
            if total < 0 and operation.kind == "AveragePool":
                # By the standard's formula, and in onnxruntime for this operator alone, such pads crop.
                raise InputError(f"{operation.label} has strides beyond its kernel beside `auto_pad`; give pads")
            total = max(0, total)
            before = total // 2 if mode == "SAME_UPPER" else total - total // 2
            after = total - before
        outputs = (extent + before + after - reach) // strides[axis] + 1
        windows.append(Window(extent, outputs, kernel[axis], strides[axis], dilations[axis], before))
    return windows


def _auto_pad(operation: Operation) -> str:
    mode = str(operation.attributes.get("auto_pad", "NOTSET"))
    if mode not in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        raise InputError(f"{operation.label} has the unknown `auto_pad` {shown(mode)}")
    return mode


def _kernel(operation: Operation, weight: tuple[int, ...]) -> tuple[int, ...]:
    """The spatial extents of a weight; `kernel_shape` may only repeat them."""
    declared = operation.attributes.get("kernel_shape")
    if declared is not None and tuple(declared) != weight[2:]:
        raise InputError(f"{operation.label} has kernel_shape = {declared} for weights of shape {weight}")
    return weight[2:]


OPERATORS = {
    "AveragePool": average_pool,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": global_average_pool,
}
