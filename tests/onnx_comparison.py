"""Models made of random nodes, read by the import and run by ONNX Runtime, and how far the two may lie apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from certify.errors import InputError
from certify.generators.activations import derivatives
from certify.generators.graph import Activation, Affine, FloatArray, Graph, Input, Product, Sum
from certify.generators.onnx_import import generator_from_model
from certify.generators.onnx_operators import lowerings
from certify.generators.onnx_operators.folding import FOLDED, SHAPES
from tests.onnx_recipes import RECIPES, Draw, Piece, Unsuitable

AnyArray = npt.NDArray[Any]
FLOATS = {TensorProto.FLOAT, TensorProto.DOUBLE}
UNITS = {TensorProto.FLOAT: 2.0**-24, TensorProto.FLOAT16: 2.0**-11, TensorProto.BFLOAT16: 2.0**-8}
SINGLE_INSIDE = {"Gelu", "GroupNormalization", "HardSwish"}
"""Operators with constants or statistics in float32 in the runtime's float64 kernels."""
POINTS = 2


@dataclass
class Assembly:
    """A model under construction: one latent vector, from which every computed input is gathered."""

    opset: int
    dtype: type
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    latent: int = 0
    outputs: list[str] = field(default_factory=list)

    def constant(self, array: AnyArray) -> str:
        name = f"c{len(self.constants)}"
        stored = array.astype(self.dtype) if array.dtype.kind == "f" and array.dtype != np.float32 else array
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(stored).reshape(array.shape), name))
        return name

    def computed(self, array: AnyArray) -> str:
        """A tensor of the array's shape whose entries are entries of the latent vector."""
        index = np.arange(self.latent, self.latent + array.size).reshape(array.shape)
        self.latent += array.size
        name = f"z{len(self.nodes)}"
        self.nodes.append(helper.make_node("Gather", ["z", self.constant(index)], [name], name=f"take_{name}"))
        return name

    def add(self, piece: Piece, computed: set[int], data: str | None = None) -> list[str]:
        """Append a node; `data` is the tensor that its first input is, when it continues a chain."""
        names = []
        for position, value in enumerate(piece.inputs):
            if position == 0 and data is not None:
                names.append(data)
            elif value is None:
                names.append("")
            else:
                names.append(self.computed(value) if position in computed else self.constant(value))
        while names and not names[-1]:
            names.pop()
        attributes = {key: self._attribute(value) for key, value in piece.attributes.items()}
        position = len(self.nodes)
        outputs = [f"y{position}_{rank}" for rank in range(piece.outputs)]
        self.nodes.append(helper.make_node(piece.kind, names, outputs, name=f"n{position}", **attributes))
        return outputs

    def _attribute(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        stored = value.astype(self.dtype) if value.dtype.kind == "f" else value
        return numpy_helper.from_array(np.ascontiguousarray(stored).reshape(value.shape), "value")

    def model(self, outputs: list[str]) -> onnx.ModelProto:
        """The model whose output is every entry of the given tensors, then the latent vector."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        nodes, flat = list(self.nodes), self.constant(np.array([-1]))
        for name in outputs:
            nodes.append(helper.make_node("Cast", [name], [f"{name}_float"], name=f"{name}_float", to=kind))
            nodes.append(helper.make_node("Reshape", [f"{name}_float", flat], [f"{name}_flat"], name=f"{name}_flat"))
        nodes.append(helper.make_node("Concat", [*(f"{name}_flat" for name in outputs), "z"], ["x"], name="x", axis=0))
        return self._proto(nodes, [helper.make_tensor_value_info("x", kind, None)])

    def floating_shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a floating tensor as ONNX infers it, or None; for models that the import has read."""
        proto = self._proto(self.nodes, [onnx.ValueInfoProto(name=name)])
        found = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
        kinds = [entry.type.tensor_type for entry in (*found.value_info, *found.output) if entry.name == name]
        if len(kinds) != 1 or kinds[0].elem_type not in FLOATS or not kinds[0].HasField("shape"):
            return None
        known = [side.dim_value for side in kinds[0].shape.dim if side.HasField("dim_value")]
        return tuple(known) if len(known) == len(kinds[0].shape.dim) else None

    def _proto(self, nodes: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        source = helper.make_tensor_value_info("z", kind, [max(self.latent, 2)])
        graph = helper.make_graph(nodes, "model", [source], outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def random_model(draw: Draw, kinds: list[str], opset: int, dtype: type, length: int) -> tuple[onnx.ModelProto, str]:
    """A chain of at most `length` random nodes and the operators in it; the first comes from `kinds`."""
    assembly = Assembly(opset, dtype)
    names: list[str] = []
    data: str | None = None
    shape: tuple[int, ...] | None = None
    outputs: list[str] = []
    for rank in range(length):
        found = _piece(draw, kinds, opset, shape)
        if found is None:
            break
        # Where the import has only one of the two forms, most models are of that form.
        first = 0.05 if found.kind not in lowerings() else 0.6 if found.kind in FOLDED | SHAPES else 0.95
        eligible = [position for position in found.computable if found.inputs[position] is not None]
        computed = {position for position in eligible if draw.maybe(first if position == 0 else min(first, 0.3))}
        outputs = assembly.add(found, computed, data)
        names.append(found.kind)
        if rank == length - 1 or not _is_read(assembly.model(outputs)):
            break
        data, shape = outputs[0], assembly.floating_shape(outputs[0])
        if shape is None or min(shape, default=1) < 1 or int(np.prod(shape)) > 200:
            break
    return assembly.model(outputs), " ".join(names)


def _is_read(proto: onnx.ModelProto) -> bool:
    try:
        generator_from_model(proto, Path("model.onnx"))
    except InputError:
        return False
    return True


def _piece(draw: Draw, kinds: list[str], opset: int, shape: tuple[int, ...] | None) -> Piece | None:
    for _ in range(20):
        try:
            return RECIPES[draw.choice(kinds)](draw, opset, shape)
        except Unsuitable:
            continue
    return None


def error_bound(graph: Graph, z: FloatArray, unit: float, constant: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Values of a graph at the columns of z, and how far a runtime of unit roundoff `unit` may lie from each entry.

    A running error analysis: a sum of k terms errs by at most (k + 8) u times the sum of their sizes, where 8 stands
    for the runtime's own rounding of constants that are folded here, an activation by 16 u (1 + |sigma|), as elementary
    functions of a few units and of absolute accuracy do; an error e of an argument moves a value by at most what the
    function does over v - e, v, v + e and its slope at v. Where constants are folded their sums may cancel: an offset
    then errs by 8 u times `constant`, the size of what was summed.
    """
    values: list[FloatArray] = []
    errors: list[FloatArray] = []
    for node in graph.nodes:
        match node:
            case Input():
                values.append(z)
                errors.append(np.zeros_like(z))
            case Affine():
                size, v, e = abs(node.weight), values[node.source], errors[node.source]
                is_sparse, bias = hasattr(node.weight, "indptr"), node.bias[:, None]
                terms = np.diff(node.weight.indptr)[:, None] if is_sparse else node.weight.shape[1]
                values.append(np.asarray(node.weight @ v + bias))
                sizes = size @ np.abs(v) + np.abs(bias)
                errors.append(size @ e + unit * ((terms + 8) * sizes + 8 * constant))
            case Sum():
                pairs = list(zip(node.sources, node.coefficients, strict=True))
                values.append(np.asarray(sum(c * values[s] for s, c in pairs)))
                sizes = sum(abs(c) * np.abs(values[s]) for s, c in pairs)
                errors.append(sum(abs(c) * errors[s] for s, c in pairs) + unit * (len(pairs) + 8) * sizes)
            case Product():
                (u, v), (d, e) = ([held[s] for s in node.sources] for held in (values, errors))
                values.append(u * v)
                errors.append(np.abs(u) * e + np.abs(v) * d + d * e + 8 * unit * np.abs(u * v))
            case Activation():
                v, e = values[node.source], errors[node.source]
                here, slope = derivatives(node.name, v, node.parameters, 1)
                spread = np.abs(slope) * e
                for moved in (v - e, v + e):
                    spread = np.maximum(spread, np.abs(derivatives(node.name, moved, node.parameters, 0)[0] - here))
                values.append(here)
                errors.append(spread + 16 * unit * (1 + np.abs(here)))
    return values[-1], errors[-1]


def runtime_session(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """ONNX Runtime as the file is stored: no rewriting of the graph, one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def newest_opset(oldest: int) -> int:
    """The newest operator set that the installed runtime runs and the installed `onnx` knows."""
    newest = onnx.defs.onnx_opset_version()
    while newest > oldest:
        try:
            runtime_session(Assembly(newest, np.float32).model([]))
            return newest
        except Exception:  # the runtime has no single error for an operator set that it does not know
            newest -= 1
    return newest


@dataclass(frozen=True)
class Outcome:
    """`equal`, `refused by us`, `refused by the runtime`, `no kernel`, `not finite` or `different`, with the reason."""

    verdict: str
    reason: str = ""


def compared(proto: onnx.ModelProto, seed: int) -> Outcome:
    """What the import and the runtime make of a model at random points; any exception but InputError is an error."""
    try:
        generator = generator_from_model(proto, Path("model.onnx"))
    except InputError as error:
        return Outcome("refused by us", str(error))
    dtype = helper.tensor_dtype_to_np_dtype(proto.graph.input[0].type.tensor_type.elem_type)
    try:
        session = runtime_session(proto)
    except Exception as error:
        kernel = "NOT_IMPLEMENTED" in str(error) or "Could not find an implementation" in str(error)
        return Outcome("no kernel" if kernel else "refused by the runtime", str(error))
    constant = _size(proto) ** 2 if "rounded_constants" in generator.metadata else 0.0
    unit = max([float(np.finfo(dtype).eps) / 2, *(UNITS.get(kind, 0.0) for kind in _types(proto))])
    choose, seen = np.random.default_rng(seed), False
    # Multiples of 1/1024 up to 3: the same numbers in every floating type that a model may have.
    places = choose.integers(-3072, 3073, (POINTS, generator.latent_dim)) / 1024
    with np.errstate(all="ignore"):
        values, bounds = error_bound(generator.graph, places.T, unit, constant)
    for z, ours, bound in zip(places, values.T, bounds.T, strict=True):
        try:
            theirs = np.asarray(session.run(None, {"z": z.astype(dtype)})[0], dtype=np.float64)
        except Exception as error:
            return Outcome("refused by the runtime", str(error))
        with np.errstate(all="ignore"):
            if theirs.shape != ours.shape:
                return Outcome("different", f"{theirs.size} outputs of the runtime, {ours.size} of the import")
            known = np.isfinite(bound) & (np.abs(ours) < np.finfo(dtype).max)
            apart = known & ~(np.abs(theirs - ours) <= bound)
        seen = seen or bool(np.all(known))
        if np.any(apart):
            worst = int(np.flatnonzero(apart)[0])
            both = f"{theirs[worst]} of the runtime, {ours[worst]} of the import, within {bound[worst]:.1e}"
            return Outcome("different", f"output {worst}: {both}")
    return Outcome("equal") if seen else Outcome("not finite")


def _types(proto: onnx.ModelProto) -> set[int]:
    """Types to which the runtime rounds on the way; a cast is the identity on real numbers."""
    attributes = [(node.op_type, entry) for node in proto.graph.node for entry in node.attribute]
    casts = {entry.i for kind, entry in attributes if kind == "Cast" and entry.name == "to"}
    single = any(entry.name in ("value_float", "value_floats") for _, entry in attributes)
    single = single or any(node.op_type in SINGLE_INSIDE for node in proto.graph.node)
    return casts | ({TensorProto.FLOAT} if single else set())


def _size(proto: onnx.ModelProto) -> float:
    """The largest constant of a model, at least 1; what is larger than 1e9 stands for `no bound`."""
    arrays = [numpy_helper.to_array(held) for held in proto.graph.initializer if held.data_type in FLOATS]
    sizes = [float(np.abs(array).max(initial=0.0)) for array in arrays]
    return max([1.0, *(size for size in sizes if size < 1e9)])
