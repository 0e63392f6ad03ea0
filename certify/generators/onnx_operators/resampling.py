"""Operators that resample an image by moving entries: Resize and Upsample by nearest neighbour, DepthToSpace."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.movement import AnyArray, moved
from certify.generators.onnx_operators.values import Operation, Value, shown


def depth_to_space(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Pixel shuffle of a (1, channels, height, width) tensor in the DCR or CRD order."""
    value, block = operation.value(0), int(operation.attributes["blocksize"])
    batch, channels, height, width = value.shape
    column_row_depth = operation.attributes.get("mode", "DCR") == "CRD"
    inner = channels // (block * block)
    blocks = (inner, block, block) if column_row_depth else (block, block, inner)
    first = (batch, *blocks, height, width)
    order = (0, 1, 4, 2, 5, 3) if column_row_depth else (0, 3, 4, 1, 5, 2)

    def shuffle(array: AnyArray) -> AnyArray:
        return array.reshape(first).transpose(order).reshape(batch, inner, height * block, width * block)

    return (moved(builder, operation, value, shuffle),)


def resize(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Resize or Upsample by nearest neighbour: out[i] = in[nearest(coordinate(i))] along each axis."""
    value = operation.value(0)
    if operation.attributes.get("mode", "nearest") != "nearest":
        raise InputError(f"{operation.label} interpolates; only nearest-neighbour resizing is supported")
    if operation.attributes.get("axes") is not None or operation.flag("antialias"):
        raise InputError(f"{operation.label} uses `axes` or `antialias`; only plain nearest resizing is supported")
    # Of `roi` and `extrapolation_value` only the transformation that crops makes use, and it is refused below.
    has_region = operation.kind == "Resize" and operation.opset >= 11
    operation.disregard("extrapolation_value", inputs=(1,) if has_region else ())
    extents, scales = _resize_target(operation, value.shape)
    entries = math.prod(extents)
    builder.charge_tensor(sum(extents))
    if operation.opset < 11:
        transform, rounding = "asymmetric", "floor"
    else:
        transform = operation.attributes.get("coordinate_transformation_mode", "half_pixel")
        rounding = operation.attributes.get("nearest_mode", "round_prefer_floor")
    picks = [
        _nearest(operation, extent, target, scale, transform, rounding)
        for extent, target, scale in zip(value.shape, extents, scales, strict=True)
    ]
    return (moved(builder, operation, value, lambda array: array[np.ix_(*picks)], entries),)


def _resize_target(operation: Operation, shape: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """Target extents and scales of a Resize or Upsample; one of them is given, the other follows."""
    old = operation.kind == "Upsample" or len(operation.inputs) == 2
    scales = operation.optional_constant(1 if old else 2)
    sizes = None if old else operation.integers(3, "sizes")
    if sizes is not None:
        if len(sizes) != len(shape) or min(sizes) < 1:
            raise InputError(f"{operation.label} has sizes {sizes} for a tensor of {len(shape)} axes")
        return list(sizes), [target / extent for target, extent in zip(sizes, shape, strict=True)]
    given = operation.attributes.get("scales") if scales is None else scales.array.reshape(-1).tolist()
    if not given or len(given) != len(shape) or not all(0 < float(scale) < 1e4 for scale in given):
        raise InputError(f"{operation.label} needs one positive scale per axis ({len(shape)})")
    factors = [float(scale) for scale in given]
    return [int(math.floor(extent * scale)) for extent, scale in zip(shape, factors, strict=True)], factors


def _nearest(operation: Operation, extent: int, target: int, scale: float, transform: str, rounding: str) -> AnyArray:
    """Source position of each of `target` outputs along one axis (ONNX Resize, `nearest`)."""
    outputs = np.arange(target, dtype=np.float64)
    match transform:
        case "asymmetric":
            positions = outputs / scale
        case "half_pixel":
            positions = (outputs + 0.5) / scale - 0.5
        case "pytorch_half_pixel":
            positions = (outputs + 0.5) / scale - 0.5 if target > 1 else np.zeros(target)
        case "align_corners":
            positions = outputs * ((extent - 1) / (target - 1)) if target > 1 else np.zeros(target)
        case _:
            raise InputError(f"{operation.label} has the unsupported coordinate transformation {shown(transform)}")
    roundings: dict[str, Callable[[AnyArray], AnyArray]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda position: np.ceil(position - 0.5),
        "round_prefer_ceil": lambda position: np.floor(position + 0.5),
    }
    if rounding not in roundings:
        raise InputError(f"{operation.label} has the unknown nearest mode {shown(rounding)}")
    return np.clip(roundings[rounding](positions), 0, extent - 1).astype(np.int64)


OPERATORS = {
    "DepthToSpace": depth_to_space,
    "Resize": resize,
    "Upsample": resize,
}
