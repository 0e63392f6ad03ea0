"""Every activation sigma, and sigma' and sigma'', as operators that ONNX Runtime has in float64.

One writer for each activation: `export_onnx` writes sigma by it, encoders all three. What it writes for sigma itself
is also what the import reads back as that activation (`certify.generators.onnx_templates`), so parameters enter as
tensors, in no arithmetic but the file's. All are identities of real functions but those of
`certify.generators.onnx_functions`. Each counts as one gate of its kind in the sense of A3, however it is evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from certify.errors import UnknownNameError
from certify.generators.activations import activation
from certify.generators.onnx_functions import (
    TAIL_CLIP,
    arctangent,
    clipped_size,
    cosine,
    normal_exponential,
    normal_tail,
)
from certify.generators.onnx_writer import Scope

GATE_ERROR = 2.0**-49
"""What is written for sigma, run in float64, is within this times max(1, |v|, |sigma(v)|) of sigma(v), as measured.

It is an absolute error at small values, as that of the runtime's Sigmoid is: log(1 + exp(-|v|)) is 0 from |v| = 37 on.
"""
GateWriter = Callable[[Scope, str, tuple[str, ...], int], str]
"""(scope, v, tensors of the parameters, order <= 2) to the tensor sigma^(order)(v)."""


def write_gate(scope: Scope, source: str, name: str, parameters: tuple[float, ...], order: int) -> str:
    """The tensor sigma^(order)(source), order <= 2.

    Raises:
        UnknownNameError: for an activation that has no writer, and for a derivative of one with a kink.
    """
    if name not in WRITERS:
        raise UnknownNameError("activation", name, WRITERS)
    if order > 0 and name in KINKED:
        raise UnknownNameError("differentiable activation", name, [other for other in WRITERS if other not in KINKED])
    values = activation(name).resolve(parameters)
    return WRITERS[name](scope, source, tuple(scope.scalar(value) for value in values), order)


def _tanh(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """t, 1 - t^2, -2 t (1 - t^2)."""
    t = scope.apply("Tanh", v)
    if order == 0:
        return t
    slope = scope.subtract(1.0, scope.multiply(t, t))
    return slope if order == 1 else scope.multiply(scope.multiply(t, slope), -2.0)


def _sigmoid(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """s, s (1 - s), s (1 - s) (1 - 2 s)."""
    s = scope.apply("Sigmoid", v)
    if order == 0:
        return s
    slope = scope.multiply(s, scope.subtract(1.0, s))
    return slope if order == 1 else scope.multiply(slope, scope.subtract(1.0, scope.multiply(s, 2.0)))


def _softplus(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """relu(v) + log(1 + exp(-|v|)); its derivative is the sigmoid."""
    if order > 0:
        return _sigmoid(scope, v, (), order - 1)
    decay = scope.apply("Exp", scope.apply("Neg", scope.apply("Abs", v)))
    return scope.add(scope.apply("Relu", v), scope.apply("Log", scope.add(decay, 1.0)))


def _leaky_softplus(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """The mixture s + alpha (v - s), s = softplus(v)."""
    smooth, alpha = _softplus(scope, v, (), order), parameters[0]
    gap = scope.apply("Neg", smooth) if order == 2 else scope.subtract(v if order == 0 else 1.0, smooth)
    return scope.add(smooth, scope.multiply(gap, alpha))


def _silu(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """v/(1 + exp(-v)); with the sigmoid s: s + v s (1 - s), s (1 - s) (2 + v (1 - 2 s)).

    Not v s: ONNX Runtime 1.20 fuses that to an operator of its own that has no float64 kernel, and fails.
    """
    if order == 0:
        return scope.operator("Div", [v, scope.add(scope.apply("Exp", scope.apply("Neg", v)), 1.0)])
    s, slope = scope.apply("Sigmoid", v), _sigmoid(scope, v, (), 1)
    if order == 1:
        return scope.add(s, scope.multiply(v, slope))
    tilt = scope.multiply(v, scope.subtract(1.0, scope.multiply(s, 2.0)))
    return scope.multiply(slope, scope.add(tilt, 2.0))


def _swish(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """v/(1 + exp(-y)), y = b v; with s = sigmoid(y): s + y s (1 - s), b s (1 - s) (2 + y (1 - 2 s))."""
    y = scope.multiply(v, parameters[0])
    if order == 0:
        return scope.operator("Div", [v, scope.add(scope.apply("Exp", scope.apply("Neg", y)), 1.0)])
    found = _silu(scope, y, (), order)
    return found if order == 1 else scope.multiply(found, parameters[0])


def _mish(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """V w for the gate w = tanh(softplus(v)); w + v w', 2 w' + v w''.

    w = N/D, N = q (q + 2), D = N + 2, q = exp(v). Below 0 the terms are those of q, above 0 they are divided by q^2, so
    nothing overflows: w' = (1 - w) r_1 and w'' = (1 - w) (r_2 - 2 r_1^2) with r_k = (2^k q^2 + 2 q)/D.
    """
    if order == 0:
        return scope.multiply(v, scope.apply("Tanh", _softplus(scope, v, (), 0)))
    q = scope.apply("Exp", scope.apply("Neg", scope.apply("Abs", v)))
    left = scope.operator("Greater", [scope.scalar(0.0), v])
    double, square = scope.multiply(q, 2.0), scope.multiply(q, q)
    outer = scope.operator("Where", [left, scope.scalar(2.0), scope.multiply(square, 2.0)])
    square = scope.operator("Where", [left, square, scope.scalar(1.0)])
    whole = scope.add(scope.add(square, double), outer)
    ratios = [
        scope.operator("Div", [scope.add(scope.multiply(square, 2.0**k), double), whole]) for k in range(order + 1)
    ]
    rest = scope.operator("Div", [outer, whole])
    rise = scope.multiply(rest, ratios[1])
    if order == 1:
        return scope.add(ratios[0], scope.multiply(v, rise))
    bend = scope.subtract(ratios[2], scope.multiply(scope.multiply(ratios[1], ratios[1]), 2.0))
    return scope.add(scope.multiply(rise, 2.0), scope.multiply(v, scope.multiply(rest, bend)))


def _erf(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """sgn(v) (1 - 2 Q(sqrt(2) |v|)); with g = 2/sqrt(pi) exp(-v^2): g, -2 v g."""
    t = scope.operator("Min", [scope.multiply(scope.apply("Abs", v), math.sqrt(2.0)), scope.scalar(TAIL_CLIP)])
    if order == 0:
        size = scope.subtract(1.0, scope.multiply(normal_tail(scope, t), 2.0))
        return scope.multiply(size, scope.apply("Sign", v))
    slope = scope.multiply(normal_exponential(scope, t), 2.0 / math.sqrt(math.pi))
    return slope if order == 1 else scope.multiply(scope.multiply(v, slope), -2.0)


def _gelu(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """relu(v) - |v| Q(|v|), Phi(v) + v phi(v), (2 - v^2) phi(v): phi the normal density, Q = 1 - Phi its tail."""
    t = clipped_size(scope, v)
    if order == 0:
        return scope.subtract(scope.apply("Relu", v), scope.multiply(t, normal_tail(scope, t)))
    density = scope.multiply(normal_exponential(scope, t), 1.0 / math.sqrt(2.0 * math.pi))
    if order == 2:
        return scope.multiply(scope.subtract(2.0, scope.multiply(t, t)), density)
    tail = normal_tail(scope, t)
    right = scope.operator("Greater", [v, scope.scalar(0.0)])
    mass = scope.operator("Where", [right, scope.subtract(1.0, tail), tail])
    return scope.add(mass, scope.multiply(v, density))


def _gelu_tanh(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """(v/2) (1 + tanh u), u = sqrt(2/pi) (v + 0.044715 v^3), and its derivatives by the chain rule."""
    root, cubic = math.sqrt(2.0 / math.pi), 0.044715
    square = scope.multiply(v, v)
    u = scope.multiply(scope.add(v, scope.multiply(scope.multiply(square, v), cubic)), root)
    gate = scope.multiply(scope.add(_tanh(scope, u, (), 0), 1.0), 0.5)
    if order == 0:
        return scope.multiply(v, gate)
    first = scope.add(scope.multiply(square, 3.0 * root * cubic), root)
    rise = scope.multiply(_tanh(scope, u, (), 1), first)
    half = scope.multiply(v, 0.5)
    if order == 1:
        return scope.add(gate, scope.multiply(half, rise))
    bend = scope.multiply(_tanh(scope, u, (), 2), scope.multiply(first, first))
    second = scope.multiply(_tanh(scope, u, (), 1), scope.multiply(v, 6.0 * root * cubic))
    return scope.add(rise, scope.multiply(half, scope.add(bend, second)))


def _sin(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """sin, cos, -sin."""
    if order == 1:
        return cosine(scope, v)
    found = scope.apply("Sin", v)
    return scope.apply("Neg", found) if order == 2 else found


def _cos(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """cos, -sin, -cos."""
    if order == 1:
        return scope.apply("Neg", scope.apply("Sin", v))
    found = cosine(scope, v)
    return scope.apply("Neg", found) if order == 2 else found


def _atan(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """atan(v), 1/(1 + v^2), -2 v/(1 + v^2)^2."""
    if order == 0:
        return arctangent(scope, v)
    slope = scope.divide(1.0, scope.add(scope.multiply(v, v), 1.0))
    return slope if order == 1 else scope.multiply(scope.multiply(v, scope.multiply(slope, slope)), -2.0)


def _exp(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    return scope.apply("Exp", v)


def _elu(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """relu(v) + alpha (exp(-relu(-v)) - 1); right or left of 0: 1 or alpha exp(v), 0 or alpha exp(v)."""
    growth = scope.apply("Exp", scope.apply("Neg", _negative_part(scope, v)))
    if order == 0:
        return scope.add(scope.apply("Relu", v), scope.multiply(scope.subtract(growth, 1.0), parameters[0]))
    right = scope.operator("Greater", [v, scope.scalar(0.0)])
    left = scope.multiply(growth, parameters[0])
    return scope.operator("Where", [right, scope.scalar(1.0 if order == 1 else 0.0), left])


def _square(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """v^2, 2 v, 2."""
    if order == 0:
        return scope.multiply(v, v)
    return scope.multiply(v, 2.0) if order == 1 else _filled(scope, v, 2.0)


def _reciprocal(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """1/v, -1/v^2, 2/v^3."""
    r = scope.divide(1.0, v)
    if order == 0:
        return r
    square = scope.multiply(r, r)
    return scope.apply("Neg", square) if order == 1 else scope.multiply(scope.multiply(square, r), 2.0)


def _log(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """log(v), 1/v, -1/v^2."""
    return scope.apply("Log", v) if order == 0 else _reciprocal(scope, v, (), order - 1)


def _power(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """v^p as (sqrt v)^(2 p), p v^p/v, p (p - 1) v^p/v^2.

    The root says that v > 0: a bare power with an integer exponent is read as one of all numbers.
    """
    p = parameters[0]
    raised = scope.operator("Pow", [scope.apply("Sqrt", v), scope.multiply(p, 2.0)])
    for k in range(order):
        factor = p if k == 0 else scope.subtract(p, float(k))
        raised = scope.operator("Div", [scope.multiply(raised, factor), v])
    return raised


def _softsign(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """With u = 1 + |v|: v/u, 1/u^2, -2 sgn(v)/u^3."""
    u = scope.add(scope.apply("Abs", v), 1.0)
    if order == 0:
        return scope.operator("Div", [v, u])
    inverse = scope.divide(1.0, u)
    square = scope.multiply(inverse, inverse)
    if order == 1:
        return square
    return scope.multiply(scope.multiply(scope.multiply(square, inverse), scope.apply("Sign", v)), -2.0)


def _hard_swish(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """V max(0, min(6, v + 3))/6."""
    ramp = scope.operator("Min", [scope.add(v, 3.0), scope.scalar(6.0)])
    ramp = scope.operator("Max", [ramp, scope.scalar(0.0)])
    return scope.operator("Div", [scope.multiply(v, ramp), scope.scalar(6.0)])


def _identity(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """relu(v) - relu(-v), so that there is an operator to read back; 1; 0."""
    if order == 0:
        return scope.subtract(scope.apply("Relu", v), _negative_part(scope, v))
    return _filled(scope, v, 1.0 if order == 1 else 0.0)


def _relu(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    return scope.apply("Relu", v)


def _leaky_relu(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    """relu(v) - alpha relu(-v)."""
    return scope.subtract(scope.apply("Relu", v), scope.multiply(_negative_part(scope, v), parameters[0]))


def _sign(scope: Scope, v: str, parameters: tuple[str, ...], order: int) -> str:
    return scope.apply("Sign", v)


def _negative_part(scope: Scope, v: str) -> str:
    """relu(-v)."""
    return scope.apply("Relu", scope.apply("Neg", v))


def _filled(scope: Scope, v: str, value: float) -> str:
    """A tensor of the shape of v with one value everywhere."""
    return scope.operator("Expand", [scope.scalar(value), scope.operator("Shape", [v])])


WRITERS: Mapping[str, GateWriter] = {
    "atan": _atan,
    "cos": _cos,
    "elu": _elu,
    "erf": _erf,
    "exp": _exp,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_swish": _hard_swish,
    "identity": _identity,
    "leaky_relu": _leaky_relu,
    "leaky_softplus": _leaky_softplus,
    "log": _log,
    "mish": _mish,
    "power": _power,
    "reciprocal": _reciprocal,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "sign": _sign,
    "silu": _silu,
    "sin": _sin,
    "softplus": _softplus,
    "softsign": _softsign,
    "square": _square,
    "swish": _swish,
    "tanh": _tanh,
}
"""One writer for each activation."""
KINKED = frozenset({"hard_swish", "leaky_relu", "relu", "sign"})
"""Activations without a gate sigma': only order 0 is written."""
