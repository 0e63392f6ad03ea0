"""What a reader waits for: the first screens, cold and warm, at an earlier commit and now, side by side.

Cold is the first run in a fresh clone: nothing is compiled, neither Python nor kernels, and nothing is kept of other
runs. Warm is the median of the runs after it. CPU seconds say what the work is; wall seconds what a machine with other
work on it takes.

    python -m benchmarks.reader_times                     the commands of a few seconds
    python -m benchmarks.reader_times --long              with every theorem on its own examples (`make check`): minutes
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
"""The commit that the times are held against."""

DECODER = "examples/digits/residual_d8.onnx"
OBSERVATIONS = "examples/digits/observations_d8.npy"
SHORT = (
    "--version",
    "show strong-invertibility",
    f"constants --generator {DECODER}",
    "check sharp-langevin --constants d=8,m=1,M=1.5,M2=0.15 --beta 0.0927 --epsilon 0.1",
)
LONG = (f"check strong-invertibility --generator {DECODER} --observations {OBSERVATIONS}", "check")


@dataclass(frozen=True)
class Seconds:
    """CPU and wall time of one run, and its exit code."""

    cpu: float
    wall: float
    code: int


def measured(clone: Path, command: str, home: Path) -> Seconds:
    """One run of `certify COMMAND` from a clone, with caches of its own."""
    environment = os.environ | {
        "PYTHONPATH": str(clone), "OPENBLAS_NUM_THREADS": "1", "CERTIFY_CACHE": str(home),
        "PYTHONDONTWRITEBYTECODE": "",
    }  # fmt: skip
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "certify", *command.split()],
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
    """A line of the table: cold and warm, CPU (wall), at each commit."""
    cells = []
    for commit in commits:
        cold, *warm = runs_at(commit, command, runs)
        if cold.code == 2:
            cells += ["-", "-"]
            continue
        middle = [statistics.median(getattr(item, name) for item in warm) for name in ("cpu", "wall")]
        cells += [f"{cold.cpu:.1f} ({cold.wall:.0f})", f"{middle[0]:.1f} ({middle[1]:.0f})"]
    return f"| `certify {command}` | {' | '.join(cells)} |"


def main() -> None:
    """Measure and write the results page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="warm runs of each command")
    parser.add_argument("--long", action="store_true", help="the commands of minutes too")
    parser.add_argument("--before", default=BEFORE, help="the commit to hold against")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "reader_times.md")
    given = parser.parse_args()
    now = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [
        "# What a reader waits for",
        "",
        f"CPU seconds (wall seconds) of a new process, cold and warm (median of {given.runs}); `-`: the command was",
        f"not there. Load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores as it began: the wall times are",
        "those of a machine with other work. Written by `python -m benchmarks.reader_times`.",
        "",
        f"| command | {given.before} cold | {given.before} warm | {now} cold | {now} warm |",
        "| --- | --- | --- | --- | --- |",
    ]
    for command in (*SHORT, *(LONG if given.long else ())):
        lines.append(row(command, given.runs, (given.before, now)))
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(lines[-1], flush=True)


if __name__ == "__main__":
    main()
