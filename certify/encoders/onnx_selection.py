"""Comparisons, choices and sums of exponentials of an encoder's program as ONNX operators.

All have float64 kernels in ONNX Runtime from 1.20 on. What is not a number is refused: it is `<=` nothing.
"""

from __future__ import annotations

from onnx import TensorProto

from certify.encoders.program import Choice, Columns, Comparison, FirstAccepted, LogSumExp, Rows
from certify.generators.onnx_writer import Scope

Selection = Columns | Rows | Comparison | Choice | LogSumExp | FirstAccepted


def write_selection(scope: Scope, operation: Selection, sources: list[str]) -> str:
    """The tensor of an operation on tensors with the batch as their first axis."""
    match operation:
        case Columns():
            ends = [scope.integers([operation.start]), scope.integers([operation.stop]), scope.integers([-1])]
            return scope.operator("Slice", [sources[0], *ends])
        case Rows():
            return scope.operator("Reshape", [sources[0], scope.integers([-1, *operation.shape])])
        case Comparison():
            return scope.operator("Cast", [scope.operator("LessOrEqual", sources)], to=int(TensorProto.DOUBLE))
        case Choice():
            return scope.operator("Where", [_taken(scope, sources[0]), *sources[1:]])
        case LogSumExp():
            return _log_sum_exp(scope, sources[0])
        case FirstAccepted():
            return _first_accepted(scope, operation.rows, *sources)


def _taken(scope: Scope, chosen: str) -> str:
    return scope.operator("Greater", [chosen, scope.scalar(0.5)])


def _log_sum_exp(scope: Scope, source: str) -> str:
    last = scope.integers([-1])
    top = scope.operator("ReduceMax", [source, last], keepdims=1)
    shifted = scope.apply("Exp", scope.subtract(source, top))
    return scope.add(scope.apply("Log", scope.operator("ReduceSum", [shifted, last], keepdims=1)), top)


def _first_accepted(scope: Scope, rows: int, accepted: str, points: str) -> str:
    """Neighbours are joined until one row is left; a row without a neighbour waits."""
    taken = _taken(scope, accepted)
    while rows > 1:
        even = rows - rows % 2
        left, right = _every_second(scope, taken, 0, even), _every_second(scope, taken, 1, even)
        first, second = _every_second(scope, points, 0, even), _every_second(scope, points, 1, even)
        joined = scope.operator("Or", [left, right])
        chosen = scope.operator("Where", [left, first, second])
        if rows % 2:
            joined = scope.operator("Concat", [joined, _every_second(scope, taken, even, rows)], axis=1)
            chosen = scope.operator("Concat", [chosen, _every_second(scope, points, even, rows)], axis=1)
        taken, points, rows = joined, chosen, (rows + 1) // 2
    return scope.operator("Squeeze", [points, scope.integers([1])])


def _every_second(scope: Scope, source: str, start: int, stop: int) -> str:
    """Rows start, start + 2, ... below stop."""
    return scope.operator("Slice", [source, *(scope.integers([value]) for value in (start, stop, 1, 2))])
