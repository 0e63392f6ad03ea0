"""The second engine: the part of an ONNX file that its output depends on, run by onnxruntime or `onnx.reference`.

Only what the import has accepted reaches the engine: operators that are not needed, local functions, declared shapes
and metadata stay behind, and external data is read by the import's own reader. Operators run as they are stored, on one
thread and without graph optimisations: fused kernels would hide the tensors between them and round in other places,
which says nothing about what the file means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from certify.errors import InputError
from certify.generators.onnx_model import Model, needed_operators, one_line
from certify.generators.onnx_operators.builder import MAXIMUM_TENSOR_ENTRIES
from certify.generators.onnx_operators.values import shown
from certify.generators.onnx_tensors import attributes, self_contained
from certify.generators.rounding_error import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Arithmetic

NEWEST_IR_VERSION = 10
ARITHMETICS = {
    TensorProto.FLOAT: FLOAT32,
    TensorProto.DOUBLE: FLOAT64,
    TensorProto.FLOAT16: FLOAT16,
    TensorProto.BFLOAT16: BFLOAT16,
}

Tensors = dict[str, npt.NDArray[Any]]
Run = Callable[[npt.NDArray[Any]], Tensors]


@dataclass(frozen=True, eq=False)
class Engine:
    """An engine that has loaded a file: what it is, how it computes and `run(z)`, the tensors at one latent vector.

    `kind` is the type that z is rounded to; `as_stored` is False for a float32 copy.
    """

    name: str
    arithmetic: Arithmetic
    kind: np.dtype[Any]
    run: Run
    note: str = ""
    as_stored: bool = True


class NotRunError(Exception):
    """Neither engine can run the file; the message says why. Not a fault of the file."""


def start(model: Model, target: str, names: list[str]) -> Engine:
    """An engine that returns the tensors `names` of the part of the model that `target` depends on.

    onnxruntime where it has the operators; a float32 copy in onnxruntime where it lacks a kernel of the stored type;
    `onnx.reference` where it lacks the operator or the operator set.
    Raises InputError where onnxruntime finds the file invalid, NotRunError where nothing can run it.
    """
    stored = _needed_part(model, target, names)
    arithmetic = _coarsest(stored)
    if arithmetic is not BFLOAT16:
        try:
            return _onnxruntime(stored, names, arithmetic, "")
        except _LacksKernel as lack:
            reason = str(lack)
        except _LacksOperator as lack:
            return _reference(stored, names, arithmetic, str(lack))
    else:
        reason = "bfloat16 is not computed in"
    if arithmetic is not FLOAT32:
        try:
            copy = _onnxruntime(_in_float32(stored), names, FLOAT32, f"run in float32: {reason}")
            return replace(copy, as_stored=False)
        except (_LacksKernel, _LacksOperator):
            pass
    return _reference(stored, names, arithmetic, reason)


def _needed_part(model: Model, target: str, names: list[str]) -> onnx.ModelProto:
    nodes = needed_operators(model, target, {})
    read = {name for node in nodes for name in node.input} | {target}
    graph = onnx.GraphProto(name="part")
    graph.node.extend(nodes)
    for node in nodes:
        # Inside of a recognised activation nothing has been decoded yet.
        attributes(node.attribute, f"operator {shown(node.op_type)} (node {shown(node.name)})")
    entries = 0
    for name in sorted(read & set(model.initialisers)):
        proto = model.initialisers[name]
        entries += math.prod(int(extent) for extent in proto.dims)
        model.initialiser(name)
        if isinstance(proto, onnx.SparseTensorProto):
            graph.sparse_initializer.append(proto)
        else:
            graph.initializer.append(self_contained(proto, model.folder))
    if entries > 4 * MAXIMUM_TENSOR_ENTRIES:
        raise NotRunError(f"its constants have {entries} entries when they are stored dense")
    graph.input.extend(entry for entry in model.graph.input if entry.name not in model.initialisers)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    version = onnx.OperatorSetIdProto(domain="", version=model.opset)
    return onnx.ModelProto(ir_version=NEWEST_IR_VERSION, opset_import=[version], graph=graph)


def _coarsest(proto: onnx.ModelProto) -> Arithmetic:
    """The coarsest floating-point type of the input, of a constant or of a cast."""
    kinds = {entry.type.tensor_type.elem_type for entry in proto.graph.input}
    kinds |= {tensor.data_type for tensor in _tensors(proto)}
    kinds |= {item.i for node in proto.graph.node if node.op_type == "Cast" for item in node.attribute}
    found = [ARITHMETICS[kind] for kind in kinds if kind in ARITHMETICS]
    return max(found, key=lambda arithmetic: arithmetic.unit)


def _tensors(proto: onnx.ModelProto) -> Iterator[TensorProto]:
    yield from proto.graph.initializer
    for sparse in proto.graph.sparse_initializer:
        yield sparse.values
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t


def _in_float32(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose floating-point numbers are all float32."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for entry in copy.graph.input:
        entry.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in _tensors(copy):
        if tensor.data_type in ARITHMETICS and tensor.data_type != TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for node in copy.graph.node:
        for item in node.attribute:
            if node.op_type == "Cast" and item.name == "to" and item.i in ARITHMETICS:
                item.i = TensorProto.FLOAT
    return copy


class _LacksKernel(Exception):
    """onnxruntime knows the operator, not for this type."""


class _LacksOperator(Exception):
    """onnxruntime does not know the operator or the operator set."""


def _onnxruntime(proto: onnx.ModelProto, names: list[str], arithmetic: Arithmetic, note: str) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    name = f"onnxruntime {onnxruntime.__version__}"
    try:
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common base
        _refuse(name, error, proto)
    kind, run = _feeding(name, proto, names, lambda feed: session.run(names, feed))
    return Engine(name, arithmetic, kind, run, note)


def _refuse(engine: str, error: Exception, proto: onnx.ModelProto) -> None:
    """Raise what an error of onnxruntime at loading means."""
    message = str(error)
    if "NOT_IMPLEMENTED" in message:
        raise _LacksKernel(f"{engine} has no kernel of the stored type ({_reason(error)})") from error
    if "ValidateOpsetForDomain" in message:
        version = proto.opset_import[0].version
        raise _LacksOperator(f"{engine} does not know operator set {version}") from error
    if "No Op registered" in message and _in_standard(proto):
        raise _LacksOperator(f"{engine} does not know an operator ({_reason(error)})") from error
    raise InputError(f"{engine} refuses the file ({_reason(error)})") from error


def _in_standard(proto: onnx.ModelProto) -> bool:
    """Whether every operator is in the standard at the file's operator set."""
    version = proto.opset_import[0].version
    try:
        for node in proto.graph.node:
            onnx.defs.get_schema(node.op_type, version, "")
    except onnx.defs.SchemaError:
        return False
    return True


def _reference(proto: onnx.ModelProto, names: list[str], arithmetic: Arithmetic, note: str) -> Engine:
    from onnx.reference import ReferenceEvaluator

    name = f"onnx.reference {onnx.__version__}"
    try:
        evaluator = ReferenceEvaluator(proto)
    except Exception as error:  # whatever an operator's Python class raises
        raise NotRunError(f"{note}; {name} cannot run it ({one_line(error)})") from error
    kind, run = _feeding(name, proto, names, lambda feed: evaluator.run(names, feed))

    def tried(point: npt.NDArray[Any]) -> Tensors:
        try:
            return run(point)
        except InputError as error:
            raise NotRunError(f"{note}; {error}") from error

    return Engine(name, arithmetic, kind, tried, note)


def _feeding(
    engine: str, proto: onnx.ModelProto, names: list[str], call: Callable[[Tensors], Any]
) -> tuple[np.dtype[Any], Run]:
    entry = proto.graph.input[0]
    kind = onnx.helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)

    def run(point: npt.NDArray[Any]) -> Tensors:
        try:
            return dict(zip(names, call({entry.name: point.astype(kind)}), strict=True))
        except Exception as error:  # the engines' errors have no common base
            raise InputError(f"{engine} cannot run the file ({_reason(error)})") from error

    return kind, run


def _reason(error: Exception) -> str:
    """The engine's message without its paths and codes."""
    text = re.sub(r"^.*\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (This is an invalid model\. )?", "", str(error))
    return one_line(Exception(text))
