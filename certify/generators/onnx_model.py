"""What the import reads of an ONNX file: its parts, its latent input, the operators that its output needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from certify.errors import InputError
from certify.generators.onnx_operators.patterns import Recognised, Step, recognised
from certify.generators.onnx_operators.schema import DEFAULT_DOMAIN, is_plain
from certify.generators.onnx_operators.values import Constant, SparseConstant, shown
from certify.generators.onnx_templates import written_activations
from certify.generators.onnx_tensors import FLOATING, sparse_tensor, tensor_array

MAXIMUM_FILE_BYTES = 134_217_728
MAXIMUM_OPERATORS = 20_000
METADATA_PREFIX = "certify."
# An InputError is a ValueError too: where one may come, it is let through first.
MALFORMED = (ValueError, IndexError, KeyError, TypeError, OverflowError, ZeroDivisionError, AttributeError)


@dataclass(frozen=True, eq=False)
class Model:
    """The parts of an ONNX file that the import reads."""

    graph: onnx.GraphProto
    folder: Path
    opset: int
    producers: dict[str, onnx.NodeProto]
    initialisers: dict[str, onnx.TensorProto | onnx.SparseTensorProto]

    def initialiser(self, name: str) -> Constant | SparseConstant:
        """The value of an initialiser, decoded when it is first needed."""
        proto = self.initialisers[name]
        if isinstance(proto, onnx.SparseTensorProto):
            return sparse_tensor(proto)
        return Constant(tensor_array(proto, self.folder), frozenset({name}))


def parsed_model(path: Path) -> onnx.ModelProto:
    """The protocol buffer of a file; raises InputError when it is missing, unreadable, too large or not ONNX."""
    try:
        if path.is_dir():
            raise InputError(f"{shown(str(path), 400)} is a directory; an ONNX file is expected")
        size = path.stat().st_size
        if size > MAXIMUM_FILE_BYTES:
            raise InputError(f"{shown(str(path), 400)} has {size} bytes; at most {MAXIMUM_FILE_BYTES} are accepted")
        content = path.read_bytes()
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{shown(str(path), 400)} does not exist; an ONNX file is expected") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(str(path), 400)} cannot be read ({one_line(error)})") from error
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except (DecodeError, *MALFORMED) as error:
        raise InputError(f"{shown(str(path), 400)} is not an ONNX file, or is truncated ({one_line(error)})") from error
    for part, is_there in (("graph", proto.HasField("graph")), ("operator set", bool(proto.opset_import))):
        if not is_there:
            raise InputError(f"{shown(str(path), 400)} is not an ONNX file, or is truncated: it holds no {part}")
    return proto


def model_parts(proto: onnx.ModelProto, path: Path) -> Model:
    """Operators and initialisers by the tensor they define; raises InputError for doubles and old operator sets."""
    graph = proto.graph
    if len(graph.node) > MAXIMUM_OPERATORS:
        raise InputError(f"the model has {len(graph.node)} operators; at most {MAXIMUM_OPERATORS} are accepted")
    opsets = [entry.version for entry in proto.opset_import if entry.domain in DEFAULT_DOMAIN]
    newest = onnx.defs.onnx_opset_version()
    if len(opsets) != 1 or not 7 <= opsets[0] <= newest:
        raise InputError(
            f"the model uses the operator sets {opsets}; one, of version 7 to {newest} (the newest that the installed "
            "`onnx` knows), is expected"
        )
    if any(function.domain in DEFAULT_DOMAIN for function in proto.functions):
        raise InputError("the model defines a function in the domain of the ONNX operators, which is refused")
    producers: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        for name in node.output:
            if name and name in producers:
                raise InputError(f"the tensor {shown(name)} is produced twice")
            producers[name] = node
    initialisers: dict[str, onnx.TensorProto | onnx.SparseTensorProto] = {
        tensor.name: tensor for tensor in graph.initializer
    }
    initialisers |= {tensor.values.name: tensor for tensor in graph.sparse_initializer}
    clash = sorted(set(initialisers) & set(producers))
    if clash or len(initialisers) != len(graph.initializer) + len(graph.sparse_initializer):
        raise InputError(f"the model defines a tensor twice{': ' + shown(clash[0]) if clash else ''}")
    return Model(graph, path.parent, int(opsets[0]), producers, initialisers)


def only(names: list[str], what: str) -> str:
    """The single name of a list; raises InputError naming what there should be one of."""
    if len(names) != 1:
        listed = ", ".join(shown(name) for name in names[:4]) or "none"
        raise InputError(f"the model has {len(names)} {what} ({listed}); exactly one is expected")
    return names[0]


def chosen_output(model: Model, output: str | None) -> str:
    """The output called `output`, or the only one; raises InputError that lists them where it must be chosen."""
    names = [entry.name for entry in model.graph.output]
    if output is None:
        if len(names) > 1:
            raise InputError(f"the model has {len(names)} outputs ({_listed(names)}); choose one with `--output NAME`")
        return only(names, "outputs")
    if output not in names:
        raise InputError(f"the model has no output {shown(output)}; its outputs are {_listed(names)}")
    return output


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names[:8]) + (", ..." if len(names) > 8 else "") if names else "none"


def latent_type(model: Model, name: str) -> int:
    """Element type of the input `name`."""
    return int(next(entry.type.tensor_type.elem_type for entry in model.graph.input if entry.name == name))


def latent_input(model: Model) -> tuple[str, tuple[int, ...]]:
    """Name and shape, at batch size one, of the only input that is not an initialiser."""
    name = only([entry.name for entry in model.graph.input if entry.name not in model.initialisers], "inputs")
    if name in model.producers:
        raise InputError(f"the input {shown(name)} is also produced by an operator")
    kind = next(entry.type for entry in model.graph.input if entry.name == name)
    if not kind.HasField("tensor_type") or kind.tensor_type.elem_type not in FLOATING:
        raise InputError(f"the input {shown(name)} is not a tensor of floats")
    if not kind.tensor_type.HasField("shape") or not kind.tensor_type.shape.dim:
        raise InputError(f"the input {shown(name)} has no shape; (batch, d) is expected")
    extents = [entry.dim_value if entry.HasField("dim_value") else None for entry in kind.tensor_type.shape.dim]
    if len(extents) > 1:
        if extents[0] not in (None, 1):
            raise InputError(
                f"the input {shown(name)} has the fixed batch size {extents[0]}; export it with batch size 1 or a "
                "dynamic batch axis"
            )
        extents[0] = 1
    known = tuple(int(extent) for extent in extents if extent is not None)
    if len(known) != len(extents) or min(known) < 1:
        raise InputError(
            f"the input {shown(name)} has extents that are unknown or zero; only the batch axis may be dynamic"
        )
    return name, known


def activation_patterns(model: Model) -> dict[str, Recognised]:
    """Tensors that are one activation of another tensor."""
    steps: dict[str, Step] = {}
    scalars: dict[str, float] = {}
    for name, proto in model.initialisers.items():
        if isinstance(proto, onnx.TensorProto) and _is_scalar(proto):
            scalars[name] = float(tensor_array(proto, model.folder).reshape(()))
    for node in model.graph.node:
        if node.op_type == "Constant" and node.domain in DEFAULT_DOMAIN and len(node.output) == 1:
            # Of several attributes the folding reads one and the import refuses the others.
            for attribute in node.attribute[:1]:
                if attribute.name == "value_float":
                    scalars[node.output[0]] = float(attribute.f)
                elif attribute.name == "value" and _is_scalar(attribute.t):
                    scalars[node.output[0]] = float(tensor_array(attribute.t, None).reshape(()))
        elif is_plain(node, model.opset):
            steps[node.output[0]] = Step(node.op_type, tuple(node.input))
    return recognised(steps, scalars) | written_activations(steps, scalars)


def computed_tensors(model: Model, source: str) -> set[str]:
    """The tensors whose values depend on the latent input, which is one of them."""
    found = {source}
    for node in model.graph.node:
        if node.op_type not in ("Shape", "Size") and not found.isdisjoint(node.input):
            found.update(name for name in node.output if name)
    return found


def needed_operators(model: Model, target: str, patterns: dict[str, Recognised]) -> list[onnx.NodeProto]:
    """The operators that the output depends on, in the file's order; a recognised tensor needs only its source."""
    needed, waiting = {target}, [target]
    while waiting:
        name = waiting.pop()
        node = model.producers.get(name)
        if node is None:
            continue
        sources = [patterns[name].source] if name in patterns else list(node.input)
        for source in sources:
            if source and source not in needed:
                needed.add(source)
                waiting.append(source)
    return [node for node in model.graph.node if any(name in needed for name in node.output)]


def _is_scalar(tensor: onnx.TensorProto) -> bool:
    return list(tensor.dims) in ([], [1]) and tensor.data_type in FLOATING


def one_line(error: BaseException) -> str:
    """An exception's message as one printable line of at most 160 characters."""
    text = " ".join(str(error).split())
    printable = ascii(text)[1:-1]
    return printable[:160] or type(error).__name__
