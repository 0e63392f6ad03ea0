"""BLIF, the Berkeley Logic Interchange Format: one combinational model of truth-table gates (.names), in and out.

Source: Berkeley Logic Interchange Format (BLIF), University of California, Berkeley, 1992.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.circuit import Circuit, Operation
from certify.errors import InputError

LARGEST_TABLE_INPUTS = 16
_COVERS = {Operation.AND: ("11 1",), Operation.OR: ("1- 1", "-1 1"), Operation.XOR: ("10 1", "01 1"),
           Operation.NOT: ("0 1",)}  # fmt: skip
_IGNORED = frozenset({".model", ".end", ".default_input_arrival", ".default_output_required", ".area"})


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
    """The circuit of a BLIF text with one combinational model; gates may stand in any order.

    Raises:
        InputError: in one line with its number, for latches, sub-circuits and unknown commands, a malformed or mixed
            cover, a signal that is defined twice, not at all, or in terms of itself, and missing inputs or outputs.
    """
    model = _parse(text)
    builder = CircuitBuilder(len(model.inputs))
    signals = {name: place for place, name in enumerate(model.inputs)}
    for start in model.outputs:
        _build(model, builder, signals, start)
    return builder.finish([signals[name] for name in model.outputs])


@dataclass
class _Table:
    line: int
    sources: tuple[str, ...]
    rows: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Model:
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    tables: dict[str, _Table] = field(default_factory=dict)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines as words: comments removed, lines that end in a backslash joined."""
    joined, first = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].rstrip()
        first = first or number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        if words := (joined + line).split():
            yield first, words
        joined, first = "", 0
    if joined.split():
        yield first, joined.split()


def _parse(text: str) -> _Model:
    model, table = _Model(), None
    for number, (command, *words) in _lines(text):
        if not command.startswith("."):
            if table is None:
                raise InputError(f"BLIF line {number}: `{command}` stands outside a .names table")
            _row(number, table, [command, *words])
            continue
        table = None
        if command == ".inputs":
            model.inputs += words
        elif command == ".outputs":
            model.outputs += words
        elif command == ".names":
            if not words or words[-1] in model.tables:
                raise InputError(f"BLIF line {number}: .names must define a signal, once; got `{' '.join(words)[:60]}`")
            if (width := len(words) - 1) > LARGEST_TABLE_INPUTS:
                raise InputError(f"BLIF line {number}: a table of {width} inputs; at most {LARGEST_TABLE_INPUTS}")
            table = model.tables[words[-1]] = _Table(number, tuple(words[:-1]))
        elif command not in _IGNORED:
            raise InputError(f"BLIF line {number}: `{command[:40]}` is not supported; give one combinational model")
    return _checked(model)


def _row(number: int, table: _Table, words: list[str]) -> None:
    pattern, value = ("", words[0]) if not table.sources else (words[0], words[-1])
    width, wanted = len(table.sources), 1 if not table.sources else 2
    if len(words) != wanted or len(pattern) != width or set(pattern) - set("01-") or value not in ("0", "1"):
        shown = " ".join(words)[:60]
        raise InputError(f"BLIF line {number}: expected {width} of 0, 1, - and then 0 or 1; got `{shown}`")
    if table.rows and table.rows[0][1] != value:
        raise InputError(f"BLIF line {number}: a cover lists either the ones or the zeros of its function, not both")
    table.rows.append((pattern, value))


def _checked(model: _Model) -> _Model:
    if not model.inputs or not model.outputs:
        raise InputError("BLIF: the model has no .inputs or no .outputs")
    if len(set(model.inputs)) < len(model.inputs):
        raise InputError("BLIF: an input is named twice")
    for name in model.inputs:
        if name in model.tables:
            raise InputError(f"BLIF line {model.tables[name].line}: the input `{name}` is defined as a gate")
    return model


def _build(model: _Model, builder: CircuitBuilder, signals: dict[str, int], start: str) -> None:
    """Build the gates that `start` depends on, sources first, without recursion: files may be deep."""
    stack, open_names = [start], set()
    while stack:
        name = stack[-1]
        if name in signals:
            stack.pop()
            open_names.discard(name)
            continue
        if name not in model.tables:
            raise InputError(f"BLIF: the signal `{name}` is used and not defined")
        table = model.tables[name]
        missing = [source for source in table.sources if source not in signals]
        if missing:
            if name in open_names:
                raise InputError(f"BLIF line {table.line}: the signal `{name}` depends on itself")
            open_names.add(name)
            stack += missing
        else:
            signals[name] = _gate(builder, table, [signals[source] for source in table.sources])


def _gate(builder: CircuitBuilder, table: _Table, sources: list[int]) -> int:
    """The disjunction of the rows' cubes, negated if the rows list the zeros; no rows mean false."""
    total = FALSE
    for pattern, _ in table.rows:
        cube = [signal if mark == "1" else builder.negate(signal)
                for mark, signal in zip(pattern, sources, strict=True) if mark != "-"]
        total = builder.disjoin(total, builder.every(cube) if cube else TRUE)
    return builder.negate(total) if table.rows and table.rows[0][1] == "0" else total
