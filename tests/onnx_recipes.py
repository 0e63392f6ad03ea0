"""A recipe per operator: random nodes with their inputs, attributes and optional inputs, for every operator set.

A recipe draws valid nodes for the most part, and now and then one that is not. The conformance test goes through the
schemas with them, the campaign of benchmarks/onnx_campaign.py compares thousands with the runtime.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """A node: values of its inputs (None for an absent one), its attributes, and the inputs that may be computed."""

    kind: str
    inputs: Sequence[AnyArray | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    computable: Sequence[int] = (0,)


class Unsuitable(Exception):
    """The recipe has no node for data of the shape it was given."""


class Draw(random.Random):
    """Random choices for recipes; numbers are multiples of 1/8, which every floating type holds."""

    def one(self, *options: Any) -> Any:
        return self.choice(options)

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random() < chance

    def shape(self, least: int = 0, most: int = 4, extent: int = 4) -> Shape:
        return tuple(self.randint(1, extent) for _ in range(self.randint(least, most)))

    def data(self, given: Shape | None, least: int = 1, most: int = 4) -> AnyArray:
        if given is not None and not least <= len(given) <= most:
            raise Unsuitable
        return self.floats(self.shape(least, most) if given is None else given)

    def floats(self, shape: Shape) -> AnyArray:
        return np.array([self.randint(-24, 24) / 8 for _ in range(int(np.prod(shape)))]).reshape(shape)

    def positive(self, shape: Shape) -> AnyArray:
        return np.array([self.randint(1, 24) / 8 for _ in range(int(np.prod(shape)))]).reshape(shape)

    def integers(self, shape: Shape, low: int, high: int, dtype: type = np.int64) -> AnyArray:
        return np.array([self.randint(low, high) for _ in range(int(np.prod(shape)))], dtype).reshape(shape)

    def booleans(self, shape: Shape) -> AnyArray:
        return self.integers(shape, 0, 1).astype(bool)

    def broadcast(self, shape: Shape) -> Shape:
        """A shape that broadcasts with the given one, sometimes beyond it."""
        other = tuple(
            self.one(1, extent) if extent > 1 else self.one(1, 1, 2) for extent in shape[self.randint(0, len(shape)) :]
        )
        return (self.randint(1, 2), *other) if len(other) == len(shape) < 4 and self.maybe(0.1) else other

    def within(self, shape: Shape) -> Shape:
        """A shape that broadcasts to the given one."""
        return tuple(self.one(1, extent) for extent in shape[self.randint(0, len(shape)) :])

    def axis(self, rank: int) -> int:
        """An axis from -rank to rank - 1 and, rarely, one beyond."""
        return self.randint(-rank, rank - 1) if rank and not self.maybe(0.02) else rank

    def axes(self, rank: int) -> list[int]:
        chosen = self.sample(range(rank), self.randint(1, rank)) if rank else []
        return [axis - rank if self.maybe(0.3) else axis for axis in chosen]


Recipe = Callable[[Draw, int, Shape | None], Piece]
RECIPES: dict[str, Recipe] = {}


def recipe(*kinds: str) -> Callable[[Callable[..., Piece]], Callable[..., Piece]]:
    """Register a function (kind, draw, opset, given shape) as the recipe of some operators."""

    def register(function: Callable[..., Piece]) -> Callable[..., Piece]:
        for kind in kinds:
            RECIPES[kind] = lambda draw, opset, given, kind=kind: function(kind, draw, opset, given)  # type: ignore[misc]
        return function

    return register


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


def listed(kind: str, data: AnyArray, name: str, values: Any, by_input: bool, **others: Any) -> Piece:
    """A node whose integers are its second input or, in older operator sets, an attribute."""
    others = {key: value for key, value in others.items() if value is not None}
    if values is None:
        return Piece(kind, [data], others)
    if by_input:
        return Piece(kind, [data, np.array(values, np.int64)], others)
    return Piece(kind, [data], others | {name: list(values)})


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
        chosen["num_outputs"] = draw.one(count, count, count, count + 1)
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


@recipe("DepthToSpace")
def depth_to_space(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    block = draw.randint(1, 2)
    data = draw.floats((draw.randint(1, 2), block**2 * draw.randint(1, 2), draw.randint(1, 3), draw.randint(1, 3)))
    if given is not None:
        data = draw.data(given, 4)
        block = 2 if given[1] % 4 == 0 else 1
    modes: list[dict[str, Any]] = [{}, {"mode": "DCR"}, {"mode": "CRD"}]
    return Piece(kind, [data], {"blocksize": block} | (draw.choice(modes) if opset >= 11 else {}))


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


def window(draw: Draw, kernel: Shape, opset: int, dilated: bool = True) -> dict[str, Any]:
    """How a kernel moves: strides, dilations, and pads or their automatic choice."""
    rank = len(kernel)
    chosen: dict[str, Any] = {}
    if draw.maybe():
        chosen["strides"] = [draw.randint(1, 3) for _ in kernel]
    if dilated and draw.maybe(0.3):
        chosen["dilations"] = [draw.randint(1, 2) for _ in kernel]
    mode = draw.one(None, None, None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode is not None:
        chosen["auto_pad"] = mode
    if mode in (None, "NOTSET") and draw.maybe():
        chosen["pads"] = [draw.randint(0, max(0, kernel[axis % rank] - 1)) for axis in range(2 * rank)]
    return chosen


def image(draw: Draw, given: Shape | None, group: int = 1) -> AnyArray:
    if given is not None:
        data = draw.data(given, 3, 5)
        if given[1] % group:
            raise Unsuitable
        return data
    extents = tuple(draw.randint(1, 5) for _ in range(draw.one(1, 2, 2, 3)))
    return draw.floats((draw.one(1, 1, 1, 2), group * draw.randint(1, 2), *extents))


@recipe("Conv")
def conv(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    group = draw.one(1, 1, 2)
    data = image(draw, given, group)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    weight = draw.floats((group * draw.randint(1, 2), data.shape[1] // group, *kernel))
    chosen = window(draw, kernel, opset) | ({"group": group} if group > 1 or draw.maybe(0.2) else {})
    if draw.maybe(0.3):
        chosen["kernel_shape"] = [*kernel[:-1], kernel[-1] + draw.maybe(0.1)]
    return Piece(kind, [data, weight] + ([draw.floats(weight.shape[:1])] if draw.maybe() else []), chosen)


@recipe("ConvTranspose")
def conv_transpose(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    group = draw.one(1, 1, 2)
    data = image(draw, given, group)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    weight = draw.floats((data.shape[1], draw.randint(1, 2), *kernel))
    chosen = window(draw, kernel, opset) | ({"group": group} if group > 1 or draw.maybe(0.2) else {})
    if draw.maybe(0.3):
        chosen["kernel_shape"] = list(kernel)
    strides = chosen.get("strides", [1] * len(kernel))
    if draw.maybe(0.3):
        chosen["output_padding"] = [draw.randint(0, stride - 1) for stride in strides]
    if draw.maybe(0.25):
        chosen.pop("pads", None)
        chosen["output_shape"] = [
            extent * stride + draw.randint(-1, 1) for extent, stride in zip(data.shape[2:], strides, strict=True)
        ]
    bias = [draw.floats((weight.shape[1] * group,))] if draw.maybe() else []
    return Piece(kind, [data, weight, *bias], chosen)


@recipe("AveragePool")
def average_pool(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = image(draw, given)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    chosen = window(draw, kernel, opset, dilated=opset >= 19) | {"kernel_shape": list(kernel)}
    if draw.maybe(0.4):
        chosen["count_include_pad"] = draw.randint(0, 1)
    if opset >= 10 and draw.maybe(0.2):
        chosen["ceil_mode"] = draw.randint(0, 1)
    return Piece(kind, [data], chosen)


@recipe("GlobalAveragePool")
def global_average_pool(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    return Piece(kind, [image(draw, given)])


@recipe("Resize", "Upsample")
def resize(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = image(draw, given)
    factors = [1.0, 1.0, *(draw.one(1.0, 2.0, 3.0) for _ in data.shape[2:])]
    if kind == "Upsample" and opset < 9:
        return Piece(kind, [data], {"scales": factors} | ({"mode": "nearest"} if draw.maybe() else {}))
    scales = np.array(factors, np.float32)
    if kind == "Upsample" or opset < 11:
        return Piece(kind, [data, scales], {"mode": "nearest"} if draw.maybe() else {})
    chosen: dict[str, Any] = {"mode": draw.one("nearest", "nearest", "linear")} if draw.maybe(0.7) else {}
    if draw.maybe(0.6):
        options = ("half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners")
        chosen["coordinate_transformation_mode"] = draw.choice(options)
    if draw.maybe():
        chosen["nearest_mode"] = draw.one("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    # The region of interest has an effect only where the transformation crops; until 13 it must be there.
    region = draw.one(None, np.zeros(0)) if opset >= 13 else np.zeros(0)
    if draw.maybe(0.4):
        sizes = np.array([int(extent * factor) for extent, factor in zip(data.shape, factors, strict=True)])
        return Piece(kind, [data, region, None if opset >= 13 else np.zeros(0, np.float32), sizes], chosen)
    return Piece(kind, [data, region, scales], chosen)
