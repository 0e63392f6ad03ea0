"""Substitution-permutation networks as generators G(z) = P(sgn z): decoders of hundreds of bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify.circuits.network import FORMS, compile_circuit, parameter_count
from certify.circuits.substitution_boxes import BOXES
from certify.circuits.substitution_network import MOST_BITS, MOST_ROUNDS, substitution_network
from certify.errors import InputError
from certify.generators.family import Family, FamilyParameter
from certify.generators.nodes import Graph


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """Rounds of key, S-boxes and bit permutation on d = `bits` bits, compiled as the family `permutation` is."""
    settings = (parameters["sbox"], parameters["bits"], parameters["rounds"], parameters["seed"])
    try:
        circuit = substitution_network(*settings).circuit
    except InputError as error:
        raise InputError(f"family `spn`: {error}") from error
    return compile_circuit(circuit, parameters["form"], parameters["tau"]), parameter_count(circuit, parameters["form"])


FAMILY = Family(
    name="spn",
    summary="P(sgn z) for rounds of a toy substitution-permutation network P with a published S-box",
    parameters=(
        FamilyParameter("sbox", "present", "an S-box", choices=tuple(sorted(BOXES))),
        FamilyParameter("bits", 128, f"a multiple of the S-box's bits in [1, {MOST_BITS}]", 1, MOST_BITS),
        FamilyParameter("rounds", 1, f"an integer in [1, {MOST_ROUNDS}]", 1, MOST_ROUNDS),
        FamilyParameter("seed", 0, "an integer in [0, 2^63): of the keys", 0, 2.0**63 - 1025),
        FamilyParameter("form", "minmax", "minmax, relu or clip", choices=FORMS),
        FamilyParameter("tau", 0.01, "a number in [1e-12, 1e6]: the ramp of clip", 1e-12, 1e6),
    ),
    build=build,
)
