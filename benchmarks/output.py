"""How a benchmark reports: line by line as it comes, and the whole as a file where one is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from certify.atomic import write_text_atomically


def print_and_write(lines: Iterable[str], out: str | Path | None) -> None:
    """Print every line as it is made; write all of them to `out` in the end, whole or not at all."""
    seen = []
    for line in lines:
        print(line, flush=True)
        seen.append(line)
    if out:
        write_text_atomically(out, "\n".join(seen) + "\n")
