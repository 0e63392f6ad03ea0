"""What linear algebra over GF(2) says about a circuit with given outputs, as clauses to add to its normal form.

A solver that branches and propagates cannot add equations. Here every node is written as a sum over GF(2) of inputs and
of AND and OR gates, the equations of the given outputs are eliminated, and every consequence between few variables
becomes clauses over the variables of Tseitin's form. It fixes all inputs of a linear map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np
import numpy.typing as npt

from certify.circuits.circuit import Circuit, Operation
from certify.circuits.cnf import Clause

MOST_VARIABLES = 4
"""Of a consequence that becomes clauses: a parity of k variables takes 2^(k - 1) of them."""


def parity_consequences(circuit: Circuit, outputs: Mapping[int, bool]) -> tuple[Clause, ...]:
    """Clauses over the variables i + 1 of the nodes i, implied by the circuit and `outputs` (bit of output h).

    Adding them to the circuit's normal form with these outputs leaves its solutions as they are.
    """
    forms = linear_forms(circuit)
    rows = _eliminated(forms[int(circuit.outputs[h])] ^ int(bit) for h, bit in outputs.items())
    short = [row for row in rows if (row & ~1).bit_count() <= MOST_VARIABLES]
    return tuple(clause for row in short for clause in _clauses(row))


def linear_forms(circuit: Circuit) -> list[int]:
    """Every node as a sum over GF(2): bit v of the mask is variable v, bit 0 the constant 1. Exact."""
    masks = [1 << (i + 1) for i in range(circuit.inputs)]
    for gate, (operation, first, second) in enumerate(
        zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True)
    ):
        if operation == Operation.XOR:
            masks.append(masks[first] ^ masks[second])
        elif operation == Operation.NOT:
            masks.append(masks[first] ^ 1)
        else:
            masks.append(1 << (circuit.inputs + gate + 1))
    return masks


def bits_of(form: int) -> npt.NDArray[np.int64]:
    """The places of the ones of a form, ascending: its variables, and 0 for the constant."""
    content = np.frombuffer(form.to_bytes(-(-form.bit_length() // 8) or 1, "little"), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(content, bitorder="little")).astype(np.int64)


def _eliminated(equations: Iterable[int]) -> list[int]:
    """Equations (row = 0) with the same solutions, each with a variable that no other one has."""
    reduced: dict[int, int] = {}
    for row in equations:
        for pivot, other in reduced.items():
            if row & pivot:
                row ^= other
        if row == 1:
            return [1]
        if row:
            # The lowest variable first: the inputs come first.
            pivot = (row & ~1) & -(row & ~1)
            reduced = {key: other ^ row if other & pivot else other for key, other in reduced.items()}
            reduced[pivot] = row
    return list(reduced.values())


def _clauses(row: int) -> list[Clause]:
    """All assignments of the wrong parity excluded; the empty clause where the row says 1 = 0."""
    variables = [v for v in range(1, row.bit_length()) if row >> v & 1]
    wrong = 1 - (row & 1)
    return [
        tuple(-v if bit else v for v, bit in zip(variables, bits, strict=True))
        for bits in product((0, 1), repeat=len(variables))
        if sum(bits) % 2 == wrong
    ]
