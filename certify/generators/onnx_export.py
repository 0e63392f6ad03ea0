"""Generators as ONNX files: float64, standard operators, no external data; reading one back gives the same graph.

ONNX Runtime has no double-precision kernel for softplus, ELU and the leaky forms, its GELU in tanh form has
float32 constants, and the slopes of ELU and LeakyRelu are float32 attributes in ONNX. These activations are
therefore written out, as identities of real functions that the import recognises, with s = softplus(x):
s = relu(x) + log(1 + exp(-|x|)), elu(x) = relu(x) + alpha (exp(-relu(-x)) - 1),
leaky_relu(x) = relu(x) - alpha relu(-x), leaky_softplus(x) = s + alpha (x - s). GELU in erf form and atan are
standard operators, which the runtime evaluates in float32 models only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import scipy.sparse as sp
from onnx import TensorProto, helper, numpy_helper

from certify.errors import InputError, UnknownNameError
from certify.generators.graph import Activation, Affine, FloatArray, Generator, Product, Sum
from certify.generators.onnx_model import METADATA_PREFIX
from certify.generators.onnx_operators.builder import stored_entries

OPSET = 20
IR_VERSION = 9
DENSE_ENTRIES = 65_536
_OPERATORS = {
    "atan": "Atan",
    "cos": "Cos",
    "exp": "Exp",
    "gelu": "Gelu",
    "reciprocal": "Reciprocal",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "sign": "Sign",
    "sin": "Sin",
    "tanh": "Tanh",
}
_RECOMPUTED_METADATA = ("format", "opset", "producer", "parameters", "rounded_constants")


@dataclass(eq=False)
class _Writer:
    """Operators and initialisers written so far."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    dense: list[TensorProto] = field(default_factory=list)
    sparse: list[onnx.SparseTensorProto] = field(default_factory=list)

    def operator(self, kind: str, inputs: list[str], output: str = "", **options: Any) -> str:
        """Append an operator and return the name of its output."""
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"{kind}_{len(self.nodes)}", **options))
        return name

    def initialiser(self, array: FloatArray, name: str = "") -> str:
        """Append a float64 initialiser and return its name."""
        name = name or f"c{len(self.dense)}"
        self.dense.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=np.float64), name))
        return name

    def scalar(self, value: float) -> str:
        """Append a scalar constant and return its name."""
        return self.initialiser(np.asarray(value))


def export_onnx(generator: Generator, path: str | Path) -> None:
    """Write a generator as an ONNX model of input (batch, d) and output (batch, n), in float64.

    `load_onnx(path)` returns the same graph (equal `sha256`), name of parameters and metadata. Raises InputError
    when the file cannot be written and UnknownNameError for an activation that ONNX cannot express.
    """
    content = onnx_model(generator).SerializeToString(deterministic=True)
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise InputError(f"`{path}` cannot be written ({error.strerror})") from error


def onnx_model(generator: Generator) -> onnx.ModelProto:
    """The ONNX model of a generator."""
    writer = _Writer()
    graph = generator.graph
    names = ["z"]
    for position, node in enumerate(graph.nodes[1:], start=1):
        sources = [names[source] for source in node.sources]
        output = "x" if position == len(graph.nodes) - 1 else f"v{position}"
        match node:
            case Affine():
                _write_affine(writer, node, sources[0], output, position)
            case Sum():
                terms = [
                    source if factor == 1.0 else writer.operator("Mul", [source, writer.scalar(factor)])
                    for source, factor in zip(sources, node.coefficients, strict=True)
                ]
                writer.operator("Sum", terms, output)
            case Product():
                writer.operator("Mul", [sources[0], writer.operator("Identity", [sources[1]])], output)
            case Activation():
                _write_activation(writer, node, sources[0], output)
        names.append(output)
    if len(graph.nodes) == 1:
        writer.operator("Identity", ["z"], "x")
    inputs = [helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["batch", graph.latent_dim])]
    outputs = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["batch", graph.observed_dim])]
    model = helper.make_model(
        helper.make_graph(
            writer.nodes, generator.name or "generator", inputs, outputs, writer.dense, sparse_initializer=writer.sparse
        ),
        producer_name="proof-companion",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    kept = {key: value for key, value in generator.metadata.items() if key not in _RECOMPUTED_METADATA}
    helper.set_model_props(
        model,
        {METADATA_PREFIX + key: value for key, value in {**kept, "parameters": str(_declared(generator))}.items()},
    )
    return model


def _declared(generator: Generator) -> int:
    """The parameter count to declare: N, or the number of weights in the file if that is smaller."""
    stored = sum(
        (stored_entries(node.weight) if _is_written_sparse(node) else math.prod(node.weight.shape)) + node.width
        for node in generator.graph.nodes
        if isinstance(node, Affine)
    )
    return min(generator.parameters, stored)


def _is_written_sparse(node: Affine) -> bool:
    return bool(sp.issparse(node.weight)) and node.weight.shape[0] * node.weight.shape[1] > DENSE_ENTRIES


def _write_affine(writer: _Writer, node: Affine, source: str, output: str, position: int) -> None:
    """Gemm with the transposed weight; large sparse matrices are stored by their non-zero entries."""
    name = f"weight_{position}"
    if _is_written_sparse(node):
        stored = sp.coo_array(node.weight)
        order = np.argsort(stored.row.astype(np.int64) * stored.shape[1] + stored.col)
        places = (stored.row.astype(np.int64) * stored.shape[1] + stored.col)[order]
        values = numpy_helper.from_array(np.ascontiguousarray(stored.data[order], dtype=np.float64), name)
        indices = numpy_helper.from_array(places, f"{name}_indices")
        writer.sparse.append(helper.make_sparse_tensor(values, indices, list(stored.shape)))
    else:
        writer.initialiser(node.weight if isinstance(node.weight, np.ndarray) else node.weight.toarray(), name)
    bias = writer.initialiser(node.bias, f"bias_{position}")
    writer.operator("Gemm", [source, name, bias], output, transB=1)


def _write_activation(writer: _Writer, node: Activation, source: str, output: str) -> None:
    match node.name:
        case "gelu_tanh":
            _write_gelu_tanh(writer, source, output)
        case "silu":
            writer.operator("Mul", [source, writer.operator("Sigmoid", [source])], output)
        case "square":
            writer.operator("Mul", [source, source], output)
        case "softplus":
            _write_softplus(writer, source, output)
        case "leaky_softplus":
            smooth = _write_softplus(writer, source, "")
            gap = writer.operator("Sub", [source, smooth])
            slope = writer.scalar(node.parameters[0])
            writer.operator("Add", [smooth, writer.operator("Mul", [gap, slope])], output)
        case "elu":
            negative = writer.operator("Neg", [_write_negative_part(writer, source)])
            below = writer.operator("Sub", [writer.operator("Exp", [negative]), writer.scalar(1.0)])
            scaled = writer.operator("Mul", [below, writer.scalar(node.parameters[0])])
            writer.operator("Add", [writer.operator("Relu", [source]), scaled], output)
        case "leaky_relu":
            slope = writer.scalar(node.parameters[0])
            scaled = writer.operator("Mul", [_write_negative_part(writer, source), slope])
            writer.operator("Sub", [writer.operator("Relu", [source]), scaled], output)
        case "identity":
            writer.operator("Sub", [writer.operator("Relu", [source]), _write_negative_part(writer, source)], output)
        case name if name in _OPERATORS:
            writer.operator(_OPERATORS[name], [source], output)
        case name:
            raise UnknownNameError("activation", name, [*_OPERATORS, "softplus", "elu", "silu", "square"])


def _write_gelu_tanh(writer: _Writer, source: str, output: str) -> None:
    """GELU in tanh form: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""
    cube = writer.operator("Mul", [writer.operator("Mul", [source, source]), source])
    cubic = writer.operator("Add", [source, writer.operator("Mul", [cube, writer.scalar(0.044715)])])
    argument = writer.operator("Mul", [cubic, writer.scalar(math.sqrt(2.0 / math.pi))])
    gate = writer.operator("Add", [writer.operator("Tanh", [argument]), writer.scalar(1.0)])
    half = writer.operator("Mul", [source, writer.scalar(0.5)])
    writer.operator("Mul", [half, gate], output)


def _write_softplus(writer: _Writer, source: str, output: str) -> str:
    """relu(x) + log(1 + exp(-|x|))."""
    decay = writer.operator("Exp", [writer.operator("Neg", [writer.operator("Abs", [source])])])
    tail = writer.operator("Log", [writer.operator("Add", [decay, writer.scalar(1.0)])])
    return writer.operator("Add", [writer.operator("Relu", [source]), tail], output)


def _write_negative_part(writer: _Writer, source: str) -> str:
    """relu(-x)."""
    return writer.operator("Relu", [writer.operator("Neg", [source])])
