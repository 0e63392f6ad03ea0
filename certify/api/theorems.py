"""`certify.theorems`: the catalogue of the theorems that are installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certify.api.shown import Shown
from certify.errors import UnknownNameError
from certify.report.table import Table, columns, label_cell, text_cell

if TYPE_CHECKING:
    from certify.proof.theorem import Theorem


@dataclass(frozen=True, eq=False, repr=False)
class Catalogue(Shown, Mapping[str, "Theorem"]):
    """The installed theorems by name: what each says, and what it needs of a decoder."""

    entries: Mapping[str, Theorem]

    def __getitem__(self, name: str) -> Theorem:
        if name not in self.entries:
            raise UnknownNameError("theorem", str(name), self.entries)
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def to_dict(self) -> dict[str, Any]:
        """Per theorem its name, title, source, assumptions and the constants that it is evaluated on."""
        return {
            "schema": 1,
            "theorems": [
                {
                    "id": item.id,
                    "title": item.title,
                    "source": item.source,
                    "assumptions": {one.label: one.statement for one in item.assumptions},
                    "constants": list(item.required_constants),
                }
                for item in self.entries.values()
            ],
        }

    def _summary(self) -> str:
        return f"<{len(self.entries)} theorems: {', '.join(self.entries)}; print it for what each needs>"

    def _tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (label_cell(item.id), text_cell(item.title), text_cell(_needs(item))) for item in self.entries.values()
        )
        note = "certify.theorems()[id].assumptions says what each assumption is"
        return (Table("theorems", "Theorems", columns(("id", "title", "needs")), rows, (note,)),)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"id": item.id, "title": item.title, "needs": _needs(item), "source": item.source}
            for item in self.entries.values()
        ]


def theorems() -> Catalogue:
    """The theorems that are installed: this project's own and those of the entry-point group `certify.theorems`.

    >>> catalogue = theorems()
    >>> catalogue["sharp-langevin"].id
    'sharp-langevin'
    >>> "no-such-theorem" in catalogue
    False
    """
    from certify.discovery.registry import theorems as discovered

    return Catalogue(discovered())


def _needs(theorem: Theorem) -> str:
    """The labels of a theorem's assumptions and the constants that it is evaluated on, in a line."""
    return f"{', '.join(item.label for item in theorem.assumptions)}; {', '.join(theorem.required_constants)}"
