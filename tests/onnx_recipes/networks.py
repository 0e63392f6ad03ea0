"""Normalisations, softmax, pooling by maxima, further activations and contractions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.onnx_recipes.draw import Draw, Piece, Shape, Unsuitable, listed, recipe
from tests.onnx_recipes.spatial import image, window


@recipe("Cosh", "Erf", "HardSwish", "Sinh", "Softsign")
def unary(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    return Piece(kind, [draw.data(given, 0)])


@recipe("Celu", "HardSigmoid", "Shrink", "ThresholdedRelu")
def sloped(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    names = {"HardSigmoid": ("alpha", "beta"), "Shrink": ("lambd", "bias")}.get(kind, ("alpha",))
    return Piece(kind, [draw.data(given, 0)], {name: draw.randint(-8, 24) / 8 for name in names if draw.maybe(0.7)})


@recipe("Softmax", "LogSoftmax")
def softmax(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    axis = draw.axis(data.ndim)
    return Piece(kind, [data], {"axis": axis % data.ndim if opset < 11 else axis} if draw.maybe(0.7) else {})


def scaled(kind: str, draw: Draw, data: Any, shape: Shape, **attributes: Any) -> Piece:
    chosen = {"epsilon": 2.0**-7} if draw.maybe() else {}
    return Piece(kind, [data, draw.floats(shape), draw.floats(shape)], chosen | attributes)


@recipe("InstanceNormalization")
def instance_normalization(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = image(draw, given)
    return scaled(kind, draw, data, data.shape[1:2])


@recipe("GroupNormalization")
def group_normalization(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    groups = draw.randint(1, 2)
    data = image(draw, given, groups)
    return scaled(kind, draw, data, (data.shape[1],) if opset >= 21 else (groups,), num_groups=groups)


@recipe("LayerNormalization", "RMSNormalization")
def layer_normalization(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 1)
    axis = draw.axis(data.ndim)
    shape = draw.one(data.shape[axis % data.ndim :], data.shape[axis % data.ndim :], draw.within(data.shape))
    made = scaled(kind, draw, data, shape)
    axes = {"axis": axis} if draw.maybe(0.8) else {}
    kept = made.inputs if kind == "LayerNormalization" and draw.maybe() else made.inputs[:2]
    return Piece(kind, kept, {**made.attributes, **axes, **({"stash_type": 1} if draw.maybe(0.2) else {})})


@recipe("MaxPool")
def max_pool(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = image(draw, given)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    chosen = window(draw, kernel, opset, dilated=opset >= 10) | {"kernel_shape": list(kernel)}
    if opset >= 10 and draw.maybe(0.2):
        chosen["ceil_mode"] = draw.randint(0, 1)
    if draw.maybe(0.1):
        chosen["storage_order"] = draw.randint(0, 1)
    return Piece(kind, [data], chosen)


@recipe("GlobalMaxPool")
def global_max_pool(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    return Piece(kind, [image(draw, given)])


@recipe("ReduceL1", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def reduction(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data, by_input = draw.data(given, 1), opset >= 18
    axes = draw.one(None, draw.axes(data.ndim), draw.axes(data.ndim), [] if by_input else None)
    chosen = {"keepdims": draw.one(None, 0, 1), "noop_with_empty_axes": draw.one(None, 0, 1) if by_input else None}
    return listed(kind, data, "axes", axes, by_input, **chosen)


@recipe("CumSum")
def cumulative_sum(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    chosen = {name: draw.randint(0, 1) for name in ("exclusive", "reverse") if draw.maybe()}
    return Piece(kind, [data, np.array(draw.axis(data.ndim))], chosen)


@recipe("Einsum")
def einsum(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    equations = {
        "ij,jk->ik": (2, 2), "ij,kj->ki": (2, 2), "ij,jk": (2, 2), "ij->ji": (2,), "ij->j": (2,), "i,j->ij": (1, 1),
        "bij,jk->bik": (3, 2), "ij,ij->i": (2, 2), "ii->i": (2,), "...j,jk->...k": (3, 2), "ij,j->": (2, 1),
    }  # fmt: skip
    fitting = [text for text, ranks in equations.items() if given is None or ranks[0] == len(given)]
    if not fitting:
        raise Unsuitable
    equation = draw.choice(fitting)
    sides: dict[str, int] = {}
    terms = equation.split("->")[0].replace("...", "b").split(",")
    for label, extent in zip(terms[0], given or (), strict=False):
        sides[label] = extent
    arrays = [draw.floats(tuple(sides.setdefault(label, draw.randint(1, 3)) for label in term)) for term in terms]
    return Piece(kind, arrays, {"equation": equation}, computable=range(len(arrays)))
