"""A second engine at every load: is each operator of the file what the import took it for?

The file is run at 0 and at points of length 0.1, 1, 10 and 100, and every tensor that it computes is kept. Then each
operator is looked at alone, twice:

1. its lowering is evaluated at the tensors that the engine had as its inputs, and compared with the engine's output;
2. its lowering is evaluated at the values that the finished graph has there, and compared with the finished graph's.

The first finds an operator that is read wrongly, the second an error in how the graph was put together; both name the
first operator where the two part, so no bisection is needed. What may differ is the rounding of one operator, bounded
by `certify.generators.rounding_error` in the engine's arithmetic: it does not grow with the depth of the network, so a
misreading deep inside shows as well as one in front. In the second comparison the arithmetic is float64 and errors are
carried along. Where the engine overflows or the bound is infinite, a point tells nothing about an operator, and is
counted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.comparison_record import RuntimeComparison
from certify.generators.derivatives import value as graph_value
from certify.generators.lone_operator import LoneOperator, input_names, lone_operator, same_constant
from certify.generators.nodes import Graph
from certify.generators.onnx_lowering import ImportedModel
from certify.generators.onnx_operators.patterns import Recognised
from certify.generators.onnx_operators.values import Constant, SparseConstant, Symbol, Value, shown
from certify.generators.rounding_error import FLOAT64, Approximate, Arithmetic, running_error
from certify.generators.runtime_engine import Engine, NotRunError, Tensors, start

LENGTHS = (0.0, 0.1, 1.0, 10.0, 100.0)
SEED = 2024
"""Of the directions of the points: the same file is always compared at the same points."""

ENTRIES_AT_ONCE = 2**18
"""Entries of all tensors up to which all points are evaluated together."""


def compared_with_runtime(imported: ImportedModel, graph: Graph | None) -> RuntimeComparison:
    """The record of the comparison of a file's import with a second engine.

    `graph` is what the import made of the output, None where that is a constant.

    Raises InputError, one line with the first operator concerned, where the two differ or the engine finds the file
    invalid.
    """
    names = [imported.target] if not imported.operators else []
    for node, _ in imported.operators:
        names += [name for name in node.output if not isinstance(imported.values.get(name), SparseConstant | None)]
    names = list(dict.fromkeys(names))
    try:
        engine = start(imported.model, imported.target, names)
        points = comparison_points(math.prod(imported.shape), engine.kind)
        together = imported.builder.tensor_entries <= ENTRIES_AT_ONCE
        tally = _Tally(imported, engine)
        for block in [points] if together else [points[i : i + 1] for i in range(len(points))]:
            tally.compare(block, graph)
    except NotRunError as error:
        return RuntimeComparison("none", "", 0, 0, 0, len(imported.operators), 0.0, None, None, str(error))
    return tally.record(len(points))


def comparison_points(latent_dim: int, kind: np.dtype[Any]) -> FloatArray:
    """0 and one point of each length, in float32 or what is coarser: every engine can be given them exactly."""
    directions = np.random.default_rng(SEED).standard_normal((len(LENGTHS), latent_dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = (np.asarray(LENGTHS)[:, None] * directions).astype(np.float32).astype(kind)
    return points.astype(np.float64)


class _Tally:
    """The comparisons of one file so far, operator by operator."""

    def __init__(self, imported: ImportedModel, engine: Engine) -> None:
        self.imported, self.engine = imported, engine
        self.other = f"{engine.name} in {engine.arithmetic.name}"
        # What this program rounds, in float64, is added to what the engine rounds.
        theirs = engine.arithmetic
        self.arithmetic = Arithmetic(theirs.name, theirs.unit + FLOAT64.unit, theirs.smallest)
        self.lone: list[tuple[LoneOperator | None, LoneOperator]] = []
        count = len(imported.operators)
        self.silent, self.rows = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
        self.tolerance = np.full(count, np.inf)
        self.largest_difference, self.output_difference, self.output_size = 0.0, 0.0, 0.0

    def compare(self, points: FloatArray, graph: Graph | None) -> None:
        """Both comparisons of every operator, at points of shape (batch, d)."""
        results = [self.engine.run(point.reshape(self.imported.shape)) for point in points]
        theirs = {name: np.stack([result[name] for result in results]) for name in results[0]}
        exact = Approximate(points, np.zeros_like(points))
        ours = running_error(self.imported.builder.nodes, [exact], FLOAT64)
        if not self.lone:
            self.lone = [self._lone(node, match, theirs) for node, match in self.imported.operators]
        theirs[self.imported.source] = points.reshape(len(points), *self.imported.shape)
        for position, (with_engine, with_graph) in enumerate(self.lone):
            if with_engine is None:
                self.silent[position] += len(points)
            else:
                self._with_engine(position, with_engine, theirs)
            self._with_graph(with_graph, ours)
        if graph is not None:
            self._at_output(points, graph, theirs, ours)

    def record(self, points: int) -> RuntimeComparison:
        """What was found, where nothing differs."""
        never = int(np.count_nonzero(self.rows == 0))
        known = self.tolerance[np.isfinite(self.tolerance)]
        note = f"{never} operators were never compared: not finite at any point" if never else ""
        return RuntimeComparison(
            engine=self.engine.name,
            precision=self.engine.arithmetic.name,
            points=points,
            operators=len(self.lone),
            not_comparable=int(self.silent.sum()),
            never_compared=never,
            largest_difference=self.largest_difference,
            loosest_tolerance=float(known.max(initial=0.0)),
            output_difference=self.output_difference / self.output_size if self.output_size else 0.0,
            note="; ".join(filter(None, (self.engine.note, note))),
        )

    def _lone(
        self, node: onnx.NodeProto, match: Recognised | None, theirs: Tensors
    ) -> tuple[LoneOperator | None, LoneOperator]:
        """The operator alone with the engine's constants (None: one is not finite) and with the import's."""
        values = self.imported.values
        own = {name: values[name] for name in input_names(node, match) if not isinstance(values[name], Symbol)}
        with_graph = lone_operator(self.imported, node, match, own)
        constants = {name: self._constant(name, value, theirs) for name, value in own.items()}
        if not all(np.all(np.isfinite(_entries(value))) for value in constants.values()):
            return None, with_graph
        if all(same_constant(constants[name], own[name]) for name in own):
            return with_graph, with_graph
        return lone_operator(self.imported, node, match, constants), with_graph

    def _constant(self, name: str, value: Value, theirs: Tensors) -> Value:
        """A constant as the engine has it: its own result, or an initialiser, rounded where the engine runs a copy."""
        match value:
            case Constant() if name in theirs:
                array = theirs[name][0]
                wide = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}[array.dtype.kind]
                return Constant(array.astype(wide), value.parameters)
            case Constant() if not self.engine.as_stored and value.array.dtype.kind == "f":
                return Constant(value.array.astype(np.float32).astype(np.float64), value.parameters)
            case SparseConstant() if not self.engine.as_stored:
                rounded = value.matrix.data.astype(np.float32).astype(np.float64)
                parts = (rounded, value.matrix.indices, value.matrix.indptr)
                return SparseConstant(sp.csr_array(parts, shape=value.shape), value.parameters)
            case _:
                return value

    def _with_engine(self, position: int, operator: LoneOperator, theirs: Tensors) -> None:
        """The operator at the engine's own inputs against the engine's output."""
        inputs = {}
        for name in operator.inputs:
            tensor = theirs[name]
            flat = tensor.reshape(len(tensor), -1).astype(np.float64)
            inputs[name] = Approximate(flat, np.zeros_like(flat))
        found = operator.evaluated(inputs, self.arithmetic, as_engine=True)
        compared = None
        for name, value in found.items():
            tensor, shape = theirs[name], operator.outputs[name].shape
            if tensor.shape[1:] != shape:
                raise InputError(
                    f"{operator.label} is read differently from {self.other}: its output {shown(name)} has the "
                    f"shape {tensor.shape[1:]} there and {shape} here; the file is refused"
                )
            flat = tensor.reshape(len(tensor), -1).astype(np.float64)
            expected = Approximate(*np.broadcast_arrays(value.value, value.error, flat)[:2])
            usable = np.isfinite(flat) & np.isfinite(expected.error)
            self._differences(operator, name, flat, expected, usable, self.other)
            whole = usable.all(axis=1)
            sizes = np.abs(flat).max(axis=1, initial=0.0)
            sharp = np.divide(expected.error.max(axis=1, initial=0.0), sizes, where=whole & (sizes > 0.0),
                              out=np.full(len(flat), np.inf))  # fmt: skip
            self.tolerance[position] = min(self.tolerance[position], sharp.min())
            compared = whole if compared is None else compared & whole
        if compared is not None:
            self.rows[position] += int(compared.sum())
            self.silent[position] += int((~compared).sum())

    def _with_graph(self, operator: LoneOperator, ours: list[Approximate]) -> None:
        """The operator at the finished graph's values of its inputs against the finished graph's output."""
        found = operator.evaluated(
            {name: _seen(self.imported.values[name], ours) for name in operator.inputs}, FLOAT64, as_engine=False
        )
        for name, expected in found.items():
            value = self.imported.values[name]
            if isinstance(value, Symbol):
                graph = _seen(value, ours)
                allowed = Approximate(expected.value, expected.error + graph.error)
                usable = np.isfinite(allowed.error) & np.isfinite(graph.value)
                self._differences(operator, name, graph.value, allowed, usable, "the finished graph")

    def _at_output(self, points: FloatArray, graph: Graph, theirs: Tensors, ours: list[Approximate]) -> None:
        """The pruned graph against the unpruned one, and the distance of the engine's output."""
        value = graph_value(graph, points)
        target = self.imported.target
        result = self.imported.values[target]
        seen = _seen(result, ours)
        if np.any((np.abs(value - seen.value) > 2.0 * seen.error) & np.isfinite(seen.error)):
            raise InputError(f"the output {shown(target)} of the graph is not that of its operators; please report it")
        flat = theirs[target].reshape(len(points), -1).astype(np.float64)
        undefined = np.isfinite(flat) & np.isnan(value)
        # Far out our floats may overflow to what is undefined; at 0 only the function itself is.
        if np.any(undefined & (np.abs(points).max(axis=1) == 0.0)[:, None]):
            raise InputError(
                f"the output {shown(target)} is undefined at 0 as real numbers go, where {self.other} gives a number "
                "(0 times infinity, or a division by 0 that a limit hides); the file is refused"
            )
        usable = np.isfinite(flat) & np.isfinite(value)
        self.output_difference = max(
            self.output_difference, float(np.max(np.abs(flat - value), initial=0.0, where=usable))
        )
        self.output_size = max(self.output_size, float(np.max(np.abs(value), initial=0.0, where=usable)))

    def _differences(
        self,
        operator: LoneOperator,
        name: str,
        given: FloatArray,
        expected: Approximate,
        usable: np.ndarray[Any, np.dtype[np.bool_]],
        other: str,
    ) -> None:
        """Raise InputError at the first entry that differs by more than it may; keep the largest quotient."""
        difference = np.abs(given - expected.value)
        bad = np.argwhere(usable & (difference > expected.error))
        if bad.size:
            row, entry = (int(place) for place in bad[0])
            raise InputError(
                f"{operator.label} is read differently from {other}: entry {entry} of its output {shown(name)} is "
                f"{given[row, entry]:.9g} there and {expected.value[row, entry]:.9g} here, where rounding explains "
                f"{expected.error[row, entry]:.2g}; the file is refused"
            )
        quotient = np.divide(difference, expected.error, out=np.zeros_like(given), where=usable & (expected.error > 0))
        self.largest_difference = max(self.largest_difference, float(quotient.max(initial=0.0)))


def _seen(value: Value, nodes: list[Approximate]) -> Approximate:
    assert isinstance(value, Symbol)
    return nodes[value.node].viewed(value.index, value.scale)


def _entries(value: Value) -> Any:
    return value.matrix.data if isinstance(value, SparseConstant) else getattr(value, "array", 0.0)
