"""CaDiCaL on Tseitin's normal form with the image fixed, and with what elimination over GF(2) adds to it."""

from __future__ import annotations

from certify.circuits.cnf import tseitin
from certify.circuits.inverter import Inverter
from certify.circuits.inverters.satisfiability import LIMIT, preimage
from certify.circuits.parities import parity_consequences
from certify.circuits.permutation import Permutation


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage and conflicts + 1."""
    formula = tseitin(permutation.circuit)
    bits = {h: bool(image >> h & 1) for h in range(permutation.bits)}
    units = tuple((v if bits[h] else -v,) for h, v in enumerate(formula.outputs))
    added = parity_consequences(permutation.circuit, bits)
    return preimage(formula.clauses + units + added, formula.inputs, limit)


INVERTER = Inverter(
    "sat-parity", "the same after elimination over GF(2)", "conflicts", LIMIT, lambda permutation: True, run
)
