"""Operators that resample an image: Resize and Upsample (nearest, linear, cubic), DepthToSpace."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.interpolation import (
    AmbiguousError,
    Axis,
    mixing_matrix,
    nearest_sources,
    scaled_extent,
)
from certify.generators.onnx_operators.movement import AnyArray, moved
from certify.generators.onnx_operators.values import Constant, IntArray, Operation, Symbol, Value, shown


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
    """Resize or Upsample: each axis by nearest neighbour, linear or cubic interpolation (linear maps, all of them)."""
    value, options = operation.value(0), operation.attributes
    mode = options.get("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear", "cubic"):
        raise InputError(f"{operation.label} has the unknown mode {shown(str(mode))}")
    if operation.flag("antialias"):
        raise InputError(f"{operation.label} uses `antialias`, which is not supported; export it without antialiasing")
    _disregard_what_has_no_effect(operation, str(mode))
    transform = str(options.get("coordinate_transformation_mode", "half_pixel"))
    if operation.opset < 11:
        # Before operator set 11 runtimes divide by the scale.
        transform = "asymmetric"
    if transform == "tf_crop_and_resize":
        raise InputError(f"{operation.label} crops by `tf_crop_and_resize`, which is not supported; slice, then resize")
    try:
        axes = _axes(operation, value.shape)
        builder.charge_tensor(sum(axis.target for axis in axes))
        if mode == "nearest":
            picks = [_picks(operation, axis, transform) for axis in axes]
            entries = math.prod(axis.target for axis in axes)
            return (moved(builder, operation, value, lambda array: array[np.ix_(*picks)], entries),)
        return (_mixed(builder, operation, value, axes, transform),)
    except AmbiguousError as error:
        raise InputError(f"{operation.label}: {error}; give the target extents as `sizes`") from error
    except KeyError as error:
        raise InputError(f"{operation.label} has the unknown mode {shown(str(error.args[0]))}") from error


def _disregard_what_has_no_effect(operation: Operation, mode: str) -> None:
    """Options of other modes; of `roi` and `extrapolation_value` only the transformation that crops makes use."""
    has_region = operation.kind == "Resize" and operation.opset >= 11
    operation.disregard("extrapolation_value", inputs=(1,) if has_region else ())
    if mode != "cubic":
        operation.disregard("cubic_coeff_a", "exclude_outside")
    if mode != "nearest":
        operation.disregard("nearest_mode")


def _axes(operation: Operation, shape: tuple[int, ...]) -> list[Axis]:
    """Every axis with its target; scales or sizes are given for all of them or for those that `axes` names."""
    rank = len(shape)
    chosen = [int(axis) + rank if axis < 0 else int(axis) for axis in operation.attributes.get("axes") or range(rank)]
    if not all(0 <= axis < rank for axis in chosen) or len(set(chosen)) != len(chosen):
        raise InputError(f"{operation.label} has axes {chosen} for a tensor of {rank} axes")
    found = [Axis(extent, extent, Fraction(1)) for extent in shape]
    old = operation.kind == "Upsample" or operation.opset < 11
    scales = operation.optional_constant(1 if old else 2)
    sizes = None if old else operation.integers(3, "sizes")
    if sizes:
        policy = operation.attributes.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch" and min(operation.attributes.get("axes") or (0,)) < 0:
            raise InputError(
                f"{operation.label} keeps the aspect ratio along negative axes, where runtimes differ from the "
                "standard; count the axes from 0"
            )
        if len(sizes) != len(chosen) or min(sizes) < 1:
            raise InputError(f"{operation.label} has sizes {sizes} for {len(chosen)} axes")
        for axis, resized in zip(chosen, _kept_aspect(operation, [shape[axis] for axis in chosen], sizes), strict=True):
            found[axis] = resized
        return found
    # Only sizes are adapted to the aspect ratio.
    operation.disregard("keep_aspect_ratio_policy")
    given = operation.attributes.get("scales") if scales is None else scales.array.reshape(-1).tolist()
    if not given or len(given) != len(chosen) or not all(0 < float(scale) < 1e4 for scale in given):
        raise InputError(f"{operation.label} needs one positive scale per axis ({len(chosen)})")
    for axis, scale in zip(chosen, given, strict=True):
        target = scaled_extent(shape[axis], float(scale))
        found[axis] = Axis(shape[axis], target, Fraction(float(scale)))
    if min(axis.target for axis in found) < 1:
        raise InputError(f"{operation.label} resizes an axis to extent 0")
    return found


def _kept_aspect(operation: Operation, extents: list[int], sizes: tuple[int, ...]) -> list[Axis]:
    """Axes of the given sizes, or of one common scale that keeps them within or beyond the sizes."""
    policy = operation.attributes.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return [Axis(e, target, Fraction(target), e) for e, target in zip(extents, sizes, strict=True)]
    if policy not in ("not_larger", "not_smaller"):
        raise InputError(f"{operation.label} has the unknown `keep_aspect_ratio_policy` {shown(str(policy))}")
    ratios = [(Fraction(target, e), target, e) for e, target in zip(extents, sizes, strict=True)]
    scale, numerator, denominator = min(ratios) if policy == "not_larger" else max(ratios)
    targets = [math.floor(scale * e + Fraction(1, 2)) for e in extents]
    rounded = [
        int(np.floor(np.float32(numerator) / np.float32(denominator) * np.float32(e) + np.float32(0.5)))
        for e in extents
    ]
    if targets != rounded:
        raise AmbiguousError("a target extent is so near to a tie that float32 and exact arithmetic differ")
    return [
        Axis(e, max(target, 1), Fraction(numerator), denominator) for e, target in zip(extents, targets, strict=True)
    ]


def _picks(operation: Operation, axis: Axis, transform: str) -> IntArray:
    rounding = str(operation.attributes.get("nearest_mode", "round_prefer_floor"))
    if operation.opset < 11:
        # Runtimes round down when they enlarge and up when they shrink.
        rounding = "ceil" if axis.numerator < axis.denominator else "floor"
    if axis.numerator == axis.denominator:
        return np.arange(axis.extent, dtype=np.int64)
    return nearest_sources(axis, transform, rounding)


def _mixed(builder: GraphBuilder, operation: Operation, value: Value, axes: list[Axis], transform: str) -> Value:
    """The Kronecker product of the matrices of all axes, applied to the flattened tensor."""
    options = operation.attributes
    cubic = Fraction(float(options.get("cubic_coeff_a", -0.75))) if options["mode"] == "cubic" else None
    matrix, rounds = sp.csr_array(np.ones((1, 1))), False
    for axis in axes:
        if axis.numerator == axis.denominator:
            own, rounded = sp.csr_array(sp.eye_array(axis.extent)), False
        else:
            own, rounded = mixing_matrix(axis, transform, cubic, operation.flag("exclude_outside"))
        builder.charge_weight(matrix.nnz * own.nnz)
        matrix, rounds = sp.csr_array(sp.kron(matrix, own, format="csr")), rounds or rounded
    matrix.sort_indices()
    shape = tuple(axis.target for axis in axes)
    if rounds:
        builder.rounded.append(operation.name)
    match value:
        case Constant():
            return Constant((matrix @ value.array.astype(np.float64).reshape(-1)).reshape(shape), value.parameters)
        case Symbol():
            return builder.affine(value, matrix, np.zeros(math.prod(shape)), shape)
        case _:
            raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")


OPERATORS = {
    "DepthToSpace": depth_to_space,
    "Resize": resize,
    "Upsample": resize,
}
