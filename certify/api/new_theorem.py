"""`certify.new_theorem`: the file that an author begins with, as text, and written where it is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.api.shown import Shown
from certify.discovery.new_theorem import file_name, file_text, write_theorem
from certify.report.table import Table, columns, label_cell, text_cell
from certify.validation import file_path, text_of


@dataclass(frozen=True, eq=False, repr=False)
class NewTheorem(Shown):
    """The beginning of a theorem: its name, and a Python file that runs as it stands."""

    name: str
    text: str

    @property
    def file(self) -> str:
        """What the file is called."""
        return file_name(self.name)

    def write(self, out: str | Path = ".") -> Path:
        """Write the file into the folder `out`, made if it is missing; the path of the file.

        Raises InputError for a file that is there already, or a folder that cannot be made or written.
        """
        return write_theorem(self.name, file_path("out", out))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify new`, with the text in place of where it was written."""
        return {"schema": 1, "theorem": self.name, "file": self.file, "text": self.text}

    def _summary(self) -> str:
        return f"<{self.file}: theorem {self.name}, {len(self.text.splitlines())} lines; write it with .write(FOLDER)>"

    def _tables(self) -> tuple[Table, ...]:
        rows = (
            (label_cell("theorem"), text_cell(self.name)),
            (label_cell("file"), text_cell(self.file)),
            (label_cell("write it"), text_cell(".write(FOLDER), or `certify new theorem " + self.name + "`")),
            (label_cell("check it"), text_cell(f'certify.check("{self.file}")')),
        )
        return (Table("new-theorem", "The beginning of a theorem", columns(("what", "value")), rows),)

    def _rows(self) -> list[dict[str, Any]]:
        return [{"theorem": self.name, "file": self.file, "text": self.text}]


def new_theorem(name: str) -> NewTheorem:
    """Begin a theorem of your own: a small complete one under this name, to be changed part by part.

    Args:
        name: lower-case words of letters and digits joined by `-`.

    Raises:
        InputError: for a name that is none, or that an installed theorem has.

    >>> beginning = new_theorem("descent-lemma")
    >>> beginning.file, beginning.text.splitlines()[0][:16]
    ('descent_lemma.py', '\"\"\"descent-lemma')
    """
    given = text_of("name", name)
    return NewTheorem(given, file_text(given))
