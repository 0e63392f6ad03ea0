"""Operators whose inputs are all known when the file is loaded: evaluated once, in float64 and in the file's integers.

Exporters emit them for shapes and for reparametrised weights. Floating results may round; the importer lists
the operators concerned in the generator's metadata under `rounded_constants`. An operator that jumps (Floor, a
comparison, a cast to integers) is refused where a rounding of its argument to float32 could decide.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.linear import reduced_axes
from certify.generators.onnx_operators.values import Constant, Operation

AnyArray = npt.NDArray[Any]

_EXACT: dict[str, Callable[..., AnyArray]] = {
    "Abs": np.abs,
    "And": np.logical_and,
    "Max": lambda *arrays: functools.reduce(np.maximum, arrays),
    "Min": lambda *arrays: functools.reduce(np.minimum, arrays),
    "Neg": np.negative,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Where": np.where,
}
_JUMPING: dict[str, Callable[..., AnyArray]] = {
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Floor": np.floor,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
}
_ROUNDED: dict[str, Callable[..., AnyArray]] = {
    "Add": np.add,
    "Exp": np.exp,
    "Log": np.log,
    "Mean": lambda *arrays: functools.reduce(np.add, arrays) / len(arrays),
    "Mul": np.multiply,
    "Reciprocal": np.reciprocal,
    "Sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(0.0, x),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Sum": lambda *arrays: functools.reduce(np.add, arrays),
    "Tanh": np.tanh,
}
_REDUCTIONS: dict[str, Callable[..., AnyArray]] = {
    "ReduceL2": lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    "ReduceMax": np.max,
    "ReduceMean": np.mean,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
}
_INTEGERS: dict[int, type[np.integer[Any]]] = {
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
}
FLOAT32_SLACK = 2.0**-20
"""How far, relative to its size, a constant computed in float32 is taken to lie from the same computed in float64."""

SHAPES = frozenset({"Shape", "Size"})


def extents(operation: Operation) -> Constant:
    """Shape and Size of any tensor, at batch size one."""
    shape = np.asarray(operation.value(0).shape, dtype=np.int64)
    if operation.kind == "Size":
        return Constant(np.asarray(np.prod(shape), dtype=np.int64))
    return Constant(shape[operation.attributes.get("start", 0) : operation.attributes.get("end")])


def fold(builder: GraphBuilder, operation: Operation) -> Constant:
    """The value of an operator of `FOLDED` at constant inputs; raises InputError for malformed ones."""
    optional = operation.kind in _REDUCTIONS or operation.kind == "Gemm"
    given = enumerate(operation.input_names)
    constants = [operation.constant(position) for position, name in given if name or not optional]
    parameters: frozenset[str] = frozenset().union(*(constant.parameters for constant in constants))
    with np.errstate(all="ignore"):
        array = np.asarray(_evaluated(builder, operation, [constant.array for constant in constants]))
    if array.dtype.kind != "f":
        return Constant(array, parameters)
    if operation.kind in _ROUNDED or operation.kind in _REDUCTIONS or operation.kind in _ROUNDED_OTHERS:
        builder.rounded.append(operation.name)
    return Constant(array.astype(np.float64), parameters)


def _evaluated(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    kind = operation.kind
    if kind in _REDUCTIONS:
        return _reduced(operation, arrays[0])
    if kind in _OTHERS:
        return _OTHERS[kind](builder, operation, arrays)
    _charge(builder, arrays)
    if kind in _JUMPING:
        return _steady(operation, _JUMPING[kind], arrays)
    return np.asarray((_EXACT | _ROUNDED)[kind](*arrays))


def _charge(builder: GraphBuilder, arrays: list[AnyArray]) -> None:
    builder.charge_tensor(math.prod(np.broadcast_shapes(*(array.shape for array in arrays))))


def _steady(operation: Operation, function: Callable[..., AnyArray], arrays: list[AnyArray]) -> AnyArray:
    """The value at the arrays, refused where a rounding of an argument that is no float32 number changes it.

    The runtime computes constants in the file's precision, in which such an argument may be a neighbour.
    """
    found = np.asarray(function(*arrays))
    for position, array in enumerate(arrays):
        if array.dtype.kind != "f":
            continue
        slack = np.where(array == array.astype(np.float32), 0.0, FLOAT32_SLACK * np.abs(array))
        for moved in (array - slack, array + slack):
            if not np.array_equal(function(*arrays[:position], moved, *arrays[position + 1 :]), found):
                raise InputError(f"{operation.label} depends on the rounding of a constant; export it as an integer")
    return found


def _reduced(operation: Operation, array: AnyArray) -> AnyArray:
    axes, keep = reduced_axes(operation, array.ndim), operation.flag("keepdims")
    if axes is None and operation.kind == "ReduceL2":
        raise InputError(f"{operation.label} reduces over no axes, which the standard leaves open for a norm")
    if axes is None:
        return array
    if array.dtype.kind == "f" or operation.kind in ("ReduceMax", "ReduceMin"):
        return np.asarray(_REDUCTIONS[operation.kind](array, axis=axes, keepdims=keep))
    if operation.kind in ("ReduceL2", "ReduceMean"):
        raise InputError(f"{operation.label} takes the norm or mean of integers, which is not supported")
    return np.asarray(_REDUCTIONS[operation.kind](array, axis=axes, keepdims=keep, dtype=array.dtype))


def _quotient(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    """The quotient, of integers cut towards zero."""
    _charge(builder, arrays)
    left, right = arrays
    if left.dtype.kind == "f":
        return np.asarray(left / right)
    if np.any(right == 0):
        raise InputError(f"{operation.label} divides by a constant zero")
    quotient = left // right
    inexact_below = (quotient * right != left) & ((left < 0) != (right < 0))
    return np.asarray(quotient + inexact_below.astype(quotient.dtype))


def _remainder(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    """The remainder with the sign of the divisor or, with `fmod`, of the dividend; floats need `fmod`."""
    _charge(builder, arrays)
    left, right = arrays
    as_c = operation.flag("fmod")
    if np.any(right == 0):
        raise InputError(f"{operation.label} divides by a constant zero")
    if left.dtype.kind == "f":
        if not as_c:
            raise InputError(f"{operation.label} of floats needs the attribute `fmod` = 1")
        _steady(operation, lambda a, b: np.trunc(a / b), arrays)
    return np.asarray((np.fmod if as_c else np.mod)(left, right))


def _power(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    """a^b in the type of a."""
    _charge(builder, arrays)
    if arrays[0].dtype.kind != "f" and arrays[1].dtype.kind == "f":
        raise InputError(f"{operation.label} raises integers to floats, which is not supported")
    return np.asarray(np.power(*arrays)).astype(arrays[0].dtype)


def _cast(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    """Floats are rounded to nearest or cut towards zero, integers wrap."""
    array, target = arrays[0], int(operation.attributes["to"])
    if target == 9:
        return _steady(operation, lambda a: a != 0, arrays)
    if target in _INTEGERS:
        if array.dtype.kind != "f":
            return array.astype(_INTEGERS[target])
        whole, kind = _steady(operation, np.trunc, arrays), np.iinfo(_INTEGERS[target])
        if not np.all((whole >= float(kind.min)) & (whole < float(kind.max) + 1.0)):
            raise InputError(f"{operation.label} casts a number to an integer type that cannot hold it")
        return whole.astype(_INTEGERS[target])
    if target not in (1, 10, 11, 16):
        raise InputError(f"{operation.label} casts to the unsupported type {target}")
    rounded = array.astype(np.float64)
    if target != 11:
        rounded = rounded.astype(np.float32).astype(np.float64)
    if target == 10:
        rounded = rounded.astype(np.float16).astype(np.float64)
    if target == 16:
        bits = rounded.astype(np.float32).view(np.uint32)
        even = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
        rounded = even.view(np.float32).astype(np.float64)
    if not np.array_equal(rounded, array):
        builder.rounded.append(operation.name)
    return rounded


def _constant(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        given = operation.attributes.get(key)
        if given is not None:
            if isinstance(given, np.ndarray):
                return given
            return np.asarray(given, dtype=np.float64 if "float" in key else np.int64)
    raise InputError(f"{operation.label} holds neither a dense tensor nor numbers")


def _filled(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    sides = operation.integers(0, "shape") or ()
    builder.charge_tensor(math.prod(sides))
    fill = np.asarray(operation.attributes.get("value", np.zeros(1)))
    if fill.size != 1:
        raise InputError(f"{operation.label} fills with {fill.size} numbers; one is expected")
    return np.full(sides, fill.reshape(-1)[0], dtype=fill.dtype)


def _range(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    if any(array.ndim for array in arrays):
        raise InputError(f"{operation.label} needs scalars")
    start, limit, step = arrays
    if step == 0:
        raise InputError(f"{operation.label} has a step of zero")
    if start.dtype.kind == "f":
        count = _steady(operation, lambda a, b, c: np.ceil((b - a) / c), arrays)
    else:
        count = np.asarray(-((int(start) - int(limit)) // int(step)))
    entries = max(0, int(count))
    builder.charge_tensor(entries)
    return np.asarray(start + np.arange(entries).astype(start.dtype) * step)


def _places(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    return np.stack(np.nonzero(_steady(operation, lambda a: a != 0, arrays))).astype(np.int64)


def _matrix_product(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    if operation.kind == "MatMul":
        left, right = arrays
    else:
        left, right = (
            array.T if operation.flag(key) else array
            for array, key in zip(arrays[:2], ("transA", "transB"), strict=True)
        )
    if left.ndim > 2 or right.ndim > 2 or (operation.kind == "Gemm" and (left.ndim, right.ndim) != (2, 2)):
        raise InputError(f"{operation.label} multiplies batches of constant matrices, which is not supported")
    builder.charge_tensor(math.prod(left.shape[:-1]) * math.prod(right.shape[1:]))
    if operation.kind == "MatMul":
        return np.asarray(left @ right)
    product = float(operation.attributes.get("alpha", 1.0)) * (left @ right)
    beta = float(operation.attributes.get("beta", 1.0))
    if len(arrays) < 3:
        return np.asarray(product)
    return np.asarray(product + beta * np.broadcast_to(arrays[2], product.shape))


_ROUNDED_OTHERS = frozenset({"Div", "Gemm", "MatMul", "Mod", "Pow"})
_OTHERS: dict[str, Callable[[GraphBuilder, Operation, list[AnyArray]], AnyArray]] = {
    "Cast": _cast,
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Div": _quotient,
    "Gemm": _matrix_product,
    "MatMul": _matrix_product,
    "Mod": _remainder,
    "NonZero": _places,
    "Pow": _power,
    "Range": _range,
}
FOLDED = frozenset({*_EXACT, *_JUMPING, *_ROUNDED, *_REDUCTIONS, *_OTHERS})
