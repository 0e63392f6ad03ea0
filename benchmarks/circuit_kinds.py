"""The kinds of circuit files of `benchmarks.circuit_formats`: a valid or an invalid file from a source of chance."""

from __future__ import annotations

import random
from collections.abc import Callable

from benchmarks.circuit_files import (
    CircuitFile,
    Conjunctions,
    Tables,
    aag,
    aig,
    blif_lines,
    blif_text,
    hierarchical,
    random_conjunctions,
    random_tables,
    renamed,
    wide_tables,
)

Kind = Callable[[random.Random], CircuitFile]


def _tables(source: random.Random) -> Tables:
    return random_tables(source, source.randint(2, 10), source.randint(2, 20), 4)


def _graph(source: random.Random) -> Conjunctions:
    return random_conjunctions(source, source.randint(2, 10), source.randint(2, 40))


def _blif(name: str, change: Callable[[random.Random, list[list[str]]], str], draw: Callable[..., Tables] = _tables,
          valid: bool = True) -> tuple[str, Kind]:  # fmt: skip
    """A kind of BLIF file: a circuit of tables whose text is changed."""

    def build(source: random.Random) -> CircuitFile:
        tables = draw(source)
        text = change(source, blif_lines(tables))
        return CircuitFile(name, ".blif", text.encode(), tables.inputs, tables if valid else None)

    return name, build


def _aiger(name: str, change: Callable[[random.Random, Conjunctions], bytes], ending: str = ".aag",
           draw: Callable[..., Conjunctions] = _graph, valid: bool = True) -> tuple[str, Kind]:  # fmt: skip
    """A kind of AIGER file: a graph and its bytes."""

    def build(source: random.Random) -> CircuitFile:
        graph = draw(source)
        return CircuitFile(name, ending, change(source, graph), graph.inputs, graph if valid else None)

    return name, build


def _shuffled(source: random.Random, blocks: list[list[str]]) -> str:
    middle = blocks[1:-1]
    source.shuffle(middle)
    return blif_text([blocks[0], *middle, blocks[-1]])


def _folded(source: random.Random, blocks: list[list[str]]) -> str:
    """Comments, blank lines, tabs, and lines that go on in the next one."""
    lines = []
    for line in blif_text(blocks).splitlines():
        if line.startswith((".names", ".inputs")) and " " in line:
            head, _, rest = line.rpartition(" ")
            lines += [f"{head} \\", f"\t{rest}"]
        else:
            lines.append(line + source.choice(["", "  # a comment", "\t"]))
        lines += source.choice([[], [""], ["# 11 1"]]) if not line.endswith("\\") else []
    return "\n".join(lines) + "\n"


def _inserted(*lines: str) -> Callable[[random.Random, list[list[str]]], str]:
    """Lines before .end."""
    return lambda source, blocks: blif_text([*blocks[:-1], list(lines), blocks[-1]])


def _twice(source: random.Random, blocks: list[list[str]]) -> str:
    return blif_text([*blocks[:-1], source.choice(blocks[1:-1]), blocks[-1]])


def _without(source: random.Random, blocks: list[list[str]]) -> str:
    """A signal that is read and not defined: the first table goes, a new one reads what it defined."""
    name = blocks[1][0].split()[-1]
    return blif_text([blocks[0], *blocks[2:-1], [f".names {name} reader", "1 1"], blocks[-1]])


def _mixed(source: random.Random, blocks: list[list[str]]) -> str:
    return blif_text([*blocks[:-1], [".names x0 x1 mixed", "11 1", "00 0"], blocks[-1]])


def _hierarchical(source: random.Random) -> CircuitFile:
    text, inputs, function = hierarchical(source)
    return CircuitFile("models within models", ".blif", text.encode(), inputs, function)


def _reversed(source: random.Random) -> CircuitFile:
    text, inputs, _ = hierarchical(source)
    models = text.split(".end\n")[:-1]
    return CircuitFile("the whole circuit last", ".blif", "".join(f"{model}.end\n" for model in models[::-1]).encode(),
                       inputs, None)  # fmt: skip


def _header(position: int, change: int) -> Callable[[random.Random, Conjunctions], bytes]:
    """The ASCII form with one number of its header, B C J F included, changed."""

    def build(source: random.Random, graph: Conjunctions) -> bytes:
        first, *lines = aag(graph, " 0 0 0 0")
        words = first.split()
        words[position] = str(int(words[position]) + change)
        extra = [str(2 * (graph.inputs + len(graph.gates)))] * (position > 5)
        at = graph.inputs + len(graph.outputs)
        return "\n".join([" ".join(words), *lines[:at], *extra, *lines[at:], ""]).encode()

    return build


def _text(lines: list[str]) -> bytes:
    return "\n".join([*lines, ""]).encode()


def _last_gate(gate: Callable[[int], str]) -> Callable[[random.Random, Conjunctions], bytes]:
    """The ASCII form with its last gate, of literal 2 M, replaced."""
    return lambda source, graph: _text([*aag(graph)[:-1], gate(2 * (graph.inputs + len(graph.gates)))])


def _one_more(source: random.Random, graph: Conjunctions) -> bytes:
    """A line for one gate more than the header says."""
    return _text([*aag(graph, gap=1), f"{2 * (graph.inputs + len(graph.gates) + 1)} 2 4"])


def _wide_graph(source: random.Random) -> Conjunctions:
    return random_conjunctions(source, source.choice([17, 33, 64, 65, 100]), source.randint(50, 300))


def _wide_inputs(source: random.Random) -> Tables:
    return random_tables(source, source.choice([17, 33, 64, 65, 100]), source.randint(20, 80), 6)


SYMBOLS = b"i0 the first\no0 y\nc\nmade by chance\n6 2 4\n"
ZEROS = (" 0", " 0 0", " 0 0 0 0")
OTHER = [".model other", ".inputs x0", ".outputs y", ".names x0 y", "0 1"]
NO_LATCH = ("latches", "bad states", "constraints", "justice", "fairness")

KINDS: dict[str, Kind] = dict([
    _blif("covers", lambda source, blocks: blif_text(blocks)),
    _blif("covers in any order", _shuffled),
    _blif("comments, continued lines", _folded),
    _blif("carriage returns", lambda source, blocks: blif_text(blocks).replace("\n", "\r\n")),
    _blif("no .end", lambda source, blocks: blif_text(blocks[:-1])),
    _blif("attributes", _inserted(".attr src \"a.v:3\"", ".cname g", ".param P 1")),
    _blif("covers of 17 to 60 inputs", lambda source, blocks: blif_text(blocks), wide_tables),
    _blif("17 to 100 inputs", _shuffled, _wide_inputs),
    _blif("no .model", lambda source, blocks: blif_text([blocks[0][1:], *blocks[1:]])),
    ("models within models", _hierarchical),
    _aiger("ascii", lambda source, graph: _text(aag(graph))),
    _aiger("ascii, version 1.9", lambda source, graph: _text(aag(graph, source.choice(ZEROS)))),
    _aiger("ascii, symbols and comments", lambda source, graph: _text(aag(graph)) + SYMBOLS),
    _aiger("ascii, carriage returns", lambda source, graph: _text(aag(graph)).replace(b"\n", b"\r\n")),
    _aiger("ascii, unused variables", lambda source, graph: _text(aag(graph, gap=source.randint(1, 9)))),
    _aiger("ascii, any order", lambda source, graph: _text(renamed(source, graph, 0))),
    _aiger("ascii, 17 to 100 inputs", lambda source, graph: _text(aag(graph)), draw=_wide_graph),
    _aiger("binary", lambda source, graph: aig(graph), ".aig"),
    _aiger("binary, version 1.9", lambda source, graph: aig(graph, source.choice(ZEROS)), ".aig"),
    _aiger("binary, symbols and comments", lambda source, graph: aig(graph) + SYMBOLS, ".aig"),
    _aiger("binary, 17 to 100 inputs", lambda source, graph: aig(graph), ".aig", _wide_graph),
    _blif("defined twice", _twice, valid=False),
    _blif("not defined", _without, valid=False),
    _blif("in terms of itself", _inserted(".names u v", "1 1", ".names v u", "1 1"), valid=False),
    _blif("ones and zeros", _mixed, valid=False),
    _blif("cover of another width", _inserted(".names x0 x1 short", "1 1"), valid=False),
    _blif("latch", _inserted(".latch x0 state 0"), valid=False),
    _blif("external don't cares", _inserted(".exdc", ".names x0 n2", "1 1"), valid=False),
    _blif("unknown command", _inserted(".magic x0"), valid=False),
    _blif("a model that is not there", _inserted(".subckt absent a=x0 b=new"), valid=False),
    _blif("tables after .end", lambda source, blocks: blif_text([*blocks, blocks[-2]]), valid=False),
    _blif("a second circuit", lambda source, blocks: blif_text([*blocks, OTHER, [".end"]]), valid=False),
    ("the whole circuit last", _reversed),
    *(_aiger(f"ascii, {name}", _header(position, 1), valid=False)
      for name, position in zip(NO_LATCH, (3, 6, 7, 8, 9), strict=True)),
    _aiger("ascii, M too small", _header(1, -1), valid=False),
    _aiger("ascii, a gate in terms of itself", _last_gate(lambda top: f"{top} {top} 2"), valid=False),
    _aiger("ascii, an odd gate", _last_gate(lambda top: f"{top + 1} 2 4"), valid=False),
    _aiger("ascii, an input defined as a gate", _last_gate(lambda top: "2 4 4"), valid=False),
    _aiger("ascii, a literal beyond M", _last_gate(lambda top: f"{top} {top + 8} 2"), valid=False),
    _aiger("ascii, one gate more", _one_more, valid=False),
    _aiger("binary, ends early", lambda source, graph: aig(graph)[:-1], ".aig", valid=False),
    _aiger("ascii, one gate less", lambda source, graph: _text(aag(graph)[:-1]), valid=False),
    _aiger("binary, M too large", lambda source, graph: aig(graph, excess=3), ".aig", valid=False),
])  # fmt: skip
NOT_ASKED = frozenset({
    "no .model", "tables after .end", "ascii, any order", "ascii, justice", "ascii, M too small",
    "ascii, a gate in terms of itself", "ascii, a literal beyond M", "binary, ends early",
})  # fmt: skip
"""Kinds that are held against their own function or refusal alone."""
