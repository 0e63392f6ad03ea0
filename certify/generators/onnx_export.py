"""Generators as ONNX files: float64, standard operators, no external data; reading one back gives the same graph.

Every operator that is written has a float64 kernel in ONNX Runtime from 1.20 on. Activations without one, or with
one that has float32 constants (GELU in tanh form) or attributes (ELU, LeakyRelu), are composed: see
`certify.generators.onnx_gates` for how, and `certify.generators.onnx_functions` for the three that are approximations.
"""

from __future__ import annotations

import math
from pathlib import Path

import onnx
import scipy.sparse as sp
from onnx import TensorProto, helper

from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.nodes import Activation, Affine, Product, Sum
from certify.generators.onnx_gates import write_gate
from certify.generators.onnx_model import METADATA_PREFIX
from certify.generators.onnx_operators.builder import stored_entries
from certify.generators.onnx_writer import DENSE_ENTRIES, IR_VERSION, OPSET, Initialisers, Scope

_RECOMPUTED_METADATA = ("format", "opset", "producer", "parameters", "rounded_constants")


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
    graph, scope = generator.graph, Scope(Initialisers())
    names = ["z"]
    for position, node in enumerate(graph.nodes[1:], start=1):
        # Equal nodes stay two, as they are in the graph.
        scope.forget()
        scope.prefix = f"v{position}_"
        sources = [names[source] for source in node.sources]
        match node:
            case Affine():
                names.append(_write_affine(scope, node, sources[0], position))
            case Sum():
                factors = zip(sources, node.coefficients, strict=True)
                terms = [source if factor == 1.0 else scope.multiply(source, factor) for source, factor in factors]
                names.append(scope.operator("Sum", terms))
            case Product():
                # The identity keeps x * sigmoid(x) two nodes.
                names.append(scope.multiply(sources[0], scope.apply("Identity", sources[1])))
            case Activation():
                names.append(write_gate(scope, sources[0], node.name, node.parameters, 0))
    scope.operator("Identity", [names[-1]], "x")
    inputs = [helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["batch", graph.latent_dim])]
    outputs = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["batch", graph.observed_dim])]
    model = helper.make_model(
        helper.make_graph(
            scope.nodes,
            generator.name or "generator",
            inputs,
            outputs,
            list(scope.initialisers.dense.values()),
            sparse_initializer=list(scope.initialisers.sparse.values()),
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


def _write_affine(scope: Scope, node: Affine, source: str, position: int) -> str:
    """Gemm with the transposed weight; large sparse matrices are stored by their non-zero entries."""
    weight = scope.initialisers.tensor(f"weight_{position}", node.weight)
    bias = scope.initialisers.tensor(f"bias_{position}", node.bias)
    return scope.operator("Gemm", [source, weight, bias], transB=1)
