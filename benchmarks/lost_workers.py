"""The same bytes whatever happens: 200 digits in four ways, runs through killed workers, a stress run cut off.

python -m benchmarks.lost_workers [digits] [kills] [stress] [--rows 200] [--runs 20] [--examples 100000] [--work FOLDER]
    [--out benchmarks/results/lost_workers.md]

digits  `certify check rejection-encoder` on the first rows of the held-out digits: serial, two processes, a local Dask
        cluster, and two local clusters with half of the rows each whose folders are merged by copying
kills   the same on a local cluster of which a random worker is killed after every tenth of the rows, RUNS times
stress  `certify stress` started, killed after a while and started again five times, then left to finish
Every folder of records must hold the same bytes, one file per task. The extra `cluster` is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from certify.atomic import write_text_atomically
from certify.bounds.bracket import unknown_brackets
from certify.execution.door import Execution
from certify.generators.specification import load_generator
from certify.progress import SilentProgress
from certify.proof.registry import load_theorem
from certify.proof.theorem import ObservationsAsked

DECODER, ROWS = "examples/digits/residual_d8.onnx", "examples/digits/observations_d8.npy"
THEOREM = "rejection-encoder"


class Killing(SilentProgress):
    """Kills a random worker of the local cluster after every so many results."""

    def __init__(self, execution: Execution, every: int, seed: int) -> None:
        self._execution, self._every, self._choice = execution, every, random.Random(seed)
        self.results = self.killed = 0

    def advance(self, amount: float = 1.0) -> None:
        """Count a result."""
        self.results += 1
        if self.results % self._every == 0:
            backend: Any = self._execution._host._opened
            nannies = backend._client.cluster.workers.values()
            pids = [item.process.pid for item in nannies if item.process is not None and item.process.pid]
            with suppress(IndexError, ProcessLookupError):
                os.kill(self._choice.choice(pids), signal.SIGKILL)
                self.killed += 1


def certified(rows: Any, scheduler: str, folder: Path, every: int = 0, seed: int = 0) -> tuple[str, int, int]:
    """Digest and number of the records of one run, and how many workers it lost."""
    generator, theorem = load_generator(DECODER), load_theorem(THEOREM)
    singly = theorem.conclusion.certify_observations
    assert singly is not None, "the theorem certifies single observations"
    beta, epsilon = float(generator.metadata["trained_beta"]), Fraction(1, 10)
    with Execution(scheduler, folder) as execution:
        progress = Killing(execution, every, seed) if every else SilentProgress()
        asked = ObservationsAsked(theorem, generator, unknown_brackets(), rows, beta, epsilon, progress, execution)
        singly(asked)
        lost = progress.killed if isinstance(progress, Killing) else 0
    return (*digest(folder), lost)


def digest(folder: Path) -> tuple[str, int]:
    """SHA-256 over names and bytes of all records, and their number."""
    found, files = hashlib.sha256(), sorted(path for path in folder.rglob("*.json"))
    for path in files:
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest(), len(files) - 1


def digits(rows: Any, work: Path) -> list[str]:
    """The four ways."""
    half, lines = len(rows) // 2, []
    for name, scheduler in (("serial", "serial"), ("2 processes", "processes:2"), ("local cluster", "local:2")):
        start = time.perf_counter()
        found, count, _ = certified(rows, scheduler, work / name.replace(" ", "-"))
        lines.append(f"| {name} | {count} | {found[:16]} | {time.perf_counter() - start:.0f} |")
        print(lines[-1], flush=True)
    start = time.perf_counter()
    # A row's largest noise is asked for by its place among the first three: the halves overlap nowhere else.
    certified(rows[:half], "local:1", work / "first")
    certified(np.concatenate([rows[:3], rows[half:]]), "local:1", work / "second")
    shutil.copytree(work / "second", work / "first", dirs_exist_ok=True)
    found, count = digest(work / "first")
    lines.append(f"| two clusters, merged | {count} | {found[:16]} | {time.perf_counter() - start:.0f} |")
    print(lines[-1], flush=True)
    return [f"| {len(rows)} digits | records | SHA-256 | s |", "| --- " * 4 + "|", *lines, ""]


def kills(rows: Any, runs: int, work: Path) -> list[str]:
    """Runs through killed workers."""
    expected, _, _ = certified(rows, "serial", work / "undisturbed")
    lost, same, counts = 0, 0, set()
    for run in range(runs):
        found, count, killed = certified(rows, "local:2", work / f"run{run}", max(1, len(rows) // 10), run)
        lost, same = lost + killed, same + (found == expected)
        counts.add(count)
        word = "same" if found == expected else "OTHER"
        print(f"run {run}: {killed} killed, {count} records, {word} bytes", flush=True)
    told = ", ".join(map(str, sorted(counts)))
    return [f"{runs} runs of {len(rows)} digits, {lost} workers killed: the same bytes in {same}, records {told}.", ""]


def stress(examples: int, work: Path) -> list[str]:
    """A campaign that is killed five times, beside one that is not."""
    command = [sys.executable, "-m", "certify", "stress", "langevin-mixing", "--examples", str(examples), "--quiet"]
    last: list[int] = []
    for _ in range(5):
        child = subprocess.Popen([*command, "--resume", str(work / "cut")], start_new_session=True)
        before = len(list((work / "cut").rglob("??/*.json")))
        while child.poll() is None and len(list((work / "cut").rglob("??/*.json"))) < before + 3:
            time.sleep(0.5)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        last.append(len(list((work / "cut").rglob("??/*.json"))))
    subprocess.run([*command, "--resume", str(work / "cut")], check=False)
    subprocess.run([*command, "--resume", str(work / "whole")], check=False)
    (cut, count), (whole, _) = digest(work / "cut"), digest(work / "whole")
    word = "the same bytes as" if cut == whole else "OTHER bytes than"
    return [
        f"stress, {examples} examples, killed at {last} of {count} parts and resumed: {word} an undisturbed run.",
        "",
    ]


def main() -> None:
    """Run what was asked for and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["digits", "kills", "stress"])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("build/lost_workers"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/lost_workers.md"))
    given = parser.parse_args()
    shutil.rmtree(given.work, ignore_errors=True)
    rows = np.load(ROWS)[: given.rows]
    lines = ["# Runs through lost workers", "", "Written by `python -m benchmarks.lost_workers`.", ""]
    if "digits" in given.parts:
        lines += digits(rows, given.work / "digits")
    if "kills" in given.parts:
        lines += kills(rows, given.runs, given.work / "kills")
    if "stress" in given.parts:
        lines += stress(given.examples, given.work / "stress")
    print(*lines, sep="\n")
    write_text_atomically(given.out, "\n".join(lines))


if __name__ == "__main__":
    main()
