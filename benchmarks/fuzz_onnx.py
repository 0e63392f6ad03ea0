"""Fuzz campaign of the ONNX import: damaged files, with limits on time and memory, in worker processes.

    python -m benchmarks.fuzz_onnx --files 100000 --seed 0 --out fuzz.json

A failure is an exception other than InputError, a message that is not one printable line, a load of more than two
seconds of processor time (or twenty on the clock), or more than 500 MB of memory above the start. Failing files are
kept under --keep.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.work import plain_work
from certify.generators.onnx_import import load_onnx
from tests.onnx_mutations import damaged, seed_models

MAXIMUM_SECONDS = 2.0
MAXIMUM_BYTES = 500 * 2**20


@dataclass
class Tally:
    """What happened to the files of one worker or of all."""

    files: int = 0
    loaded: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    peak_megabytes: float = 0.0
    failures: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)


def campaign(seed: int, files: int, keep: str) -> Tally:
    """Load `files` damaged models; memory is limited by the operating system, so that excess is a MemoryError."""
    choose, seeds, tally = random.Random(seed), seed_models(), Tally(files=files)
    Path(keep).mkdir(parents=True, exist_ok=True)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAXIMUM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.onnx"
        for position in range(files):
            content = damaged(choose.choice(seeds), choose)
            path.write_bytes(content)
            clock, start = time.perf_counter(), time.process_time()
            complaint = _complaint(path, tally)
            seconds, waited = time.process_time() - start, time.perf_counter() - clock
            tally.slowest_seconds = max(tally.slowest_seconds, seconds)
            if seconds > MAXIMUM_SECONDS or waited > 10 * MAXIMUM_SECONDS:
                complaint = f"{seconds:.1f} s of processor time, {waited:.1f} s on the clock"
            if complaint:
                kept = Path(keep) / f"{seed}_{position}.onnx"
                kept.write_bytes(content)
                tally.failures.append(f"{kept.name}: {complaint}")
    tally.peak_megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return tally


def _complaint(path: Path, tally: Tally) -> str:
    try:
        load_onnx(path)
    except InputError as error:
        tally.refused += 1
        message = str(error)
        tally.refusals[" ".join(message.split(": ", 1)[-1].split()[:3])] += 1
        return "" if message.isprintable() and len(message) < 1500 else f"message {message!r}"
    except Exception as error:  # what the campaign looks for is exactly that which nobody foresaw
        return f"{type(error).__name__}: {error}"
    tally.loaded += 1
    return ""


def part(task: tuple[int, int, str]) -> dict[str, object]:
    """One worker's files."""
    return vars(campaign(*task))


def main() -> None:
    """Run the campaign and write its tally as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", default="fuzz_failures")
    parser.add_argument("--out", type=Path, default=Path("fuzz.json"))
    options = parser.parse_args()
    share = -(-options.files // options.workers)
    start = time.perf_counter()
    jobs = [[options.seed * 1000 + rank, share, options.keep] for rank in range(options.workers)]
    # A part sets limits of its process: one process for each, and none of them this one.
    with Execution(f"processes:{options.workers}") as execution:
        tallies = execution.collect("fuzz", plain_work(part, {"work": "fuzz"}), jobs)
    total = Tally()
    for tally in (Tally(**{**item, "refusals": Counter(item["refusals"])}) for item in tallies):
        total.files += tally.files
        total.loaded += tally.loaded
        total.refused += tally.refused
        total.slowest_seconds = max(total.slowest_seconds, tally.slowest_seconds)
        total.peak_megabytes = max(total.peak_megabytes, tally.peak_megabytes)
        total.failures += tally.failures
        total.refusals += tally.refusals
    record = asdict(total) | {
        "refusals": dict(total.refusals.most_common(25)),
        "seconds": time.perf_counter() - start,
        "seed": options.seed,
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
