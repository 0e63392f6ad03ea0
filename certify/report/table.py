"""Tables as data: what a report says, before any output format has a word in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from certify.arithmetic.rounding import Direction, Printable, decimal_text, interval_text

CellKind = Literal["text", "number", "verdict", "label"]


@dataclass(frozen=True)
class Cell:
    """One entry: plain text, what kind of thing it is, and its TeX (math mode) where it has one of its own."""

    text: str
    kind: CellKind = "text"
    latex: str | None = None


@dataclass(frozen=True)
class Column:
    """A column: its heading and whether its entries are numbers (set flush right)."""

    heading: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A named table: `name` is what its file is called, `title` what a reader sees above it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows}
        assert widths <= {len(self.columns)}, f"table {self.name}: {len(self.columns)} columns, rows of {widths}"


@dataclass(frozen=True)
class Document:
    """Tables that belong together, with the lines of provenance that stand above them as a comment."""

    tables: tuple[Table, ...]
    comments: tuple[str, ...] = field(default=())

    @property
    def comment_lines(self) -> tuple[str, ...]:
        """The comments with every line break and run of blanks made one blank: none leaves its line."""
        return tuple(one_line(comment) for comment in self.comments)


@dataclass(frozen=True)
class TableFormat:
    """An output format: its name on the command line, the suffix of its files, and the writer."""

    name: str
    suffix: str
    render: Callable[[Document], str]


def one_line(text: str) -> str:
    """The text with every run of blanks and line breaks made one blank."""
    return " ".join(text.split())


def text_cell(text: str, latex: str | None = None) -> Cell:
    """Entry of running text."""
    return Cell(one_line(text), "text", latex)


def label_cell(label: str, latex: str | None = None) -> Cell:
    """Entry that names something: a step's label, a constant."""
    return Cell(label, "label", latex)


def verdict_cell(verdict: str) -> Cell:
    """Entry that is a verdict."""
    return Cell(str(verdict), "verdict")


def number_cell(value: Printable | None, direction: Direction = Direction.NEAREST, digits: int = 5) -> Cell:
    """Entry that is a number, printed on the stated side of its exact value."""
    return Cell(decimal_text(value, digits, direction), "number")


def lower_cell(value: Printable | None, digits: int = 5) -> Cell:
    """Entry that is a lower bound. Rounded down as printed."""
    return number_cell(value, Direction.DOWN, digits)


def upper_cell(value: Printable | None, digits: int = 5) -> Cell:
    """Entry that is an upper bound. Rounded up as printed."""
    return number_cell(value, Direction.UP, digits)


def interval_cell(low: Printable | None, high: Printable | None, digits: int = 5) -> Cell:
    """Entry that is an enclosure. Rounded outward as printed."""
    return Cell(interval_text(low, high, digits), "number")


def without_empty_columns(table: Table) -> Table:
    """The table without the columns in which no row says anything."""
    kept = [index for index in range(len(table.columns)) if any(row[index].text for row in table.rows)]
    return replace(
        table,
        columns=tuple(table.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in table.rows),
    )


def columns(headings: Sequence[str], numeric: Sequence[str] = ()) -> tuple[Column, ...]:
    """Columns by heading; those in `numeric` are set flush right."""
    return tuple(Column(heading, heading in numeric) for heading in headings)
