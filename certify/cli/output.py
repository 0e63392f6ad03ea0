"""What a command prints and writes: the JSON result, the report, and the first line before anything heavy loads."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certify.version import __version__

if TYPE_CHECKING:
    from rich.console import RenderableType

STANDARD_OUTPUT = "-"
PIPE_WIDTH = 110


@dataclass(frozen=True)
class Output:
    """Where a command's result goes: `json_file` None, a path or `-`; with `-` nothing else is printed there."""

    json_file: str | None
    quiet: bool

    @property
    def prints(self) -> bool:
        """Whether standard output is for people."""
        return self.json_file != STANDARD_OUTPUT

    def first_line(self, work: str, seed: int | None = None) -> None:
        """Say at once what runs, with which version and seed; heavy imports come after it."""
        if self.prints and not self.quiet:
            seeded = "" if seed is None else f", seed {seed}"
            print(f"certify {__version__}: {work}{seeded}", flush=True)

    def line(self, text: str) -> None:
        """Print a line that stays under --quiet."""
        if self.prints:
            print(text, flush=True)

    def report(self, content: RenderableType) -> None:
        """Draw a report on standard output, in colour on a terminal, plain and at most 110 wide in a pipe."""
        if not self.prints or self.quiet:
            return
        if not sys.stdout.isatty():
            from certify.report.terminal import render_text

            sys.stdout.write(render_text(content, PIPE_WIDTH))
        else:
            from rich.console import Console

            Console(highlight=False, emoji=False, markup=False).print(content)
        sys.stdout.flush()

    def write_json(self, document: dict[str, Any]) -> None:
        """Write the result as JSON where it was asked for: whole or not at all."""
        if self.json_file is None:
            return
        from certify.atomic import write_text_atomically
        from certify.report.json import json_text

        text = json_text(document)
        if self.json_file == STANDARD_OUTPUT:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            write_text_atomically(self.json_file, text)

    def check_destination(self) -> None:
        """Fail before the work and not after it when the JSON file cannot be written.

        Raises InputError if the folder is missing or not writable.
        """
        if self.json_file is not None and self.json_file != STANDARD_OUTPUT:
            from certify.atomic import check_writable

            check_writable(self.json_file)
