"""Every operator of an ONNX model lowered to the five node kinds: what the import makes of a file, tensor by tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from certify.errors import InputError
from certify.generators.onnx_model import (
    MALFORMED,
    Model,
    activation_patterns,
    chosen_output,
    computed_tensors,
    latent_input,
    latent_type,
    model_parts,
    needed_operators,
    one_line,
)
from certify.generators.onnx_operators import lowerings
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.folding import FOLDED, SHAPES, extents, fold
from certify.generators.onnx_operators.patterns import APPROXIMATED, Recognised
from certify.generators.onnx_operators.schema import DEFAULT_DOMAIN, check_declared, check_read, check_types, defaults
from certify.generators.onnx_operators.values import Attributes, Operation, Symbol, Value, shown
from certify.generators.onnx_tensors import attributes, check_extents


@dataclass(frozen=True, eq=False)
class ImportedModel:
    """What the import made of a file: every tensor by name, in the graph before unused nodes are left out.

    `operators` are those that the target depends on, in the file's order, each with the activation it was
    recognised as part of, if it was; `shape` is the latent input's.
    """

    model: Model
    source: str
    shape: tuple[int, ...]
    target: str
    builder: GraphBuilder
    values: dict[str, Value]
    operators: tuple[tuple[onnx.NodeProto, Recognised | None], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how the file was read, each once."""
        return tuple(dict.fromkeys(self.builder.notes))


def imported_model(proto: onnx.ModelProto, path: Path, output: str | None) -> ImportedModel:
    """Every operator lowered that the output `output` (None: the only one) depends on."""
    model = model_parts(proto, path)
    builder = GraphBuilder()
    source, shape = latent_input(model)
    if latent_type(model, source) == onnx.TensorProto.DOUBLE:
        builder.largest = float(np.finfo(np.float64).max)
    target = chosen_output(model, output)
    values: dict[str, Value] = {source: builder.input(math.prod(shape), shape)}
    moving = computed_tensors(model, source)
    patterns = {name: match for name, match in activation_patterns(model).items() if match.source in moving}
    operators = []
    for node in needed_operators(model, target, patterns):
        match = patterns.get(node.output[0]) if len(node.output) == 1 else None
        values |= lowered_operator(builder, model, node, match, values)
        operators.append((node, match))
    return ImportedModel(model, source, shape, target, builder, values, tuple(operators))


def lowered_operator(
    builder: GraphBuilder, model: Model, node: onnx.NodeProto, match: Recognised | None, values: dict[str, Value]
) -> dict[str, Value]:
    """The outputs of one operator, or of the activation that it is the last step of, by name."""
    if match is not None:
        return {node.output[0]: _activation(builder, node, values[match.source], match)}
    results = _lowered(builder, model, node, values)
    found = {name: value for name, value in zip(node.output, results, strict=False) if name}
    for name, value in found.items():
        check_extents(value.shape, f"tensor {shown(name)}")
    return found


def _activation(builder: GraphBuilder, node: onnx.NodeProto, value: Value, match: Recognised) -> Symbol:
    assert isinstance(value, Symbol)
    if match.name in APPROXIMATED:
        # The certificate is about the activation, and the file's constants may be its own rounded once.
        builder.rounded.append(node.name)
    try:
        return builder.scaled(builder.activation(value, match.name, match.parameters), match.scale)
    except InputError as error:
        raise InputError(f"operator {shown(node.op_type)} (node {shown(node.name)}): {error}") from error


def _lowered(builder: GraphBuilder, model: Model, node: onnx.NodeProto, values: dict[str, Value]) -> tuple[Value, ...]:
    kind, owner = node.op_type, f"operator {shown(node.op_type)} (node {shown(node.name)})"
    table = lowerings()
    if kind in ("If", "Loop", "Scan"):
        raise InputError(f"{owner} is control flow, which is refused; export a model without branches and loops")
    if node.domain not in DEFAULT_DOMAIN or kind not in {*table, *FOLDED, *SHAPES}:
        domain = f" of the domain {shown(node.domain)}" if node.domain not in DEFAULT_DOMAIN else ""
        raise InputError(f"{owner}{domain} is not supported; supported are {', '.join(table)}")
    check_declared(node, owner, model.opset)
    inputs = tuple(_input(model, name, values, owner) for name in node.input)
    given = Attributes(defaults(kind, model.opset) | attributes(node.attribute, owner))
    count = len(node.output)
    operation = Operation(kind, node.name, inputs, tuple(node.input), count, given, model.opset)
    check_types(operation)
    try:
        results = _results(builder, operation)
    except InputError as error:
        raise error if owner in str(error) else InputError(f"{owner}: {error}") from error
    except MALFORMED as error:
        raise InputError(f"{owner} has inconsistent attributes or shapes ({one_line(error)})") from error
    check_read(operation)
    if any(node.output[len(results) :]):
        raise InputError(f"{owner} has {count} outputs; {len(results)} are supported")
    return results


def _results(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
    kind, table = operation.kind, lowerings()
    if kind in SHAPES:
        return (extents(operation),)
    if kind in FOLDED and not any(isinstance(value, Symbol) for value in operation.inputs):
        return (fold(builder, operation),)
    if kind not in table:
        raise InputError(f"the operator is supported for constants only; supported elsewhere are {', '.join(table)}")
    return table[kind](builder, operation)


def _input(model: Model, name: str, values: dict[str, Value], owner: str) -> Value | None:
    if not name:
        return None
    if name not in values:
        if name not in model.initialisers:
            raise InputError(f"{owner} reads {shown(name)}, which no earlier operator produces")
        values[name] = model.initialiser(name)
    return values[name]
