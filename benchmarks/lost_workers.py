"""The same bytes whatever happens: digits in four ways, runs through killed workers, a full disk, a run cut off.

python -m benchmarks.lost_workers [digits] [kills] [disk] [interrupt] [stress] [--rows 200] [--runs 20]
    [--kill-rows 20] [--examples 100000] [--theorem NAME|FILE.py] [--work FOLDER] [--out FILE.md]

digits     `certify check rejection-encoder --observations` on the first rows of the held-out digits: serial, two
           processes, a local Dask cluster, and two clusters at once with half of the rows each, whose folders are
           merged by copying. Compared: every name and byte of the folder of records, and the JSON of the check but
           for `provenance` (time, command); after the merge the check reads what is kept
kills      certificates of `--kill-rows` digits on a local cluster, of which a random worker is killed after every
           fourth result, RUNS times; every result must come once, every record be what an undisturbed run writes
disk       a store on a file system of 64 kB that fills up: one line, whole records, and a run that goes on elsewhere
interrupt  Ctrl-C to `certify check ... --scheduler`: which processes are left, and that the next run goes on
stress     `certify stress` killed with all its processes and started again five times, then left to finish; its
           records and its JSON (but for `provenance`) beside those of a run that was left alone. Without `--theorem` of
           the theorem that `certify new theorem` writes, whose cases take milliseconds: with a generator they take a
           tenth of a second and more
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.execution import HEADING, RESULTS, circumstances
from benchmarks.output import write_section
from certify.bounds.bracket import unknown_brackets
from certify.discovery.registry import load_theorem
from certify.execution.door import Execution
from certify.generators.specification import load_generator
from certify.progress import SilentProgress
from certify.proof.theorem import ObservationsAsked

DECODER, ROWS = "examples/digits/residual_d8.onnx", "examples/digits/observations_d8.npy"
THEOREM = "rejection-encoder"
EVERY = 4
"""Results after which a worker is killed."""


class Killing(SilentProgress):
    """Kills a random worker of the local cluster after every so many results."""

    def __init__(self, execution: Execution, seed: int) -> None:
        self._execution, self._choice = execution, random.Random(seed)
        self.results = self.killed = 0

    def advance(self, amount: float = 1.0) -> None:
        """Count a result."""
        self.results += 1
        if self.results % EVERY == 0:
            backend: Any = self._execution._host._opened
            nannies = backend._client.cluster.workers.values()
            pids = [item.process.pid for item in nannies if item.process is not None and item.process.pid]
            with suppress(IndexError, ProcessLookupError):
                os.kill(self._choice.choice(pids), signal.SIGKILL)
                self.killed += 1


def digest(folder: Path) -> tuple[str, int]:
    """SHA-256 over names and bytes of all records, and their number."""
    found, files = hashlib.sha256(), sorted(path for path in folder.rglob("*.json"))
    for path in files:
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest(), len(files) - len(list(folder.glob("*/question.json")))


def answer(path: Path) -> str:
    """SHA-256 of what a command found, without when, where and how it was called."""
    document = json.loads(path.read_text())
    document.pop("provenance")
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def check(rows: Any, place: Path, scheduler: str) -> subprocess.Popen[bytes]:
    """`certify check` on these rows, started; records and JSON beside them in `place`."""
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / "rows.npy", rows)
    options = f"--generator {DECODER} --observations {place / 'rows.npy'} --scheduler {scheduler} --quiet"
    command = f"check {THEOREM} {options} --resume {place / 'kept'} --json {place / 'check.json'}"
    return subprocess.Popen([sys.executable, "-m", "certify", *command.split()], start_new_session=True)


def digits(rows: Any, given: argparse.Namespace) -> Iterator[str]:
    """The four ways."""
    half, work = len(rows) // 2, given.work / "digits"
    yield f"| `certify check {THEOREM}`, {len(rows)} digits | records | their SHA-256 | JSON's SHA-256 | s |"
    yield "| --- " * 5 + "|"
    for name, scheduler in (("serial", "serial"), ("2 processes", "processes:2"), ("local cluster", "local:2")):
        start, place = time.monotonic(), work / scheduler.replace(":", "-")
        code = check(rows, place, scheduler).wait()
        found, count = digest(place / "kept")
        said = answer(place / "check.json")
        yield f"| {name} (exit code {code}) | {count} | {found[:16]} | {said[:16]} | {time.monotonic() - start:.0f} |"
    start = time.monotonic()
    # A row's largest noise is asked for by its place among the first three: the halves overlap nowhere else.
    clusters = [
        check(rows[:half], work / "first", "local:1"),
        check(np.concatenate([rows[:3], rows[half:]]), work / "second", "local:1"),
    ]
    codes = [cluster.wait() for cluster in clusters]
    shutil.copytree(work / "first" / "kept", work / "merged" / "kept")
    shutil.copytree(work / "second" / "kept", work / "merged" / "kept", dirs_exist_ok=True)
    found, count = digest(work / "merged" / "kept")
    check(rows, work / "merged", "serial").wait()
    assert digest(work / "merged" / "kept") == (found, count), "nothing is computed again"
    said = answer(work / "merged" / "check.json")
    yield (
        f"| two clusters, merged (exit codes {codes[0]}, {codes[1]}) | {count} | {found[:16]} | {said[:16]} "
        f"| {time.monotonic() - start:.0f} |"
    )


def certified(rows: Any, scheduler: str, folder: Path, seed: int | None = None) -> tuple[str, int, int, int]:
    """Digest and number of the records of one run, how many results came and how many workers were killed."""
    generator, theorem = load_generator(DECODER), load_theorem(THEOREM)
    singly = theorem.conclusion.certify_observations
    assert singly is not None, "the theorem certifies single observations"
    beta, epsilon = float(generator.metadata["trained_beta"]), Fraction(1, 10)
    with Execution(scheduler, folder) as execution:
        progress = SilentProgress() if seed is None else Killing(execution, seed)
        singly(ObservationsAsked(theorem, generator, unknown_brackets(), rows, beta, epsilon, progress, execution))
    results, killed = (progress.results, progress.killed) if isinstance(progress, Killing) else (len(rows), 0)
    return (*digest(folder), results, killed)


def kills(rows: Any, given: argparse.Namespace) -> Iterator[str]:
    """Runs through killed workers."""
    rows = rows[: given.kill_rows]
    expected, *_ = certified(rows, "serial", given.work / "kills" / "undisturbed")
    killed, same, counts, results = 0, 0, set(), set()
    for run in range(given.runs):
        found, count, came, lost = certified(rows, "local:2", given.work / "kills" / f"run{run}", run)
        killed, same = killed + lost, same + (found == expected)
        counts.add(count)
        results.add(came)
        print(f"run {run}: {lost} killed, {came} results, {count} records, {found == expected}", flush=True)
    yield (
        f"{given.runs} runs of {len(rows)} digits on a local cluster of 2, {killed} workers killed: the bytes of an "
        f"undisturbed serial run in {same} of them; results {sorted(results)}, records {sorted(counts)}."
    )


TASKS = """
import sys
from pathlib import Path
from benchmarks.execution import square
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.work import plain_work
try:
    with Execution("processes:2", Path(sys.argv[1])) as execution:
        execution.collect("squares", plain_work(square, {"work": "disk"}), range(200))
except InputError as error:
    sys.exit(str(error))
"""


def disk(rows: Any, given: argparse.Namespace) -> Iterator[str]:
    """A file system of its own, of 64 kB, in a mount namespace: no other process sees it, and it ends with the run."""
    small, saved = given.work / "disk" / "small", given.work / "disk" / "saved"
    small.mkdir(parents=True)
    (given.work / "disk" / "tasks.py").write_text(f"if __name__ == '__main__':\n{TASKS}".replace("\n", "\n    "))
    line = (
        f"mount -t tmpfs -o size=64k tmpfs {small} && {sys.executable} {given.work / 'disk' / 'tasks.py'} {small}; "
        f"code=$?; cp -r {small}/. {saved}; exit $code"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", line],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    before = digest(saved)[1]
    again = subprocess.run(
        [sys.executable, str(given.work / "disk" / "tasks.py"), str(saved)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    yield f"A store on a file system of 64 kB, 200 tasks: exit code {done.returncode}, {before} records, one line:"
    yield ""
    yield f"    {done.stderr.strip()}"
    yield ""
    yield f"Continued from a copy of it elsewhere: exit code {again.returncode}, {digest(saved)[1]} records."


def interrupt(rows: Any, given: argparse.Namespace) -> Iterator[str]:
    """Ctrl-C to the whole group, as a terminal sends it, once some records are there."""
    # What runs in the background of a shell ignores interrupts, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for scheduler in ("processes:2", "local:2"):
        place = given.work / "interrupt" / scheduler.replace(":", "-")
        child = check(rows[: given.kill_rows], place, scheduler)
        _await_records(child, place / "kept", 3)
        os.killpg(child.pid, signal.SIGINT)
        code, until = child.wait(), time.monotonic() + 30
        while (left := session(child.pid)) and time.monotonic() < until:
            time.sleep(0.1)
        kept = digest(place / "kept")[1]
        again = check(rows[: given.kill_rows], place, scheduler).wait()
        yield (
            f"- Ctrl-C to `certify check ... --scheduler {scheduler}`: exit code {code}, processes left {len(left)}, "
            f"{kept} records kept; started again it ends with {again} and {digest(place / 'kept')[1]} records."
        )


def session(leader: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, number = stat.read_text().rpartition(")")[2].split()[:4]
            if int(number) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


def _await_records(child: subprocess.Popen[bytes], folder: Path, more: int) -> int:
    """Wait until so many records are new, or the run is over; how many there are."""
    before = len(list(folder.rglob("??/*.json")))
    while child.poll() is None and len(list(folder.rglob("??/*.json"))) < before + more:
        time.sleep(0.2)
    return len(list(folder.rglob("??/*.json")))


def stress(rows: Any, given: argparse.Namespace) -> Iterator[str]:
    """A campaign that is killed five times, beside one that is not."""
    work, last = given.work / "stress", list[int]()
    work.mkdir(parents=True)

    theorem = given.theorem or str(work / "contraction.py")
    if given.theorem is None:
        command = [sys.executable, "-m", "certify", "new", "theorem", "contraction", "--out", str(work)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def start(name: str) -> subprocess.Popen[bytes]:
        places = f"--resume {work / name} --json {work / name}.json --out {work / 'cases'}"
        command = f"stress {theorem} --examples {given.examples} --quiet {places}"
        return subprocess.Popen([sys.executable, "-m", "certify", *command.split()], start_new_session=True)

    begun = time.monotonic()
    start("whole").wait()
    seconds, (whole, count) = time.monotonic() - begun, digest(work / "whole")
    for _ in range(5):
        child = start("cut")
        last.append(_await_records(child, work / "cut", count // 7))
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pid in session(child.pid):
            os.kill(pid, signal.SIGKILL)
    start("cut").wait()
    bytes_ = "the same bytes as" if digest(work / "cut")[0] == whole else "OTHER bytes than"
    said = "the same report as" if answer(work / "cut.json") == answer(work / "whole.json") else "ANOTHER report than"
    yield (
        f"`certify stress {given.theorem or 'contraction.py'} --examples {given.examples}` ({seconds:.0f} s alone), "
        f"killed when {last} of {count} parts were kept and started again each time: {bytes_} and {said} a run left "
        "alone."
    )


PARTS = {
    "digits": ("The same bytes in four ways", digits),
    "kills": ("Killed workers", kills),
    "disk": ("A full disk", disk),
    "interrupt": ("Interrupts", interrupt),
    "stress": ("A stress run in six pieces", stress),
}


def main() -> None:
    """Run what was asked for and write its sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="|".join(PARTS))
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kill-rows", type=int, default=20)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--theorem")
    parser.add_argument("--work", type=Path, default=Path("build/lost_workers"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    shutil.rmtree(given.work, ignore_errors=True)
    rows = np.load(ROWS)[: given.rows]
    for part in given.parts:
        title, made = PARTS[part]
        lines = [circumstances(f"lost_workers {part}"), ""]
        for line in made(rows, given):
            lines.append(line)
            print(line, flush=True)
        write_section(given.out, HEADING, title, lines)


if __name__ == "__main__":
    main()
