"""Builds circuits gate by gate: equal gates are shared, constants are folded, and dead gates are dropped at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from certify.circuits.circuit import Circuit, Operation
from certify.errors import InputError

FALSE = -2
TRUE = -1


class CircuitBuilder:
    """Signals are numbers: FALSE, TRUE, or a node. Every method returns the signal of what it says."""

    def __init__(self, inputs: int) -> None:
        if inputs < 1:
            raise InputError(f"a circuit needs at least one input; got {inputs}")
        self.inputs = inputs
        self._gates: list[tuple[Operation, int, int]] = []
        self._known: dict[tuple[Operation, int, int], int] = {}
        self._negation: dict[int, int] = {FALSE: TRUE, TRUE: FALSE}

    def negate(self, a: int) -> int:
        """NOT a."""
        if a not in self._negation:
            b = self._gate(Operation.NOT, a, a)
            self._negation[a], self._negation[b] = b, a
        return self._negation[a]

    def conjoin(self, a: int, b: int) -> int:
        """The signal a AND b."""
        if FALSE in (a, b) or self._opposite(a, b):
            return FALSE
        if TRUE in (a, b):
            return b if a == TRUE else a
        # not (p and q) and not (not p and not q) = p + q: how an and-inverter graph spells it.
        left, right = (self._sources(self._negation.get(signal, FALSE), Operation.AND) for signal in (a, b))
        if self._are_opposite(left, right):
            return self.add(*left)
        return a if a == b else self._gate(Operation.AND, a, b)

    def disjoin(self, a: int, b: int) -> int:
        """The signal a OR b."""
        if TRUE in (a, b) or self._opposite(a, b):
            return TRUE
        if FALSE in (a, b):
            return b if a == FALSE else a
        # (p and not q) or (not p and q) = p + q: how minima and a maximum spell it.
        left, right = self._sources(a, Operation.AND), self._sources(b, Operation.AND)
        if self._are_opposite(left, right):
            return self.add(left[0], self.negate(left[1]))
        return a if a == b else self._gate(Operation.OR, a, b)

    def add(self, a: int, b: int) -> int:
        """The signal a XOR b; negations of a or b move behind the gate."""
        if min(a, b) >= 0:
            (a, first), (b, second) = self.polarity(a), self.polarity(b)
            if first != second:
                return self.negate(self.add(a, b))
        if a == b:
            return FALSE
        for one, other in ((a, b), (b, a)):
            if one == FALSE:
                return other
            if one == TRUE:
                return self.negate(other)
            # (c + other) + other = c: what a round of a Feistel network adds, the same round takes away.
            sources = self._sources(one, Operation.XOR)
            if other in sources:
                return sources[1] if sources[0] == other else sources[0]
        return self._gate(Operation.XOR, a, b)

    def gate(self, operation: int, a: int, b: int) -> int:
        """The signal of a gate of this operation; of NOT, of a alone."""
        if operation == Operation.XOR:
            return self.add(a, b)
        if operation == Operation.NOT:
            return self.negate(a)
        return self.conjoin(a, b) if operation == Operation.AND else self.disjoin(a, b)

    def polarity(self, a: int) -> tuple[int, bool]:
        """The node that the signal is (False) or is the negation of (True)."""
        if a >= self.inputs and self._gates[a - self.inputs][0] == Operation.NOT:
            return self._gates[a - self.inputs][1], True
        return a, False

    def choose(self, condition: int, yes: int, no: int) -> int:
        """`yes` where the condition holds and `no` elsewhere: three gates."""
        return self.add(no, self.conjoin(condition, self.add(no, yes)))

    def parity(self, signals: Sequence[int]) -> int:
        """XOR of all signals, as a balanced tree."""
        return self._tree(signals, FALSE, self.add)

    def every(self, signals: Sequence[int]) -> int:
        """AND of all signals, as a balanced tree."""
        return self._tree(signals, TRUE, self.conjoin)

    def some(self, signals: Sequence[int]) -> int:
        """OR of all signals, as a balanced tree."""
        return self._tree(signals, FALSE, self.disjoin)

    def finish(self, outputs: Sequence[int]) -> Circuit:
        """The circuit with these outputs; gates that no output depends on are dropped.

        An output that is constant becomes x_0 XOR x_0, or its negation.
        """
        if FALSE in outputs or TRUE in outputs:
            false = self._gate(Operation.XOR, 0, 0)
            true = self._gate(Operation.NOT, false, false) if TRUE in outputs else false
            outputs = [{FALSE: false, TRUE: true}.get(signal, signal) for signal in outputs]
        alive = np.zeros(self.inputs + len(self._gates), dtype=bool)
        alive[list(outputs)] = True
        for index in range(len(self._gates) - 1, -1, -1):
            if alive[self.inputs + index]:
                _, first, second = self._gates[index]
                alive[first] = alive[second] = True
        alive[: self.inputs] = True
        place = np.cumsum(alive) - 1
        kept = [gate for gate, used in zip(self._gates, alive[self.inputs :], strict=True) if used]
        return Circuit(
            self.inputs,
            np.array([operation for operation, _, _ in kept], dtype=np.uint8),
            np.array([place[first] for _, first, _ in kept], dtype=np.int64),
            np.array([place[second] for _, _, second in kept], dtype=np.int64),
            np.array([place[signal] for signal in outputs], dtype=np.int64),
        )

    def _sources(self, a: int, operation: Operation) -> tuple[int, ...]:
        """The sources of a gate of this operation; none if the signal is something else."""
        gate = self._gates[a - self.inputs] if a >= self.inputs else None
        return gate[1:] if gate is not None and gate[0] == operation else ()

    def _are_opposite(self, left: tuple[int, ...], right: tuple[int, ...]) -> bool:
        """Whether the signals of one gate are the negations of the other's, in any order."""
        return bool(left and right) and {self._negation.get(signal) for signal in left} == set(right)

    def _opposite(self, a: int, b: int) -> bool:
        return self._negation.get(a) == b

    def _gate(self, operation: Operation, a: int, b: int) -> int:
        key = (operation, min(a, b), max(a, b))
        if key not in self._known:
            self._known[key] = self.inputs + len(self._gates)
            self._gates.append(key)
        return self._known[key]

    @staticmethod
    def _tree(signals: Sequence[int], empty: int, join: Callable[[int, int], int]) -> int:
        level = list(signals) or [empty]
        if len(level) == 2:
            return join(*level)
        while len(level) > 1:
            pairs = [join(one, other) for one, other in zip(level[::2], level[1::2], strict=False)]
            level = pairs + ([level[-1]] if len(level) % 2 else [])
        return level[0]


def inlined(builder: CircuitBuilder, circuit: Circuit, signals: Sequence[int]) -> list[int]:
    """Outputs of `circuit` at the given signals, its gates built into `builder`."""
    if len(signals) != circuit.inputs:
        raise InputError(f"the circuit has {circuit.inputs} inputs; got {len(signals)} signals")
    values = list(signals)
    gates = zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True)
    for operation, first, second in gates:
        values.append(builder.gate(operation, values[first], values[second]))
    return [values[output] for output in circuit.outputs.tolist()]
