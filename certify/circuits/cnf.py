"""Conjunctive normal form of a circuit (Tseitin): a variable for every node, and clauses that tie it to its sources.

Source: G. S. Tseitin, On the complexity of derivation in propositional calculus, 1968.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from certify.circuits.builder import CircuitBuilder, inlined
from certify.circuits.circuit import Circuit, Operation
from certify.errors import InputError

Clause: TypeAlias = tuple[int, ...]
SOLVER = "cadical195"


@dataclass(frozen=True)
class Formula:
    """Clauses over variables 1..variables; `inputs` and `outputs` are the variables of the circuit's ends.

    An assignment of the inputs extends to exactly one that satisfies all clauses: that of the gates' values.
    """

    variables: int
    clauses: tuple[Clause, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def tseitin(circuit: Circuit) -> Formula:
    """The formula of the circuit: node i is variable i + 1; 3 clauses for AND and OR, 4 for XOR, 2 for NOT."""
    clauses: list[Clause] = []
    for gate, (operation, first, second) in enumerate(
        zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True)
    ):
        a, b, c = first + 1, second + 1, circuit.inputs + gate + 1
        if operation == Operation.AND:
            clauses += [(-c, a), (-c, b), (c, -a, -b)]
        elif operation == Operation.OR:
            clauses += [(c, -a), (c, -b), (-c, a, b)]
        elif operation == Operation.NOT:
            clauses += [(c, a), (-c, -a)]
        elif a == b:
            clauses.append((-c,))
        else:
            clauses += [(-c, a, b), (-c, -a, -b), (c, -a, b), (c, a, -b)]
    return Formula(
        circuit.inputs + circuit.gates,
        tuple(clauses),
        tuple(range(1, circuit.inputs + 1)),
        tuple(output + 1 for output in circuit.outputs.tolist()),
    )


def collision_circuit(circuit: Circuit) -> Circuit:
    """A circuit with the inputs x, y (2n of them) that is 1 exactly where P(x) = P(y) and x != y."""
    n = circuit.inputs
    builder = CircuitBuilder(2 * n)
    x, y = range(n), range(n, 2 * n)
    one, other = inlined(builder, circuit, x), inlined(builder, circuit, y)
    same = [builder.negate(builder.add(a, b)) for a, b in zip(one, other, strict=True)]
    different = builder.negate(builder.every([builder.negate(builder.add(a, b)) for a, b in zip(x, y, strict=True)]))
    return builder.finish([builder.conjoin(builder.every(same), different)])


def difference_circuit(one: Circuit, other: Circuit) -> Circuit:
    """A circuit that is 1 exactly where the two differ.

    Raises InputError if they do not have the same numbers of inputs and outputs.
    """
    if (one.inputs, len(one.outputs)) != (other.inputs, len(other.outputs)):
        raise InputError("circuits with different numbers of inputs or outputs cannot be equal")
    builder = CircuitBuilder(one.inputs)
    ends = (inlined(builder, circuit, range(one.inputs)) for circuit in (one, other))
    equal = [builder.negate(builder.add(a, b)) for a, b in zip(*ends, strict=True)]
    return builder.finish([builder.negate(builder.every(equal))])
