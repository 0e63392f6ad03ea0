"""AIGER, the and-inverter format of hardware model checking, ASCII (aag) and binary (aig), combinational, in and out.

A literal is twice a variable, plus 1 if it is negated; variable 0 is false. A binary file lists, for each gate, the
differences of its literals as numbers of 7 bits per byte. Source: A. Biere, The AIGER And-Inverter Graph (AIG) Format
Version 20071012, Johannes Kepler University Linz, 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.circuit import Circuit, Operation
from certify.errors import InputError

LARGEST_VARIABLE = 10_000_000
Parts: TypeAlias = tuple[list[int], list[int], dict[int, tuple[int, int]]]
"""Literals of the inputs, of the outputs, and of the two sources of each gate."""


def write_aiger(circuit: Circuit, binary: bool = False) -> bytes:
    """The circuit as an and-inverter graph: OR by De Morgan's rule, XOR by three conjunctions."""
    literals = [2 * (i + 1) for i in range(circuit.inputs)]
    gates: list[tuple[int, int, int]] = []

    def conjoin(a: int, b: int) -> int:
        gates.append((2 * (circuit.inputs + len(gates) + 1), max(a, b), min(a, b)))
        return gates[-1][0]

    for code, left, right in zip(circuit.operations, circuit.first, circuit.second, strict=True):
        a, b = literals[left], literals[right]
        if code == Operation.NOT:
            literals.append(a ^ 1)
        elif code == Operation.AND:
            literals.append(conjoin(a, b))
        elif code == Operation.OR:
            literals.append(conjoin(a ^ 1, b ^ 1) ^ 1)
        else:
            literals.append(conjoin(conjoin(a, b) ^ 1, conjoin(a ^ 1, b ^ 1) ^ 1))
    outputs = [literals[output] for output in circuit.outputs]
    sizes = f"{circuit.inputs + len(gates)} {circuit.inputs} 0 {len(outputs)} {len(gates)}"
    if not binary:
        rows = [[literal] for literal in literals[: circuit.inputs]] + [[literal] for literal in outputs]
        body = [" ".join(map(str, row)) for row in [*rows, *gates]]
        return "\n".join([f"aag {sizes}", *body, ""]).encode()
    head = "\n".join([f"aig {sizes}", *map(str, outputs), ""]).encode()
    return head + b"".join(_encoded(target - first) + _encoded(first - second) for target, first, second in gates)


def read_aiger(content: bytes) -> Circuit:
    """The circuit of an AIGER file, ASCII or binary; symbols and comments at its end are skipped.

    Raises:
        InputError: in one line, for another header, latches, a file that ends early, a literal out of range or not
            defined before its use in a binary file, a gate defined twice or in terms of itself.
    """
    header, _, rest = content.partition(b"\n")
    words = header.split()
    has_sizes = len(words) == 6 and all(word.isdigit() and len(word) < 12 for word in words[1:])
    if not has_sizes or words[0] not in (b"aag", b"aig"):
        shown = header[:40].decode("ascii", "replace")
        raise InputError(f"AIGER: expected `aag M I L O A` or `aig M I L O A` on the first line; got `{shown}`")
    largest, inputs, latches, outputs, gates = (int(word) for word in words[1:])
    if latches:
        raise InputError(f"AIGER: the file has {latches} latches; only combinational circuits are supported")
    if largest > LARGEST_VARIABLE or inputs + gates > largest or inputs < 1 or outputs < 1:
        raise InputError(f"AIGER: the sizes {largest} {inputs} {latches} {outputs} {gates} make no circuit")
    if words[0] == b"aag":
        literals, targets, table = _ascii(rest, inputs, outputs, gates)
    else:
        literals, targets, table = _binary(rest, inputs, outputs, gates)
    for literal in (*literals, *targets, *(entry for pair in table.values() for entry in pair)):
        if literal > 2 * largest + 1:
            raise InputError(f"AIGER: the literal {literal} is beyond the largest variable {largest}")
    return _build(literals, targets, table)


def _ascii(rest: bytes, inputs: int, outputs: int, gates: int) -> Parts:
    lines = rest.split(b"\n")
    rows = []
    for number, width in enumerate([1] * (inputs + outputs) + [3] * gates):
        words = lines[number].split() if number < len(lines) else []
        if len(words) != width or not all(word.isdigit() and len(word) < 12 for word in words):
            raise InputError(f"AIGER line {number + 2}: expected {width} literal{'s' if width > 1 else ''}")
        rows.append([int(word) for word in words])
    literals = [row[0] for row in rows[:inputs]]
    table: dict[int, tuple[int, int]] = {}
    for target, first, second in rows[inputs + outputs :]:
        if target % 2 or target == 0 or target in table or target in literals:
            raise InputError(f"AIGER: the gate {target} is odd, zero, or defined twice")
        table[target] = (first, second)
    if any(literal % 2 or literal == 0 for literal in literals) or len(set(literals)) < inputs:
        raise InputError("AIGER: the inputs must be different even literals")
    return literals, [row[0] for row in rows[inputs : inputs + outputs]], table


def _binary(rest: bytes, inputs: int, outputs: int, gates: int) -> Parts:
    *lines, body = rest.split(b"\n", outputs)
    if len(lines) < outputs or not all(line.isdigit() and len(line) < 12 for line in lines):
        raise InputError(f"AIGER: expected {outputs} output literals, one a line")
    table: dict[int, tuple[int, int]] = {}
    position = 0
    for gate in range(gates):
        target = 2 * (inputs + gate + 1)
        difference, position = _decoded(body, position)
        other, position = _decoded(body, position)
        first, second = target - difference, target - difference - other
        if difference == 0 or second < 0:
            raise InputError(f"AIGER: gate {gate} of {gates} reads a literal that does not stand before it")
        table[target] = (first, second)
    return [2 * (i + 1) for i in range(inputs)], [int(line) for line in lines], table


def _build(inputs: Sequence[int], outputs: Sequence[int], table: dict[int, tuple[int, int]]) -> Circuit:
    """Conjunctions in the order of their sources, without recursion."""
    builder = CircuitBuilder(len(inputs))
    signals = {0: FALSE} | {literal: place for place, literal in enumerate(inputs)}
    for start in outputs:
        stack, waiting = [start & ~1], set()
        while stack:
            target = stack[-1]
            if target in signals:
                stack.pop()
                continue
            if target not in table:
                raise InputError(f"AIGER: the literal {target} is used and not defined")
            missing = [entry & ~1 for entry in table[target] if entry & ~1 not in signals]
            if missing and target in waiting:
                raise InputError(f"AIGER: the gate {target} depends on itself")
            if missing:
                waiting.add(target)
                stack += missing
            else:
                signals[target] = builder.conjoin(*(_signal(builder, signals, entry) for entry in table[target]))
    return builder.finish([_signal(builder, signals, literal) for literal in outputs])


def _signal(builder: CircuitBuilder, signals: dict[int, int], literal: int) -> int:
    positive = signals[literal & ~1]
    if not literal & 1:
        return positive
    return {FALSE: TRUE, TRUE: FALSE}[positive] if positive < 0 else builder.negate(positive)


def _encoded(number: int) -> bytes:
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _decoded(body: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while position < len(body) and shift < 35:
        byte = body[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position
    raise InputError("AIGER: the binary part ends before the last gate")
