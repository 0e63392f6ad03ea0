"""Runs the commands of a documentation page: every line `$ command` of its console blocks, in order, in one folder.

A command must end with 0, or with the code that a trailing comment `# exit code 4` names. A block of `text` below a
console block shows what its last command prints: every line of it must be printed, in that order, word for word, and
every number within TOLERANCE of the printed one (what a search finds may differ in its last digits with the library's
version); seconds are not compared. The page is read, not imported: what a reader copies is what is run.

    python tests/quickstart.py docs/quickstart.md README.md
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.02
"""Largest relative difference between a number on the page and the one that is printed."""

_BLOCK = re.compile(r"^```(console|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
_SECONDS = re.compile(r"\d+(?:\.\d+)? s\b|\s\d+\.\d$")
_EXIT_CODE = re.compile(r"#\s*exit code (\d+)\s*$")


@dataclass(frozen=True)
class Command:
    """Arguments, the exit code that is expected, and the lines that the page shows of the output."""

    arguments: list[str]
    code: int
    shown: tuple[str, ...] = ()


def commands(page: str) -> list[Command]:
    """Every command of the page in order; a python block is one command."""
    found: list[Command] = []
    for language, body in _BLOCK.findall(page):
        if language == "python":
            found.append(Command([sys.executable, "-W", "error", "-c", body], 0))
        elif language == "text":
            lines = tuple(line for line in body.splitlines() if line.strip())
            found[-1:] = [replace(command, shown=command.shown + lines) for command in found[-1:]]
        else:
            for line in body.splitlines():
                if line.startswith("$ "):
                    code = _EXIT_CODE.search(line)
                    found.append(Command(["bash", "-euo", "pipefail", "-c", line[2:]], int(code[1]) if code else 0))
    return found


def missing(shown: Sequence[str], printed: str) -> str | None:
    """The first line shown that is not printed, in the order shown; None if all are."""
    lines = iter(printed.splitlines())
    return next((line for line in shown if not any(_same(line, candidate) for candidate in lines)), None)


def _same(shown: str, printed: str) -> bool:
    """Whether two lines agree: words and signs exactly, spaces and rules apart, numbers within the tolerance."""
    one, other = (_SECONDS.sub(" ", line) for line in (shown, printed))
    if _words(one) != _words(other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(abs(float(a) - float(b)) <= TOLERANCE * abs(float(b)) for a, b in pairs)


def _words(line: str) -> str:
    return " ".join(re.sub("\u2500+", "\u2500", _NUMBER.sub("#", line)).split())


def run(page: Path) -> int:
    """Run the page's commands; 0 if each ended and printed as the page says, else 1 after naming the first other."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = commands(page.read_text(encoding="utf-8"))
    if not found:
        print(f"{page}: no command found", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        # Pages speak of the examples as they lie in a clone; what the commands write stays in the folder.
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        for command in found:
            print(f"$ {command.arguments[-1].strip()}", flush=True)
            done = subprocess.run(
                command.arguments,
                cwd=folder,
                env={**os.environ, "PATH": path},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            print(done.stdout, end="", flush=True)
            if done.returncode != command.code:
                print(f"{page}: ended with {done.returncode}, expected {command.code}", file=sys.stderr)
                return 1
            line = missing(command.shown, done.stdout)
            if line is not None:
                print(f"{page}: shows a line that is not printed, or not there: {line}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(max(run(Path(page)) for page in sys.argv[1:]))
