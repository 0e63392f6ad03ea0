"""The forward pass of a torch module against the graph that its export was read as."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.comparison_record import RuntimeComparison
from certify.generators.lone_operator import input_names, lone_operator
from certify.generators.onnx_lowering import ImportedModel
from certify.generators.onnx_operators.values import Symbol
from certify.generators.rounding_error import Approximate, Arithmetic
from certify.generators.runtime_comparison import comparison_points

EXPORTER_ROUNDINGS = 32
"""Of the largest entry of an operator's output, granted for constants that a torch exporter folds out of sight."""


def compared_with_module(
    record: RuntimeComparison,
    imported: ImportedModel,
    module: Callable[[FloatArray], FloatArray],
    arithmetic: Arithmetic,
) -> RuntimeComparison:
    """The record with the comparison of a torch module's own forward pass and the graph.

    `module` maps one latent vector of the input's shape to its output. Errors are carried from operator to operator, as
    the module computes in `arithmetic`; what its exporter has folded into the constants cannot be seen in the file and
    may have been rounded in the same type: EXPORTER_ROUNDINGS of the largest entry are granted per operator.
    Raises InputError where a value differs by more.
    """
    points = comparison_points(math.prod(imported.shape), np.dtype(np.float32))
    chain = {imported.source: Approximate(points, np.zeros_like(points))}
    for node, match in imported.operators:
        names = input_names(node, match)
        own = {name: imported.values[name] for name in names if not isinstance(imported.values[name], Symbol)}
        found = lone_operator(imported, node, match, own).evaluated(chain, arithmetic, as_engine=True)
        for name, given in found.items():
            granted = EXPORTER_ROUNDINGS * arithmetic.unit * np.abs(given.value).max(axis=1, keepdims=True, initial=0.0)
            chain[name] = Approximate(given.value, given.error + granted)
    graph = chain[imported.target]
    theirs = np.stack([module(point.reshape(imported.shape)).reshape(-1) for point in points])
    if theirs.shape != graph.value.shape:
        raise InputError(f"the module has {theirs.shape[1]} outputs and its export {graph.value.shape[1]}")
    difference = np.abs(theirs - graph.value)
    usable = np.isfinite(theirs) & np.isfinite(graph.error) & (graph.error > 0.0)
    quotient = np.divide(difference, graph.error, out=np.zeros_like(theirs), where=usable)
    if quotient.max() > 1.0:
        row, entry = np.unravel_index(int(np.argmax(quotient)), quotient.shape)
        raise InputError(
            f"the module's own forward pass differs from its export: output {entry} is {theirs[row, entry]:.9g} there "
            f"and {graph.value[row, entry]:.9g} here, where rounding explains {graph.error[row, entry]:.2g}"
        )
    sizes = np.maximum(np.abs(graph.value).max(axis=1), np.finfo(np.float64).tiny)
    tolerance = float((graph.error.max(axis=1) / sizes).min())
    return replace(record, module_difference=float(quotient.max()), module_tolerance=tolerance)
