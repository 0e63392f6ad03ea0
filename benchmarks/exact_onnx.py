"""ONNX files in balls or in floats, operator by operator as the standard has them: nothing of `certify` is used.

Few operators, those of `benchmarks.hostile_decoders`; arrays of floats, or of balls (dtype object).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
import onnx
from flint import arb
from onnx import helper, numpy_helper
from scipy.special import erf as float_erf

Array = np.ndarray[Any, Any]
FLAT: Mapping[str, tuple[Callable[[arb], arb], Callable[[Array], Array]]] = {
    "Tanh": (lambda x: x.tanh(), np.tanh),
    "Exp": (lambda x: x.exp(), np.exp),
    "Sqrt": (lambda x: x.sqrt(), np.sqrt),
    "Sin": (lambda x: x.sin(), np.sin),
    "Cos": (lambda x: x.cos(), np.cos),
    "Erf": (lambda x: x.erf(), float_erf),
    "Abs": (abs, np.abs),
    "Relu": (lambda x: x.max(arb(0)), lambda x: np.maximum(x, 0.0)),
    "Sigmoid": (lambda x: 1 / (1 + (-x).exp()), lambda x: np.exp(-np.logaddexp(0.0, -x))),
    "Softplus": (lambda x: x.max(arb(0)) + (-abs(x)).exp().log1p(), lambda x: np.logaddexp(0.0, x)),
}
"""Entrywise operators without attributes, in balls and in floats."""


def evaluate(model: onnx.ModelProto, points: Array) -> Array:
    """Outputs (b, n) at `points` (b, d), floats or balls. In balls: enclosures at the ambient precision."""
    exact = points.dtype == object
    lift = np.frompyfunc(lambda x: arb(float(x)), 1, 1) if exact else lambda x: np.asarray(x, dtype=np.float64)
    values: dict[str, Any] = {model.graph.input[0].name: points}
    for tensor in model.graph.initializer:
        constant = numpy_helper.to_array(tensor)
        values[tensor.name] = constant if constant.dtype.kind in "ib" else lift(constant)
    for node in model.graph.node:
        given = [values[name] for name in node.input]
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type in FLAT:
            one = FLAT[node.op_type]
            found = np.frompyfunc(one[0], 1, 1)(given[0]) if exact else one[1](given[0])
        else:
            found = OPERATORS[node.op_type](*given, **attributes)
        values[node.output[0]] = found
    last = np.asarray(values[model.graph.output[0].name])
    return last.reshape(len(points), -1)


def _apply(name: str, values: Array) -> Array:
    exact, plain = FLAT[name]
    return np.asarray(np.frompyfunc(exact, 1, 1)(values) if values.dtype == object else plain(values))


def _larger(first: Array, second: Array) -> Array:
    if first.dtype == object:
        return np.asarray(np.frompyfunc(lambda a, b: a.max(b), 2, 1)(first, second))
    return np.maximum(first, second)


def _largest(values: Array, axis: int) -> Array:
    """The maximum along an axis, which is kept."""
    parts = np.split(values, values.shape[axis], axis=axis)
    found = parts[0]
    for part in parts[1:]:
        found = _larger(found, part)
    return found


def _gemm(a: Array, b: Array, c: Array | None = None, transB: int = 0) -> Array:
    found = a @ (b.T if transB else b)
    return found if c is None else found + c


def _softmax(x: Array, axis: int = -1) -> Array:
    powers = _apply("Exp", x - _largest(x, axis))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _log_softmax(x: Array, axis: int = -1) -> Array:
    moved = x - _largest(x, axis)
    total = _apply("Exp", moved).sum(axis=axis, keepdims=True)
    log = np.frompyfunc(lambda t: t.log(), 1, 1) if x.dtype == object else np.log
    return np.asarray(moved - log(total))


def _layer_norm(x: Array, scale: Array, bias: Array, axis: int = -1, epsilon: float = 1e-5) -> Array:
    assert axis == -1
    width = x.shape[-1]
    centred = x - x.sum(axis=-1, keepdims=True) / width
    # The attribute is a float32.
    spread = (centred * centred).sum(axis=-1, keepdims=True) / width + float(np.float32(epsilon))
    return np.asarray(centred / _apply("Sqrt", spread) * scale + bias)


def _batch_norm(x: Array, scale: Array, bias: Array, mean: Array, variance: Array, epsilon: float = 1e-5) -> Array:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    root = _apply("Sqrt", variance + float(np.float32(epsilon)))
    return np.asarray((x - mean.reshape(shape)) / root.reshape(shape) * scale.reshape(shape) + bias.reshape(shape))


def _conv(x: Array, weight: Array, bias: Array, pads: list[int], kernel_shape: list[int]) -> Array:
    """One dimension: x (b, c, l), weight (o, c, k)."""
    zeros = np.zeros((*x.shape[:2], pads[0]), dtype=x.dtype) * x[:, :, :1]
    padded = np.concatenate([zeros, x, zeros], axis=2)
    size = kernel_shape[0]
    places = [padded[:, :, start : start + size] for start in range(padded.shape[2] - size + 1)]
    outputs = [(part[:, None] * weight[None]).sum(axis=(2, 3)) + bias for part in places]
    return np.stack(outputs, axis=2)


def _max_pool(x: Array, kernel_shape: list[int], strides: list[int]) -> Array:
    size, step = kernel_shape[0], strides[0]
    parts = [_largest(x[:, :, s : s + size], 2) for s in range(0, x.shape[2] - size + 1, step)]
    return np.concatenate(parts, axis=2)


def _leaky(x: Array, alpha: float = 0.01) -> Array:
    slope = float(np.float32(alpha))
    return np.asarray(_apply("Relu", x) - slope * _apply("Relu", -x))


def _elu(x: Array, alpha: float = 1.0) -> Array:
    below = -_apply("Relu", -x)
    return np.asarray(_apply("Relu", x) + float(np.float32(alpha)) * (_apply("Exp", below) - 1))


def _clip(x: Array, low: Array, high: Array) -> Array:
    return -_larger(-_larger(x, low), -high)


def _where(condition: Array, first: Array, second: Array) -> Array:
    return np.where(condition.astype(bool), first, second)


def _gelu(x: Array, approximate: bytes = b"none") -> Array:
    if approximate == b"none":
        return np.asarray(x / 2 * (1 + _apply("Erf", x / _apply("Sqrt", 0 * x + 2))))
    pi = arb.pi() if x.dtype == object else np.pi
    inner = _apply("Sqrt", 0 * x + 2 / pi) * (x + x * x * x * 44715 / 1000000)
    return np.asarray(x / 2 * (1 + _apply("Tanh", inner)))


def _reduce_sum(x: Array, axes: Array, keepdims: int = 1) -> Array:
    return np.asarray(x.sum(axis=tuple(int(a) for a in axes), keepdims=bool(keepdims)))


def _reshape(x: Array, shape: Array) -> Array:
    sizes = [x.shape[index] if size == 0 else int(size) for index, size in enumerate(shape)]
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.size // -prod(sizes)
    return x.reshape(sizes)


OPERATORS: Mapping[str, Callable[..., Array]] = {
    "Gemm": _gemm, "MatMul": lambda a, b: a @ b,
    "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b, "Div": lambda a, b: a / b,
    "Neg": lambda a: -a, "Softmax": _softmax, "LogSoftmax": _log_softmax, "LayerNormalization": _layer_norm,
    "BatchNormalization": _batch_norm, "Conv": _conv, "MaxPool": _max_pool, "LeakyRelu": _leaky, "Elu": _elu,
    "Clip": _clip, "Greater": lambda a, b: np.asarray(a > b), "Where": _where, "Gelu": _gelu, "Max": _larger,
    "ReduceSum": _reduce_sum, "Reshape": _reshape, "Flatten": lambda x, axis=1: x.reshape(len(x), -1),
    "Concat": lambda *several, axis: np.concatenate(several, axis=axis),
}  # fmt: skip
"""The other operators, on floats and balls alike."""
