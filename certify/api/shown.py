"""What every result can do, whatever verb it comes from: print, show in a notebook, serialise and compare.

A result says what it is in three ways, from which every form follows: a summary on one line or two, its tables, and
its rows as plain numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from certify.errors import MissingExtraError
from certify.report.discovery import table_formats
from certify.report.json import json_text
from certify.report.table import Document, Table
from certify.report.terminal import draw, render_text

if TYPE_CHECKING:
    import pandas
    from rich.console import RenderableType

PASSING = frozenset({"seconds", "started", "platform", "packages", "command", "wall_s"})
"""Entries of a JSON form that say when, where and by whose words a run was made, and nothing of what it found."""


class Shown(ABC):
    """A result: `repr` is short, `str` the tables; equal to another one exactly where both found the same."""

    if TYPE_CHECKING:
        # Not abstract: it would stand before the record's own, which is what a result inherits it from.
        def to_dict(self) -> dict[str, Any]:
            """The JSON form, as the command line writes it."""

    @abstractmethod
    def _summary(self) -> str:
        """Verdict, subject, the decisive numbers and the next step, on one line or two."""

    @abstractmethod
    def _tables(self) -> tuple[Table, ...]:
        """Everything as tables, in reading order."""

    @abstractmethod
    def _rows(self) -> list[dict[str, Any]]:
        """The main table as plain values, not rounded: a mapping per row."""

    def _report(self) -> RenderableType:
        """What `print` shows: the tables, unless a report of its own says it better."""
        from rich.console import Group

        return Group(*(draw(table) for table in self._tables()))

    def to_latex(self) -> str:
        """All tables as booktabs tabulars; every printed bound is rounded outward."""
        return table_formats()["latex"].render(Document(self._tables()))

    def to_markdown(self) -> str:
        """All tables in Markdown; every printed bound is rounded outward."""
        return table_formats()["markdown"].render(Document(self._tables()))

    def to_dataframe(self) -> pandas.DataFrame:
        """The main table as a pandas frame of plain values, not rounded.

        Raises MissingExtraError where pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("pandas", "frames", "`to_dataframe`") from error
        return pandas.DataFrame(self._rows())

    def _repr_html_(self) -> str:
        return table_formats()["html"].render(Document(self._tables()))

    def __str__(self) -> str:
        return render_text(self._report()).rstrip("\n")

    def __repr__(self) -> str:
        return self._summary()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self._found() == other._found())

    def __hash__(self) -> int:
        return hash(json_text(self._found()))

    def _found(self) -> dict[str, Any]:
        """What was found: the JSON form without when and where the run was made."""
        kept = without_passing(self.to_dict())
        assert isinstance(kept, dict)
        return kept


def without_passing(document: Any) -> Any:
    """The JSON document without the entries of `PASSING`, at any depth."""
    if isinstance(document, dict):
        return {key: without_passing(value) for key, value in document.items() if key not in PASSING}
    if isinstance(document, (list, tuple)):
        return [without_passing(value) for value in document]
    return document


def values_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, themselves and not copied."""
    return {item.name: getattr(record, item.name) for item in fields(record)}
