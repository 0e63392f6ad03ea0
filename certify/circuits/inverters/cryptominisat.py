"""CryptoMiniSat, which takes sums over GF(2) as they are, on the circuit with the image fixed.

Its Python binding does not say how many conflicts it had. It is asked with a limit of STEP of them again and again, and
goes on each time from what it has learnt; the cost is the sum of the limits.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from certify.circuits.circuit import Operation
from certify.circuits.inverter import Inverter
from certify.circuits.parities import bits_of, linear_forms
from certify.circuits.permutation import Permutation
from certify.errors import MissingExtraError

STEP = 64
"""Conflicts that one call may have."""
LIMIT = 2.0**25
"""Conflicts times the AND and OR gates, whose clauses the work of one conflict grows with: some ten seconds."""


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage and conflicts that were allowed in all. Raises MissingExtraError without pycryptosat."""
    solver, allowed = _solver(permutation, image), 0
    counts = permutation.circuit.counts()
    per_conflict = max(counts["AND"] + counts["OR"], 1)
    while allowed * per_conflict < limit:
        satisfiable, model = solver.solve()
        allowed += STEP
        if satisfiable is not None:
            assert satisfiable, "a permutation takes every value"
            return sum(1 << i for i in range(permutation.bits) if model[i + 1]), float(allowed)
    return None, float(allowed)


def _solver(permutation: Permutation, image: int) -> Any:
    """The circuit with the image fixed: a variable for every input, AND and OR gate, and sums of these.

    One for every XOR gate would hide a linear map from the solver: its elimination does not add up short sums.
    """
    try:
        import pycryptosat
    except ImportError as error:
        raise MissingExtraError("pycryptosat", "xor", "inversion by CryptoMiniSat") from error
    solver, circuit = pycryptosat.Solver(threads=1, confl_limit=STEP), permutation.circuit
    forms, named = linear_forms(circuit), {1 << v: v for v in range(1, circuit.inputs + circuit.gates + 1)}

    def literal(form: int) -> int:
        body = form & ~1
        if body not in named:
            named[body] = circuit.inputs + circuit.gates + 1 + len(named)
            solver.add_xor_clause([*_variables(body), named[body]], False)
        return -named[body] if form & 1 else named[body]

    for gate, (operation, first, second) in enumerate(
        zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True)
    ):
        if operation in (Operation.AND, Operation.OR):
            a, b, c = (literal(forms[node]) for node in (first, second, circuit.inputs + gate))
            sign = 1 if operation == Operation.AND else -1
            solver.add_clauses([(-sign * c, sign * a), (-sign * c, sign * b), (sign * c, -sign * a, -sign * b)])
    for h, output in enumerate(circuit.outputs.tolist()):
        form = forms[output] ^ (image >> h & 1)
        solver.add_xor_clause(_variables(form), bool(form & 1))
    return solver


def _variables(form: int) -> list[int]:
    """The form's variables, without the constant."""
    return [int(variable) for variable in bits_of(form & ~1)]


INVERTER = Inverter(
    "cryptominisat", "CryptoMiniSat with sums over GF(2) as they are (extra `xor`)", "conflicts", LIMIT,
    lambda permutation: find_spec("pycryptosat") is not None, run,
)  # fmt: skip
