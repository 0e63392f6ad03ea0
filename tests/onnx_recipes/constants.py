"""Operators of constants: comparisons, logic, shapes, ranges, integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.onnx_recipes.draw import Draw, Piece, Shape, Unsuitable, recipe


@recipe("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def comparison(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    shape = draw.data(given, 0).shape
    make = draw.one(draw.floats, lambda s: draw.integers(s, -2, 2), lambda s: draw.integers(s, -2, 2, np.int32))
    if given is not None or make == draw.floats:
        return Piece(kind, [draw.floats(shape), draw.floats(draw.broadcast(shape))], computable=(0, 1))
    return Piece(kind, [make(shape), make(draw.broadcast(shape))], computable=())


@recipe("And", "Or", "Not")
def logical(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    if given is not None:
        raise Unsuitable
    shape = draw.shape()
    sides = [shape] if kind == "Not" else [shape, draw.broadcast(shape)]
    return Piece(kind, [draw.booleans(side) for side in sides], computable=())


@recipe("Mod")
def remainder(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    shape = draw.data(given, 0).shape
    chosen = {"fmod": draw.randint(0, 1)} if draw.maybe(0.8) else {}
    if given is not None or draw.maybe():
        divisor = draw.positive(draw.broadcast(shape)) * draw.one(1, -1)
        return Piece(kind, [draw.floats(shape), divisor], chosen | ({} if draw.maybe(0.1) else {"fmod": 1}))
    dtype = draw.one(np.int64, np.int32)
    divisor = draw.integers(draw.broadcast(shape), 1, 5, dtype) * dtype(draw.one(1, -1))
    return Piece(kind, [draw.integers(shape, -9, 9, dtype), divisor], chosen, computable=())


@recipe("Constant")
def constant(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    if given is not None:
        raise Unsuitable
    options: list[dict[str, Any]] = [
        {"value": draw.floats(draw.shape())},
        {"value": draw.integers(draw.shape(), -9, 9)},
    ]
    if opset >= 12:
        options += [{"value_float": 0.75}, {"value_floats": [0.5, -2.0]}, {"value_int": -3}, {"value_ints": [4, 5]}]
    return Piece(kind, [], draw.choice(options), computable=())


@recipe("ConstantOfShape")
def constant_of_shape(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    if given is not None:
        raise Unsuitable
    fill = draw.one(np.array([1.5]), np.array([7]), np.array([True]), np.array([3], np.int32))
    return Piece(kind, [np.array(draw.shape(1, 3))], {"value": fill} if draw.maybe(0.7) else {}, computable=())


@recipe("Range")
def span(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    if given is not None:
        raise Unsuitable
    step = draw.one(1, 2, 3, -1, -2)
    ends = np.array([draw.randint(-4, 4), draw.randint(-4, 9), step]) / draw.one(1, 1, 8)
    dtype = np.float64 if np.any(ends % 1) else draw.one(np.float64, np.int64, np.int32)
    return Piece(kind, [np.array(end, dtype) for end in ends], computable=())


@recipe("NonZero")
def nonzero(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    make = draw.one(draw.booleans, lambda s: draw.integers(s, 0, 1), lambda s: draw.integers(s, 0, 1).astype(float))
    values = make(draw.shape(1))
    return Piece(kind, [values], computable=(0,) if values.dtype.kind == "f" else ())


@recipe("Shape", "Size")
def extents(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    chosen = {}
    if kind == "Shape" and opset >= 15:
        chosen = {name: draw.randint(-5, 5) for name in ("start", "end") if draw.maybe(0.4)}
    return Piece(kind, [data], chosen)
