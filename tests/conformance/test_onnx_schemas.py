"""Every operator of the import, at every operator set in which its schema changed, against ONNX Runtime.

For each attribute of the schema a model gives it another value than the default, for each optional input a model has
it: the import and the runtime agree, or the import refuses the file in one line. What is new is found by discovery: an
operator without a recipe, an optional input that no recipe gives and a text attribute without values fail.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np
import onnx
import pytest

from certify.generators.onnx_operators import lowerings
from certify.generators.onnx_operators.folding import FOLDED, SHAPES
from certify.generators.onnx_operators.schema import schema
from tests.onnx_comparison import Assembly, Outcome, compared, newest_opset
from tests.onnx_recipes import RECIPES, Draw, Piece

OPERATORS = sorted({*lowerings(), *FOLDED, *SHAPES})
OLDEST, NEWEST = 7, newest_opset(7)
DRAWS = 6
TEXTS: dict[str, tuple[str, ...]] = {
    "approximate": ("none", "tanh"),
    "auto_pad": ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"),
    "coordinate_transformation_mode": ("align_corners", "asymmetric", "half_pixel_symmetric", "tf_crop_and_resize"),
    "equation": ("ij,jk->ik", "ij->ji", "ij->j", "i->"),
    "keep_aspect_ratio_policy": ("stretch", "not_larger", "not_smaller"),
    "mode": ("CRD", "DCR", "constant", "cubic", "edge", "linear", "nearest", "reflect"),
    "nearest_mode": ("floor", "ceil", "round_prefer_ceil"),
    "reduction": ("none", "add", "mul"),
    "round_mode": ("up", "down", "nearest"),
    "value_string": ("text",),
}


def versions(kind: str) -> list[int]:
    """The operator sets from `OLDEST` to `NEWEST` in which the schema of an operator changed."""
    found = [opset for opset in range(OLDEST, NEWEST + 1) if schema(kind, opset) is not None]
    return [
        opset
        for opset in found
        if opset == found[0] or schema(kind, opset).since_version == opset  # type: ignore[union-attr]
    ]


def values(name: str, attribute: onnx.defs.OpSchema.Attribute) -> list[Any]:
    """Values to try for an attribute."""
    match attribute.type.name:
        case "INT":
            return [0, 1, 2, -1]
        case "FLOAT":
            return [0.5, 2.0]
        case "STRING":
            return list(TEXTS[name])
        case "INTS":
            return [[entry] * count for entry in (1, 2) for count in (1, 2, 3, 4)]
        case "FLOATS":
            return [[0.5], [1.0, 1.0, 2.0, 2.0]]
        case "STRINGS":
            return [["text"]]
        case "TENSOR":
            return [np.array([2.5]), np.array([2])]
    return []


def outcome(piece: Piece, opset: int) -> Outcome:
    """The comparison of a piece whose first input depends on the latent vector, where the operator is lowered."""
    assembly = Assembly(opset, np.float32)
    computed = {0} & set(piece.computable) if piece.kind in lowerings() else set()
    found = compared(assembly.model(assembly.add(piece, computed)), opset)
    assert found.verdict != "different", f"{piece} at operator set {opset}: {found.reason}"
    if found.verdict == "refused by us":
        assert found.reason.isprintable() and len(found.reason) < 1500
    return found


def constants_compared(piece: Piece, opset: int) -> None:
    """The same of constants alone, where the operator folds."""
    if piece.kind in FOLDED and piece.kind in lowerings():
        outcome(replace(piece, computable=()), opset)


def test_every_operator_has_a_recipe() -> None:
    assert set(OPERATORS) <= set(RECIPES)


@pytest.mark.parametrize("kind", OPERATORS)
def test_what_is_declared_is_read_or_refused(kind: str) -> None:
    for opset in versions(kind):
        what_is_declared_is_read_or_refused(kind, opset)


def what_is_declared_is_read_or_refused(kind: str, opset: int) -> None:
    declared, draw = schema(kind, opset), Draw(f"{kind} {opset}")
    assert declared is not None
    pieces = [RECIPES[kind](draw, opset, None) for _ in range(DRAWS)]
    verdicts = {outcome(piece, opset).verdict for piece in pieces}
    for piece in pieces[::3]:
        constants_compared(piece, opset)
    assert verdicts & {"equal", "no kernel"}, f"the recipe has no model that both read at operator set {opset}"
    for position, formal in enumerate(declared.inputs):
        if formal.option.name == "Optional":
            given = [len(piece.inputs) > position and piece.inputs[position] is not None for piece in pieces]
            assert any(given), f"no recipe gives the input {formal.name} at operator set {opset}"
    turn = cycle(pieces)
    for name, attribute in declared.attributes.items():
        for value in values(name, attribute):
            piece = next(turn)
            changed = replace(piece, attributes={**piece.attributes, name: value})
            constants_compared(changed, opset)
            outcome(changed, opset)
