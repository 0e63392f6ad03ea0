"""The gates sigma, sigma', sigma'' of every activation as operators that ONNX Runtime has in double precision.

Each gate counts as one gate of its kind in the sense of A3; how it is evaluated here is the file's affair. ONNX
Runtime has no double-precision erf, atan, softplus and ELU: they are identities of real functions, except erf (a Gauss
rule of exp(-x^2 t^2) on [0, 1], error below 3e-15 after clipping at |x| = 6, where 1 - erf = 2.2e-17) and atan (three
exact halvings of the angle, then the Taylor polynomial, error below 1e-17).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from certify.encoders.onnx_writer import Scope
from certify.errors import UnknownNameError
from certify.generators.activations import activation

ERF_NODES = 24
ERF_CLIP = 6.0
ATAN_HALVINGS, ATAN_TERMS = 3, 8
GateWriter = Callable[[Scope, str, tuple[float, ...], int], str]


def write_gate(scope: Scope, source: str, name: str, parameters: tuple[float, ...], order: int) -> str:
    """The tensor sigma^(order)(source), order <= 2.

    Raises:
        UnknownNameError: for an activation with a kink, which has no gate sigma'.
    """
    if name not in WRITERS:
        raise UnknownNameError("differentiable activation", name, WRITERS)
    return WRITERS[name](scope, source, activation(name).resolve(parameters), order)


def _tanh(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """t, 1 - t^2, -2 t (1 - t^2)."""
    t = scope.apply("Tanh", v)
    if order == 0:
        return t
    slope = scope.subtract(1.0, scope.multiply(t, t))
    return slope if order == 1 else scope.multiply(scope.multiply(t, slope), -2.0)


def _sigmoid(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """s, s (1 - s), s (1 - s) (1 - 2 s)."""
    s = scope.apply("Sigmoid", v)
    if order == 0:
        return s
    slope = scope.multiply(s, scope.subtract(1.0, s))
    return slope if order == 1 else scope.multiply(slope, scope.subtract(1.0, scope.multiply(s, 2.0)))


def _softplus(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """relu(v) + log(1 + exp(-|v|)); its derivative is the sigmoid."""
    if order > 0:
        return _sigmoid(scope, v, (), order - 1)
    decay = scope.apply("Exp", scope.apply("Neg", scope.apply("Abs", v)))
    return scope.add(scope.apply("Relu", v), scope.apply("Log", scope.add(decay, 1.0)))


def _leaky_softplus(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """The mixture alpha v + (1 - alpha) softplus(v)."""
    alpha = parameters[0]
    curved = scope.multiply(_softplus(scope, v, (), order), 1.0 - alpha)
    if order == 2:
        return curved
    return scope.add(curved, scope.multiply(v, alpha) if order == 0 else alpha)


def _silu(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """With the sigmoid s: v s, s + v s (1 - s), s (1 - s) (2 + v (1 - 2 s))."""
    s = scope.apply("Sigmoid", v)
    if order == 0:
        return scope.multiply(v, s)
    slope = _sigmoid(scope, v, (), 1)
    if order == 1:
        return scope.add(s, scope.multiply(v, slope))
    tilt = scope.multiply(v, scope.subtract(1.0, scope.multiply(s, 2.0)))
    return scope.multiply(slope, scope.add(tilt, 2.0))


def _gelu(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """In order: v Phi(v), Phi(v) + v phi(v), (2 - v^2) phi(v), phi the standard normal density."""
    square = scope.multiply(v, v)
    density = scope.multiply(scope.apply("Exp", scope.multiply(square, -0.5)), 1.0 / math.sqrt(2.0 * math.pi))
    if order == 2:
        return scope.multiply(scope.subtract(2.0, square), density)
    error = _erf(scope, scope.multiply(v, math.sqrt(0.5)))
    mass = scope.multiply(scope.add(error, 1.0), 0.5)
    return scope.multiply(v, mass) if order == 0 else scope.add(mass, scope.multiply(v, density))


def _erf(scope: Scope, v: str) -> str:
    """Erf by its integral: (2 v/sqrt(pi)) int_0^1 exp(-v^2 t^2) dt."""
    nodes, weights = np.polynomial.legendre.leggauss(ERF_NODES)
    points = scope.initialisers.tensor("erf_squared_nodes", -((0.5 * (nodes + 1.0)) ** 2))
    masses = scope.initialisers.tensor("erf_weights", (weights / math.sqrt(math.pi))[:, None])
    bounded = scope.operator("Max", [scope.operator("Min", [v, scope.scalar(ERF_CLIP)]), scope.scalar(-ERF_CLIP)])
    square = scope.operator("Unsqueeze", [scope.multiply(bounded, bounded), scope.integers([-1])])
    terms = scope.apply("Exp", scope.operator("Mul", [square, points]))
    integral = scope.operator("Squeeze", [scope.operator("MatMul", [terms, masses]), scope.integers([-1])])
    return scope.multiply(bounded, integral)


def _gelu_tanh(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
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


def _sin(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """Sin, cos, -sin."""
    found = scope.apply("Cos" if order == 1 else "Sin", v)
    return scope.apply("Neg", found) if order == 2 else found


def _cos(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """Cos, -sin, -cos."""
    kind = "Sin" if order == 1 else "Cos"
    return scope.apply(kind, v) if order == 0 else scope.apply("Neg", scope.apply(kind, v))


def _atan(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """Atan by atan(v) = 2 atan(v/(1 + sqrt(1 + v^2))); 1/(1 + v^2), -2 v/(1 + v^2)^2."""
    square = scope.add(scope.multiply(v, v), 1.0)
    if order > 0:
        slope = scope.divide(1.0, square)
        return slope if order == 1 else scope.multiply(scope.multiply(v, scope.multiply(slope, slope)), -2.0)
    # |v| > 1 goes to its reciprocal first, so that no square overflows: the sign is that of v.
    size = scope.apply("Abs", v)
    small = scope.operator("Min", [size, scope.divide(1.0, scope.operator("Max", [size, scope.scalar(1.0)]))])
    reduced = small
    for _ in range(ATAN_HALVINGS):
        root = scope.apply("Sqrt", scope.add(scope.multiply(reduced, reduced), 1.0))
        reduced = scope.operator("Div", [reduced, scope.add(root, 1.0)])
    squared = scope.multiply(reduced, reduced)
    series = scope.scalar((-1.0) ** ATAN_TERMS / (2 * ATAN_TERMS + 1))
    for term in reversed(range(ATAN_TERMS)):
        series = scope.add(scope.multiply(series, squared), (-1.0) ** term / (2 * term + 1))
    angle = scope.multiply(scope.multiply(reduced, series), 2.0**ATAN_HALVINGS)
    large = scope.operator("Greater", [size, scope.scalar(1.0)])
    turned = scope.operator("Where", [large, scope.subtract(0.5 * math.pi, angle), angle])
    return scope.multiply(turned, scope.apply("Sign", v))


def _exp(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    return scope.apply("Exp", v)


def _elu(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """Right or left of 0: v or alpha (exp(v) - 1); 1 or alpha exp(v); 0 or alpha exp(v)."""
    growth = scope.multiply(scope.apply("Exp", scope.operator("Min", [v, scope.scalar(0.0)])), parameters[0])
    if order == 0:
        return scope.add(scope.apply("Relu", v), scope.subtract(growth, parameters[0]))
    right = scope.operator("Greater", [v, scope.scalar(0.0)])
    return scope.operator("Where", [right, scope.scalar(1.0 if order == 1 else 0.0), growth])


def _square(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """v^2, 2 v, 2."""
    if order == 0:
        return scope.multiply(v, v)
    return scope.multiply(v, 2.0) if order == 1 else _filled(scope, v, 2.0)


def _reciprocal(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    """1/v, -1/v^2, 2/v^3."""
    r = scope.divide(1.0, v)
    if order == 0:
        return r
    square = scope.multiply(r, r)
    return scope.apply("Neg", square) if order == 1 else scope.multiply(scope.multiply(square, r), 2.0)


def _identity(scope: Scope, v: str, parameters: tuple[float, ...], order: int) -> str:
    return v if order == 0 else _filled(scope, v, 1.0 if order == 1 else 0.0)


def _filled(scope: Scope, v: str, value: float) -> str:
    """A tensor of the shape of v with one value everywhere."""
    return scope.operator("Expand", [scope.scalar(value), scope.operator("Shape", [v])])


WRITERS: Mapping[str, GateWriter] = {
    "atan": _atan,
    "cos": _cos,
    "elu": _elu,
    "exp": _exp,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "identity": _identity,
    "leaky_softplus": _leaky_softplus,
    "reciprocal": _reciprocal,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "sin": _sin,
    "softplus": _softplus,
    "square": _square,
    "tanh": _tanh,
}
"""One writer for each activation that is differentiable where it is defined."""
