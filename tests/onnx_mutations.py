"""Small valid ONNX models and ways to damage them: bytes flipped, cut, repeated; shapes, attributes, names changed."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from certify.generators.onnx_operators import lowerings
from tests.onnx_models import AnyArray, model, node

EXTREMES = (0, 1, -1, 2, 3, 7, 64, 1000, 65_536, 1 << 20, 1 << 31, -(1 << 31), 1 << 40, (1 << 63) - 1, -(1 << 63))
EXTRA_OPERATORS = ("If", "Loop", "Range", "ConstantOfShape", "Shape", "Where", "MaxPool", "Constant", "ReduceProd")


def seed_models() -> list[bytes]:
    """Valid models that use every group of operators, each of a few kilobytes at most."""
    draw = np.random.default_rng(0).normal
    image = np.array([1, 2, 4, 4])
    models: list[tuple[list[onnx.NodeProto], dict[str, AnyArray], tuple[int | str, ...]]] = [
        (
            [
                node("Gemm", "z W b", "h", transB=1),
                node("Tanh", "h", "t"),
                node("Gemm", "t V c", "o"),
                node("Add", "z o", "x"),
            ],
            {"W": draw(size=(6, 4)), "b": draw(size=6), "V": draw(size=(6, 4)), "c": draw(size=4)},
            ("batch", 4),
        ),
        (
            [
                node("Gemm", "z W b", "h"),
                node("Reshape", "h s", "i"),
                node("Conv", "i K", "k", pads=[1, 1, 1, 1], strides=[2, 1], dilations=[1, 1], group=2),
                node("BatchNormalization", "k g g g v", "n", epsilon=1e-3),
                node("ConvTranspose", "n K2", "u", strides=[2, 1], output_padding=[1, 0], pads=[1, 1, 1, 1]),
                node("AveragePool", "u", "p", kernel_shape=[2, 2], strides=[1, 1]),
                node("Pad", "p pads v0", "q"),
                node("Resize", "q _ scales", "r", mode="nearest"),
                node("Flatten", "r", "x"),
            ],
            {
                "W": draw(size=(4, 32)),
                "b": draw(size=32),
                "s": image,
                "K": draw(size=(4, 1, 3, 3)),
                "K2": draw(size=(4, 2, 3, 3)),
                "g": np.ones(4),
                "v": np.ones(4),
                "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
                "v0": np.array(0.0),
                "scales": np.array([1, 1, 2, 2], np.float32),
            },
            (1, 4),
        ),
        (
            [
                node("Split", "z n", "a b", axis=1),
                node("MatMul", "a W", "s"),
                node("Sigmoid", "s", "g"),
                node("Exp", "g", "e"),
                node("Mul", "b e", "m"),
                node("Div", "m g", "q"),
                node("Slice", "q st en ax sp", "f"),
                node("Concat", "f a", "c", axis=1),
                node("Gather", "c i", "y", axis=1),
                node("Transpose", "y", "t", perm=[1, 0]),
                node("Tile", "t r", "w"),
                node("Expand", "w ex", "o"),
                node("ReduceMean", "o rx", "k", keepdims=1),
                node("Sub", "o k", "d"),
                node("Squeeze", "d sq", "x"),
            ],
            {
                "n": np.array([2, 2]),
                "W": draw(size=(2, 2)),
                "st": np.array([-1]),
                "en": np.array([-9]),
                "ax": np.array([1]),
                "sp": np.array([-1]),
                "i": np.array([3, 1, 0, 2]),
                "r": np.array([1, 1]),
                "ex": np.array([4, 1]),
                "rx": np.array([1]),
                "sq": np.array([1]),
            },
            ("batch", 4),
        ),
        (
            [
                node("Div", "z r", "u"),
                node("Erf", "u", "e"),
                node("Add", "e one", "g"),
                node("Mul", "z g", "p"),
                node("Mul", "p half", "h"),
                node("Clip", "h lo hi", "k"),
                node("PRelu", "k sl", "l"),
                node("Shape", "l", "sh"),
                node("Reshape", "l sh", "y"),
                node("Pow", "y two", "x"),
            ],
            {
                "r": np.array(2.0**0.5),
                "one": np.array(1.0),
                "half": np.array(0.5),
                "lo": np.array(-1.0),
                "hi": np.array(2.0),
                "sl": draw(size=3),
                "two": np.array(2.0),
            },
            ("batch", 3),
        ),
        (
            [
                node("Transpose", "z", "t", perm=[1, 0]),
                node("GatherND", "t i", "g"),
                node("ScatterND", "t j g", "s"),
                node("Transpose", "s", "u", perm=[1, 0]),
                node("Where", "k u z", "w"),
                node("Max", "w c", "m"),
                node("Abs", "m", "a"),
                node("GatherElements", "a e", "f", axis=1),
                node("Mish", "f", "h"),
                node("NonZero", "c", "nz"),
                node("Gather", "nz zero", "p", axis=0),
                node("Gather", "h p", "x", axis=1),
            ],
            {
                "i": np.array([[3], [0], [2], [1]]),
                "j": np.array([[0], [1], [3], [2]]),
                "k": np.array([True, False, True, True]),
                "c": draw(size=4),
                "e": np.array([[1, 0, 3, 2]]),
                "zero": np.array(0),
            },
            (1, 4),
        ),
    ]
    return [model(nodes, constants, latent, np.float32).SerializeToString() for nodes, constants, latent in models]


def damaged(content: bytes, choose: random.Random) -> bytes:
    """One damaged copy of a file: half of the time on the level of bytes, half of the time of the model's parts."""
    if choose.random() < 0.5:
        return choose.choice(BYTE_MUTATIONS)(content, choose)
    proto = onnx.ModelProto.FromString(content)
    for _ in range(choose.choice((1, 1, 1, 2, 4))):
        choose.choice(MODEL_MUTATIONS)(proto, choose)
    return proto.SerializeToString()


def _flip(content: bytes, choose: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(choose.choice((1, 1, 2, 8, 64))):
        changed[choose.randrange(len(changed))] = choose.randrange(256)
    return bytes(changed)


def _cut(content: bytes, choose: random.Random) -> bytes:
    return content[: choose.randrange(len(content))]


def _splice(content: bytes, choose: random.Random) -> bytes:
    start, end = sorted(choose.randrange(len(content)) for _ in range(2))
    place = choose.randrange(len(content))
    if choose.random() < 0.5:
        return content[:start] + content[end:]
    return content[:place] + content[start:end] * choose.choice((1, 2, 9)) + content[place:]


def _resize_tensor(proto: onnx.ModelProto, choose: random.Random) -> None:
    tensor = choose.choice(proto.graph.initializer)
    tensor.dims[:] = [choose.choice(EXTREMES) for _ in range(choose.randrange(6))]
    if choose.random() < 0.3:
        tensor.ClearField("raw_data")


def _refill_tensor(proto: onnx.ModelProto, choose: random.Random) -> None:
    tensor = choose.choice(proto.graph.initializer)
    count = choose.choice((1, 1, 2, 4, 8))
    if choose.random() < 0.7:
        values: AnyArray = np.array([choose.choice(EXTREMES) for _ in range(count)], dtype=np.int64)
    else:
        values = np.array([choose.choice((0.0, 1e-40, 1e38, -1.0, np.nan, np.inf)) for _ in range(count)], np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values if choose.random() < 0.8 else values[:1].reshape(()), tensor.name))


def _retype_tensor(proto: onnx.ModelProto, choose: random.Random) -> None:
    choose.choice(proto.graph.initializer).data_type = choose.choice((0, 1, 2, 7, 8, 9, 10, 11, 14, 16, 17, 23, 99))


def _externalise(proto: onnx.ModelProto, choose: random.Random) -> None:
    tensor = choose.choice(proto.graph.initializer)
    tensor.data_location = TensorProto.EXTERNAL
    for key, values in (("location", ("../x", "/etc/passwd", "x", "")), ("offset", ("0", "-1", "9" * 40, "a"))):
        tensor.external_data.add(key=key, value=choose.choice(values))


def _change_attribute(proto: onnx.ModelProto, choose: random.Random) -> None:
    attributes = [attribute for entry in proto.graph.node for attribute in entry.attribute]
    if not attributes:
        return
    attribute = choose.choice(attributes)
    if choose.random() < 0.2:
        attribute.type = choose.choice(AttributeProto.AttributeType.values())
    attribute.i = choose.choice(EXTREMES)
    attribute.f = choose.choice((0.0, -1.0, float("nan"), float("inf"), 1e38))
    attribute.s = choose.choice((b"", b"linear", b"\xff\xfe", b"SAME_UPPER"))
    attribute.ints[:] = [choose.choice(EXTREMES) for _ in range(choose.randrange(7))]


def _change_operator(proto: onnx.ModelProto, choose: random.Random) -> None:
    choose.choice(proto.graph.node).op_type = choose.choice((*lowerings(), *EXTRA_OPERATORS, "", "N\no", "\u2603"))


def _rewire(proto: onnx.ModelProto, choose: random.Random) -> None:
    names = ["", "z", "x", *(tensor.name for tensor in proto.graph.initializer)]
    names += [name for entry in proto.graph.node for name in entry.output]
    entry = choose.choice(proto.graph.node)
    target = entry.input if choose.random() < 0.8 else entry.output
    if target and choose.random() < 0.8:
        target[choose.randrange(len(target))] = choose.choice(names)
    else:
        target.append(choose.choice(names))


def _drop_or_repeat(proto: onnx.ModelProto, choose: random.Random) -> None:
    position = choose.randrange(len(proto.graph.node))
    if choose.random() < 0.5 and len(proto.graph.node) > 1:
        del proto.graph.node[position]
    else:
        proto.graph.node.add().CopyFrom(proto.graph.node[position])


def _change_latent(proto: onnx.ModelProto, choose: random.Random) -> None:
    shape = proto.graph.input[0].type.tensor_type.shape
    if shape.dim and choose.random() < 0.8:
        choose.choice(shape.dim).dim_value = choose.choice(EXTREMES)
    else:
        shape.dim.add().dim_value = choose.choice(EXTREMES)


def _change_header(proto: onnx.ModelProto, choose: random.Random) -> None:
    proto.opset_import[0].version = choose.choice((-1, 1, 6, 7, 9, 11, 13, 18, 25, 1 << 40))
    entry = proto.metadata_props.add()
    entry.key, entry.value = "certify.parameters", choose.choice(("", "-3", "1", "9" * 30, "\u0663"))


BYTE_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _flip, _cut, _splice)
MODEL_MUTATIONS: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    _resize_tensor,
    _refill_tensor,
    _refill_tensor,
    _retype_tensor,
    _externalise,
    _change_attribute,
    _change_attribute,
    _change_operator,
    _rewire,
    _drop_or_repeat,
    _change_latent,
    _change_header,
)
