"""Table files: one per theorem, generator, table and format; the same inputs and seed give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from certify.atomic import write_text_atomically
from certify.errors import InputError, UnknownNameError
from certify.proof.records import CheckResult
from certify.report.latex_floats import float_latex
from certify.report.observations import observation_tables
from certify.report.table import Document, Table, TableFormat
from certify.report.tables import record_tables, summary_table

CONSTANTS_ALONE = "constants"
_LONGEST_SLUG = 60
HEADINGS = (
    "theorem", "generator", "verdict", "beta", "beta_max", "K", "tv_bound",
    "constant", "lower", "upper", "lower end by", "upper end by",
    "id", "assumption", "evidence", "reason",
    "step", "title", "claimed", "measured", "slack", "cases", "algebra",
    "name", "claim", "interval", "error", "quantity", "value", "meaning",
    "used as", "measured / bound", "bound without", "bits lost", "at",
)  # fmt: skip
"""Headings of the tables of a result without single observations."""


@dataclass(frozen=True)
class TableFile:
    """A file to be written: its name within the folder, its format and its text."""

    name: str
    format: str
    content: str


def table_files(
    result: CheckResult,
    formats: Sequence[TableFormat],
    command: str,
    kept: Sequence[str] = (),
    captions: bool = False,
) -> tuple[TableFile, ...]:
    """All files of a result, in a fixed order.

    Above each table stand the version, the seed and the command, and neither time, duration nor platform.

    Args:
        result: what a check found.
        formats: each table is written in each.
        command: what makes the same files again.
        kept: headings of the columns that stay, in every table that has one of them; empty for all.
        captions: whether LaTeX tables are floats with caption and label, long ones longtables.

    Raises:
        UnknownNameError: for a heading that no table has.
    """
    comments = (
        f"proof-companion {result.provenance['version']}, seed {result.provenance['seed']}",
        command,
        "lower bounds are rounded down, upper bounds up, measured values to nearest",
    )
    named: list[tuple[str, str, Table]] = [("summary", "all", summary_table(result))]
    stems = _distinct([f"{slug(record.id)}_{slug(record.generator or CONSTANTS_ALONE)}" for record in result.theorems])
    for stem, record in zip(stems, result.theorems, strict=True):
        where = record.generator or CONSTANTS_ALONE
        tables = (*record_tables(record), *observation_tables(record))
        named += [(f"{stem}_{table.name}", where, table) for table in tables]
    named = with_columns(named, kept)

    def text(item: TableFormat, stem: str, document: Document) -> str:
        return float_latex(document, stem) if captions and item.name == "latex" else item.render(document)

    return tuple(
        TableFile(f"{stem}.{item.suffix}", item.name, text(item, stem, Document((table,), (*comments, f"of {where}"))))
        for stem, where, table in named
        for item in formats
    )


def check_columns(kept: Sequence[str]) -> None:
    """See before long work that every heading is one of `HEADINGS`.

    Raises UnknownNameError for one that is not.
    """
    for heading in kept:
        if heading not in HEADINGS:
            raise UnknownNameError("column", heading, HEADINGS)


def with_columns(named: list[tuple[str, str, Table]], kept: Sequence[str]) -> list[tuple[str, str, Table]]:
    """Every table with the columns of these headings, in their order; one that has none of them stays whole.

    Raises UnknownNameError for a heading that no table has.
    """
    known = list(dict.fromkeys(column.heading for _, _, table in named for column in table.columns))
    for heading in kept:
        if heading not in known:
            raise UnknownNameError("column", heading, known)
    narrowed = []
    for stem, where, table in named:
        headings = [column.heading for column in table.columns]
        places = [headings.index(name) for name in kept if name in headings] or list(range(len(headings)))
        columns = tuple(table.columns[place] for place in places)
        rows = tuple(tuple(row[place] for place in places) for row in table.rows)
        narrowed.append((stem, where, replace(table, columns=columns, rows=rows)))
    return narrowed


def slug(text: str) -> str:
    """A file name's part: letters, digits, dots and dashes, at most 60 characters."""
    cleaned = re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")
    return cleaned[:_LONGEST_SLUG].rstrip("-.") or "unnamed"


def _distinct(names: Sequence[str]) -> list[str]:
    """The names in order, a repeated one with -2, -3, ... behind it."""
    found: list[str] = []
    for name in names:
        candidates = (name, *(f"{name}-{number}" for number in range(2, len(names) + 2)))
        found.append(next(candidate for candidate in candidates if candidate not in found))
    return found


def write_files(files: Sequence[TableFile], folder: Path) -> None:
    """Write every file, each whole or not at all; the folder is made if it is missing.

    Raises InputError if the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder `{folder}`: {error.strerror or error}") from error
    for file in files:
        write_text_atomically(folder / file.name, file.content)


def differing_files(files: Sequence[TableFile], folder: Path) -> tuple[str, ...]:
    """Names of the files that are missing in `folder` or hold other bytes than what was computed."""
    return tuple(file.name for file in files if _committed(folder / file.name) != file.content.encode("utf-8"))


def _committed(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
