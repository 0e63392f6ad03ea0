"""The same bits at the same effort: repeats under artificial load, in one process and in several.

    python -m benchmarks.same_bits [--repeats 20] [--processes 4] [--load 4] [--effort 3000] [--network SPEC ...]
        [--scheduler WHERE]

Every repeat is an interpreter of its own, without a cache and without a budget; half of them run one after the other
beside `--load` processes that do nothing but work, the rest in `--processes` at a time (or where `--scheduler` says).
Exit code 1 if any end of any
constant on R^d or on a ball differs in one bit. It says how many different answers another effort gives, so that what
is repeated is seen to depend on the effort.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from certify.execution.door import Execution
from certify.execution.work import plain_work

NETWORKS = (
    "residual:d=4,width=8,depth=2,activation=tanh,seed=1",
    "plain:d=4,width=12,depth=3,activation=relu",
    "plain:d=2,width=6,depth=4,activation=gelu",
)

SCRIPT = """
import json, sys
from benchmarks.networks import network
from certify.bounds.bracket import Region
from certify.bounds.constants import constants_on_regions
name, effort = sys.argv[1], float(sys.argv[2])
found = constants_on_regions(network(name).generator, [Region(), Region(0.5)], effort=effort)
ends = [end for item in found for _, bracket in item.items() for end in (bracket.lower, bracket.upper)]
print(json.dumps([None if end is None else end.hex() for end in ends]))
"""


def bits(name: str, effort: float) -> str:
    """All ends of one run, in hexadecimal."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", SCRIPT, name, str(effort)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.dumps(json.loads(run.stdout.splitlines()[-1]))


def repeated(name: str, effort: float, number: int) -> str:
    """One repeat as a task."""
    return bits(name, effort)


@contextmanager
def load(count: int) -> Iterator[None]:
    """So many processes that only work, for as long as the block runs."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main() -> int:
    """Repeat and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--load", type=int, default=4)
    parser.add_argument("--effort", type=float, default=3000.0)
    parser.add_argument("--network", action="append")
    parser.add_argument("--scheduler", help="in place of --processes, as for `certify check`")
    options = parser.parse_args()
    failed, alone = False, options.repeats // 2
    with Execution(options.scheduler or f"processes:{options.processes}") as execution:
        for name in options.network or NETWORKS:
            with load(options.load):
                found = [bits(name, options.effort) for _ in range(alone)]
            work = plain_work(partial(repeated, name, options.effort), {})
            found += execution.collect(name, work, range(alone, options.repeats))
            other = bits(name, options.effort / 30.0)
            differs = "another answer" if other not in found else "the same answer"
            print(f"{name}: {len(found)} runs, {len(set(found))} different; a thirtieth of the effort gives {differs}")
            failed = failed or len(set(found)) != 1
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
