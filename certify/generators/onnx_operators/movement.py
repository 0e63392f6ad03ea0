"""Operators that only move entries: Reshape, Transpose, Slice, Gather, Split, Pad and their kin.

Each is one array function applied to the values of a constant or to the index of a view; all are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Constant, Operation, Symbol, Value, shown

AnyArray = npt.NDArray[Any]
Move = Callable[[AnyArray], AnyArray]


def moved(builder: GraphBuilder, operation: Operation, value: Value, move: Move, entries: int | None = None) -> Value:
    """`move` applied to a constant's values or to a view's index; `entries` announces a result that grows."""
    size = math.prod(value.shape) if entries is None else entries
    match value:
        case Constant():
            builder.charge_tensor(size)
            return Constant(np.asarray(move(value.array)), value.parameters)
        case Symbol():
            builder.charge_view(size)
            return Symbol(value.node, np.asarray(move(value.index)), value.scale)
        case _:
            raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")


def identity(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The tensor itself."""
    return (operation.value(0),)


def dropout(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Dropout at inference: the tensor itself, whatever the ratio."""
    training = operation.optional_constant(2)
    if training is not None and bool(training.array.any()):
        raise InputError(f"{operation.label} is in training mode; export the model after `model.eval()`")
    operation.disregard("ratio", "seed", inputs=(1,))
    return (operation.value(0),)


def reshape(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Reshape; 0 copies an extent (unless `allowzero`) and -1 is inferred."""
    value = operation.value(0)
    target = operation.integers(1, "shape")
    if target is None:
        raise InputError(f"{operation.label} lacks its target shape")
    if min(target, default=0) < -1:
        raise InputError(f"{operation.label} has the target shape {target}; extents of -1, 0 or more are expected")
    if operation.flag("allowzero"):
        if 0 in target and -1 in target:
            raise InputError(f"{operation.label} has a zero and an unknown extent in {target}, which is ambiguous")
    else:
        target = tuple(value.shape[axis] if extent == 0 else extent for axis, extent in enumerate(target))
    return (moved(builder, operation, value, lambda array: array.reshape(target)),)


def flatten(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Flatten to a matrix at `axis`."""
    value = operation.value(0)
    axis, rank = int(operation.attributes.get("axis", 1)), len(value.shape)
    axis = rank if axis == rank else operation.axis(axis, rank)
    rows = math.prod(value.shape[:axis])
    return (moved(builder, operation, value, lambda array: array.reshape(rows, array.size // max(rows, 1))),)


def squeeze(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Squeeze the given axes, or every axis of extent 1."""
    value, axes = operation.value(0), operation.integers(1, "axes")
    if axes == ():
        raise InputError(f"{operation.label} has an empty list of axes, which the runtime and the standard read apart")
    cut = None if axes is None else operation.axes(axes, len(value.shape))
    return (moved(builder, operation, value, lambda array: np.squeeze(array, axis=cut)),)


def unsqueeze(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Insert axes of extent 1."""
    value, axes = operation.value(0), operation.integers(1, "axes")
    if axes is None:
        raise InputError(f"{operation.label} lacks its axes")
    places = operation.axes(axes, len(value.shape) + len(axes))
    return (moved(builder, operation, value, lambda array: np.expand_dims(array, places)),)


def transpose(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Permute the axes; without `perm` reverse them."""
    value, axes = operation.value(0), operation.attributes.get("perm")
    if axes is not None and sorted(axes) != list(range(len(value.shape))):
        raise InputError(f"{operation.label} has perm = {axes} for a tensor of {len(value.shape)} axes")
    return (moved(builder, operation, value, lambda array: np.transpose(array, axes)),)


def slice_(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Slice with constant starts, ends, axes and steps.

    An end below -extent or beyond the extent is moved to the nearest place where a slice in the direction of its step
    may begin or end; this is not what slices of Python do with a start below -extent and a negative step.
    """
    value = operation.value(0)
    starts, ends = operation.integers(1, "starts"), operation.integers(2, "ends")
    if starts is None or ends is None:
        raise InputError(f"{operation.label} lacks its starts or ends")
    axes, steps = operation.integers(3, "axes"), operation.integers(4, "steps")
    axes = operation.axes(tuple(range(len(starts))) if axes is None else axes, len(value.shape))
    steps = (1,) * len(starts) if steps is None else steps
    if 0 in steps:
        raise InputError(f"{operation.label} has a step of zero")
    if any(step < 0 and end in (2**31 - 1, 2**63 - 1) for end, step in zip(ends, steps, strict=True)):
        # The standard moves such an end to the last entry, onnxruntime takes it for "no end".
        raise InputError(f"{operation.label} goes backwards to an end of {max(ends)}; write the end as -2**31")
    kept = [np.arange(extent) for extent in value.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        extent = value.shape[axis]
        first, last = (0, extent) if step > 0 else (-1, extent - 1)
        low = min(max(start + extent if start < 0 else start, 0), last)
        high = min(max(end + extent if end < 0 else end, first), last)
        kept[axis] = np.asarray(range(low, high, step), dtype=np.int64)
    return (moved(builder, operation, value, lambda array: array[np.ix_(*kept)]),)


def gather(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Gather along one axis with constant indices."""
    value, indices = operation.value(0), operation.constant(1).array
    if indices.dtype.kind not in "iu":
        raise InputError(f"{operation.label} needs integer indices")
    axis = operation.axis(operation.attributes.get("axis", 0), len(value.shape))
    entries = math.prod(value.shape) // max(value.shape[axis], 1) * indices.size
    return (moved(builder, operation, value, lambda array: np.take(array, indices, axis=axis), entries),)


def split(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Split along one axis into given or equal extents."""
    value = operation.value(0)
    axis = operation.axis(operation.attributes.get("axis", 0), len(value.shape))
    extent, count = value.shape[axis], operation.output_count
    extents, declared = operation.integers(1, "split"), operation.attributes.get("num_outputs")
    if declared is not None and (declared != count or extents is not None):
        raise InputError(f"{operation.label} has num_outputs = {declared} for {count} outputs, or given extents")
    if extents is None:
        if declared is None and extent % count:
            raise InputError(f"{operation.label} splits an extent of {extent} into {count} equal parts")
        chunk = -(-extent // count)
        extents = (*((chunk,) * (count - 1)), extent - chunk * (count - 1))
        if extent and extents[-1] < 1:
            raise InputError(f"{operation.label} splits an extent of {extent} into {count} parts, too many")
    if len(extents) != count or sum(extents) != extent or min(extents) < 0:
        raise InputError(f"{operation.label} splits an extent of {extent} into {extents} for {count} outputs")
    cuts = np.cumsum((0, *extents))
    builder.charge_tensor(math.prod(value.shape))
    parts = [np.arange(low, high) for low, high in zip(cuts[:-1], cuts[1:], strict=True)]
    return tuple(moved(builder, operation, value, partial(np.take, indices=part, axis=axis), 0) for part in parts)


def gather_nd(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """GatherND with constant indices and no batch axes."""
    value, indices = operation.value(0), operation.constant(1).array
    if operation.attributes.get("batch_dims", 0) or indices.dtype.kind != "i":
        raise InputError(f"{operation.label} has batch axes or indices that are not integers; neither is supported")
    depth = indices.shape[-1]
    if not 1 <= depth <= len(value.shape):
        raise InputError(f"{operation.label} has indices of {depth} axes for a tensor of {len(value.shape)}")
    entries = indices.size // max(depth, 1) * math.prod(value.shape[depth:])
    cuts = tuple(np.moveaxis(indices, -1, 0))
    return (moved(builder, operation, value, lambda array: array[cuts], entries),)


def gather_elements(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """GatherElements along one axis with constant indices."""
    value, indices = operation.value(0), operation.constant(1).array
    if indices.dtype.kind != "i":
        raise InputError(f"{operation.label} needs integer indices")
    axis = operation.axis(operation.attributes.get("axis", 0), len(value.shape))
    if len(indices.shape) != len(value.shape) or any(
        most > extent for a, (most, extent) in enumerate(zip(indices.shape, value.shape, strict=True)) if a != axis
    ):
        raise InputError(f"{operation.label} has indices of shape {indices.shape} for a tensor of {value.shape}")
    window = tuple(slice(None) if a == axis else slice(extent) for a, extent in enumerate(indices.shape))
    return (
        moved(builder, operation, value, lambda array: np.take_along_axis(array[window], indices, axis), indices.size),
    )


def pad(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Pad with a constant, or by reflection, edge or wrapping (which only move entries)."""
    value = operation.value(0)
    pads = operation.integers(1, "pads") or ()
    rank = len(value.shape)
    given_axes = operation.integers(3, "axes")
    axes = operation.axes(tuple(range(rank)) if given_axes is None else given_axes, rank)
    if len(pads) != 2 * len(axes):
        raise InputError(f"{operation.label} has {len(pads)} pads for {len(axes)} axes")
    amounts = [(0, 0)] * rank
    for position, axis in enumerate(axes):
        amounts[axis] = (pads[position], pads[position + len(axes)])
    if min(min(pair) for pair in amounts) < 0:
        raise InputError(f"{operation.label} has negative pads, which have no lowering; slice instead")
    extents = [extent + low + high for extent, (low, high) in zip(value.shape, amounts, strict=True)]
    entries = math.prod(extents)
    mode = operation.attributes.get("mode", "constant")
    if mode in ("reflect", "edge", "wrap"):
        operation.disregard("value", inputs=(2,))
        reach = {"reflect": 1, "wrap": 0}.get(mode)
        if reach is not None and any(
            max(pair) > max(extent - reach, 0) for extent, pair in zip(value.shape, amounts, strict=True)
        ):
            raise InputError(f"{operation.label} has pads {pads} that reach beyond the tensor of shape {value.shape}")
        return (moved(builder, operation, value, lambda array: np.pad(array, amounts, mode=mode), entries),)
    if mode != "constant":
        raise InputError(f"{operation.label} has the unknown mode {shown(str(mode))}")
    given = operation.optional_constant(2)
    fill = float(operation.attributes.get("value", 0.0)) if given is None else float(given.array.reshape(()))
    if isinstance(value, Symbol):
        builder.charge_view(entries)
        return (builder.padded(value, np.pad(value.index, amounts, constant_values=-1), fill),)
    return (moved(builder, operation, value, lambda array: np.pad(array, amounts, constant_values=fill), entries),)


def expand(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Broadcast to a constant shape."""
    value = operation.value(0)
    target = operation.integers(1, "shape")
    if target is None or min(target, default=1) < 0:
        raise InputError(f"{operation.label} has the target shape {target}; extents of 0 or more are expected")
    shape = np.broadcast_shapes(value.shape, target)
    return (moved(builder, operation, value, lambda array: np.broadcast_to(array, shape), math.prod(shape)),)


def tile(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Repeat along each axis, at least once: numpy goes axis by axis, so a later 0 would not keep it small."""
    value = operation.value(0)
    repeats = operation.integers(1, "repeats") or ()
    if len(repeats) != len(value.shape) or min(repeats, default=1) < 1:
        raise InputError(f"{operation.label} has repeats {repeats} for a tensor of {len(value.shape)} axes, each >= 1")
    entries = math.prod(value.shape) * math.prod(repeats)
    return (moved(builder, operation, value, lambda array: np.tile(array, repeats), entries),)


OPERATORS = {
    "Dropout": dropout,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "Identity": identity,
    "Pad": pad,
    "Reshape": reshape,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
