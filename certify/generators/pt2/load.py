"""`FILE.pt2` of `torch.export.save` as a generator: ATen operators become ONNX operators, which the one importer reads.

The file is read as data (`certify.generators.pt2.archive`); torch is neither needed nor run. Supported are the
operators of `OPERATORS`, at batch size one; in-place operators and control flow are not among them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.onnx_import import generator_from_model
from certify.generators.onnx_operators.values import shown
from certify.generators.pt2.archive import MALFORMED, ExportedProgram, extents, read_archive
from certify.generators.pt2.call import Call, Emitter
from certify.generators.pt2.operators import OPERATORS

OPSET = 20
FLOATS = {6: onnx.TensorProto.FLOAT16, 7: onnx.TensorProto.FLOAT, 8: onnx.TensorProto.DOUBLE}
"""Types of the latent vector by their code in the archive."""

MAXIMUM_OPERATORS = 20_000


def load_pt2(path: str | Path) -> Generator:
    """The generator G: R^d -> R^n of a program with one input (batch, d...) and one output.

    Raises InputError, one line, for what is no such archive, an operator that is not supported (by name), and whatever
    the ONNX import refuses. Never executes code.
    """
    path = Path(path)
    program = read_archive(path)
    name = shown(str(path), 400)
    try:
        proto = _model(program)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except MALFORMED as error:
        raise InputError(f"{name}: the exported program is malformed ({type(error).__name__})") from error
    generator = generator_from_model(proto, path)
    return replace(generator, metadata={**generator.metadata, "format": "pt2"})


def _model(program: ExportedProgram) -> onnx.ModelProto:
    """The program as an ONNX model."""
    if len(program.nodes) > MAXIMUM_OPERATORS:
        raise InputError(f"the program has {len(program.nodes)} operators; at most {MAXIMUM_OPERATORS} are accepted")
    given = program.values[program.source]
    if given["dtype"] not in FLOATS:
        raise InputError(f"the input {shown(program.source)} is not a tensor of floats")
    kind = FLOATS[given["dtype"]]
    emitter = Emitter(program, helper.tensor_dtype_to_np_dtype(kind), {program.source: "z"})
    for node in program.nodes:
        _append(emitter, node)
    shape = ["batch" if extent is None else extent for extent in extents(given)]
    graph = helper.make_graph(
        emitter.nodes,
        "program",
        [helper.make_tensor_value_info("z", kind, shape)],
        [helper.make_tensor_value_info(emitter.tensor(program.target), kind, None)],
        list(emitter.initialisers.values()),
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, producer_name="torch.export", ir_version=9)


def _append(emitter: Emitter, node: dict[str, Any]) -> None:
    """Rewrite one operator and bind the names of its results."""
    kind = str(node["target"])
    short = kind.removeprefix("torch.ops.aten.").removesuffix(".default")
    call = Call(emitter, short, {entry["name"]: entry["arg"] for entry in node["inputs"]})
    ((form, value),) = node["outputs"][0].items()
    if len(node["outputs"]) != 1:
        raise InputError(f"operator {shown(kind)} has {len(node['outputs'])} results; one is supported")
    if short == "sym_size.int":
        if call.integer("dim") != 0:
            raise InputError(f"operator {shown(kind)} reads an extent that is not the batch; only the batch may vary")
        emitter.sizes[value["as_name"]] = 1
        return
    if short not in OPERATORS and short.partition(".")[0].endswith("_"):
        raise InputError(f"operator {shown(kind)} works in place; save `program.run_decompositions({{}})` instead")
    if short not in OPERATORS:
        listed = ", ".join(sorted(OPERATORS))
        raise InputError(f"operator {shown(kind)} is not supported; supported are {listed}")
    results = OPERATORS[short](call)
    names = [value["name"]] if form == "as_tensor" else [entry["name"] for entry in value]
    if len(names) > len(results):
        raise InputError(f"operator {shown(kind)} has {len(names)} results; {len(results)} are expected")
    emitter.names.update(zip(names, results, strict=False))
