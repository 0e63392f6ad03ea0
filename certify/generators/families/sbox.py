"""S-box generators G(z) = P(sgn z): Theorem 2's decoders made of the non-linear layer of a real cipher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify.circuits.network import FORMS, compile_circuit, parameter_count
from certify.circuits.substitution_boxes import BOXES, substitution_box
from certify.generators.family import Family, FamilyParameter
from certify.generators.nodes import Graph


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """The S-box `name`, compiled to sign, minima and maxima, or to ReLU units; d is the S-box's number of bits."""
    circuit = substitution_box(parameters["name"]).circuit
    return compile_circuit(circuit, parameters["form"], parameters["tau"]), parameter_count(circuit, parameters["form"])


FAMILY = Family(
    name="sbox",
    summary="P(sgn z) for the S-box P of a published cipher: PRESENT, GIFT, AES, Keccak's chi",
    parameters=(
        FamilyParameter("name", "present", "an S-box", choices=tuple(sorted(BOXES))),
        FamilyParameter("form", "minmax", "minmax, relu or clip", choices=FORMS),
        FamilyParameter("tau", 0.01, "a number in [1e-12, 1e6]: the ramp of clip", 1e-12, 1e6),
    ),
    build=build,
)
