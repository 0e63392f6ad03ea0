"""CaDiCaL on Tseitin's normal form with the image fixed."""

from __future__ import annotations

from certify.circuits.cnf import tseitin
from certify.circuits.inverter import Inverter
from certify.circuits.inverters.satisfiability import LIMIT, preimage
from certify.circuits.permutation import Permutation


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage and conflicts + 1."""
    formula = tseitin(permutation.circuit)
    units = tuple((v if image >> h & 1 else -v,) for h, v in enumerate(formula.outputs))
    return preimage(formula.clauses + units, formula.inputs, limit)


INVERTER = Inverter("sat", "CaDiCaL, one variable for each gate", "conflicts", LIMIT, lambda permutation: True, run)
