"""How long the constants take beside an earlier build: the same networks, the same core, in turns in one run.

    python -m benchmarks.constants_speed --old CLONE [--processes 16] [--seconds 60] [--records FILE] [--out FILE.md]

CLONE is a checkout of the earlier commit. Per network one worker is bound to one core and bounds it with the old build,
then with the new one, each in a process of its own that notes when which certified end was reached. The sharpness that
counts is what the old build had at its end: for each build the time until all certified ends (m from below; M, M2, M3
from above) were there to one part in a million; and for the new build also the seconds in all. A network that takes
longer than `--seconds` per build is ended and counted with what it has. JSON lines, one per network: a run that was
interrupted goes on. Needs numpy, scipy, numba, python-flint, threadpoolctl and the package's other requirements.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from benchmarks.networks import LIPSDP, PUBLISHED, SPECIFICATIONS
from benchmarks.output import print_and_write
from certify.execution.door import Execution, Failed
from certify.execution.work import plain_work

HERE = Path(__file__).parents[1]

SHARPNESS = 1e-6
"""Relative difference at which an end counts as reached."""

NAMES = ("m", "M", "M2", "M3")

WORKER = """
import json, sys, time
from dataclasses import replace
request = json.load(sys.stdin)
from threadpoolctl import threadpool_limits
from benchmarks.networks import lipsdp, network
from certify.bounds import constants as module
name = request["network"]
made = next(n for n in lipsdp() if n.specification == name) if name.startswith("lipsdp") else network(name)
# Imports, kernels and tables of activations are not what is compared.
for activation in ("tanh", "softplus", "leaky_softplus", "gelu", "relu"):
    module.constants(network(f"plain:d=2,width=2,depth=1,activation={activation}").generator, None, 0.5)
known, trace = module.bound_methods(), []
def watched(item):
    def propose(problem):
        for proposal in item.propose(problem):
            if proposal.end == ("lower" if proposal.constant == "m" else "upper") and proposal.value is not None:
                times = time.monotonic() - started, time.process_time() - cpu
                trace.append((*times, proposal.constant, float(proposal.value)))
            yield proposal
    return replace(item, propose=propose)
module.bound_methods = lambda: {key: watched(item) for key, item in known.items()}
with threadpool_limits(1):
    started, cpu = time.monotonic(), time.process_time()
    found = module.constants(made.generator, None, request["budget"])
    wall, processor = time.monotonic() - started, time.process_time() - cpu
ends = {key: [item.lower, item.upper] for key, item in found.items()}
print(json.dumps({"seconds": wall, "cpu": processor, "trace": trace, "ends": ends}))
"""


def networks() -> tuple[str, ...]:
    """The suite and LipSDP's published networks."""
    published = tuple(f"lipsdp:{stem}" for stem in PUBLISHED if (LIPSDP / f"{stem}.mat").exists())
    return (*SPECIFICATIONS, *published)


@dataclass(frozen=True)
class Race:
    """What every network is measured with: both builds, seconds, and where workers say which core is theirs."""

    old: str
    budget: float
    seconds: float
    cores: str
    processes: int

    def run(self, name: str) -> dict[str, Any]:
        """The row of one network, both builds on the core of this worker."""
        core, _ = own_core(self.cores, self.processes)
        clones = Path(self.old), HERE
        return compared(name, *(measured(clone, name, self.budget, self.seconds, core) for clone in clones))


@cache
def own_core(folder: str, processes: int) -> tuple[int, IO[str]]:
    """The core of this process for life, and the lock that says so to the other workers."""
    available = sorted(os.sched_getaffinity(0))
    for place in range(processes):
        lock = (Path(folder) / str(place)).open("w")
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return available[place % len(available)], lock
        lock.close()
    raise RuntimeError(f"more than {processes} workers")


def measured(clone: Path, name: str, budget: float, seconds: float, core: int) -> dict[str, Any] | None:
    """One build on one network; None where it did not end in time."""
    request = json.dumps({"network": name, "budget": budget})
    command = ["taskset", "-c", str(core), sys.executable, "-c", WORKER]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(clone.resolve())}
    try:
        run = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=seconds, env=environment, cwd=clone
        )
    except subprocess.TimeoutExpired:
        return None
    if run.returncode != 0:
        raise RuntimeError(f"{name} in {clone}: {run.stderr.strip()[-500:]}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def reached(trace: list[list[Any]], targets: dict[str, float], clock: int) -> float:
    """When all targets were reached: 0 wall clock, 1 processor time; infinite where one never was."""
    times = []
    for name, target in targets.items():
        if name == "m":
            hits = [row[clock] for row in trace if row[2] == name and row[3] >= target * (1 - SHARPNESS)]
        else:
            hits = [row[clock] for row in trace if row[2] == name and row[3] <= target * (1 + SHARPNESS)]
        times.append(min(hits, default=math.inf))
    return max(times, default=0.0)


def compared(name: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """The row of one network."""
    row: dict[str, Any] = {"network": name}
    if old is None or new is None:
        return {**row, "late": [build for build, found in (("old", old), ("new", new)) if found is None]}
    ends = {key: old["ends"][key][0 if key == "m" else 1] for key in NAMES}
    targets = {k: v for k, v in ends.items() if v is not None and math.isfinite(v) and not (k == "m" and v == 0.0)}
    row |= {"old": old["seconds"], "new": new["seconds"], "old_cpu": old["cpu"], "new_cpu": new["cpu"]}
    row |= {"old_reached": reached(old["trace"], targets, 1), "new_reached": reached(new["trace"], targets, 1)}
    row["sharper"] = {
        key: [old["ends"][key], new["ends"][key]] for key in NAMES if old["ends"][key] != new["ends"][key]
    }
    return row


def report(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A row per network and the ratios asked for."""
    yield "| network | old s | new s | old CPU s | new CPU s | old reaches its ends | new reaches them |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    timed = [row for row in rows if "late" not in row]
    for row in timed:
        times = (row[key] for key in ("old", "new", "old_cpu", "new_cpu", "old_reached", "new_reached"))
        yield f"| `{row['network']}` | " + " | ".join(f"{time:.2f}" for time in times) + " |"
    yield ""
    for row in rows:
        if "late" in row:
            yield f"- `{row['network']}`: {' and '.join(row['late'])} did not end in time"
    if not timed:
        return
    missed = [row["network"] for row in timed if not math.isfinite(row["new_reached"])]
    both = [row for row in timed if math.isfinite(row["new_reached"]) and math.isfinite(row["old_reached"])]
    total = sum(row["new_cpu"] for row in timed) / sum(row["old_cpu"] for row in timed)
    whole = statistics.median(row["new_cpu"] / row["old_cpu"] for row in timed)
    yield ""
    yield f"{len(timed)} networks. Processor time, new over old: in all {total:.3f}, median per network {whole:.3f}."
    if both:
        sharp = sum(row["new_reached"] for row in both) / max(sum(row["old_reached"] for row in both), 1e-9)
        until = statistics.median(row["new_reached"] / max(row["old_cpu"], 1e-9) for row in both)
        against = sum(row["new_reached"] for row in both) / sum(row["old_cpu"] for row in both)
        yield (
            f"Until the old build's ends are reached ({len(both)} networks): in all {sharp:.3f} of the time in which "
            f"the old one reached them and {against:.3f} of its whole run, median per network {until:.3f} of that."
        )
    yield f"Ends of the old build that the new one does not reach: {', '.join(missed) or 'none'}."


def main() -> int:
    """Measure what is not yet recorded, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, required=True, help="checkout of the earlier build")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of either build per network")
    parser.add_argument("--seconds", type=float, default=90.0, help="limit per network and build, start included")
    parser.add_argument("--records", type=Path, default=Path("constants_speed.jsonl"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    written = options.records.read_text().splitlines() if options.records.exists() else []
    rows = [json.loads(line) for line in written]
    waiting = [name for name in networks() if name not in {row["network"] for row in rows}]
    failed = False
    with tempfile.TemporaryDirectory() as cores, Execution(f"processes:{options.processes}") as execution:
        race = Race(str(options.old), options.budget, options.seconds, cores, options.processes)
        for place, found in execution.map(plain_work(race.run, {}), waiting):
            name = waiting[place]
            if isinstance(found, Failed):
                failed = True
                print(f"{name}: {found.reason}", file=sys.stderr, flush=True)
                continue
            rows.append(found)
            with options.records.open("a") as stream:
                stream.write(json.dumps(found) + "\n")
            print(name, file=sys.stderr, flush=True)
    order = {name: place for place, name in enumerate(networks())}
    rows.sort(key=lambda row: order.get(row["network"], len(order)))
    print_and_write(report(rows), options.out)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
