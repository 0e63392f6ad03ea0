"""BLIF, the Berkeley Logic Interchange Format: combinational models of truth-table gates (.names), in and out.

Source: Berkeley Logic Interchange Format (BLIF), University of California, Berkeley, 1992.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify.circuits.builder import CircuitBuilder
from certify.circuits.circuit import Circuit, Operation
from certify.circuits.formats.blif_hierarchy import Gate, flatten
from certify.circuits.formats.blif_models import parse_models

_COVERS = {Operation.AND: ("11 1",), Operation.OR: ("1- 1", "-1 1"), Operation.XOR: ("10 1", "01 1"),
           Operation.NOT: ("0 1",)}  # fmt: skip
_UNEQUAL = ["01", "10"]
"""Rows of XOR, which the cubes would build out of five gates."""


def write_blif(circuit: Circuit, name: str = "circuit") -> str:
    """The circuit as BLIF text: inputs x0, x1, ..., outputs y0, y1, ..., one .names for each gate."""
    names = [f"x{i}" for i in range(circuit.inputs)] + [f"g{i}" for i in range(circuit.gates)]
    outputs = [f"y{i}" for i in range(len(circuit.outputs))]
    lines = [f".model {name}", ".inputs " + " ".join(names[: circuit.inputs]), ".outputs " + " ".join(outputs)]
    for gate, (code, first, second) in enumerate(zip(circuit.operations, circuit.first, circuit.second, strict=True)):
        operation = Operation(code)
        sources = [names[first]] if operation == Operation.NOT else [names[first], names[second]]
        cover: Sequence[str] = _COVERS[operation]
        if operation == Operation.XOR and first == second:
            sources, cover = [], ()
        elif len(sources) == 2 and first == second:
            sources, cover = sources[:1], ("1 1",)
        lines += [" ".join([".names", *sources, names[circuit.inputs + gate]]), *cover]
    for place, output in enumerate(circuit.outputs):
        lines += [f".names {names[output]} y{place}", "1 1"]
    return "\n".join([*lines, ".end", ""])


def read_blif(text: str) -> Circuit:
    """The circuit of a BLIF text: its first model, with the models that it refers to; gates may stand in any order.

    Raises:
        InputError: in one line with its number, for latches, library gates, external don't cares and unknown commands,
            a malformed or mixed cover, a signal that is defined twice, not at all, or in terms of itself, missing
            inputs or outputs, a model that is not there or not used or contains itself, text after .end that begins no
            model, and a circuit that is too large.
    """
    netlist = flatten(parse_models(text))
    builder = CircuitBuilder(netlist.inputs)
    signals = {signal: signal for signal in range(netlist.inputs)}
    for signal in netlist.order:
        gate = netlist.gates[signal]
        signals[signal] = _built(builder, gate, [signals[source] for source in gate.sources])
    return builder.finish([signals[signal] for signal in netlist.outputs])


def _built(builder: CircuitBuilder, gate: Gate, sources: list[int]) -> int:
    """The disjunction of the rows' cubes, negated if the rows list the zeros; no rows mean false."""
    if sorted(gate.rows) == _UNEQUAL:
        total = builder.add(*sources)
        return builder.negate(total) if gate.value == "0" else total
    cubes = [
        builder.every([signal if mark == "1" else builder.negate(signal)
                       for mark, signal in zip(row, sources, strict=True) if mark != "-"])
        for row in gate.rows
    ]  # fmt: skip
    total = builder.some(cubes)
    return builder.negate(total) if gate.value == "0" else total
