"""Operators whose inputs are all known when the file is loaded: evaluated once, in float64 and int64.

Exporters emit them for shapes and for reparametrised weights. Floating results may round; the importer lists
the operators concerned in the generator's metadata under `rounded_constants`.
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
from certify.generators.onnx_operators.values import Constant, Operation

AnyArray = npt.NDArray[Any]

_ENTRYWISE: dict[str, Callable[..., AnyArray]] = {
    "Abs": np.abs,
    "Add": np.add,
    "And": np.logical_and,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Exp": np.exp,
    "Floor": np.floor,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Log": np.log,
    "Mod": np.mod,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Pow": np.power,
    "Reciprocal": np.reciprocal,
    "Sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(0.0, x),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Tanh": np.tanh,
    "Where": np.where,
    "Max": lambda *arrays: functools.reduce(np.maximum, arrays),
    "Min": lambda *arrays: functools.reduce(np.minimum, arrays),
}
_EXACT = {
    "Abs",
    "And",
    "Ceil",
    "Equal",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mod",
    "Neg",
    "Not",
    "Or",
    "Where",
}
_REDUCTIONS: dict[str, Callable[..., AnyArray]] = {
    "ReduceL2": lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    "ReduceMax": np.max,
    "ReduceMean": np.mean,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
}
_CASTS: dict[int, type] = {1: np.float64, 6: np.int64, 7: np.int64, 9: np.bool_, 10: np.float64, 11: np.float64}
_ROUNDS_ON_CAST = {10, 16}

SHAPES = frozenset({"Shape", "Size"})
FOLDED = frozenset(
    {*_ENTRYWISE, *_REDUCTIONS, "Cast", "Constant", "ConstantOfShape", "Div", "Gemm", "MatMul", "NonZero", "Range"}
)


def extents(operation: Operation) -> Constant:
    """Shape and Size of any tensor, at batch size one."""
    shape = np.asarray(operation.value(0).shape, dtype=np.int64)
    if operation.kind == "Size":
        return Constant(np.asarray(np.prod(shape), dtype=np.int64))
    return Constant(shape[operation.attributes.get("start", 0) : operation.attributes.get("end")])


def fold(builder: GraphBuilder, operation: Operation) -> Constant:
    """The value of an operator of `FOLDED` at constant inputs; raises InputError for malformed ones."""
    needed = list(range(len(operation.inputs)))
    if operation.kind not in _ENTRYWISE:
        needed = [position for position in needed if operation.optional(position) is not None]
    constants = [operation.constant(position) for position in needed]
    arrays = [constant.array for constant in constants]
    parameters: frozenset[str] = frozenset().union(*(constant.parameters for constant in constants))
    with np.errstate(all="ignore"):
        array = _evaluated(builder, operation, arrays)
    if array.dtype.kind == "f" and operation.kind not in _EXACT | {"Cast", "Constant", "ConstantOfShape", "Range"}:
        builder.rounded.append(operation.name)
    return Constant(_widened(np.asarray(array)), parameters)


def _evaluated(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    kind, options = operation.kind, operation.attributes
    if kind in _ENTRYWISE:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        builder.charge_tensor(math.prod(shape))
        return _ENTRYWISE[kind](*arrays)
    if kind in _REDUCTIONS:
        axes = operation.integers(1, "axes")
        if len(arrays) == 1 or axes is not None:
            return _REDUCTIONS[kind](arrays[0], axis=axes or None, keepdims=bool(options.get("keepdims", 1)))
    match kind:
        case "Div":
            builder.charge_tensor(math.prod(np.broadcast_shapes(arrays[0].shape, arrays[1].shape)))
            if arrays[0].dtype.kind == "i" and arrays[1].dtype.kind == "i":
                if np.any(arrays[1] == 0):
                    raise InputError(f"{operation.label} divides by a constant zero")
                return np.trunc(arrays[0] / arrays[1]).astype(np.int64)
            return arrays[0] / arrays[1]
        case "Cast":
            target = int(options.get("to", 0))
            if target not in _CASTS:
                raise InputError(f"{operation.label} casts to the unsupported type {target}")
            if target in _ROUNDS_ON_CAST:
                builder.rounded.append(operation.name)
            return arrays[0].astype(np.float16).astype(np.float64) if target == 10 else arrays[0].astype(_CASTS[target])
        case "Constant":
            return _constant_attribute(operation)
        case "ConstantOfShape":
            extents = operation.integers(0, "shape") or ()
            builder.charge_tensor(math.prod(extents))
            fill = options.get("value", np.zeros(1))
            return np.full(extents, fill.reshape(-1)[0])
        case "Range":
            start, limit, step = (array.reshape(()).item() for array in arrays)
            builder.charge_tensor(max(0, math.ceil((limit - start) / step)))
            return np.arange(start, limit, step)
        case "NonZero":
            return np.stack(np.nonzero(arrays[0])).astype(np.int64)
        case "Gemm" | "MatMul":
            return _matrix_product(builder, operation, arrays)
    raise InputError(f"{operation.label} has no value at constant inputs")


def _matrix_product(builder: GraphBuilder, operation: Operation, arrays: list[AnyArray]) -> AnyArray:
    options = operation.attributes
    left = arrays[0].T if options.get("transA", 0) else arrays[0]
    right = arrays[1].T if options.get("transB", 0) else arrays[1]
    if left.ndim > 2 or right.ndim > 2:
        raise InputError(f"{operation.label} multiplies batches of constant matrices, which is not supported")
    outer = math.prod(left.shape[:-1]) * math.prod(right.shape[1:])
    builder.charge_tensor(outer)
    product = float(options.get("alpha", 1.0)) * (left @ right)
    return product + float(options.get("beta", 1.0)) * arrays[2] if len(arrays) > 2 else product


def _constant_attribute(operation: Operation) -> AnyArray:
    for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if key in operation.attributes:
            given = operation.attributes[key]
            if isinstance(given, np.ndarray):
                return given
            return np.asarray(given, dtype=np.float64 if "float" in key else np.int64)
    raise InputError(f"{operation.label} holds neither a dense tensor nor numbers")


def _widened(array: AnyArray) -> AnyArray:
    """Floats as float64, integers as int64, booleans as they are."""
    match array.dtype.kind:
        case "f":
            return array.astype(np.float64)
        case "i" | "u":
            return array.astype(np.int64)
        case _:
            return array
