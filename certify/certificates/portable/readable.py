"""Whether the files of `checker/` can read a network: a certificate that they cannot is not worth writing."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper

OPERATORS = frozenset({"Gemm", "MatMul", "Add", "Tanh", "Sigmoid", "Relu", "Softplus"})
PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0}
"""Attributes of Gemm that may be written, with their only values."""


def why_unreadable(model: onnx.ModelProto) -> str:
    """The first thing in the file that the checkers do not read; "" if none was found."""
    return next(_unread(model.graph), "")


def _unread(graph: onnx.GraphProto) -> Iterator[str]:
    others = sorted({node.op_type for node in graph.node} - OPERATORS)
    if others:
        yield f"the checker reads {', '.join(sorted(OPERATORS))}; the file has {', '.join(others)}"
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for tensor in graph.initializer:
        plain = tensor.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE) and len(tensor.dims) in (1, 2)
        if not plain or tensor.external_data or not tensor.HasField("raw_data"):
            yield f"the checker reads vectors and matrices of floats as raw data in the file; `{tensor.name}` is none"
    for node in graph.node:
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            if attribute.name != "transB" and (node.op_type != "Gemm" or value != PLAIN.get(attribute.name)):
                yield f"the checker reads no attribute `{attribute.name}` = {value!r:.30} of {node.op_type}"
        if node.op_type in ("Gemm", "MatMul") and [name in constants for name in node.input] not in (
            [False, True],
            [False, True, True],
        ):
            yield f"the checker reads {node.op_type} of a computed tensor with constants; `{node.name}` is not one"
        if node.op_type == "Gemm" and len(node.input) == 3:
            transposed = any(item.name == "transB" and item.i for item in node.attribute)
            width = constants[node.input[1]].dims[0 if transposed else -1]
            if list(constants[node.input[2]].dims) not in ([width], [1, width]):
                yield f"the checker reads one bias per output, {width}; `{node.input[2]}` has another shape"
    for item in graph.input:
        shape = item.type.tensor_type.shape.dim
        if item.name not in constants and not (len(shape) == 2 and shape[1].dim_value > 0):
            yield f"the checker reads an input of the shape (batch, d) with d in the file; `{item.name}` has another"
