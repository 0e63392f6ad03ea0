"""Hostile decoders of one to three latents, written as ONNX files: what a bound over boxes may get wrong.

Normalisations, softmax and its logarithm, maxima, gates, attention, convolutions, quotients, jumps; saturated steps,
kinks at corners and lattice points, weights of 1e-8 and 1e8, float32 weights, twin and dead neurons, constant outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = np.ndarray[Any, Any]
OPSET = 20


@dataclass
class Writer:
    """Nodes and constants as they are written; every method returns the name of what it made."""

    random: np.random.Generator
    dtype: type
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, values: Any) -> str:
        """A constant of the file's type; integers stay integers."""
        array = np.asarray(values)
        name = f"c{len(self.constants)}"
        stored = array if array.dtype.kind == "i" else array.astype(self.dtype)
        self.constants.append(numpy_helper.from_array(stored, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One operator."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"n{len(self.nodes)}", **attributes))
        return name

    def dense(self, source: str, rows: int, columns: int, gain: float = 1.0, bias: float = 0.3) -> str:
        """A dense layer with `rows` outputs."""
        weight = gain / np.sqrt(columns) * self.random.standard_normal((columns, rows))
        return self.given(source, weight, bias * self.random.standard_normal(rows))

    def given(self, source: str, weight: Array, bias: Array) -> str:
        """A dense layer with this weight (columns, rows)."""
        return self.op("Gemm", source, self.constant(weight), self.constant(bias))

    def model(self, last: str, d: int, n: int) -> onnx.ModelProto:
        """The file from `z` to the value `last` (b, n)."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        self.nodes[-1].output[0] = "x"
        assert last == f"v{len(self.nodes) - 1}", "the last value is the output"
        ends = [helper.make_tensor_value_info(name, kind, ["batch", size]) for name, size in (("z", d), ("x", n))]
        graph = helper.make_graph(self.nodes, "hostile", ends[:1], ends[1:], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


Maker = Callable[[Writer, int, int], str]


def layer_norm(w: Writer, d: int, n: int) -> str:
    """Normalised next to where the variance vanishes: z = 0 without biases."""
    width, epsilon = 4, float(w.random.choice([1e-5, 1e-3, 1e-12]))
    v = w.dense("z", width, d, 1.5, float(w.random.choice([0.0, 0.3])))
    scale, shift = (w.constant(w.random.standard_normal(width)) for _ in range(2))
    v = w.op("LayerNormalization", v, scale, shift, epsilon=epsilon, axis=-1)
    return w.dense(w.op("Tanh", v) if w.random.random() < 0.5 else v, n, width)


def softmax(w: Writer, d: int, n: int) -> str:
    """Softmax or its logarithm at gains up to 300."""
    kind = str(w.random.choice(["Softmax", "LogSoftmax"]))
    v = w.op(kind, w.dense("z", 4, d, float(10 ** w.random.uniform(0, 2.5))), axis=-1)
    return w.dense(v, n, 4)


def max_pool(w: Writer, d: int, n: int) -> str:
    """Maxima of windows, ties among them: of six inputs two are the same."""
    weight = w.random.standard_normal((d, 6))
    weight[:, 3] = weight[:, 2]
    v = w.given("z", weight, np.round(w.random.standard_normal(6)) * (w.random.random() < 0.5))
    v = w.op("Reshape", v, w.constant(np.array([-1, 1, 6])))
    v = w.op("Flatten", w.op("MaxPool", v, kernel_shape=[3], strides=[int(w.random.integers(1, 4))]))
    return w.dense(v, n, (6 - 3) // int(_attribute(w.nodes[-2], "strides")) + 1)


def gates(w: Writer, d: int, n: int) -> str:
    """Products of branches: GLU, SiLU, GELU of both kinds, squares of squares."""
    kind = str(w.random.choice(["glu", "silu", "gelu", "gelu_tanh", "square"]))
    a, b = w.dense("z", 4, d, 2.0), w.dense("z", 4, d, 2.0)
    if kind == "glu":
        v = w.op("Mul", a, w.op("Sigmoid", b))
    elif kind == "silu":
        v = w.op("Mul", b, w.op("Mul", a, w.op("Sigmoid", a)))
    elif kind == "square":
        v = w.op("Mul", a, w.op("Mul", a, b))
    else:
        v = w.op("Mul", b, w.op("Gelu", a, approximate="none" if kind == "gelu" else "tanh"))
    return w.dense(v, n, 4)


def attention(w: Writer, d: int, n: int) -> str:
    """Scores are products of two branches; their softmax weighs values."""
    q, k, v = (w.dense("z", 3, d, 1.5) for _ in range(3))
    weights = w.op("Softmax", w.op("Mul", w.op("Mul", q, k), w.constant(np.full(3, w.random.uniform(0.5, 8)))), axis=-1)
    return w.dense(w.op("Add", w.op("Mul", weights, v), q), n, 3)


def convolution(w: Writer, d: int, n: int) -> str:
    """A convolution with normalised channels, rectified, and a dense layer."""
    v = w.op("Reshape", w.dense("z", 6, d), w.constant(np.array([-1, 2, 3])))
    kernel, bias = w.constant(w.random.standard_normal((2, 2, 3))), w.constant(w.random.standard_normal(2))
    v = w.op("Conv", v, kernel, bias, kernel_shape=[3], pads=[1, 1])
    parts = [w.constant(w.random.standard_normal(2)) for _ in range(3)]
    v = w.op("BatchNormalization", v, *parts, w.constant(10.0 ** w.random.uniform(-6, 2, 2)), epsilon=1e-5)
    return w.dense(w.op("Flatten", w.op("Relu", v)), n, 6)


def residual(w: Writer, d: int, n: int) -> str:
    """Three blocks h + tanh(W h + b), behind which rows are carried back."""
    h = w.dense("z", 4, d)
    for _ in range(3):
        h = w.op("Add", h, w.op(str(w.random.choice(["Tanh", "Sin", "Softplus", "Relu"])), w.dense(h, 4, 4, 1.4)))
    return w.dense(h, n, 4)


def steep(w: Writer, d: int, n: int) -> str:
    """Saturated steps with slopes up to 1e8, some of them at lattice points."""
    weight = w.random.choice([-1.0, 1.0], (d, 4)) * 10 ** w.random.uniform(1, 8, 4)
    at = w.random.choice([0.0, 0.125, 0.5, 1.0, -1.0], 4)
    return w.dense(w.op(str(w.random.choice(["Tanh", "Sigmoid", "Erf"])), w.given("z", weight, -at * weight[0])), n, 4)


def kinks(w: Writer, d: int, n: int) -> str:
    """Kinks exactly at corners: axes, lattice points, and the diagonal."""
    weight = np.concatenate([np.eye(d), -np.eye(d), np.ones((d, 1)), w.random.choice([-1.0, 1.0, 0.0], (d, 2))], axis=1)
    width = weight.shape[1]
    v = w.given("z", weight, np.round(8 * w.random.uniform(-1, 1, width)) / 8)
    kind = str(w.random.choice(["Relu", "Abs", "LeakyRelu", "Elu", "Clip"]))
    if kind == "LeakyRelu":
        v = w.op(kind, v, alpha=float(w.random.choice([-0.7, 1.5, 0.2, 1.0])))
    elif kind == "Elu":
        v = w.op(kind, v, alpha=float(w.random.choice([0.5, 1.0, 3.0])))
    elif kind == "Clip":
        v = w.op(kind, v, w.constant(-0.5), w.constant(0.25))
    else:
        v = w.op(kind, v)
    return w.dense(w.op("Mul", v, v) if w.random.random() < 0.3 else v, n, width)


def scales(w: Writer, d: int, n: int) -> str:
    """1e8 times what 1e-8 made, and the other way round; biases of either size."""
    factor = float(w.random.choice([1e8, 1e-8, 1e4, 1e-150]))
    v = w.given("z", factor * w.random.standard_normal((d, 4)), factor * w.random.standard_normal(4))
    kind = str(w.random.choice(["Relu", "Softplus", "Identity"]))
    v = w.op(kind, v) if kind != "Identity" else v
    return w.given(v, w.random.standard_normal((4, n)) / factor, w.random.standard_normal(n))


def dead(w: Writer, d: int, n: int) -> str:
    """Twin rows, a column of zeros, neurons that never live, and an output that is constant."""
    weight, bias = w.random.standard_normal((d, 6)), w.random.standard_normal(6)
    weight[:, 1], bias[1] = weight[:, 0], bias[0]
    weight[-1] = 0 if w.random.random() < 0.5 else weight[-1]
    bias[2:4] = -1e3, -1e8
    v = w.op(str(w.random.choice(["Relu", "Softplus", "Tanh"])), w.given("z", weight, bias))
    out = w.random.standard_normal((6, n))
    # What the twins add cancels in the first output; nothing else reaches it.
    out[:, 0] = 0.0
    out[:2, 0] = 1.0, -1.0
    return w.given(v, out, w.random.standard_normal(n))


def jumps(w: Writer, d: int, n: int) -> str:
    """Conditionals: softplus with a threshold, and branches that do not meet."""
    a, b = w.dense("z", 3, d, 2.0), w.dense("z", 3, d, 2.0)
    limit = w.constant(np.full(3, float(w.random.choice([0.0, 0.5, 2.0]))))
    other = w.op("Softplus", a) if w.random.random() < 0.5 else w.op("Tanh", b)
    v = w.op("Where", w.op("Greater", a, limit), a, other)
    return w.dense(v, n, 3)


def quotients(w: Writer, d: int, n: int) -> str:
    """Quotients, roots and bells whose arguments are known to be positive."""
    a, b = w.dense("z", 4, d, 2.0), w.dense("z", 4, d, 2.0)
    square = w.op("Mul", b, b)
    floor = w.constant(np.full(4, float(w.random.choice([1e-4, 0.1, 1.0]))))
    kind = int(w.random.integers(3))
    if kind == 0:
        v = w.op("Div", a, w.op("Add", square, floor))
    elif kind == 1:
        v = w.op("Sqrt", w.op("Add", square, floor))
    else:
        v = w.op("Mul", a, w.op("Exp", w.op("Neg", square)))
    return w.dense(v, n, 4)


def waves(w: Writer, d: int, n: int) -> str:
    """Frequencies up to 60: many modes."""
    return w.dense(
        w.op(str(w.random.choice(["Sin", "Cos"])), w.dense("z", 3, d, float(w.random.uniform(2, 60)), 2)), n, 3
    )


MAKERS: Mapping[str, Maker] = {
    item.__name__.replace("_", " "): item
    for item in (layer_norm, softmax, max_pool, gates, attention, convolution, residual, steep, kinks, scales, dead,
                 jumps, quotients, waves)
}  # fmt: skip


def decoder(kind: str, d: int, n: int, random: np.random.Generator) -> onnx.ModelProto:
    """A decoder of that kind; every third stores its weights as float32."""
    writer = Writer(random, np.float32 if random.random() < 0.33 and kind != "scales" else np.float64)
    return writer.model(MAKERS[kind](writer, d, n), d, n)


def _attribute(node: onnx.NodeProto, name: str) -> int:
    return int(next(item.ints[0] for item in node.attribute if item.name == name))
