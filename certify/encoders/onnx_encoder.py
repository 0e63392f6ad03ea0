"""An encoder's program as an ONNX file in float64: loops with shared weights, or unrolled.

Inputs `x` (batch, n) and `noise` (batch, rows, d), unless the file is to draw its own noise; output `z` (batch, d). The
body of a loop reads weights and earlier tensors of the file's scope, so that a file's size does not grow with K.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from certify.encoders.onnx_selection import write_selection
from certify.encoders.program import (
    AffineMap,
    Choice,
    Clipping,
    Columns,
    Combination,
    Comparison,
    Constant,
    EncoderProgram,
    FirstAccepted,
    Gate,
    LogSumExp,
    MatrixProduct,
    Noise,
    Operation,
    Outer,
    Product,
    RootDivision,
    Rows,
    Shape,
    Stage,
    TableRow,
)
from certify.errors import InputError
from certify.generators.onnx_gates import write_gate
from certify.generators.onnx_writer import IR_VERSION, OPSET, Initialisers, Scope

UNROLLED_OPERATORS = 200_000
"""Most operators that an unrolled file may have."""


@dataclass(frozen=True)
class ExportOptions:
    """`unrolled`: every layer written out; `random_normal`: the file draws its own noise; `metadata` for the file.

    `deviations`: standard deviations that observations are divided by first; the program is about the quotients.
    """

    unrolled: bool = False
    random_normal: bool = False
    metadata: Mapping[str, str] | None = None
    deviations: tuple[float, ...] | None = None


def onnx_encoder(program: EncoderProgram, options: ExportOptions | None = None) -> onnx.ModelProto:
    """The ONNX model of an encoder.

    Raises:
        InputError: if unrolled it would have more than 200,000 operators.
    """
    options = options or ExportOptions()
    if options.unrolled:
        operators = sum(stage.repeats * len(stage.operations) for stage in program.stages)
        if operators > UNROLLED_OPERATORS:
            raise InputError(
                f"unrolled, this encoder has {operators} operations; at most {UNROLLED_OPERATORS} are written: "
                "leave out --unrolled, the loop computes the same"
            )
    writer = _Writer(program, options)
    scope = Scope(Initialisers())
    names = {"x": "x"}
    if options.deviations is not None:
        scale = scope.initialisers.tensor("deviations", np.asarray(options.deviations))
        names["x"] = scope.operator("Div", ["x", scale], "x_over_deviations")
    if program.noise_rows and options.random_normal:
        # One node for all layers: runtimes seed several alike, and simplifiers make one of those that look alike.
        like = scope.operator("Expand", [scope.scalar(0.0), _batched(scope, list(_noise_shape(program)))])
        scope.operator("RandomNormalLike", [like], "noise", dtype=int(TensorProto.DOUBLE))
    for stage in program.stages:
        if not stage.carried or options.unrolled:
            writer.inline(scope, stage, names)
        else:
            writer.loop(scope, stage, names)
    scope.operator("Identity", [names[program.output]], "z")
    return _model(program, scope, options)


@dataclass(eq=False)
class _Writer:
    program: EncoderProgram
    options: ExportOptions

    def inline(self, scope: Scope, stage: Stage, names: dict[str, str]) -> None:
        """The stage's iterations one after the other in the scope itself."""
        inside = dict(names)
        for item in stage.carried:
            inside[item.name] = names[item.initial]
        for iteration in range(stage.repeats):
            # Layers share weights, never operators: the file has what is counted.
            scope.forget()
            scope.prefix = f"{stage.name}{iteration}_" if stage.carried else f"{stage.name}_"
            index = scope.initialisers.tensor(f"index_{iteration}", np.asarray(iteration, dtype=np.int64))
            self._body(scope, stage, inside, index, iteration)
            moved = [inside[result] for result in stage.results]
            for item, name in zip(stage.carried, moved, strict=True):
                inside[item.name] = name
        scope.prefix = ""
        for item, output in zip(stage.carried, stage.outputs, strict=True):
            names[output] = inside[item.name]
        if not stage.carried:
            names.update(inside)

    def loop(self, scope: Scope, stage: Stage, names: dict[str, str]) -> None:
        """A Loop whose body is one iteration."""
        body = Scope(scope.initialisers, f"{stage.name}_")
        inside = dict(names)
        iteration, going = f"{stage.name}_iteration", f"{stage.name}_going"
        inputs = [
            helper.make_tensor_value_info(iteration, TensorProto.INT64, []),
            helper.make_tensor_value_info(going, TensorProto.BOOL, []),
        ]
        for item in stage.carried:
            inside[item.name] = f"{stage.name}_{item.name}"
            inputs.append(_value(inside[item.name], item.shape))
        self._body(body, stage, inside, iteration, None)
        outputs = [helper.make_tensor_value_info(f"{going}_on", TensorProto.BOOL, [])]
        body.operator("Identity", [going], f"{going}_on")
        for item, result in zip(stage.carried, stage.results, strict=True):
            following = f"{stage.name}_{item.name}_next"
            body.operator("Identity", [inside[result]], following)
            outputs.append(_value(following, item.shape))
        trips = scope.initialisers.tensor(f"{stage.name}_trips", np.asarray(stage.repeats, dtype=np.int64))
        produced = [f"{stage.name}_{output}_out" for output in stage.outputs]
        scope.nodes.append(
            helper.make_node(
                "Loop",
                # Without a condition the reference evaluator of `onnx` runs no iteration.
                [trips, scope.initialisers.true(), *(names[item.initial] for item in stage.carried)],
                produced,
                name=f"{stage.name}_loop",
                body=helper.make_graph(body.nodes, f"{stage.name}_body", inputs, outputs),
            )
        )
        names.update(zip(stage.outputs, produced, strict=True))

    def _body(self, scope: Scope, stage: Stage, inside: dict[str, str], index: str, iteration: int | None) -> None:
        for operation in stage.operations:
            inside[operation.output] = self._write(scope, operation, inside, index, iteration)

    def _write(
        self, scope: Scope, operation: Operation, names: dict[str, str], index: str, iteration: int | None
    ) -> str:
        sources = [names[source] for source in operation.sources]
        match operation:
            case AffineMap():
                return self._affine(scope, operation, sources[0])
            case Combination():
                pairs = zip(sources, operation.sources, strict=True)
                return _combination(scope, operation, [self._leading(scope, *pair, operation.shape) for pair in pairs])
            case Product():
                pairs = zip(sources, operation.sources, strict=True)
                return scope.operator("Mul", [self._leading(scope, *pair, operation.shape) for pair in pairs])
            case MatrixProduct():
                return _matrix_product(scope, operation, sources)
            case Gate():
                return write_gate(scope, sources[0], operation.activation, operation.parameters, operation.order)
            case Clipping():
                return _clipping(scope, operation, sources[0])
            case RootDivision():
                return scope.operator("Div", [sources[0], scope.apply("Sqrt", sources[1])])
            case Outer():
                column = scope.operator("Unsqueeze", [sources[0], scope.integers([2])])
                return scope.operator("Mul", [column, scope.operator("Unsqueeze", [sources[1], scope.integers([1])])])
            case Constant():
                return self._constant(scope, operation)
            case TableRow():
                table = scope.initialisers.tensor(operation.table, self.program.constants[operation.table])
                # An axis for the batch, along which the row is repeated.
                row = scope.operator(
                    "Unsqueeze", [scope.operator("Gather", [table, index], axis=0), scope.integers([0])]
                )
                if len(operation.shape) == 1:
                    return row
                # Einsum takes its batch from its first factor: a matrix has to have it.
                return scope.operator("Expand", [row, _batched(scope, list(operation.shape))])
            case Noise():
                return self._noise(scope, operation, index, iteration)
            case Columns() | Rows() | Comparison() | Choice() | LogSumExp() | FirstAccepted():
                return write_selection(scope, operation, sources)

    def _affine(self, scope: Scope, operation: AffineMap, source: str) -> str:
        weight = scope.initialisers.tensor(operation.weight, self.program.constants[operation.weight])
        bias = []
        if operation.bias:
            bias = [scope.initialisers.tensor(operation.bias, self.program.constants[operation.bias])]
        if len(operation.shape) == 1:
            return scope.operator("Gemm", [source, weight, *bias], transB=int(not operation.transposed))
        turned = weight if operation.transposed else scope.operator("Transpose", [weight], perm=[1, 0])
        product = scope.operator("MatMul", [source, turned])
        return scope.operator("Add", [product, bias[0]]) if bias else product

    def _constant(self, scope: Scope, operation: Constant) -> str:
        """The constant repeated for every row of x; along its own axes of length 1 operators repeat it."""
        constant = self.program.constants[operation.constant]
        value = scope.initialisers.tensor(operation.constant, constant)
        return scope.operator("Expand", [value, _batched(scope, list(constant.shape))])

    def _noise(self, scope: Scope, operation: Noise, index: str, iteration: int | None) -> str:
        if len(operation.shape) == 2:
            return "noise"
        if iteration is not None:
            row = scope.initialisers.tensor(
                f"index_{operation.first + iteration}", np.asarray(operation.first + iteration, dtype=np.int64)
            )
        elif operation.first:
            first = scope.initialisers.tensor(f"index_{operation.first}", np.asarray(operation.first, dtype=np.int64))
            row = scope.operator("Add", [index, first])
        else:
            row = index
        return scope.operator("Gather", ["noise", row], axis=1)

    def _leading(self, scope: Scope, name: str, source: str, shape: Shape) -> str:
        """A vector beside a matrix of rows gets an axis for the rows."""
        if len(self.program.shapes[source]) == len(shape):
            return name
        return scope.operator("Unsqueeze", [name, scope.integers([1])])


def _combination(scope: Scope, operation: Combination, sources: list[str]) -> str:
    total = ""
    for name, factor in zip(sources, operation.coefficients, strict=True):
        if not total:
            total = name if factor == 1.0 else scope.multiply(name, _weight(scope, factor, operation.shape))
        elif factor == 1.0:
            total = scope.add(total, name)
        elif factor == -1.0:
            total = scope.subtract(total, name)
        else:
            total = scope.add(total, scope.multiply(name, _weight(scope, factor, operation.shape)))
    return total


def _weight(scope: Scope, factor: float, shape: Shape) -> str:
    """A scalar weight; a matrix gets it for every row of the batch.

    ONNX Runtime would fuse a constant factor with a MatMul beside it, and rounds it to float32 when it does.
    """
    scalar = scope.scalar(factor)
    if len(shape) == 1:
        return scalar
    return scope.operator("Expand", [scalar, _batched(scope, [1, 1])])


def _batched(scope: Scope, extents: list[int]) -> str:
    """The shape (batch, *extents)."""
    rows = scope.operator("Shape", ["x"], start=0, end=1)
    return scope.operator("Concat", [rows, scope.integers(extents)], axis=0)


def _matrix_product(scope: Scope, operation: MatrixProduct, sources: list[str]) -> str:
    """By Einsum: ONNX Runtime 1.20 fuses a Transpose and a MatMul to an operator that has no float64 kernel."""
    left = "bji" if operation.transposed[0] else "bij"
    if len(operation.shape) == 1:
        return scope.operator("Einsum", sources, equation=f"{left},bj->bi")
    right = "bkj" if operation.transposed[1] else "bjk"
    return scope.operator("Einsum", sources, equation=f"{left},{right}->bik")


def _clipping(scope: Scope, operation: Clipping, source: str) -> str:
    """The projection as v R/max(|v|, R): never a division by zero."""
    square = scope.operator("ReduceSum", [scope.multiply(source, source), scope.integers([1])], keepdims=1)
    bounded = scope.operator("Max", [scope.apply("Sqrt", square), scope.scalar(operation.radius)])
    return scope.multiply(source, scope.divide(operation.radius, bounded))


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["batch", *shape])


def _noise_shape(program: EncoderProgram) -> Shape:
    return (program.noise_rows, program.noise_width)


def _model(program: EncoderProgram, scope: Scope, options: ExportOptions) -> onnx.ModelProto:
    inputs = [_value("x", (program.observed_dim,))]
    noise = [_value("noise", _noise_shape(program))] if program.noise_rows else []
    used = _used(scope.nodes)
    graph = helper.make_graph(
        scope.nodes,
        f"{program.kind} encoder",
        inputs if options.random_normal else inputs + noise,
        [_value("z", (program.latent_dim,))],
        [tensor for name, tensor in scope.initialisers.dense.items() if name in used],
        value_info=noise if options.random_normal else [],
        sparse_initializer=[tensor for name, tensor in scope.initialisers.sparse.items() if name in used],
    )
    model = helper.make_model(
        graph, producer_name="proof-companion", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    helper.set_model_props(model, dict(options.metadata or {}))
    return model


def _used(nodes: Any) -> set[str]:
    """Names that the operators read, those of the loops' bodies included."""
    found: set[str] = set()
    for node in nodes:
        found.update(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= _used(attribute.g.node)
    return found
