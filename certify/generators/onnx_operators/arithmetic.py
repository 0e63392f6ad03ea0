"""Entrywise arithmetic of constants and computed tensors: sums, differences, products, quotients, powers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.nodes import Activation, Affine, Node
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Constant, Operation, Symbol, Value, dense

LARGEST_EXPONENT = 64


def add(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The sum a + b or difference a - b, one of them possibly constant."""
    sign = -1.0 if operation.kind == "Sub" else 1.0
    left, right = dense(operation.value(0)), dense(operation.value(1))
    match left, right:
        case Symbol(), Symbol():
            return (builder.sum([left, builder.scaled(right, sign)]),)
        case Symbol(), Constant():
            return (_shifted(builder, operation, left, right, sign),)
        case Constant(), Symbol():
            return (_shifted(builder, operation, builder.scaled(right, sign), left, 1.0),)
    raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")


def total(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The variadic Sum or Mean: one sum node whose coefficients are the pending factors of its inputs."""
    values = [dense(operation.value(position)) for position in range(len(operation.inputs))]
    symbols = [value for value in values if isinstance(value, Symbol)]
    result = builder.sum(symbols) if len(symbols) > 1 else symbols[0]
    for value in values:
        if isinstance(value, Constant):
            result = _shifted(builder, operation, result, value, 1.0)
    if operation.kind == "Sum":
        return (result,)
    if len(values) & (len(values) - 1):
        builder.rounded.append(operation.name)
    return (builder.scaled(result, 1.0 / len(values)),)


def multiply(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The product a b; a tensor times itself is its square."""
    left, right = dense(operation.value(0)), dense(operation.value(1))
    match left, right:
        case Symbol(), Symbol():
            if operation.input_names[0] == operation.input_names[1]:
                return (builder.activation(left, "square"),)
            return (builder.product(left, right),)
        case Symbol(), Constant():
            return (_scaled(builder, operation, left, right, _floats(operation, right)),)
        case Constant(), Symbol():
            return (_scaled(builder, operation, right, left, _floats(operation, left)),)
    raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")


def divide(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The quotient a / b: a constant divisor becomes its reciprocal (rounded once), a computed one `reciprocal`."""
    left, right = dense(operation.value(0)), dense(operation.value(1))
    if isinstance(left, Symbol) and isinstance(right, Constant):
        divisor = _floats(operation, right)
        if np.any(divisor == 0.0):
            raise InputError(f"{operation.label} divides by a constant zero")
        if np.any(np.abs(np.frexp(divisor)[0]) != 0.5):
            builder.rounded.append(operation.name)
        return (_scaled(builder, operation, left, right, 1.0 / divisor),)
    if not isinstance(right, Symbol):
        raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")
    inverse = builder.reciprocal(right)
    if isinstance(left, Symbol):
        return (builder.product(left, inverse),)
    if isinstance(left, Constant):
        return (_scaled(builder, operation, inverse, left, _floats(operation, left)),)
    raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")


def negate(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """-a."""
    return (builder.scaled(operation.symbol(0), -1.0),)


def power(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """a^p for one constant exponent: integers by squares, products and the reciprocal, others as x^p on x > 0."""
    symbol, exponents = operation.symbol(0), operation.constant(1).array.astype(np.float64)
    shape = np.broadcast_shapes(symbol.shape, exponents.shape)
    if exponents.size == 0 or not np.all(exponents == exponents.reshape(-1)[0]):
        raise InputError(f"{operation.label} has several exponents; one constant exponent is supported")
    exponent = float(exponents.reshape(-1)[0])
    if not abs(exponent) <= LARGEST_EXPONENT or exponent == 0.0:
        raise InputError(
            f"{operation.label} has the exponent {exponent}; numbers other than 0 up to {LARGEST_EXPONENT} in modulus "
            "are supported"
        )
    symbol = Symbol(symbol.node, np.broadcast_to(symbol.index, shape), symbol.scale)
    if not exponent.is_integer():
        return (builder.activation(symbol, "power", (exponent,)),)
    raised = _integer_power(builder, symbol, int(abs(exponent)))
    return (builder.reciprocal(raised) if exponent < 0 else raised,)


def square_root(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The square root as the power 1/2."""
    return (builder.activation(operation.symbol(0), "power", (0.5,)),)


def logarithm(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The logarithm; of a sigmoid it is -softplus(-x), of 1 + exp(x) softplus(x), both finite everywhere."""
    symbol = operation.symbol(0)
    node = builder.nodes[symbol.node]
    exponent = _exponent(builder, node)
    if exponent is not None and symbol.scale == 1.0:
        soft = builder.activation(exponent, "softplus")
        return (Symbol(soft.node, soft.index[symbol.index], soft.scale),)
    if isinstance(node, Activation) and node.name == "sigmoid" and symbol.scale == 1.0:
        argument = Symbol(node.source, np.arange(node.width, dtype=np.int64)[symbol.index], -1.0)
        return (builder.scaled(builder.activation(argument, "softplus"), -1.0),)
    return (builder.activation(symbol, "log"),)


def _exponent(builder: GraphBuilder, node: Node) -> Symbol | None:
    """The tensor t, entry by entry of the node, if the node is 1 + exp(t)."""
    if not isinstance(node, Affine) or np.any(node.bias != 1.0):
        return None
    source, weight = builder.nodes[node.source], sp.csr_array(node.weight)
    if not isinstance(source, Activation) or source.name != "exp":
        return None
    if np.any(np.diff(weight.indptr) != 1) or np.any(weight.data != 1.0):
        return None
    return Symbol(source.source, weight.indices.astype(np.int64))


def hyperbolic(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Sinh or Cosh: (e^x - e^-x)/2 or (e^x + e^-x)/2."""
    symbol = operation.symbol(0)
    rising, falling = (builder.activation(builder.scaled(symbol, sign), "exp") for sign in (1.0, -1.0))
    second = 0.5 if operation.kind == "Cosh" else -0.5
    return (builder.sum([builder.scaled(rising, 0.5), builder.scaled(falling, second)]),)


def reciprocal(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """1/a."""
    return (builder.reciprocal(operation.symbol(0)),)


def _integer_power(builder: GraphBuilder, symbol: Symbol, exponent: int) -> Symbol:
    """a^k by repeated squaring."""
    if exponent == 1:
        return symbol
    half = builder.activation(_integer_power(builder, symbol, exponent // 2), "square")
    return builder.product(half, symbol) if exponent % 2 else half


def cast(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Cast of a computed tensor to a floating type, or of a truth value to one: the identity on real numbers."""
    # Rounding modes and saturation concern the conversion to eight bits, which is no floating type here.
    operation.disregard("saturate", "round_mode")
    if int(operation.attributes["to"]) == 9 and operation.symbol(0).node in builder.conditions:
        return (operation.symbol(0),)
    if int(operation.attributes["to"]) not in (1, 10, 11, 16):
        raise InputError(f"{operation.label} casts a computed tensor to a type that is not floating point")
    return (operation.symbol(0),)


def _shifted(builder: GraphBuilder, operation: Operation, symbol: Symbol, constant: Constant, sign: float) -> Symbol:
    offset = sign * _floats(operation, constant)
    if constant.array.size > 1 or constant.array.ndim > 0:
        builder.parameters |= constant.parameters
    return builder.shifted(symbol, offset, np.broadcast_shapes(symbol.shape, offset.shape))


def _scaled(
    builder: GraphBuilder, operation: Operation, symbol: Symbol, constant: Constant, factors: FloatArray
) -> Symbol:
    """The multiple c a: one common factor stays pending in the view, several become a diagonal matrix."""
    if constant.array.size > 1 or constant.array.ndim > 0:
        builder.parameters |= constant.parameters
    shape = np.broadcast_shapes(symbol.shape, factors.shape)
    if factors.size == 0:
        raise InputError(f"{operation.label} multiplies by an empty constant")
    first = float(factors.reshape(-1)[0])
    if shape == symbol.shape and bool(np.all(factors == first)):
        return builder.scaled(symbol, first)
    return builder.diagonal(symbol, factors, shape)


def _floats(operation: Operation, constant: Constant) -> npt.NDArray[np.float64]:
    array: npt.NDArray[Any] = constant.array
    if array.dtype.kind not in "fiu":
        raise InputError(f"{operation.label} needs numbers, not booleans")
    return array.astype(np.float64)


OPERATORS = {
    "Add": add,
    "Cast": cast,
    "Div": divide,
    "Mul": multiply,
    "Mean": total,
    "Neg": negate,
    "Cosh": hyperbolic,
    "Log": logarithm,
    "Pow": power,
    "Sinh": hyperbolic,
    "Reciprocal": reciprocal,
    "Sqrt": square_root,
    "Sub": add,
    "Sum": total,
}
