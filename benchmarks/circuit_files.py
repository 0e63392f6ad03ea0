"""Random circuit files of every kind that is met, and files that no reader should take for a circuit.

A file comes with the function that it was made from, evaluated here on many words at once (bit w of an integer is the
value at word w), and nothing of it by `certify`. Invalid kinds are one change away from a valid file.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Function = Callable[[Sequence[int], int], list[int]]
"""Values of the inputs, and the mask with a one for every word, to the values of the outputs."""


@dataclass(frozen=True)
class CircuitFile:
    """`function` is None for a file that must be refused."""

    kind: str
    ending: str
    content: bytes
    inputs: int
    function: Function | None


@dataclass(frozen=True)
class Table:
    """A cover: the signal is `value` where a row matches; sources are numbers of signals, the inputs first."""

    sources: tuple[int, ...]
    rows: tuple[str, ...]
    value: str

    def evaluate(self, values: Sequence[int], mask: int) -> int:
        total = 0
        for row in self.rows:
            cube = mask
            for mark, source in zip(row, self.sources, strict=True):
                cube &= {"1": values[source], "0": mask ^ values[source], "-": mask}[mark]
            total |= cube
        return total if self.value == "1" else mask ^ total


@dataclass(frozen=True)
class Tables:
    """A circuit of covers with its outputs."""

    inputs: int
    tables: tuple[Table, ...]
    outputs: tuple[int, ...]

    def __call__(self, values: Sequence[int], mask: int) -> list[int]:
        known = list(values)
        for table in self.tables:
            known.append(table.evaluate(known, mask))
        return [known[output] for output in self.outputs]


def covers_everything(rows: Sequence[str], width: int) -> bool:
    """Whether some row matches each case of the sources: such a cover ABC does not take (an assertion ends it)."""
    if not width or "" in rows:
        return True
    mask = (1 << (1 << width)) - 1
    columns = [mask // ((1 << (1 << i)) + 1) << (1 << i) for i in range(width)]
    return Table(tuple(range(width)), tuple(rows), "1").evaluate(columns, mask) == mask


def random_tables(source: random.Random, inputs: int, count: int, width: int) -> Tables:
    """Covers of up to `width` sources; the last signals are the outputs, so that no output is an input."""
    tables: list[Table] = []
    for place in range(inputs, inputs + count):
        sources = tuple(source.randrange(place) for _ in range(source.randint(0 if place > inputs else 1, width)))
        rows = ("",)
        while sources and covers_everything(rows, len(sources)):
            rows = tuple("".join(source.choice("01--") for _ in sources) for _ in range(source.randint(1, 5)))
        rows = rows if sources else rows[: source.randint(0, 1)]
        tables.append(Table(sources, rows, source.choice("110") if rows else "1"))
    outputs = source.sample(range(inputs, inputs + count), min(count, source.randint(1, 6)))
    return Tables(inputs, tuple(tables), tuple(outputs))


def wide_tables(source: random.Random) -> Tables:
    """Covers of 17 to 60 sources."""
    inputs = source.randint(17, 60)
    rows = tuple("".join(source.choice("01-") for _ in range(inputs)) for _ in range(source.randint(1, 40)))
    return Tables(inputs, (Table(tuple(range(inputs)), rows, source.choice("01")),), (inputs,))


def blif_lines(tables: Tables, name: str = "top") -> list[list[str]]:
    """One list of lines for the head, each table and the end."""

    def signal(number: int) -> str:
        return f"x{number}" if number < tables.inputs else f"n{number}"

    blocks = [[f".model {name}", ".inputs " + " ".join(map(signal, range(tables.inputs))),
               ".outputs " + " ".join(map(signal, tables.outputs))]]  # fmt: skip
    for place, table in enumerate(tables.tables, start=tables.inputs):
        rows = [f"{row} {table.value}" if row else table.value for row in table.rows]
        blocks.append([" ".join([".names", *map(signal, table.sources), signal(place)]), *rows])
    return [*blocks, [".end"]]


def blif_text(blocks: list[list[str]]) -> str:
    """The text of blocks of lines."""
    return "".join(f"{line}\n" for block in blocks for line in block)


def hierarchical(source: random.Random) -> tuple[str, int, Function]:
    """Two or three models in a chain, each used twice by the one above, the first one first."""
    depth, inputs = source.randint(1, 3), source.randint(2, 6)
    leaf = random_tables(source, inputs, 6, 3)
    texts, function, outputs = [blif_text(blif_lines(leaf, f"m{depth}"))], leaf.__call__, len(leaf.outputs)
    names = [f"n{number}" for number in leaf.outputs]
    for level in range(depth - 1, -1, -1):
        swap = source.sample(range(inputs), inputs)
        first = " ".join(f"{name}=u{place}" for place, name in enumerate(names))
        second = " ".join(f"{name}=v{place}" for place, name in enumerate(names))
        given = [f"x{i}" for i in range(inputs)]
        lines = [
            f".model m{level}",
            ".inputs " + " ".join(given),
            ".outputs " + " ".join(f"y{place}" for place in range(outputs)),
            ".subckt " + " ".join([f"m{level + 1}", *(f"x{i}=x{i}" for i in range(inputs)), first]),
            ".subckt " + " ".join([f"m{level + 1}", *(f"x{i}=x{swap[i]}" for i in range(inputs)), second]),
        ]
        for place in range(outputs):
            lines += [f".names u{place} v{place} y{place}", "10 1", "01 1"]
        texts.append("\n".join([*lines, ".end", ""]))
        names = [f"y{place}" for place in range(outputs)]

        def above(values: Sequence[int], mask: int, below: Function = function, order: list[int] = swap) -> list[int]:
            other = below([values[i] for i in order], mask)
            return [a ^ b for a, b in zip(below(values, mask), other, strict=True)]

        function = above
    return "".join(reversed(texts)), inputs, function


@dataclass(frozen=True)
class Conjunctions:
    """An and-inverter graph: gates are (target, first, second), literals as in AIGER, sources first."""

    inputs: int
    gates: tuple[tuple[int, int, int], ...]
    outputs: tuple[int, ...]

    def __call__(self, values: Sequence[int], mask: int) -> list[int]:
        known = {0: 0} | {2 * (i + 1): value for i, value in enumerate(values)}

        def literal(number: int) -> int:
            return known[number & ~1] ^ (mask if number & 1 else 0)

        for target, first, second in self.gates:
            known[target] = literal(first) & literal(second)
        return [literal(output) for output in self.outputs]


def random_conjunctions(source: random.Random, inputs: int, count: int) -> Conjunctions:
    """A graph of `count` gates; outputs are any literals, the constants and the inputs among them."""
    gates = []
    for gate in range(count):
        target = 2 * (inputs + gate + 1)
        first, second = source.randrange(2, target), source.randrange(2, target)
        gates.append((target, max(first, second), min(first, second)))
    literals = range(2 * (inputs + count + 1))
    return Conjunctions(inputs, tuple(gates), tuple(source.choice(literals) for _ in range(source.randint(1, 6))))


def aag(graph: Conjunctions, properties: str = "", gap: int = 0) -> list[str]:
    """Lines of the ASCII form; `gap` variables beyond the last stay unused."""
    largest = graph.inputs + len(graph.gates) + gap
    head = f"aag {largest} {graph.inputs} 0 {len(graph.outputs)} {len(graph.gates)}{properties}"
    rows = [*(str(2 * (i + 1)) for i in range(graph.inputs)), *map(str, graph.outputs)]
    return [head, *rows, *(" ".join(map(str, gate)) for gate in graph.gates)]


def aig(graph: Conjunctions, properties: str = "", excess: int = 0) -> bytes:
    """The binary form; its header's M is too large by `excess`."""
    sizes = (graph.inputs + len(graph.gates) + excess, graph.inputs, 0, len(graph.outputs))
    head = [f"aig {' '.join(map(str, sizes))} {len(graph.gates)}{properties}", *map(str, graph.outputs), ""]
    body = bytearray()
    for target, first, second in graph.gates:
        for number in (target - first, first - second):
            while number >= 0x80:
                body.append(number & 0x7F | 0x80)
                number >>= 7
            body.append(number)
    return "\n".join(head).encode() + bytes(body)


def renamed(source: random.Random, graph: Conjunctions, gap: int) -> list[str]:
    """The ASCII form with variables in any order, some left out, and gates in any order."""
    count = graph.inputs + len(graph.gates)
    fresh = [0, *source.sample(range(1, count + gap + 1), count)]

    def literal(number: int) -> int:
        return 2 * fresh[number >> 1] + (number & 1)

    head = f"aag {count + gap} {graph.inputs} 0 {len(graph.outputs)} {len(graph.gates)}"
    gates = [" ".join(map(str, map(literal, gate))) for gate in graph.gates]
    source.shuffle(gates)
    inputs = [str(literal(2 * (i + 1))) for i in range(graph.inputs)]
    return [head, *inputs, *(str(literal(output)) for output in graph.outputs), *gates]
