"""Runs the commands of a documentation page: every line `$ command` of its console blocks, in order, in one folder.

A command must end with 0, or with the code that a trailing comment `# exit code 4` names. The page is read, not
imported: what a reader copies is what is run.

    python tests/quickstart.py docs/quickstart.md README.md
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"#\s*exit code (\d+)\s*$")


def commands(page: str) -> list[tuple[list[str], int]]:
    """Arguments and expected exit code of every command of the page; a python block is one command."""
    found: list[tuple[list[str], int]] = []
    for language, body in _BLOCK.findall(page):
        if language == "python":
            found.append(([sys.executable, "-W", "error", "-c", body], 0))
            continue
        for line in body.splitlines():
            if line.startswith("$ "):
                code = _EXIT_CODE.search(line)
                found.append((["bash", "-euo", "pipefail", "-c", line[2:]], int(code[1]) if code else 0))
    return found


def run(page: Path) -> int:
    """Run the page's commands; 0 if each ended as it says, else 1 after naming the first that did not."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = commands(page.read_text(encoding="utf-8"))
    if not found:
        print(f"{page}: no command found", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        # Pages speak of the examples as they lie in a clone; what the commands write stays in the folder.
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        for arguments, expected in found:
            print(f"$ {arguments[-1].strip()}", flush=True)
            done = subprocess.run(arguments, cwd=folder, env={**os.environ, "PATH": path}, check=False)
            if done.returncode != expected:
                print(f"{page}: ended with {done.returncode}, expected {expected}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(max(run(Path(page)) for page in sys.argv[1:]))
