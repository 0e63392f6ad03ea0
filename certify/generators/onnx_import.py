"""ONNX files as generators: every operator lowers to the five node kinds of the graph, nothing is executed.

The generator is the function that the file defines over the real numbers, at batch size one. float32 weights are
the exact numbers they are. Where a constant has to be computed (a batch normalisation's factor, a division by a
constant that is no power of two) it is rounded once to a double, and the metadata entry `rounded_constants`
lists the operators concerned: certificates are about the generator with those doubles. A GELU spelled out with
constants within one float32 rounding of its own counts as GELU, and is listed as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.nodes import Activation, Affine, Graph, Input, Node, Product, Sum
from certify.generators.onnx_lowering import ImportedModel, imported_model
from certify.generators.onnx_model import MALFORMED, METADATA_PREFIX, Model, one_line, parsed_model
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Constant, Symbol, shown
from certify.generators.runtime_comparison import compared_with_runtime

MAXIMUM_MESSAGE = 1000


def load_onnx(path: str | Path, output: str | None = None) -> Generator:
    """The generator G: R^d -> R^n of an ONNX file with one input (batch, d...) and one output.

    `output` names the output to take where there are several. The file is run by a second engine and compared with
    the graph (`certify.generators.runtime_comparison`); the record is the generator's `comparison`.

    Its parameters N are the entries of the distinct initialisers that enter as weights (batch statistics and
    scalar constants are not counted), unless the file's metadata declares a smaller count as
    `certify.parameters`. Metadata entries with the prefix `certify.` are copied without it.

    Raises InputError, one line, when the file is missing, unreadable, too large, not ONNX, has operators with no
    lowering, NaN or infinite weights, unknown extents, several inputs or outputs, n < d, or another value in the
    second engine. Never executes code and reads no file outside of the model's folder.
    """
    path = Path(path)
    proto = parsed_model(path)
    try:
        # What overflows is refused where the graph is put together, whichever operator did it.
        with np.errstate(all="ignore"):
            imported, generator = _read(proto, path, output)
            return replace(generator, comparison=compared_with_runtime(imported, generator.graph))
    except InputError as error:
        raise InputError(f"{shown(str(path), 400)}: {_shortened(str(error))}") from error


def generator_from_model(proto: onnx.ModelProto, path: Path, output: str | None = None) -> Generator:
    """The generator of a model that is in memory, as `load_onnx` but not compared; `path` is where it came from."""
    try:
        with np.errstate(all="ignore"):
            return _read(proto, path, output)[1]
    except InputError as error:
        raise InputError(f"{shown(str(path), 400)}: {_shortened(str(error))}") from error


def load_constant_output(path: str | Path, output: str, why: str) -> FloatArray:
    """The values of an output that does not depend on the latent vector, compared with the second engine as well.

    Raises InputError as `load_onnx` does, and with the reason `why` where it does depend.
    """
    path = Path(path)
    proto = parsed_model(path)
    try:
        with np.errstate(all="ignore"):
            try:
                imported = imported_model(proto, path, output)
            except InputError:
                raise
            except MALFORMED as error:
                raise InputError(f"the ONNX model is malformed ({one_line(error)})") from error
            value = imported.values.get(output)
            if value is None and output in imported.model.initialisers:
                value = imported.model.initialiser(output)
            if isinstance(value, Constant) and value.array.dtype.kind != "f":
                raise InputError(f"the output {shown(output)} holds {value.array.dtype}; real numbers are expected")
            if not isinstance(value, Constant):
                raise InputError(f"the output {shown(output)} depends on the input {shown(imported.source)}: {why}")
            if imported.operators:
                compared_with_runtime(imported, None)
            return value.array.reshape(-1)
    except InputError as error:
        raise InputError(f"{shown(str(path), 400)}: {_shortened(str(error))}") from error


def _read(proto: onnx.ModelProto, path: Path, output: str | None) -> tuple[ImportedModel, Generator]:
    try:
        imported = imported_model(proto, path, output)
        return imported, _generator(proto, path, output, imported)
    except InputError:
        raise
    except MALFORMED as error:
        raise InputError(f"the ONNX model is malformed ({one_line(error)})") from error


def _generator(proto: onnx.ModelProto, path: Path, output: str | None, imported: ImportedModel) -> Generator:
    result = imported.values.get(imported.target)
    if not isinstance(result, Symbol):
        raise InputError(f"the output {shown(imported.target)} does not depend on the input {shown(imported.source)}")
    graph = _pruned(imported.builder, result)
    if graph.observed_dim < graph.latent_dim:
        raise InputError(
            f"the output has n = {graph.observed_dim} entries and the latent vector d = {graph.latent_dim}; a map with "
            "n < d cannot be injective, so a generator with n >= d is expected"
        )
    metadata = _metadata(proto, imported.builder, imported.model.opset)
    # Where an encoder that was trained with this decoder may lie beside it.
    metadata["file"] = str(path)
    if output is not None:
        metadata["output"] = output
    if imported.notes:
        metadata["read_as"] = "; ".join(imported.notes)
    return Generator(path.stem, graph, _parameters(imported.model, imported.builder, metadata), metadata)


def _shortened(message: str) -> str:
    """A message whose lists, which come from the file, may be of any length."""
    return message if len(message) <= MAXIMUM_MESSAGE else f"{message[: MAXIMUM_MESSAGE - 3]}..."


def _pruned(builder: GraphBuilder, output: Symbol) -> Graph:
    """The ancestors of the output as a graph whose last node is the output."""
    last = builder.materialised(output).node
    kept = {0, last}
    for position in range(last, 0, -1):
        if position in kept:
            kept.update(builder.nodes[position].sources)
    order = sorted(kept)
    renamed = {position: rank for rank, position in enumerate(order)}
    if len(order) > 1 and 0 not in {source for position in order for source in builder.nodes[position].sources}:
        raise InputError("the output does not depend on the input")
    nodes = tuple(_renumbered(builder.nodes[position], renamed) for position in order)
    for node in nodes:
        if isinstance(node, Affine) and not _is_finite(node):
            raise InputError("a constant of the model overflows to NaN or infinity when it is folded")
        if isinstance(node, Sum) and not all(math.isfinite(factor) for factor in node.coefficients):
            raise InputError("a constant of the model overflows to NaN or infinity when it is folded")
    return Graph(nodes)


def _is_finite(node: Affine) -> bool:
    entries = node.weight.data if sp.issparse(node.weight) else node.weight
    return bool(np.all(np.isfinite(entries)) and np.all(np.isfinite(node.bias)))


def _renumbered(node: Node, renamed: dict[int, int]) -> Node:
    match node:
        case Input():
            return node
        case Affine():
            return Affine(renamed[node.source], node.weight, node.bias)
        case Sum():
            return Sum(tuple(renamed[source] for source in node.sources), node.coefficients, node.width)
        case Product():
            return Product((renamed[node.sources[0]], renamed[node.sources[1]]), node.width)
        case Activation():
            return Activation(renamed[node.source], node.name, node.width, node.parameters)


def _metadata(proto: onnx.ModelProto, builder: GraphBuilder, opset: int) -> dict[str, str]:
    metadata = {
        entry.key.removeprefix(METADATA_PREFIX): entry.value
        for entry in proto.metadata_props
        if entry.key.startswith(METADATA_PREFIX)
    }
    metadata |= {"format": "onnx", "opset": str(opset), "producer": proto.producer_name}
    if builder.rounded:
        metadata["rounded_constants"] = ", ".join(name or "unnamed" for name in dict.fromkeys(builder.rounded))
    return metadata


def _parameters(model: Model, builder: GraphBuilder, metadata: dict[str, str]) -> int:
    """Entries of the initialisers used as weights; a declared count is taken when it is positive and not larger."""
    counted = sum(_entries(model.initialisers[name]) for name in builder.parameters if name in model.initialisers)
    declared = metadata.get("parameters")
    if declared is None:
        return counted
    if not declared.isdecimal() or len(declared) > 12 or not 0 <= int(declared) <= counted:
        raise InputError(
            f"the metadata entry `{METADATA_PREFIX}parameters` is {shown(declared)}; an integer from 0 to "
            f"{counted}, the number of weights in the file, is expected"
        )
    return int(declared)


def _entries(proto: onnx.TensorProto | onnx.SparseTensorProto) -> int:
    dims: Iterable[int] = proto.values.dims if isinstance(proto, onnx.SparseTensorProto) else proto.dims
    return math.prod(int(extent) for extent in dims)
