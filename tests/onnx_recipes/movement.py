"""Operators that move entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.onnx_recipes.draw import AnyArray, Draw, Piece, Shape, listed, recipe


@recipe("Squeeze")
def squeeze(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 1)
    data = data if given is not None or not data.ndim else draw.floats(tuple(draw.one(1, e) for e in data.shape))
    ones = [axis for axis, extent in enumerate(data.shape) if extent == 1]
    axes = draw.one(None, draw.sample(ones, draw.randint(1, len(ones))) if ones else None, draw.axes(data.ndim))
    return listed(kind, data, "axes", axes, opset >= 13)


@recipe("Unsqueeze")
def unsqueeze(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data, count = draw.data(given, 0, 3), draw.randint(1, 2)
    places = draw.sample(range(data.ndim + count), count)
    low = -data.ndim - count if opset >= 11 and draw.maybe() else 0
    return listed(kind, data, "axes", [place + low for place in places], opset >= 13)


@recipe("Split")
def split(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    axis = draw.axis(data.ndim)
    extent, count = data.shape[axis % data.ndim], draw.randint(1, 3)
    cuts = sorted(draw.randint(0, extent) for _ in range(count - 1))
    parts = [high - low for low, high in zip([0, *cuts], [*cuts, extent], strict=True)]
    chosen = {"axis": draw.one(axis, axis, None)}
    equal = draw.maybe()
    if opset >= 18 and equal:
        chosen["num_outputs"] = draw.one(count, count, count, count)
    made = listed(kind, data, "split", None if equal else parts, opset >= 13, **chosen)
    return Piece(kind, made.inputs, made.attributes, outputs=count)


@recipe("Reshape")
def reshape(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    target = list(draw.one(data.shape, data.shape[::-1], (data.size,), (1, data.size), (*data.shape, 1)))
    for axis in range(len(target)):
        if axis < data.ndim and target[axis] == data.shape[axis] and draw.maybe(0.3):
            target[axis] = 0
    if draw.maybe():
        target[draw.randrange(len(target))] = -1
    chosen = {"allowzero": draw.randint(0, 1)} if opset >= 14 and draw.maybe(0.3) else {}
    return Piece(kind, [data, np.array(target)], chosen)


@recipe("Flatten")
def flatten(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    axis = draw.randint(-data.ndim if opset >= 11 else 0, data.ndim + draw.maybe(0.05))
    return Piece(kind, [data], {} if draw.maybe(0.2) else {"axis": axis})


@recipe("Transpose")
def transpose(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    return Piece(kind, [data], {"perm": draw.sample(range(data.ndim), data.ndim)} if draw.maybe(0.7) else {})


@recipe("Slice")
def slice_(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    far = 2**31 - 1
    axes = draw.axes(data.ndim) if draw.maybe(0.7) else None
    count = draw.randint(1, data.ndim) if axes is None else len(axes)
    if opset < 10 and axes is not None:
        axes = [axis % data.ndim for axis in axes]
    place = lambda: draw.one(draw.randint(-6, 6), draw.randint(-6, 6), 0, far, -far)  # noqa: E731
    starts, ends = [place() for _ in range(count)], [place() for _ in range(count)]
    if opset < 10:
        return Piece(kind, [data], {"starts": starts, "ends": ends} | ({} if axes is None else {"axes": axes}))
    steps = [draw.one(1, 1, 2, 3, -1, -1, -2, -3) for _ in range(count)] if draw.maybe(0.7) else None
    dtype = draw.one(np.int64, np.int32)
    given_ = [None if values is None else np.array(values, dtype) for values in (starts, ends, axes, steps)]
    return Piece(kind, [data, *given_])


@recipe("Gather", "GatherElements")
def gather(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    axis = draw.axis(data.ndim)
    extent = data.shape[axis % data.ndim]
    low = -extent if opset >= 11 else 0
    shape = draw.shape(0, 2, 3)
    if kind == "GatherElements":
        shape = tuple(
            draw.randint(1, 5 if place == axis % data.ndim else extent) for place, extent in enumerate(data.shape)
        )
    indices = draw.integers(shape, low, extent - 1, draw.one(np.int64, np.int32))
    return Piece(kind, [data, indices], {"axis": axis} if draw.maybe(0.8) or axis % data.ndim else {})


def tuples(draw: Draw, shape: Shape, depth: int, count: int, distinct: bool) -> AnyArray:
    places = list(np.ndindex(*shape[:depth]))
    chosen = draw.sample(places, min(count, len(places))) if distinct else [draw.choice(places) for _ in range(count)]
    flip = np.array([[extent * draw.maybe(0.2) for extent in shape[:depth]] for _ in chosen], np.int64)
    return np.array(chosen, np.int64).reshape(len(chosen), depth) - flip.reshape(len(chosen), depth)


@recipe("GatherND")
def gather_nd(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    chosen = {"batch_dims": draw.randint(0, 1)} if opset >= 12 and draw.maybe(0.2) else {}
    depth = draw.randint(1, data.ndim)
    if chosen.get("batch_dims"):
        depth = max(1, depth - 1)
        indices = draw.integers((data.shape[0], 2, depth), 0, min(data.shape[1 : 1 + depth] or (1,)) - 1)
        return Piece(kind, [data, indices], chosen)
    indices = tuples(draw, data.shape, depth, draw.randint(1, 4), distinct=False)
    return Piece(kind, [data, indices], chosen)


@recipe("ScatterND")
def scatter_nd(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    depth = draw.randint(1, data.ndim)
    indices = tuples(draw, data.shape, depth, draw.randint(1, 4), distinct=True)
    updates = draw.floats((indices.shape[0], *data.shape[depth:]))
    options = ("none", "add", "mul") if opset < 18 else ("none", "add", "mul", "max", "min")
    chosen = {"reduction": draw.choice(options)} if opset >= 16 and draw.maybe(0.3) else {}
    return Piece(kind, [data, indices, updates], chosen, computable=(0, 2))


@recipe("Concat")
def concat(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    axis, parts = draw.axis(data.ndim), [data]
    for _ in range(draw.randint(0, 2)):
        shape = list(data.shape)
        shape[axis % data.ndim] = draw.randint(1, 3)
        parts.append(draw.floats(tuple(shape)))
    if opset < 11:
        axis %= data.ndim
    return Piece(kind, parts, {"axis": axis}, computable=range(len(parts)))


@recipe("Pad")
def pad(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    mode = draw.one(None, "constant", "reflect", "edge", "wrap" if opset >= 19 else "edge")
    axes = draw.axes(data.ndim) if opset >= 18 and draw.maybe(0.3) else None
    count = data.ndim if axes is None else len(axes)
    most = min(data.shape) - 1 if mode == "reflect" else min(data.shape) if mode == "wrap" else 2
    low = -1 if draw.maybe(0.05) and min(data.shape) > 2 else 0
    pads = [draw.randint(low, most) for _ in range(2 * count)]
    chosen: dict[str, Any] = {} if mode is None else {"mode": mode}
    fill = draw.one(None, 0.75)
    if opset < 11:
        return Piece(kind, [data], chosen | {"pads": pads} | ({} if fill is None else {"value": fill}))
    inputs = [data, np.array(pads), None if fill is None else np.array(fill)]
    return Piece(kind, inputs if axes is None else [*inputs, np.array(axes)], chosen)


@recipe("Expand")
def expand(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given, 0)
    return Piece(kind, [data, np.array(draw.broadcast(data.shape), np.int64)])


@recipe("Tile")
def tile(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    return Piece(kind, [data, draw.integers((data.ndim,), 1, 2)])


@recipe("Dropout")
def dropout(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = draw.data(given)
    if opset < 12:
        return Piece(kind, [data], {"ratio": 0.25} if draw.maybe() else {})
    inputs = [data, draw.one(None, np.array(0.25)), draw.one(None, np.array(False))]
    return Piece(kind, inputs, {"seed": 3} if draw.maybe(0.3) else {})
