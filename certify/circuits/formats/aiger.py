"""AIGER, the and-inverter format of hardware model checking, ASCII (aag) and binary (aig), combinational, in and out.

A literal is twice a variable, plus 1 if it is negated; variable 0 is false. A binary file lists, for each gate, the
differences of its literals as numbers of 7 bits per byte. Headers may have the four counts of version 1.9, all zero.
Sources: A. Biere, The AIGER And-Inverter Graph (AIG) Format Version 20071012, Johannes Kepler University Linz, 2007;
A. Biere, K. Heljanko, S. Wieringa, AIGER 1.9 and Beyond, Technical Report 11/2, Johannes Kepler University Linz, 2011.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

from certify.circuits.builder import FALSE, CircuitBuilder
from certify.circuits.circuit import Circuit, Operation
from certify.circuits.formats.definitions import definition_order
from certify.errors import InputError
from certify.wording import counted

LARGEST_VARIABLE = 10_000_000


@dataclass(frozen=True)
class Sizes:
    """The header: whether the file is binary, and its numbers M, I, O, A."""

    binary: bool
    largest: int
    inputs: int
    outputs: int
    gates: int


@dataclass(frozen=True)
class Netlist:
    """Literals of the inputs and of the outputs, and for the variable of each gate the literals of its sources."""

    inputs: list[int]
    outputs: list[int]
    gates: dict[int, tuple[int, int]]


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
    """The circuit of an AIGER file, ASCII or binary; its symbols and comments are skipped.

    Raises:
        InputError: in one line, for another header, latches or properties of a model checker, sizes that do not fit,
            a file that ends early or goes on with something else than symbols, a literal out of range, undefined, or
            in a binary file not before its use, a gate that is defined twice or in terms of itself.
    """
    header, _, rest = content.partition(b"\n")
    sizes = _sizes(header)
    netlist, tail = _binary(rest, sizes) if sizes.binary else _ascii(rest, sizes)
    _check_symbols(tail, sizes)
    known = {0, *(literal >> 1 for literal in netlist.inputs), *netlist.gates}
    for literal in chain(netlist.outputs, *netlist.gates.values()):
        if literal >> 1 not in known:
            beyond = literal > 2 * sizes.largest + 1
            what = f"beyond the largest variable {sizes.largest}" if beyond else "used and not defined"
            raise InputError(f"AIGER: the literal {literal} is {what}")
    return _build(netlist)


def _sizes(header: bytes) -> Sizes:
    """The sizes of `aag M I L O A [B C J F]`; latches and what a model checker would decide must be absent."""
    form, *words = header.split() or [b""]
    if form not in (b"aag", b"aig") or not 5 <= len(words) <= 9 or not all(map(_is_number, words)):
        shown = header[:60].decode("ascii", "replace")
        raise InputError(f"AIGER: expected `aag M I L O A` or `aig M I L O A` on the first line; got `{shown}`")
    largest, inputs, latches, outputs, gates, *properties = map(int, words)
    if latches:
        raise InputError(f"AIGER: the file has {latches} latches; only combinational circuits are supported")
    for count, name in zip(properties, ("bad states", "constraints", "justice properties", "fairness"), strict=False):
        if count:
            raise InputError(f"AIGER: the file has {name} ({count}): a model checker's problem, not a circuit alone")
    if inputs < 1 or outputs < 1:
        raise InputError(f"AIGER: a circuit needs an input and an output; got {inputs} and {outputs}")
    if max(largest, outputs) > LARGEST_VARIABLE:
        raise InputError(f"AIGER: {largest} variables and {outputs} outputs; at most {LARGEST_VARIABLE} of each")
    binary = form == b"aig"
    if inputs + gates > largest or (binary and inputs + gates < largest):
        rule = "M = I + L + A" if binary else "M >= I + L + A"
        raise InputError(f"AIGER: {rule} does not hold: M is {largest}, I is {inputs}, A is {gates}")
    if binary and header.endswith(b"\r"):
        raise InputError("AIGER: a binary file whose lines end in a carriage return was changed by a copy as text")
    return Sizes(binary, largest, inputs, outputs, gates)


def _ascii(rest: bytes, sizes: Sizes) -> tuple[Netlist, bytes]:
    """Inputs, outputs and gates, one a line and the gates in any order; and what comes after them."""
    inputs, outputs = sizes.inputs, sizes.outputs
    lines = rest.split(b"\n", inputs + outputs + sizes.gates)
    rows = []
    for number, width in enumerate([1] * (inputs + outputs) + [3] * sizes.gates):
        words = lines[number].split() if number < len(lines) else []
        if len(words) != width or not all(map(_is_number, words)):
            raise InputError(f"AIGER line {number + 2}: expected {counted(width, 'literal')}")
        rows.append(tuple(map(int, words)))
    literals = [row[0] for row in rows[:inputs]]
    defined = set(literals)
    if any(literal % 2 or literal == 0 for literal in literals) or len(defined) < inputs:
        raise InputError("AIGER: the inputs must be different even literals, not 0")
    gates: dict[int, tuple[int, int]] = {}
    for target, first, second in rows[inputs + outputs :]:
        if target % 2 or target == 0 or target in defined:
            raise InputError(f"AIGER: the gate {target} is odd, zero, or defined twice")
        defined.add(target)
        gates[target >> 1] = (first, second)
    if max(defined) > 2 * sizes.largest:
        raise InputError(f"AIGER: the literal {max(defined)} is beyond the largest variable {sizes.largest}")
    tail = lines[-1] if len(lines) > len(rows) else b""
    return Netlist(literals, [row[0] for row in rows[inputs : inputs + outputs]], gates), tail


def _binary(rest: bytes, sizes: Sizes) -> tuple[Netlist, bytes]:
    """Outputs, one a line, and gates as differences of literals; and what comes after them."""
    *lines, body = rest.split(b"\n", sizes.outputs)
    if len(lines) < sizes.outputs or not all(map(_is_number, lines)):
        raise InputError(f"AIGER: expected {sizes.outputs} output literals, one a line")
    gates: dict[int, tuple[int, int]] = {}
    position = 0
    for gate in range(sizes.gates):
        target = 2 * (sizes.inputs + gate + 1)
        difference, position = _decoded(body, position)
        other, position = _decoded(body, position)
        first, second = target - difference, target - difference - other
        if difference == 0 or second < 0:
            raise InputError(f"AIGER: gate {gate} of {sizes.gates} reads a literal that does not stand before it")
        gates[target >> 1] = (first, second)
    inputs = [2 * (i + 1) for i in range(sizes.inputs)]
    return Netlist(inputs, [int(line) for line in lines], gates), body[position:]


def _check_symbols(tail: bytes, sizes: Sizes) -> None:
    """After the last gate there are names of inputs and outputs, and from a line that begins with c on anything."""
    for line in tail.split(b"\n"):
        if line.startswith(b"c"):
            return
        found = re.fullmatch(rb"([ilobjf])(\d{1,11}) .*", line)
        count = {b"i": sizes.inputs, b"o": sizes.outputs}.get(found[1], 0) if found else 0
        if line.strip() and (found is None or int(found[2]) >= count):
            shown = line[:40].decode("ascii", "replace")
            raise InputError(f"AIGER: after the {sizes.gates} gates of the header only symbols stand; got `{shown}`")


def _build(netlist: Netlist) -> Circuit:
    """Conjunctions in the order of their sources."""
    sources = {target: (first >> 1, second >> 1) for target, (first, second) in netlist.gates.items()}
    order, cyclic = definition_order(sources)
    if cyclic is not None:
        raise InputError(f"AIGER: the gate {2 * cyclic} depends on itself")
    builder = CircuitBuilder(len(netlist.inputs))
    signals = {0: FALSE} | {literal >> 1: place for place, literal in enumerate(netlist.inputs)}

    def signal(literal: int) -> int:
        positive = signals[literal >> 1]
        return builder.negate(positive) if literal & 1 else positive

    for target in order:
        first, second = netlist.gates[target]
        signals[target] = builder.conjoin(signal(first), signal(second))
    return builder.finish([signal(literal) for literal in netlist.outputs])


def _is_number(word: bytes) -> bool:
    return word.isdigit() and len(word) < 12


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
