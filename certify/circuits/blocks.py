"""A circuit taken apart into blocks that share no input: a permutation if and only if every block is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from certify.circuits.builder import FALSE, CircuitBuilder
from certify.circuits.circuit import Circuit, Operation

Gate: TypeAlias = tuple[int, int, int]
"""Operation and sources."""


@dataclass(frozen=True, eq=False)
class Block:
    """The outputs `outputs` of a circuit read its inputs `inputs` and no others; `circuit` computes them alone.

    It is None for a block without inputs (constant outputs) or without outputs (an input that nothing reads).
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    circuit: Circuit | None

    def embedded(self, word: int) -> int:
        """The word of the whole circuit that has `word` in this block and zeros elsewhere."""
        return sum((word >> place & 1) << index for place, index in enumerate(self.inputs))


def independent_blocks(circuit: Circuit) -> tuple[Block, ...]:
    """The finest blocks by the gates' sources; every input and every output is in one. Exact.

    A gate may read an input without depending on it: blocks may be coarser than they could be, never finer.
    """
    supports = _supports(circuit)
    # Masks of inputs that belong together, disjoint at all times, and the outputs that read them.
    groups: list[tuple[int, list[int]]] = [(1 << i, []) for i in range(circuit.inputs)]
    constants = []
    for output, node in enumerate(circuit.outputs.tolist()):
        support = supports[node]
        if support == 0:
            constants.append(output)
            continue
        touched = [group for group in groups if group[0] & support]
        merged = (0, [output])
        for mask, outputs in touched:
            merged = (merged[0] | mask, outputs + merged[1])
        groups = [group for group in groups if not group[0] & support] + [merged]
    found = [Block((), (output,), None) for output in constants]
    gates = list(zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True))
    for mask, outputs in sorted(groups, key=lambda group: group[0] & -group[0]):
        inputs = tuple(i for i in range(circuit.inputs) if mask >> i & 1)
        found.append(Block(inputs, tuple(outputs), _restricted(circuit, gates, inputs, outputs) if outputs else None))
    return tuple(found)


def _supports(circuit: Circuit) -> list[int]:
    """The mask of the inputs that every node reads, through gates."""
    masks = [1 << i for i in range(circuit.inputs)]
    for operation, first, second in zip(
        circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True
    ):
        # x + x is how a constant is spelled.
        masks.append(0 if operation == Operation.XOR and first == second else masks[first] | masks[second])
    return masks


def _restricted(circuit: Circuit, gates: list[Gate], inputs: tuple[int, ...], outputs: list[int]) -> Circuit:
    """The block's gates alone: those that its outputs are made of, however many others there are."""
    builder = CircuitBuilder(len(inputs))
    # An input that is none of the block's is read by a constant x + x only.
    signals = dict.fromkeys(range(circuit.inputs), FALSE) | {index: signal for signal, index in enumerate(inputs)}
    ends = circuit.outputs[outputs].tolist()
    for node in _cone(gates, circuit.inputs, ends):
        operation, first, second = gates[node - circuit.inputs]
        signals[node] = builder.gate(operation, signals[first], signals[second])
    return builder.finish([signals[end] for end in ends])


def _cone(gates: list[Gate], inputs: int, ends: list[int]) -> list[int]:
    """The nodes that are gates and that the ends are made of, ascending."""
    found: set[int] = set()
    waiting = [end for end in ends if end >= inputs]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [source for source in gates[node - inputs][1:] if source >= inputs]
    return sorted(found)
