"""One operator of an ONNX file lowered by itself, to be held against what an engine computes for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from certify.arithmetic.arrays import FloatArray
from certify.generators.nodes import Input, Node
from certify.generators.onnx_lowering import ImportedModel, lowered_operator
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.patterns import APPROXIMATED, Recognised
from certify.generators.onnx_operators.values import Constant, Symbol, Value, shown
from certify.generators.rounding_error import FLOAT32, Approximate, Arithmetic, running_error

FLOAT32_BODIES = frozenset({"Gelu", "GroupNormalization", "HardSwish", "Mish", "Shrink"})
"""Operators that the standard defines by a function whose constants are float32 in every type, and Shrink, which
onnxruntime computes in float32: no more accurate."""

COORDINATE_ROUNDINGS = 16
"""Of a coordinate of Resize, in units of the largest extent, times the slope of the weights (3 at most, two axes)."""

CONTRACTIONS = frozenset({"Gemm", "MatMul", "ReduceL2", "ReduceMean", "ReduceSum"})
ABSOLUTE = frozenset({"Sigmoid", "Softplus"})
FOLDED_ROUNDINGS = 16
SOFTMAX_ROUNDINGS = 16
"""Of the differences, exponentials, logarithm and quotient of a softmax, beside those of its sum."""
NORMALISATION_ROUNDINGS = 8
"""Of the sum with epsilon, the root, the quotient, the product and difference with the mean, the sum: and two more."""


class _Uncapped(GraphBuilder):
    """A builder without caps: the import has accepted every tensor, and one operator stands alone."""

    def charge_tensor(self, entries: int) -> None:
        return

    def charge_view(self, entries: int) -> None:
        return

    def charge_weight(self, entries: int) -> None:
        return

    def _append(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1


@dataclass(frozen=True, eq=False)
class LoneOperator:
    """An operator as a graph of its own from its computed inputs (one input node each) to its outputs.

    `shapes` are those of the inputs, `sizes` are the outputs at the absolute values of its constants, where it sums
    constants.
    """

    node: onnx.NodeProto
    match: Recognised | None
    inputs: tuple[str, ...]
    constants: Mapping[str, Value]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Value]
    sizes: Mapping[str, Value]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def label(self) -> str:
        """How messages name the operator."""
        return f"operator {shown(self.node.op_type)} (node {shown(self.node.name)})"

    def evaluated(
        self, inputs: Mapping[str, Approximate], arithmetic: Arithmetic, as_engine: bool
    ) -> dict[str, Approximate]:
        """Outputs, flattened, and how far an evaluation in `arithmetic` may be off, at inputs of shape (batch, size).

        `as_engine`: the operator is computed as the file spells it, which may be another function's rounding.
        """
        float32 = self.node.op_type in FLOAT32_BODIES or (self.match is not None and self.match.name in APPROXIMATED)
        if as_engine and float32 and arithmetic.unit < FLOAT32.unit:
            arithmetic = FLOAT32
        composed = as_engine and self.match is not None
        # A kernel may round its inputs once.
        rounded = [_rounded(inputs[name], arithmetic) for name in self.inputs]
        found = running_error(self.nodes, rounded, arithmetic, composed)
        results = {}
        for name, value in self.outputs.items():
            match value:
                case Symbol():
                    result = _rounded(found[value.node].viewed(value.index, value.scale), arithmetic)
                    results[name] = Approximate(result.value, result.error + self._further_error(inputs, arithmetic))
                case Constant():
                    flat = value.array.reshape(1, -1)
                    results[name] = Approximate(flat.astype(np.float64), self._folding_error(value, arithmetic))
        return results

    def _further_error(self, inputs: Mapping[str, Approximate], arithmetic: Arithmetic) -> FloatArray | float:
        """What the engine rounds inside of an operator and its lowering does not show."""
        if self.node.op_type == "BatchNormalization":
            return self._normalisation_error(inputs[self.inputs[0]], arithmetic)
        if self.node.op_type in ("Resize", "Upsample"):
            # Coordinates, up to the extent, and the weights that depend on them are float32 in every type.
            shapes = (*self.outputs[self.node.output[0]].shape, *self.shapes[0])
            largest = np.abs(inputs[self.inputs[0]].value).max(axis=1, keepdims=True)
            error: FloatArray = COORDINATE_ROUNDINGS * max(shapes) * FLOAT32.unit * largest
            return error
        if self.node.op_type in ("LayerNormalization", "InstanceNormalization", "GroupNormalization"):
            return self._group_error(inputs[self.inputs[0]], arithmetic)
        if self.node.op_type in ("LogSoftmax", "ReduceLogSumExp", "Softmax"):
            # The engine subtracts the largest entry and adds exponentials; what is left is rounded at their size.
            largest = np.abs(inputs[self.inputs[0]].value).max(axis=1, keepdims=True)
            count = math.prod(self.shapes[0])
            rounded: FloatArray = arithmetic.gamma(count + SOFTMAX_ROUNDINGS) * (2.0 * largest + math.log(count) + 1.0)
            return rounded
        return 0.0

    def _group_error(self, source: Approximate, arithmetic: Arithmetic) -> FloatArray:
        """Rounding of s x - s mean, which cancels, and of the variance as a difference of mean squares, per group."""
        options = {item.name: helper.get_attribute_value(item) for item in self.node.attribute}
        shape, kind = self.shapes[0], self.node.op_type
        axis = int(options.get("axis", -1)) % len(shape)
        count = {"InstanceNormalization": shape[1], "GroupNormalization": int(options.get("num_groups", 1))}.get(
            kind, math.prod(shape[:axis])
        )
        groups = source.value.reshape(len(source.value), count, -1)
        spread = groups.var(axis=2, keepdims=True) + float(options.get("epsilon", 1e-5))
        squares = (groups**2).mean(axis=2, keepdims=True)
        scale = np.abs(self.constants[self.node.input[1]].array).max()  # type: ignore[union-attr]
        sizes = scale * np.sqrt(squares / spread) * (1.0 + squares / spread) * np.sqrt(groups.shape[2])
        error: FloatArray = arithmetic.gamma(groups.shape[2] + SOFTMAX_ROUNDINGS) * sizes
        return np.broadcast_to(error, groups.shape).reshape(source.value.shape)

    def _normalisation_error(self, source: Approximate, arithmetic: Arithmetic) -> FloatArray:
        """Rounding of s x + (b - s mean) in terms that cancel: gamma (|s| (|x| + |mean|) + |b|), in any order."""
        shape = self.outputs[self.node.output[0]].shape
        channels = (shape[1], *(1,) * (len(shape) - 2))
        scale, offset, mean, variance = (
            np.abs(self.constants[name].array.astype(np.float64)).reshape(channels)  # type: ignore[union-attr]
            for name in self.node.input[1:5]
        )
        # Without epsilon the factor is larger: a bound still.
        factor = scale / np.sqrt(np.maximum(variance, 1e-300))
        sizes = factor * (np.abs(source.value).reshape(-1, *shape[1:]) + mean) + offset
        error: FloatArray = arithmetic.gamma(NORMALISATION_ROUNDINGS) * sizes.reshape(source.value.shape)
        return error

    def _folding_error(self, value: Constant, arithmetic: Arithmetic) -> FloatArray:
        """Rounding of an operator at constant inputs: of every term of a sum, and of the result."""
        flat = value.array.reshape(1, -1)
        if flat.dtype.kind != "f":
            return np.zeros(flat.shape)
        kind, size, terms = self.node.op_type, np.abs(flat), FOLDED_ROUNDINGS
        if kind in CONTRACTIONS:
            terms += max(int(np.prod(constant.shape)) for constant in self.constants.values())
            (total,) = (item for item in self.sizes.values() if isinstance(item, Constant))
            size = np.maximum(size, np.abs(total.array.reshape(1, -1)))
        elif kind in ABSOLUTE:
            size = size + 1.0
        elif kind == "Pow":
            # The exponent's rounding is multiplied by the logarithm of the result.
            size = size * (1.0 + np.abs(np.log(np.maximum(size, 1e-300))))
        error: FloatArray = arithmetic.gamma(terms) * size + terms * arithmetic.smallest
        return error


def lone_operator(
    imported: ImportedModel, node: onnx.NodeProto, match: Recognised | None, constants: Mapping[str, Value]
) -> LoneOperator:
    """The operator at the given constants; its other inputs are those that depend on the latent vector."""
    builder = _Uncapped(largest=imported.builder.largest)
    names = input_names(node, match)
    computed = tuple(name for name in names if name not in constants)
    values: dict[str, Value] = dict(constants)
    # Nodes that are truth values, where the builder knows of such.
    truths: set[int] = vars(imported.builder).get("conditions", set())
    for position, name in enumerate(computed):
        if _node(imported.values[name]) in truths:
            vars(builder)["conditions"].add(position)
        size = int(np.prod(imported.values[name].shape, dtype=np.int64))
        builder.nodes.append(Input(size))
        values[name] = Symbol(position, np.arange(size).reshape(imported.values[name].shape))
    outputs = lowered_operator(builder, imported.model, node, match, values)
    sizes: dict[str, Value] = {}
    if node.op_type in CONTRACTIONS and not computed:
        positive = {name: _absolute(value) for name, value in values.items()}
        sizes = lowered_operator(_Uncapped(largest=builder.largest), imported.model, node, match, positive)
    shapes = tuple(imported.values[name].shape for name in computed)
    return LoneOperator(node, match, computed, constants, tuple(builder.nodes), outputs, sizes, shapes)


def input_names(node: onnx.NodeProto, match: Recognised | None) -> tuple[str, ...]:
    """The tensors that an operator, or the activation that it ends, reads: each once."""
    return (match.source,) if match is not None else tuple(dict.fromkeys(name for name in node.input if name))


def same_constant(left: Value, right: Value) -> bool:
    """Whether two constants are equal, entry by entry."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        return left.array is right.array or np.array_equal(left.array, right.array)
    return left is right


def _absolute(value: Value) -> Value:
    if isinstance(value, Constant) and value.array.dtype.kind == "f":
        return Constant(np.abs(value.array), value.parameters)
    return value


def _node(value: Value) -> int:
    return value.node if isinstance(value, Symbol) else -1


def _rounded(given: Approximate, arithmetic: Arithmetic) -> Approximate:
    return Approximate(given.value, given.error + arithmetic.unit * np.abs(given.value) + arithmetic.smallest)
