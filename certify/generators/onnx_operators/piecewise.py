"""Operators with thresholds: hard and shrinking activations, comparisons, and Where on a computed condition.

A comparison a > b is the number relu(sgn(a - b)), exactly 1 or 0, and Where(k, x, y) is k x + (1 - k) y: the
function of the file itself, jump included. Where the branches meet at the threshold the jump is 0, but node by node
this is not seen; so continuous forms are recognised (`patterns`) or lowered to a sum of ramps instead.
"""

from __future__ import annotations

import math

import numpy as np

from certify.errors import InputError
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Constant, Operation, Symbol, Value

THRESHOLD_NOTE = (
    "a comparison of computed numbers, as the step that it is: G jumps where the branches of `Where` differ at the "
    "threshold, and has constants only on a region (--region) that stays on one side of it; a softplus that becomes "
    "the identity above 20 jumps by 2.1e-9: export it by `dynamo=False`, or as -logsigmoid(-x)"
)


def hard_sigmoid(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The clipped line max(0, min(1, alpha x + beta)) = relu(alpha x + beta) - relu(alpha x + beta - 1)."""
    alpha = float(operation.attributes.get("alpha", np.float32(0.2)))
    beta = float(operation.attributes.get("beta", 0.5))
    line = shifted(builder, builder.scaled(operation.symbol(0), alpha), beta)
    return (ramps(builder, [(1.0, line), (-1.0, shifted(builder, line, -1.0))]),)


def hard_swish(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """HardSwish: x max(0, min(1, x/6 + 1/2))."""
    return (builder.activation(operation.symbol(0), "hard_swish"),)


def celu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """CELU: alpha elu(x/alpha), which has a continuous slope for every alpha."""
    alpha = float(operation.attributes.get("alpha", 1.0))
    if not alpha > 0 or not math.isfinite(1.0 / alpha):
        raise InputError(f"{operation.label} has alpha = {alpha}; a positive number is expected")
    if abs(math.frexp(alpha)[0]) != 0.5:
        builder.rounded.append(operation.name)
    inner = builder.scaled(operation.symbol(0), 1.0 / alpha)
    return (builder.scaled(builder.activation(inner, "elu", (1.0,)), alpha),)


def softsign(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Softsign: x/(1 + |x|)."""
    return (builder.activation(operation.symbol(0), "softsign"),)


def thresholded_relu(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """The function x for x > alpha, else 0: relu(x - alpha) + alpha [x > alpha], with a jump unless alpha is 0."""
    symbol, alpha = operation.symbol(0), float(operation.attributes.get("alpha", 1.0))
    above = shifted(builder, symbol, -alpha)
    ramp = builder.activation(above, "relu")
    return (ramp if alpha == 0.0 else builder.sum([ramp, builder.scaled(step(builder, above), alpha)]),)


def shrink(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Shrink: x - bias for x > lambda, x + bias for x < -lambda, else 0; without a jump where bias = lambda."""
    symbol = operation.symbol(0)
    limit = float(operation.attributes.get("lambd", 0.5))
    bias = float(operation.attributes.get("bias", 0.0))
    if limit < 0:
        raise InputError(f"{operation.label} has lambd = {limit}; a number >= 0 is expected")
    sides = [shifted(builder, builder.scaled(symbol, sign), -limit) for sign in (1.0, -1.0)]
    terms = [builder.activation(side, "relu") for side in sides]
    if limit != bias:
        terms += [builder.scaled(step(builder, side), limit - bias) for side in sides]
    return (builder.sum([builder.scaled(term, sign) for term, sign in zip(terms, (1.0, -1.0) * 2, strict=False)]),)


def compare(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Greater, Less and their forms with equality, as the numbers 1 and 0."""
    builder.notes.append(THRESHOLD_NOTE)
    left, right = operation.value(0), operation.value(1)
    if operation.kind.startswith("Less"):
        left, right = right, left
    # Now left > right or left >= right is asked, and the latter is 1 - [right > left].
    if operation.kind.endswith("OrEqual"):
        return (_condition(builder, _negated(builder, step(builder, _difference(builder, operation, right, left)))),)
    return (_condition(builder, step(builder, _difference(builder, operation, left, right))),)


def logic(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    """Not, And, Or of conditions that are numbers 1 and 0: 1 - a, a b, a + b - a b."""
    first = operation.symbol(0)
    if operation.kind == "Not":
        return (_condition(builder, _negated(builder, first)),)
    second = operation.symbol(1)
    both = builder.product(first, second)
    if operation.kind == "Or":
        both = builder.sum([first, second, builder.scaled(both, -1.0)])
    return (_condition(builder, both),)


def where_computed(builder: GraphBuilder, operation: Operation) -> Value:
    """Where(k, x, y) = k x + (1 - k) y for a computed condition k; nothing cancels, as one of the terms is 0."""
    condition = operation.symbol(0)
    if condition.node not in builder.conditions:
        raise InputError(f"{operation.label} has a condition that is not the result of a comparison")
    branches = [operation.value(1), operation.value(2)]
    shape = np.broadcast_shapes(condition.shape, *(branch.shape for branch in branches))
    builder.charge_view(3 * math.prod(shape))
    terms = []
    for gate, branch in zip((condition, _negated(builder, condition)), branches, strict=True):
        wide = Symbol(gate.node, np.broadcast_to(gate.index, shape), gate.scale)
        match branch:
            case Symbol():
                terms.append(builder.product(wide, branch))
            case Constant():
                terms.append(builder.diagonal(wide, branch.array.astype(np.float64), shape))
            case _:
                raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")
    return builder.sum(terms)


def step(builder: GraphBuilder, symbol: Symbol) -> Symbol:
    """The number 1 for t > 0 and 0 for t <= 0: relu(sgn(t))."""
    return builder.activation(builder.activation(symbol, "sign"), "relu")


def ramps(builder: GraphBuilder, terms: list[tuple[float, Symbol]]) -> Symbol:
    """The sum of c relu(t) over the given (c, t)."""
    return builder.sum([builder.scaled(builder.activation(symbol, "relu"), factor) for factor, symbol in terms])


def shifted(builder: GraphBuilder, symbol: Symbol, amount: float) -> Symbol:
    """The tensor t + c."""
    return symbol if amount == 0.0 else builder.shifted(symbol, np.asarray(amount), symbol.shape)


def _condition(builder: GraphBuilder, symbol: Symbol) -> Symbol:
    """The tensor, remembered as one of truth values."""
    symbol = builder.materialised(symbol)
    builder.conditions.add(symbol.node)
    return symbol


def _negated(builder: GraphBuilder, condition: Symbol) -> Symbol:
    return builder.shifted(builder.scaled(condition, -1.0), np.asarray(1.0), condition.shape)


def _difference(builder: GraphBuilder, operation: Operation, left: Value, right: Value) -> Symbol:
    """The tensor left - right, one of them possibly constant."""
    shape = np.broadcast_shapes(left.shape, right.shape)
    match left, right:
        case Symbol(), Symbol():
            return builder.sum([left, builder.scaled(right, -1.0)])
        case Symbol(), Constant():
            return builder.shifted(left, -right.array.astype(np.float64), shape)
        case Constant(), Symbol():
            return builder.shifted(builder.scaled(right, -1.0), left.array.astype(np.float64), shape)
    raise InputError(f"{operation.label} cannot take a sparse constant; only linear operators read one")


OPERATORS = {
    "And": logic,
    "Celu": celu,
    "Greater": compare,
    "GreaterOrEqual": compare,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Less": compare,
    "LessOrEqual": compare,
    "Not": logic,
    "Or": logic,
    "Shrink": shrink,
    "Softsign": softsign,
    "ThresholdedRelu": thresholded_relu,
}
