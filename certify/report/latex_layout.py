"""How a table is laid out on the article class's line of 345 points: its size, which columns wrap, what goes below.

Columns keep their natural width where all of them fit. Otherwise texts and formulas wrap in what the others leave;
where that is too little for one of them, it goes below the line, across the whole width, under its heading. Widths are
estimates: what they get wrong TeX measures and mends (`certify.report.formats.latex`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from certify.report.latex_text import heading_width, text_width, unit_width, width
from certify.report.table import Cell, Table

PLAIN, SMALL = 33.5, 39.8
"""Em of the line at the class's size and in footnotesize, with a little left for what the estimates miss."""

PLAIN_GAP, SMALL_GAP = 1.2, 0.75
"""Em between two columns."""

NATURAL = 7.5
"""Columns of at most so many em keep their natural width beside columns that wrap."""

TEXT_ROOM, FORMULA_ROOM = 8.0, 15.0
"""Em that a column needs for wrapping: one of texts, one of formulas."""

MOST_LINES = 5
"""Lines of an entry from which a table is easier to read with the entry below its row."""

PAGE_LINES, PLAIN_PAGE_LINES = 50, 36
"""Lines of a page that a float with its caption may fill, in footnotesize and at the class's size."""


@dataclass(frozen=True)
class Layout:
    """How a table is set.

    small    in footnotesize, with narrow gaps
    rooms    em of each column that wraps; None for one of natural width
    below    columns that stand below their row
    long     whether it does not fit a page
    """

    small: bool
    rooms: tuple[float | None, ...]
    below: tuple[int, ...]
    long: bool

    @property
    def wraps(self) -> bool:
        """Whether anything has a share of the line."""
        return bool(self.below) or any(room is not None for room in self.rooms)


def layout(table: Table) -> Layout:
    """The layout of a table."""
    natural = [
        max([heading_width(column), *(width(row[place]) for row in table.rows)])
        for place, column in enumerate(table.columns)
    ]
    rooms: tuple[float | None, ...] = (None,) * len(natural)
    caption = math.ceil(sum(text_width(text) for text in (table.title, *table.notes)) / PLAIN)
    if sum(natural) + PLAIN_GAP * (len(natural) - 1) <= PLAIN:
        return Layout(False, rooms, (), len(table.rows) + caption > PLAIN_PAGE_LINES)
    # A line of the caption is at the class's size.
    most = PAGE_LINES - math.ceil(1.3 * caption)
    if sum(natural) + SMALL_GAP * (len(natural) - 1) <= SMALL:
        return Layout(True, rooms, (), len(table.rows) > most)
    wrapped = _wrapped(table, natural)
    if wrapped is not None:
        return Layout(True, wrapped, (), sum(_height(row, wrapped) for row in table.rows) > most)
    below = _below(table, natural)
    # Below a row there is half a line of space.
    lines = sum(1.5 + math.ceil(sum(width(row[place]) + 4 for place in below) / SMALL) for row in table.rows)
    return Layout(True, rooms, below, lines > most)


def _wrapped(table: Table, natural: Sequence[float]) -> tuple[float | None, ...] | None:
    """Rooms of the columns that wrap; None where one would have too little."""
    gaps = SMALL_GAP * (len(natural) - 1)
    wide = [place for place, em in enumerate(natural) if em > NATURAL and not _is_numeric(table, place)]
    left = SMALL - gaps - sum(em for place, em in enumerate(natural) if place not in wide)
    if not wide:
        return None
    least = {place: _least_room(table, place, natural[place]) for place in wide}
    spare = left - sum(least.values())
    if spare < 0:
        return None
    # What is left over goes to the columns that would still wrap, by what they have more.
    wanted = {place: math.sqrt(max(natural[place] - least[place], 0.0)) for place in wide}
    total = sum(wanted.values()) or 1.0
    rooms = tuple(
        least[place] + spare * wanted[place] / total if place in least else None for place in range(len(natural))
    )
    tallest = max(_height(row, rooms) for row in table.rows)
    return rooms if tallest <= MOST_LINES or len(natural) <= 4 else None


def _least_room(table: Table, place: int, natural: float) -> float:
    formulas = any(row[place].latex is not None for row in table.rows)
    units = max(unit_width(row[place]) for row in table.rows)
    return min(natural, max(FORMULA_ROOM if formulas else TEXT_ROOM, min(units, FORMULA_ROOM)))


def _is_numeric(table: Table, place: int) -> bool:
    return table.columns[place].numeric


def _height(row: Sequence[Cell], rooms: Sequence[float | None]) -> int:
    lines = [math.ceil(1.1 * width(item) / room) for item, room in zip(row, rooms, strict=True) if room is not None]
    return max([1, *lines])


def _below(table: Table, natural: Sequence[float]) -> tuple[int, ...]:
    """The widest columns, texts before numbers and never the first, until the others fit the line."""
    order = sorted(range(1, len(natural)), key=lambda place: (_is_numeric(table, place), -natural[place]))
    below: list[int] = []
    for place in order:
        rest = [em for other, em in enumerate(natural) if other not in below]
        if sum(rest) + SMALL_GAP * (len(rest) - 1) <= SMALL:
            break
        below.append(place)
    return tuple(sorted(below))
