"""Conjunctive normal form of a circuit (Tseitin): a variable for every node, and clauses that tie it to its sources.

Source: G. S. Tseitin, On the complexity of derivation in propositional calculus, 1968.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from certify.circuits.builder import CircuitBuilder, inlined
from certify.circuits.circuit import Circuit, Operation
from certify.errors import InputError, MissingExtraError

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


def satisfying_input(circuit: Circuit, seconds: float | None = None) -> int | None:
    """An input at which the circuit's only output is 1, found by CaDiCaL and evaluated again; None if there is none.

    Raises:
        InputError: for a circuit with several outputs. MissingExtraError: if PySAT is not installed.
        UndecidedError: if `seconds` are over.
    """
    if len(circuit.outputs) != 1:
        raise InputError(f"`circuit` must have one output; got {len(circuit.outputs)}")
    formula = tseitin(circuit)
    model = solve(formula.clauses + ((formula.outputs[0],),), seconds)
    if model is None:
        return None
    value = sum(1 << i for i, variable in enumerate(formula.inputs) if model.get(variable, False))
    assert circuit(value) == 1, "a model is evaluated again before it is believed"
    return value


class UndecidedError(Exception):
    """The solver was stopped before it could decide."""


def solve(clauses: tuple[Clause, ...], seconds: float | None = None) -> dict[int, bool] | None:
    """A model of the clauses by CaDiCaL, None if there is none; a process of its own is stopped after `seconds`.

    Raises:
        UndecidedError: if it was stopped. MissingExtraError: if PySAT is not installed.
    """
    try:
        import pysat.solvers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("python-sat", "sat", "a proof by SAT") from error
    if seconds is None:
        return _solve(clauses)
    # CaDiCaL has no budget in PySAT's binding and does not answer to an interrupt: it runs where it can be ended.
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, clauses), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise UndecidedError(f"CaDiCaL did not decide within {seconds:g} s")
        answer: dict[int, bool] | None = receiver.recv()
        return answer
    except EOFError as error:
        raise UndecidedError("the solver's process ended without an answer") from error
    finally:
        process.kill()
        process.join()


def _send(sender: Connection, clauses: tuple[Clause, ...]) -> None:
    sender.send(_solve(clauses))


def _solve(clauses: tuple[Clause, ...]) -> dict[int, bool] | None:
    from pysat.solvers import Solver

    with Solver(name=SOLVER, bootstrap_with=[list(clause) for clause in clauses]) as solver:
        if not solver.solve():
            return None
        return {abs(literal): literal > 0 for literal in solver.get_model()}


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
