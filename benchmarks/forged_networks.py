"""Networks that differ in one thing which a checker could overlook, and which others read otherwise or not at all.

A checker that overlooked it would confirm, under the digest of the changed file, a certificate of the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def forged(document: dict[str, Any], model: bytes, **parts: Any) -> str:
    """The certificate under the digest of the model, with other parts."""
    digest = {"name": "forged", "sha256": hashlib.sha256(model).hexdigest()}
    return json.dumps({**document, "network": digest, **parts})


def changed_network(name: str) -> bytes:
    """The file of the network with that change."""
    model = two_layers()
    NETWORKS[name](model)
    content: bytes = model.SerializeToString()
    return content


def two_layers(**attributes: Any) -> onnx.ModelProto:
    """B tanh(A z + a), with attributes of the Gemm."""
    weights = [numpy_helper.from_array(np.eye(2, dtype=np.float32), name) for name in ("a", "b")]
    weights.append(numpy_helper.from_array(np.ones(2, dtype=np.float32), "row"))
    nodes = [
        helper.make_node("Gemm", ["z", "a", "row"], ["v"], **attributes),
        helper.make_node("Tanh", ["v"], ["s"]),
        helper.make_node("MatMul", ["s", "b"], ["x"]),
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2])] for name in ("z", "x")]
    graph = helper.make_graph(nodes, "g", ends[0], ends[1], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def _typed(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.float_data.extend([1.0, 0.0, 0.0, 1.0])


def _attribute(model: onnx.ModelProto, name: str, value: float, raw: bytes) -> None:
    """An attribute of the Gemm with further bytes: a reader skips a field whose wire type is not its own."""
    attribute = model.graph.node[0].attribute.add()
    attribute.CopyFrom(helper.make_attribute(name, value))
    attribute.MergeFromString(raw)


def _vector_weight(model: onnx.ModelProto, node: int) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, dtype=np.float32), "w"))
    model.graph.node[node].input[1] = "w"
    model.graph.node[node].attribute.extend([helper.make_attribute("transB", 1)] if node == 0 else [])


def with_input(dimension: bytes, more: bytes = b"") -> bytes:
    """The file of the network with that second dimension of its input, and further bytes of the input's type.

    Where one of several fields may be set, a file can hold two: others take the last one.
    """
    model = two_layers()
    shape = _part(1, b"\x12\x01N") + _part(1, dimension)
    entry = _part(1, b"z") + _part(2, _part(1, b"\x08\x01" + _part(2, shape)) + more)
    model.graph.ClearField("input")
    graph = model.graph.SerializeToString() + _part(11, entry)
    model.ClearField("graph")
    content: bytes = model.SerializeToString()
    return content + _part(7, graph)


def _part(field: int, content: bytes) -> bytes:
    """A field of the wire: its tag, its length in groups of seven bits, its bytes."""
    low, high = len(content) & 127, len(content) >> 7
    return bytes([field << 3 | 2, low | 128, high] if high else [field << 3 | 2, low]) + content


NETWORKS: dict[str, Callable[[onnx.ModelProto], object]] = {
    "alpha": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("alpha", 0.5)),
    "beta": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("beta", 0.0)),
    "transA": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("transA", 1)),
    "transB is 2": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("transB", 2)),
    "transB twice": lambda m: m.graph.node[0].attribute.extend([helper.make_attribute("transB", i) for i in (0, 1)]),
    "transB is 1, beside a float's field that holds the integer 0": lambda m: _attribute(m, "transB", 1, b"\x10\0"),
    "transB is 1, beside the float 0": lambda m: _attribute(m, "transB", 1, b"\x15\0\0\0\0"),
    "transB is said to be a float": lambda m: _attribute(m, "transB", 0, b"\xa0\x01\x01"),
    "alpha is 0, beside an integer's field that holds the float 1": lambda m: m.graph.node[0].attribute.add(
    ).MergeFromString(b"\x0a\x05alpha\xa0\x01\x01\x1d\0\0\x80?"),
    "alpha is said to be an integer": lambda m: _attribute(m, "alpha", 1.0, b"\xa0\x01\x02"),
    "an attribute by reference": lambda m: m.graph.node[0].attribute.add(name="alpha", ref_attr_name="a"),
    "an attribute by reference, beside its value": lambda m: _attribute(m, "transB", 1, b"\xaa\x01\x01a"),
    "an attribute of Tanh": lambda m: m.graph.node[1].attribute.append(helper.make_attribute("alpha", 1.0)),
    "external data": _external,
    "data in another field": _typed,
    "float64 under the size of float32": lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.DOUBLE),
    "half floats": lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.FLOAT16),
    "a shape of another size": lambda m: m.graph.initializer[0].dims.__setitem__(0, 3),
    "a shape of three dimensions": lambda m: m.graph.initializer[0].dims.append(1),
    "a shape with 0": lambda m: m.graph.initializer[0].dims.__setitem__(0, 0),
    "a scalar": lambda m: m.graph.initializer[2].ClearField("dims"),
    "a segment": lambda m: setattr(m.graph.initializer[0].segment, "end", 1),
    "an infinite weight": lambda m: setattr(
        m.graph.initializer[0], "raw_data", np.array([np.inf, 0, 0, 1], dtype=np.float32).tobytes()
    ),
    "a weight that is no number": lambda m: setattr(
        m.graph.initializer[0], "raw_data", np.array([np.nan, 0, 0, 1], dtype=np.float32).tobytes()
    ),
    "a vector as a matrix of MatMul": lambda m: _vector_weight(m, 2),
    "a vector as a matrix of Gemm": lambda m: _vector_weight(m, 0),
    "a bias of another width": lambda m: m.graph.initializer[2].CopyFrom(
        numpy_helper.from_array(np.ones(1, dtype=np.float32), "row")
    ),
    "a bias with rows": lambda m: m.graph.initializer[2].CopyFrom(
        numpy_helper.from_array(np.ones((2, 2), dtype=np.float32), "row")
    ),
    "two constants of one name": lambda m: m.graph.initializer.append(m.graph.initializer[0]),
    "a result with a constant's name": lambda m: m.graph.node[1].output.__setitem__(0, "b"),
    "a result with another's name": lambda m: m.graph.node[1].output.__setitem__(0, "v"),
    "a constant without a name": lambda m: (
        setattr(m.graph.initializer[2], "name", ""), m.graph.node[0].input.__setitem__(2, "")
    ),
    "two results of a node": lambda m: m.graph.node[1].output.append("more"),
    "an input that nothing makes": lambda m: m.graph.node[2].input.__setitem__(0, "none"),
    "two outputs": lambda m: m.graph.output.append(m.graph.output[0]),
    "an output that nothing makes": lambda m: setattr(m.graph.output[0], "name", "none"),
    "no output": lambda m: m.graph.ClearField("output"),
    "two inputs": lambda m: m.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])),
    "an input of three dimensions": lambda m: m.graph.input[0].type.tensor_type.shape.dim.add(dim_value=2),
    "an input without a width": lambda m: m.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value"),
    "an operator that is not read": lambda m: setattr(m.graph.node[1], "op_type", "Sin"),
    "an operator of another domain": lambda m: setattr(m.graph.node[1], "domain", "custom"),
    "another set of operators": lambda m: m.opset_import.append(helper.make_opsetid("custom", 1)),
    "old operators": lambda m: setattr(m.opset_import[0], "version", 6),
    "operators of a version below 0": lambda m: setattr(m.opset_import[0], "version", -1),
    "no set of operators": lambda m: m.ClearField("opset_import"),
    "functions": lambda m: m.functions.add(),
    "training": lambda m: m.training_info.add(),
    "a sparse constant": lambda m: m.graph.sparse_initializer.add(),
    "no neurons": lambda m: (
        m.graph.node[2].input.__setitem__(0, "v"), m.graph.node.__delitem__(1)
    ),
}  # fmt: skip
