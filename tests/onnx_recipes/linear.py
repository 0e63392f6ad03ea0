"""Products of matrices, normalisation at inference, reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.onnx_recipes.draw import Draw, Piece, Shape, listed, recipe


@recipe("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum")
def reduction(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 1)
    by_input = opset >= (13 if kind == "ReduceSum" else 18)
    whole = given is None and draw.maybe(0.15) and kind not in ("ReduceL2", "ReduceMean")
    if whole:
        data = draw.integers(data.shape, -4, 4, draw.one(np.int64, np.int32))
    axes = draw.one(None, draw.axes(data.ndim), draw.axes(data.ndim), [] if by_input else None)
    chosen = {"keepdims": draw.one(None, 0, 1), "noop_with_empty_axes": draw.one(None, 0, 1) if by_input else None}
    made = listed(kind, data, "axes", axes, by_input, **chosen)
    return Piece(kind, made.inputs, made.attributes, computable=() if whole else (0,))


@recipe("Gemm")
def gemm(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    left, columns = draw.data(given, 2, 2), draw.randint(1, 4)
    chosen: dict[str, Any] = {name: 1 for name in ("transA", "transB") if draw.maybe(0.3)}
    chosen |= {name: draw.randint(-8, 16) / 8 for name in ("alpha", "beta") if draw.maybe(0.3)}
    rows, inner = left.shape[::-1] if "transA" in chosen else left.shape
    right = draw.floats((columns, inner) if "transB" in chosen else (inner, columns))
    bias = [draw.floats(draw.within((rows, columns)))] if opset < 11 or draw.maybe(0.7) else []
    return Piece(kind, [left, right, *bias], chosen, computable=(0, 1, 2) if bias else (0, 1))


@recipe("MatMul")
def matmul(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    left = draw.data(given)
    inner, columns = left.shape[-1], draw.randint(1, 3)
    lead = draw.one((), (), (), (1,), left.shape[:-2])
    right = draw.floats(draw.one((inner,), (inner, columns), (*lead, inner, columns)))
    if given is None and draw.maybe(0.3) and min(left.ndim, right.ndim) > 1:
        left, right = np.swapaxes(right, -1, -2), np.swapaxes(left, -1, -2)
    return Piece(kind, [left, right], computable=(0, 1))


@recipe("BatchNormalization")
def batch_normalization(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 2)
    channels = (data.shape[1],)
    chosen: dict[str, Any] = {"epsilon": 2.0**-7} if draw.maybe() else {}
    chosen |= {"momentum": 0.5} if draw.maybe(0.3) else {}
    chosen |= {"training_mode": 0} if opset >= 14 and draw.maybe(0.3) else {}
    chosen |= {"spatial": draw.randint(0, 1)} if opset < 9 and draw.maybe() else {}
    scales = [draw.floats(channels), draw.floats(channels), draw.floats(channels), draw.positive(channels)]
    return Piece(kind, [data, *scales], chosen)
