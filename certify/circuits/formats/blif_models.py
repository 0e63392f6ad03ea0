"""BLIF text as models: inputs, outputs, truth tables (.names), and references to other models (.subckt).

Lines end at a line feed, with or without a carriage return; a comment runs from # to there; a line that ends in a
backslash goes on in the next one. Commands that leave the functions as they are (places, delays, loads, attributes)
are skipped, those whose function is elsewhere or open are refused with the reason, and so is any other.

Source: Berkeley Logic Interchange Format (BLIF), University of California, Berkeley, 1992; .attr, .param, .cname and
.conn: the extended form that Yosys writes and VTR documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from certify.errors import InputError

_SKIPPED = frozenset({
    ".attr", ".param", ".cname", ".area", ".delay", ".wire", ".wire_load_slope", ".input_arrival", ".output_required",
    ".input_drive", ".output_load", ".max_input_load", ".default_input_arrival", ".default_output_required",
    ".default_input_drive", ".default_output_load", ".default_max_input_load",
})  # fmt: skip
_SEQUENTIAL = "only combinational circuits are supported"
_ELSEWHERE = "its function does not stand in this file"
_REFUSED = {
    **dict.fromkeys([".latch", ".mlatch", ".clock", ".cycle", ".clock_event", ".start_kiss"], _SEQUENTIAL),
    **dict.fromkeys([".gate", ".search", ".blackbox"], _ELSEWHERE),
    **dict.fromkeys([".mv", ".table"], "signals have two values here"),
    ".exdc": "external don't cares leave the function open",
}
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass
class Table:
    """The cover of one signal: where one of `rows` (marks 0, 1, -) matches the sources it is `value`, else not."""

    line: int
    output: str
    sources: tuple[str, ...]
    rows: list[str] = field(default_factory=list)
    value: str = "1"


@dataclass(frozen=True)
class Reference:
    """An instance of another model: pairs of its terminal and the signal that is connected to it."""

    line: int
    model: str
    connections: tuple[tuple[str, str], ...]


@dataclass
class Model:
    """One .model; `name` is empty if the file does not name its first one."""

    line: int
    name: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


def parse_models(text: str) -> dict[str, Model]:
    """The models of a text by name, the first one first.

    Raises InputError, in one line with its number, for whatever is not a command, a cover or a model in its place.
    """
    models: dict[str, Model] = {}
    model: Model | None = None
    table: Table | None = None
    for number, (command, *words) in _lines(text):
        if not command.startswith("."):
            if table is None:
                raise InputError(f"BLIF line {number}: `{command[:60]}` stands outside a .names table")
            _add_row(number, table, [command, *words])
            continue
        table = None
        if command == ".model":
            model = _begin(number, words, models)
        elif model is None and models:
            raise InputError(f"BLIF line {number}: `{command[:40]}` stands after .end, in no model; begin with .model")
        else:
            model = model or _begin(number, [""], models)
            table = _add_command(number, model, command, words)
            model = None if command == ".end" else model
    return models


def _begin(number: int, words: list[str], models: dict[str, Model]) -> Model:
    if len(words) != 1 or words[0] in models:
        raise InputError(f"BLIF line {number}: .model needs one name, a new one; got `{' '.join(words)[:60]}`")
    models[words[0]] = Model(number, words[0])
    return models[words[0]]


def _add_command(number: int, model: Model, command: str, words: list[str]) -> Table | None:
    """Read a command into the model; the table whose rows follow, if it begins one."""
    shown = " ".join(words)[:60]
    if command == ".inputs":
        model.inputs += words
    elif command == ".outputs":
        model.outputs += words
    elif command == ".names":
        if not words:
            raise InputError(f"BLIF line {number}: .names must name the signal that it defines")
        model.tables.append(Table(number, words[-1], tuple(words[:-1])))
        return model.tables[-1]
    elif command == ".conn":
        if len(words) != 2:
            raise InputError(f"BLIF line {number}: .conn needs a source and a target; got `{shown}`")
        model.tables.append(Table(number, words[1], (words[0],), ["1"]))
    elif command == ".subckt":
        pairs = [tuple(word.split("=")) for word in words[1:]]
        if not words or not all(len(pair) == 2 and all(pair) for pair in pairs):
            raise InputError(f"BLIF line {number}: .subckt needs a model and then terminal=signal; got `{shown}`")
        model.references.append(Reference(number, words[0], tuple((pair[0], pair[1]) for pair in pairs)))
    elif command == ".end":
        if words:
            raise InputError(f"BLIF line {number}: .end stands alone; got `{shown}`")
    elif command not in _SKIPPED:
        reason = _REFUSED.get(command, "it is no command that is known here")
        raise InputError(f"BLIF line {number}: `{command[:40]}` is not supported: {reason}")
    return None


def _add_row(number: int, table: Table, words: list[str]) -> None:
    pattern, value = ("", words[0]) if not table.sources else (words[0], words[-1])
    width, wanted = len(table.sources), 1 if not table.sources else 2
    if len(words) != wanted or len(pattern) != width or pattern.strip("01-") or value not in ("0", "1"):
        shown = " ".join(words)[:60]
        raise InputError(f"BLIF line {number}: expected {width} of 0, 1, - and then 0 or 1; got `{shown}`")
    if table.rows and table.value != value:
        raise InputError(f"BLIF line {number}: a cover lists either the ones or the zeros of its function, not both")
    table.rows.append(pattern)
    table.value = value


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines as words: comments removed, lines that end in a backslash joined."""
    if found := _UNREADABLE.search(text.replace("\r\n", "\n")):
        raise InputError(f"BLIF: the text has the control character {found.group()!r}, which no text has")
    joined, first = "", 0
    number = 0
    for number, raw in enumerate(text.removesuffix("\n").split("\n"), start=1):
        line, commented, _ = raw.partition("#")
        if not line.isascii():
            raise InputError(f"BLIF line {number}: names have ASCII characters only")
        line, first = line.rstrip(), first or number
        if line.endswith("\\"):
            if commented:
                raise InputError(f"BLIF line {number}: a backslash that continues a line stands before no comment")
            joined += line[:-1] + " "
            continue
        if words := (joined + line).split():
            yield first, words
        joined, first = "", 0
    if joined:
        raise InputError(f"BLIF line {number}: the text ends in a backslash, in the middle of a line")
