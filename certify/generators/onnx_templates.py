"""Activations read back from the operators that `certify.generators.onnx_gates` writes for them, literally.

A tensor is the activation when its operators, their order of inputs and every constant are those of the writer;
only the source and the parameters, which are scalar constants of the file, are free. So nothing is read as an
activation but what computes it, and the compositions of `certify.generators.onnx_functions`, each within 1e-16 of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from onnx import numpy_helper

from certify.generators.activations import activation
from certify.generators.onnx_gates import WRITERS
from certify.generators.onnx_operators.patterns import Recognised, Step
from certify.generators.onnx_writer import Initialisers, Scope

SOURCE = "v"


@dataclass(frozen=True)
class Template:
    """The operators that are written for one activation of `v`, the constants among their inputs, the last tensor."""

    name: str
    steps: Mapping[str, Step]
    constants: Mapping[str, float]
    parameters: tuple[str, ...]
    root: str


def written_activations(producers: Mapping[str, Step], scalars: Mapping[str, float]) -> dict[str, Recognised]:
    """Tensors that are one activation of another tensor as we write it; single operators are left to the import."""
    found = {}
    for name, step in producers.items():
        for template in templates().get(step.kind, ()):
            match = _matched(template, producers, scalars, name)
            if match is not None:
                found[name] = match
                break
    return found


@cache
def templates() -> dict[str, tuple[Template, ...]]:
    """The templates of more than one operator by the kind of their last operator."""
    table: dict[str, tuple[Template, ...]] = {}
    for name in WRITERS:
        template = _template(name)
        if len(template.steps) > 1:
            kind = template.steps[template.root].kind
            table[kind] = (*table.get(kind, ()), template)
    return table


def _template(name: str) -> Template:
    scope = Scope(Initialisers())
    parameters = tuple(f"parameter {item.name}" for item in activation(name).parameters)
    root = WRITERS[name](scope, SOURCE, parameters, 0)
    constants = {key: float(np.asarray(numpy_helper.to_array(item))) for key, item in scope.initialisers.dense.items()}
    steps = {node.output[0]: Step(node.op_type, tuple(node.input)) for node in scope.nodes}
    return Template(name, steps, constants, parameters, root)


def _matched(
    template: Template, producers: Mapping[str, Step], scalars: Mapping[str, float], name: str
) -> Recognised | None:
    """The activation that the tensor `name` is according to a template: both are walked from the end to the source."""
    bound: dict[str, str] = {}
    waiting = [(template.root, name)]
    while waiting:
        pattern, tensor = waiting.pop()
        if pattern in template.constants:
            # The sign of a zero counts, so that what is read is what was written.
            if tensor not in scalars or scalars[tensor].hex() != template.constants[pattern].hex():
                return None
            continue
        if bound.setdefault(pattern, tensor) != tensor:
            return None
        expected = template.steps.get(pattern)
        if expected is not None:
            step = producers.get(tensor)
            if step is None or step.kind != expected.kind or len(step.inputs) != len(expected.inputs):
                return None
            waiting += zip(expected.inputs, step.inputs, strict=True)
        elif pattern in template.parameters and tensor not in scalars:
            return None
    if bound[SOURCE] in scalars:
        return None
    return Recognised(template.name, bound[SOURCE], tuple(scalars[bound[item]] for item in template.parameters))
