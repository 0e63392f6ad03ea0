"""Activations: one graph node where the table of activations has the function, an exact combination otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Operation, Symbol, Value


def plain(name: str, builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """An activation without parameters."""
    return (builder.activation(operation.symbol(0), name),)


def elu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """ELU: x for x > 0, alpha (e^x - 1) otherwise."""
    return (builder.activation(operation.symbol(0), "elu", (float(operation.attributes["alpha"]),)),)


def selu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """SELU: gamma times ELU with parameter alpha."""
    alpha = float(operation.attributes["alpha"])
    gamma = float(operation.attributes["gamma"])
    return (builder.scaled(builder.activation(operation.symbol(0), "elu", (alpha,)), gamma),)


def leaky_relu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Leaky ReLU: x for x > 0, alpha x otherwise."""
    alpha = float(operation.attributes["alpha"])
    return (builder.activation(operation.symbol(0), "leaky_relu", (alpha,)),)


def gelu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """GELU: x Phi(x), or its tanh form."""
    form = operation.attributes.get("approximate", "none")
    if form not in ("none", "tanh"):
        raise InputError(f"{operation.label} has the unknown form `approximate`; none and tanh are supported")
    return (builder.activation(operation.symbol(0), "gelu" if form == "none" else "gelu_tanh"),)


def swish(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Swish: x sigmoid(alpha x); SiLU at alpha = 1, x/2 at 0, and -swish(-x) at slope |alpha| for a negative one."""
    symbol, alpha = operation.symbol(0), float(operation.attributes["alpha"])
    if alpha == 0.0:
        return (builder.scaled(symbol, 0.5),)
    sign = math.copysign(1.0, alpha)
    symbol = builder.scaled(symbol, sign)
    parameters: tuple[float, ...]
    name, parameters = ("silu", ()) if abs(alpha) == 1.0 else ("swish", (abs(alpha),))
    found = builder.activation(symbol, name, parameters)
    return (builder.scaled(found, sign),)


def prelu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """relu(x) - a relu(-x) with constant slopes a; one common slope is a leaky ReLU."""
    symbol, slopes = operation.symbol(0), operation.constant(1)
    builder.parameters |= slopes.parameters
    values = slopes.array.astype(np.float64)
    if values.size == 0 or np.broadcast_shapes(symbol.shape, values.shape) != symbol.shape:
        raise InputError(f"{operation.label} has slopes of shape {values.shape} for a tensor of shape {symbol.shape}")
    first = float(values.reshape(-1)[0])
    if np.all(values == first):
        return (builder.activation(symbol, "leaky_relu", (first,)),)
    positive = builder.activation(symbol, "relu")
    negative = builder.diagonal(builder.activation(builder.scaled(symbol, -1.0), "relu"), values, symbol.shape)
    return (builder.sum([positive, builder.scaled(negative, -1.0)]),)


def clip(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """min(max(x, a), b) = a + relu(x - a) - relu(x - b); either end may be absent."""
    symbol = operation.symbol(0)
    low, high = _end(builder, operation, 1, "min"), _end(builder, operation, 2, "max")
    if low is not None and high is not None and low > high:
        raise InputError(f"{operation.label} has min = {low} above max = {high}")
    if low is None and high is None:
        return (symbol,)
    if low is None and high is not None:
        above = builder.activation(_offset(builder, symbol, -high), "relu")
        return (builder.sum([symbol, builder.scaled(above, -1.0)]),)
    assert low is not None
    rising = builder.activation(_offset(builder, symbol, -low), "relu")
    if high is None:
        return (_offset(builder, rising, low),)
    above = builder.activation(_offset(builder, symbol, -high), "relu")
    return (_offset(builder, builder.sum([rising, builder.scaled(above, -1.0)]), low),)


def absolute(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The absolute value relu(x) + relu(-x)."""
    symbol = operation.symbol(0)
    sides = [builder.activation(builder.scaled(symbol, sign), "relu") for sign in (1.0, -1.0)]
    return (builder.sum(sides),)


def _end(builder: GraphBuilder, operation: Operation, position: int, attribute: str) -> float | None:
    """One end of a Clip; the largest number of the file's own type, which exporters write for `no end`, is absent.

    Only this very number is: the largest float32 and 1e39 are ends like any other in a file of float64.
    """
    given = operation.optional_constant(position)
    if given is not None and given.shape:
        raise InputError(f"{operation.label} has a bound of shape {given.shape}; a scalar is expected")
    value = operation.attributes.get(attribute) if given is None else float(given.array)
    if value is None or (-value if attribute == "min" else value) == builder.largest:
        return None
    return float(value)


def _offset(builder: GraphBuilder, symbol: Symbol, amount: float) -> Symbol:
    return symbol if amount == 0.0 else builder.shifted(symbol, np.asarray(amount), symbol.shape)


_PLAIN = {
    "Atan": "atan",
    "Cos": "cos",
    "Erf": "erf",
    "Exp": "exp",
    "Mish": "mish",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Softplus": "softplus",
    "Tanh": "tanh",
}

Lowering = Callable[[GraphBuilder, Operation], tuple[Value, ...]]

OPERATORS: dict[str, Lowering] = {
    "Abs": absolute,
    "Clip": clip,
    "Elu": elu,
    "Gelu": gelu,
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "Selu": selu,
    "Swish": swish,
    **{kind: partial(plain, name) for kind, name in _PLAIN.items()},
}
