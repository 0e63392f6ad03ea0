"""Permutation generators G(z) = P(sgn z): Theorem 2's decoders, constant on orthants and not invertible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify.circuits.network import FORMS, compile_circuit, parameter_count
from certify.circuits.permutation import FAMILIES, permutation
from certify.errors import InputError
from certify.generators.family import Family, FamilyParameter
from certify.generators.nodes import Graph

MODEXP_BITS = 24
"""Modular exponentiation takes some 7 n^3 gates in layers of a few: beyond this the network is too deep to handle."""


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """The circuit of `family` on d = `bits` bits, compiled to sign, minima and maxima, or to ReLU units.

    Not invertible: G is constant on every orthant (`form=clip`: wherever every |z_i| >= tau). The parameters are the
    weights and biases of the gates' neurons, at most 12 for each gate, and one weight for each output.
    """
    family, bits, form = parameters["family"], parameters["bits"], parameters["form"]
    if family == "modexp" and not 2 <= bits <= MODEXP_BITS:
        raise InputError(f"family `permutation`: `bits` of modexp must be in [2, {MODEXP_BITS}], got `{bits}`")
    circuit = permutation(family, bits, parameters["seed"], parameters["rounds"]).circuit
    return compile_circuit(circuit, form, parameters["tau"]), parameter_count(circuit, form)


FAMILY = Family(
    name="permutation",
    summary="P(sgn z) for a permutation P given by a circuit; constant on orthants, the decoders of Theorem 2",
    parameters=(
        FamilyParameter("family", "gf2exp", "a permutation family", choices=tuple(sorted(FAMILIES))),
        FamilyParameter("bits", 8, "an integer in [1, 64]", 1, 64),
        FamilyParameter("seed", 0, "an integer in [0, 2^63): of linear and feistel", 0, 2.0**63 - 1025),
        FamilyParameter("rounds", 8, "an integer in [1, 64]: of feistel", 1, 64),
        FamilyParameter("form", "minmax", "minmax, relu or clip", choices=FORMS),
        FamilyParameter("tau", 0.01, "a number in [1e-12, 1e6]: the ramp of clip", 1e-12, 1e6),
    ),
    build=build,
)
