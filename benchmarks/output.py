"""How a benchmark reports: line by line as it comes, and the whole as a file where one is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from certify.atomic import write_text_atomically


def write_section(path: Path, heading: str, title: str, lines: Iterable[str]) -> None:
    """Put the lines under `## title` of a Markdown file that begins with `heading`; its other sections stay."""
    parts = path.read_text().split("\n## ") if path.exists() else [heading]
    sections = {part.partition("\n")[0]: part for part in parts[1:]}
    sections[title] = "\n".join([title, "", *lines])
    body = [part.rstrip("\n") + "\n" for part in (heading, *sections.values())]
    write_text_atomically(path, "\n## ".join(body))


def print_and_write(lines: Iterable[str], out: str | Path | None) -> None:
    """Print every line as it is made; write all of them to `out` in the end, whole or not at all."""
    seen = []
    for line in lines:
        print(line, flush=True)
        seen.append(line)
    if out:
        write_text_atomically(out, "\n".join(seen) + "\n")
