"""What the door for independent tasks costs: overhead per task, memory of the client, efficiency by workers.

python -m benchmarks.execution [cheap] [efficiency] [--cheap 100000] [--workers 1,2,4,8] [--seconds 0.05]
    [--backends processes,local] [--no-keep] [--out benchmarks/results/execution.md]

Cheap tasks square a number; their time over their number is the overhead, and the client's memory is looked at after a
tenth and at the end. Efficiency is that of tasks that keep a processor busy for `--seconds`: (tasks x seconds of one
task here, alone) / (workers x seconds of the run), the start of the workers left out. More workers than processors
share them, so the figures mean something up to the number of processors. Each part writes its section of the file.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.output import write_section
from certify.execution.door import Execution, processors
from certify.execution.work import plain_work

RESULTS = Path("benchmarks/results/execution.md")
HEADING = "# The door for independent tasks\n"
PAGE = os.sysconf("SC_PAGE_SIZE")


def square(number: int) -> int:
    """A cheap task."""
    return number * number


def busy(rounds: int, number: int) -> int:
    """A task that holds one processor: `rounds` steps of a linear congruential generator, the same everywhere."""
    for _ in range(rounds):
        number = (6364136223846793005 * number + 1442695040888963407) % 2**64
    return number


def resident() -> float:
    """Megabytes that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def rounds_for(seconds: float) -> int:
    """Rounds of `busy` that take about so many seconds here."""
    return max(1, round(200_000 * seconds / alone(200_000)))


def alone(rounds: int) -> float:
    """Seconds of `busy` here with a processor of its own: the least of five, of processor time."""
    found = []
    for number in range(5):
        start = time.process_time()
        busy(rounds, number)
        found.append(time.process_time() - start)
    return min(found)


def cheap(backend: str, count: int, folder: Path | None) -> str:
    """A row of the table of cheap tasks."""
    with Execution(f"{backend}:2" if backend != "serial" else backend, folder) as execution:
        list(execution.map(plain_work(square, {"work": "warm"}), range(20)))
        start, early = time.perf_counter(), 0.0
        work = plain_work(square, {"work": "cheap"})
        for done, (place, found) in enumerate(execution.map(work, iter(range(count)))):
            assert found == square(place), "every result is the task's own"
            if done == count // 10:
                early = resident()
        seconds = time.perf_counter() - start
    kept = "yes" if folder else "no"
    return f"| {backend} | {count} | {kept} | {1e6 * seconds / count:.0f} | {early:.0f} | {resident():.0f} |"


def efficiency(backend: str, workers: int, seconds: float) -> str:
    """A row of the table of efficiency."""
    rounds, tasks = rounds_for(seconds), 40 * workers
    with Execution(f"{backend}:{workers}") as execution:
        work = plain_work(partial(busy, rounds), {"work": "busy"})
        list(execution.map(work, range(10 * workers)))
        single = alone(rounds)
        start = time.perf_counter()
        list(execution.map(work, range(tasks)))
        taken = time.perf_counter() - start
    share = tasks * single / workers / taken
    return f"| {backend} | {workers} | {tasks} | {1e3 * single:.0f} | {taken:.2f} | {share:.0%} |"


def cheap_tasks(given: argparse.Namespace, backends: list[str]) -> Iterator[str]:
    """The table of overhead and memory, line by line."""
    yield "| back end | cheap tasks | kept | us per task | client MB after 1/10 | at the end |"
    yield "| --- " * 6 + "|"
    for backend in ("serial", *backends):
        for keep in (False, True)[: 1 + given.keep]:
            with tempfile.TemporaryDirectory() as folder:
                yield cheap(backend, given.cheap, Path(folder) / "kept" if keep else None)


def efficiencies(given: argparse.Namespace, backends: list[str]) -> Iterator[str]:
    """The table of efficiency, line by line."""
    yield "| back end | workers | tasks | ms of one | s | efficiency |"
    yield "| --- " * 6 + "|"
    for backend in backends:
        for workers in map(int, given.workers.split(",")):
            yield efficiency(backend, workers, given.seconds)


def circumstances(command: str) -> str:
    """Where and when a section was measured."""
    load = os.getloadavg()[0]
    return f"By `python -m benchmarks.{command}` on {processors()} processors; load {load:.1f} when it began."


PARTS = {"cheap": ("Cost of a task", cheap_tasks), "efficiency": ("Efficiency", efficiencies)}


def main() -> None:
    """Measure the parts that are asked for and write their sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="|".join(PARTS))
    parser.add_argument("--cheap", type=int, default=100_000)
    parser.add_argument("--workers", default="1,2,4,8")
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--backends", default="processes,local")
    parser.add_argument(
        "--no-keep", dest="keep", action="store_false", help="leave out the runs that keep their results"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    for part in given.parts:
        title, rows = PARTS[part]
        lines = [circumstances(f"execution {part}"), ""]
        print(*lines, sep="\n", flush=True)
        for line in rows(given, given.backends.split(",")):
            lines.append(line)
            print(line, flush=True)
        write_section(given.out, HEADING, title, lines)


if __name__ == "__main__":
    main()
