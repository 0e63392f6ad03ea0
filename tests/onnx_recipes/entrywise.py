"""Activations and entrywise arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.onnx_recipes.draw import Draw, Piece, Shape, recipe


@recipe("Abs", "Neg")
def signed(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    if given is None and draw.maybe(0.2):
        return Piece(kind, [draw.integers(draw.shape(), -9, 9, draw.one(np.int64, np.int32))], computable=())
    return Piece(kind, [draw.data(given, 0)])


@recipe("Atan", "Cos", "Exp", "Identity", "Mish", "Relu", "Sigmoid", "Sign", "Sin", "Softplus", "Tanh", "Ceil", "Floor")
def unary(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    return Piece(kind, [draw.data(given, 0)])


@recipe("Log", "Reciprocal", "Sqrt")
def positive(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    return Piece(kind, [draw.positive(draw.data(given, 0).shape)])


@recipe("Elu", "LeakyRelu", "Selu", "Swish")
def sloped(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    chosen = {"alpha": draw.randint(-8, 24) / 8} if draw.maybe(0.7) else {}
    if kind == "Selu" and draw.maybe():
        chosen["gamma"] = draw.randint(-8, 24) / 8
    return Piece(kind, [draw.data(given, 0)], chosen)


@recipe("Gelu")
def gelu(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    chosen = {"approximate": draw.one("none", "tanh")} if draw.maybe(0.7) else {}
    return Piece(kind, [draw.data(given, 0)], chosen)


@recipe("PRelu")
def prelu(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    return Piece(kind, [data, draw.floats(draw.within(data.shape) or (1,))], computable=(0, 1))


@recipe("Clip")
def clip(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 0)
    low = draw.one(None, None, -1.5, -0.25, 0.5, -3.4028234663852886e38)
    high = draw.one(None, None, 2.5, 0.25, -0.5, 3.4028234663852886e38)
    if opset < 11:
        return Piece(kind, [data], {k: v for k, v in (("min", low), ("max", high)) if v is not None})
    ends = [None if end is None else np.array(end) for end in (low, high)]
    return Piece(kind, [data, *ends])


@recipe("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")
def arithmetic(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 0)
    count = draw.randint(1, 4) if kind in ("Max", "Min", "Sum", "Mean") else 2
    alike = opset < 8 and kind in ("Max", "Min", "Sum", "Mean")
    shapes = [data.shape, *(data.shape if alike else draw.broadcast(data.shape) for _ in range(count - 1))]
    if given is None and draw.maybe(0.3) and kind not in ("Sum", "Mean"):
        dtype = draw.one(np.int64, np.int32) if kind not in ("Max", "Min") or opset >= 12 else np.int64
        whole = [draw.integers(shape, -9, 9, dtype) for shape in shapes]
        if kind == "Div":
            whole[1][whole[1] == 0] = 1
        return Piece(kind, whole, computable=())
    values = [data, *(draw.positive(shape) if kind == "Div" else draw.floats(shape) for shape in shapes[1:])]
    if draw.maybe() and given is None:
        values = values[::-1] if kind != "Div" else values
    return Piece(kind, values, computable=range(count))


@recipe("Pow")
def power(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    shape = draw.data(given, 0).shape
    if given is None and draw.maybe(0.2) and opset >= 12:
        dtype = draw.one(np.int64, np.int32)
        return Piece(kind, [draw.integers(shape, -3, 3, dtype), draw.integers((), 0, 3, dtype)], computable=())
    exponent = np.array(draw.one(1.0, 2.0, 3.0, -1.0, 0.5, 4.0, 0.0))
    if opset >= 12 and draw.maybe(0.2):
        exponent = exponent.astype(draw.one(np.int64, np.int32))
    wide = np.broadcast_to(exponent, draw.one((), (), (1,), draw.broadcast(shape)))
    return Piece(kind, [draw.positive(shape), wide], computable=(0, 1) if wide.dtype.kind == "f" else (0,))


@recipe("Where")
def where(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    shape = draw.data(given, 0).shape
    condition = draw.booleans(draw.broadcast(shape))
    if given is None and draw.maybe(0.2):
        return Piece(kind, [condition, draw.integers(shape, 0, 9), draw.integers(shape, -9, 0)], computable=())
    other = draw.broadcast(shape)
    return Piece(kind, [condition, draw.floats(shape), draw.floats(other)], computable=(1, 2))


@recipe("Cast")
def cast(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    shape = draw.data(given, 0).shape
    make = draw.one(draw.floats, lambda s: draw.integers(s, -300, 70000), draw.booleans)
    chosen: dict[str, Any] = {"to": draw.one(1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 16 if opset >= 13 else 1)}
    if opset >= 19 and draw.maybe(0.2):
        chosen["saturate"] = draw.randint(0, 1)
    if given is not None or make == draw.floats:
        data = draw.floats(shape)
        # What a negative number becomes in an unsigned type is undefined.
        return Piece(kind, [np.abs(data) if chosen["to"] in (2, 4) else data], chosen)
    return Piece(kind, [make(shape)], chosen, computable=())
