"""What a reader waits for: the first screens, cold and warm, at an earlier commit and now, side by side.

Cold is the first run in a fresh clone: nothing is compiled, neither Python nor kernels, and nothing is kept of other
runs. Warm is the median of the runs after it. CPU seconds say what the work is; wall seconds what a machine with other
work on it takes.

    python -m benchmarks.reader_times                     the commands of a few seconds
    python -m benchmarks.reader_times --long              with every theorem on its own examples (`make check`): minutes
    python -m benchmarks.reader_times --suite             with all tests on two processors, once: half an hour a commit
    python -m benchmarks.reader_times --only constants    the commands with this word; the page keeps its other rows

A run that was cut off goes on with the rows that its page does not have yet, where its commits are the same.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "a0722fd"
"""What the times are held against: the last commit before `certify check` began to answer first (5922e2d)."""

DECODER = "examples/digits/residual_d8.onnx"
OBSERVATIONS = "examples/digits/observations_d8.npy"
SHORT = (
    "--version",
    "show strong-invertibility",
    f"constants --generator {DECODER}",
    "check sharp-langevin --constants d=8,m=1,M=1.5,M2=0.15 --beta 0.0927 --epsilon 0.1",
)
SUITE = "pytest --quiet -p no:cacheprovider --numprocesses=2 --dist=worksteal"
LONG = (f"check strong-invertibility --generator {DECODER} --observations {OBSERVATIONS}", "check")


@dataclass(frozen=True)
class Seconds:
    """CPU and wall time of one run, and its exit code."""

    cpu: float
    wall: float
    code: int


def measured(clone: Path, command: str, home: Path) -> Seconds:
    """One run of `certify COMMAND`, or of the tests, from a clone with caches of its own."""
    module = command.split() if command == SUITE else ["certify", *command.split()]
    environment = os.environ | {
        "PYTHONPATH": str(clone), "OPENBLAS_NUM_THREADS": "1", "CERTIFY_CACHE": str(home),
        "PYTHONDONTWRITEBYTECODE": "",
    }  # fmt: skip
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=clone, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(cpu, wall, done.returncode)


def runs_at(commit: str, command: str, runs: int) -> list[Seconds]:
    """The first run and `runs` more, in a fresh clone of the commit."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", commit], check=True)
        return [measured(clone, command, Path(folder) / f"cache{run}") for run in range(runs + 1)]


def row(command: str, runs: int, commits: tuple[str, ...]) -> str:
    """A line of the table: cold and warm, CPU (wall), at each commit; the tests run once, cold."""
    cells = []
    for commit in commits:
        cold, *warm = runs_at(commit, command, 0 if command == SUITE else runs)
        if cold.code == 2:
            cells += ["-", "-"]
            continue
        if not warm:
            cells += [f"{cold.cpu:.1f} ({cold.wall:.0f})", "-"]
            continue
        middle = [statistics.median(getattr(item, name) for item in warm) for name in ("cpu", "wall")]
        cells += [f"{cold.cpu:.1f} ({cold.wall:.0f})", f"{middle[0]:.1f} ({middle[1]:.0f})"]
    return f"{beginning(command)}{' | '.join(cells)} |"


def beginning(command: str) -> str:
    """How the row of a command begins."""
    return f"| `{'' if command == SUITE else 'certify '}{command}` | "


def kept_rows(page: Path, heading: str) -> list[str]:
    """The rows of a page about the same commits; none of any other page."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    return lines[lines.index(heading) + 2 :] if heading in lines else []


def main() -> None:
    """Measure and write the results page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="warm runs of each command")
    parser.add_argument("--long", action="store_true", help="the commands of minutes too")
    parser.add_argument("--suite", action="store_true", help="all tests too")
    parser.add_argument("--only", default="", metavar="WORD", help="commands that have this word")
    parser.add_argument("--again", action="store_true", help="measure the rows anew that the page has")
    parser.add_argument("--before", default=BEFORE, help="the commit to hold against")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "reader_times.md")
    given = parser.parse_args()
    now = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    heading = f"| command | {given.before} cold | {given.before} warm | {now} cold | {now} warm |"
    kept = [] if given.again else kept_rows(given.out, heading)
    lines = [
        "# What a reader waits for",
        "",
        f"CPU seconds (wall seconds) of a new process, cold and warm (median of {given.runs}); `-`: the command was",
        f"not there. Load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores as it began: the wall times are",
        "those of a machine with other work. Written by `python -m benchmarks.reader_times`.",
        "",
        heading,
        "| --- | --- | --- | --- | --- |",
        *kept,
    ]
    for command in (*SHORT, *(LONG if given.long else ()), *((SUITE,) if given.suite else ())):
        if given.only not in command or any(line.startswith(beginning(command)) for line in kept):
            continue
        lines.append(row(command, given.runs, (given.before, now)))
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(lines[-1], flush=True)


if __name__ == "__main__":
    main()
