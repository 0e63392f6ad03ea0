"""What the ONNX schema of an operator declares, against what a node holds and what its lowering has read.

Nothing that a node says may pass unread: an attribute or an optional input which its lowering never asked for is
refused unless it stands at the schema's default. The operation records what is asked for (values.py), so this holds
for a lowering that is added later without a line of its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnx

from certify.errors import InputError
from certify.generators.onnx_operators.values import Constant, Operation, Symbol, shown
from certify.generators.onnx_tensors import attributes

DEFAULT_DOMAIN = ("", "ai.onnx")
_FLOATING = ("float", "double", "float16", "bfloat16")


@cache
def schema(kind: str, opset: int) -> onnx.defs.OpSchema | None:
    """The schema of an operator of the default domain at an operator set, or None where it has none.

    An operator that was withdrawn has none from then on; one that was deprecated for a later schema of its own name
    (GroupNormalization of set 18) keeps it, as runtimes do.
    """
    newest = onnx.defs.onnx_opset_version()
    if opset > newest or not onnx.defs.has(kind, opset, ""):
        return None
    found = onnx.defs.get_schema(kind, opset, "")
    return None if found.deprecated and onnx.defs.get_schema(kind, newest, "").deprecated else found


def check_declared(node: onnx.NodeProto, owner: str, opset: int) -> None:
    """Refuse a node that is not what the schema of its operator at this operator set declares, in one line."""
    declared = schema(node.op_type, opset)
    if declared is None:
        raise InputError(f"{owner} does not exist in operator set {opset}; convert the model to one that has it")
    seen: set[str] = set()
    for attribute in node.attribute:
        known = declared.attributes.get(attribute.name)
        if known is None:
            raise InputError(
                f"{owner} has the attribute {shown(attribute.name)}, which operator set {opset} does not know"
            )
        expected = known.type.value  # type: ignore[attr-defined]  # the stub has no members of the enumeration
        if attribute.name in seen or attribute.ref_attr_name or attribute.type != expected:
            raise InputError(f"{owner} has the attribute {shown(attribute.name)} twice or of another type than its own")
        seen.add(attribute.name)
    missing = [name for name, known in declared.attributes.items() if known.required and name not in seen]
    if missing:
        raise InputError(f"{owner} lacks the attribute {shown(missing[0])}, which the operator requires")
    for what, names, formals, least, most in (
        ("input", node.input, declared.inputs, declared.min_input, declared.max_input),
        ("output", node.output, declared.outputs, declared.min_output, declared.max_output),
    ):
        if not least <= len(names) <= most:
            raise InputError(f"{owner} has {len(names)} {what}s; operator set {opset} has {least} to {most}")
        for position, name in enumerate(names):
            option = formals[min(position, len(formals) - 1)].option
            if not name and option != onnx.defs.OpSchema.FormalParameterOption.Optional:
                raise InputError(f"{owner} lacks its {what} {position}; the operator requires it")


def check_types(operation: Operation) -> None:
    """Refuse inputs of an element type that the operator does not take, or of two types where it takes one."""
    bound: dict[str, str] = {}
    for position, value in enumerate(operation.inputs):
        if value is None:
            continue
        variable, allowed = _input_type(operation.kind, operation.opset, position)
        found = str(value.array.dtype) if isinstance(value, Constant) and value.array.dtype.kind != "f" else "float"
        if isinstance(value, Symbol) and "float" not in allowed:
            # A truth value that is computed, which the lowering has to know.
            continue
        if found not in allowed or bound.setdefault(variable, found) != found:
            raise InputError(
                f"{operation.label} has the input {position} of type {found}; {', '.join(sorted(allowed))}, and the "
                "type of the other inputs, are expected"
            )


@cache
def _input_type(kind: str, opset: int, position: int) -> tuple[str, frozenset[str]]:
    """The type variable of an input and the element types it takes; all floating types count as `float`."""
    declared = schema(kind, opset)
    assert declared is not None
    formal = declared.inputs[min(position, len(declared.inputs) - 1)]
    names = {entry.removeprefix("tensor(").removesuffix(")") for entry in formal.types}
    return formal.type_str, frozenset("float" if name in _FLOATING else name for name in names)


def check_read(operation: Operation) -> None:
    """Refuse what a lowering left unread: an attribute that is not at its default, an input that is present."""
    usual = defaults(operation.kind, operation.opset)
    for name in operation.attributes:
        given = operation.attributes.peek(name)
        unusual = name not in usual or isinstance(given, np.ndarray) or given != usual[name]
        if unusual and name not in operation.attributes.read:
            raise InputError(f"{operation.label} has the attribute {shown(name)}, which is not supported here")
    for position, name in enumerate(operation.input_names):
        if name and position not in operation.read:
            raise InputError(f"{operation.label} has the input {position}, {shown(name)}, which is not supported here")


def is_plain(node: onnx.NodeProto, opset: int) -> bool:
    """Whether a node is its operator at the default of every attribute, as the patterns of several operators need."""
    declared = schema(node.op_type, opset) if node.domain in DEFAULT_DOMAIN else None
    known = declared is not None and declared.min_input <= len(node.input) <= declared.max_input
    return known and not node.attribute and len(node.output) == 1


@cache
def defaults(kind: str, opset: int) -> dict[str, Any]:
    """The attributes that the schema of an operator gives a value where the node does not, as numbers and strings."""
    declared = schema(kind, opset)
    assert declared is not None
    protos = [known.default_value for known in declared.attributes.values() if known.default_value.type]
    return attributes(protos, f"operator {shown(kind)}")
