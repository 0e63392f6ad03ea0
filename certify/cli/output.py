"""What a command prints and writes: the JSON result, the report, and the first line before anything heavy loads."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certify.errors import InputError
from certify.version import __version__

if TYPE_CHECKING:
    from rich.console import RenderableType

STANDARD_OUTPUT = "-"
PIPE_WIDTH = 110


class StandardOutputError(InputError):
    """Standard output takes nothing: its disk is full, or it was closed before the start."""


def write_out(text: str) -> None:
    """Write to standard output and flush; raises StandardOutputError, or BrokenPipeError where the reader went away."""
    if sys.stdout is None:
        raise StandardOutputError("standard output is closed; open it, or give `--json FILE`")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StandardOutputError(f"cannot write to standard output: {error.strerror or error}") from error


@dataclass(frozen=True)
class Output:
    """Where a command's result goes: `json_file` None, a path or `-`; with `-` nothing else is printed there."""

    json_file: str | None
    quiet: bool

    @property
    def prints(self) -> bool:
        """Whether standard output is for people."""
        return self.json_file != STANDARD_OUTPUT

    @property
    def width(self) -> int:
        """Characters of a line: the terminal's, or PIPE_WIDTH in a pipe."""
        on_terminal = sys.stdout is not None and sys.stdout.isatty()
        return shutil.get_terminal_size().columns if on_terminal else PIPE_WIDTH

    def first_line(self, work: str, seed: int | None = None) -> None:
        """Say at once what runs, with which version and seed; heavy imports come after it."""
        if self.prints and not self.quiet:
            seeded = "" if seed is None else f", seed {seed}"
            write_out(f"certify {__version__}: {work}{seeded}\n")

    def line(self, text: str) -> None:
        """Print a line that stays under --quiet."""
        if self.prints:
            write_out(f"{text}\n")

    def report(self, content: RenderableType) -> None:
        """Draw a report on standard output, in colour on a terminal, plain and at most 110 wide in a pipe."""
        if not self.prints or self.quiet:
            return
        if sys.stdout is None or not sys.stdout.isatty():
            from certify.report.terminal import render_text

            write_out(render_text(content, PIPE_WIDTH))
        else:
            from rich.console import Console

            Console(highlight=False, emoji=False, markup=False).print(content)

    def write_json(self, document: dict[str, Any]) -> None:
        """Write the result as JSON where it was asked for: whole or not at all."""
        if self.json_file is None:
            return
        from certify.atomic import write_text_atomically
        from certify.report.json import json_text

        text = json_text(document)
        if self.json_file == STANDARD_OUTPUT:
            write_out(text)
        else:
            write_text_atomically(self.json_file, text)

    def check_destination(self) -> None:
        """Fail before the work and not after it when the JSON file cannot be written.

        Raises InputError if the folder is missing or not writable.
        """
        if self.json_file is not None and self.json_file != STANDARD_OUTPUT:
            from certify.atomic import check_writable

            check_writable(self.json_file)
