"""The same bits at the same effort: repeats under artificial load, in one process and in several.

    python -m benchmarks.same_bits [--repeats 20] [--processes 4] [--load 4] [--effort 3000] [--network SPEC ...]

Every repeat is an interpreter of its own, without a cache and without a budget; half of them run one after the other
beside `--load` processes that do nothing but work, the rest in `--processes` at a time. Exit code 1 if any end of any
constant on R^d or on a ball differs in one bit. It says how many different answers another effort gives, so that what
is repeated is seen to depend on the effort.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

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


def burn() -> None:
    """Work that never ends."""
    value = 1.0
    while True:
        value = math.sqrt(value + 1.0)


@contextmanager
def load(count: int) -> Iterator[None]:
    """So many processes that only work, for as long as the block runs."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=burn, daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.terminate()
            process.join()


def main() -> int:
    """Repeat and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--load", type=int, default=4)
    parser.add_argument("--effort", type=float, default=3000.0)
    parser.add_argument("--network", action="append")
    options = parser.parse_args()
    failed = False
    for name in options.network or NETWORKS:
        alone = options.repeats // 2
        with load(options.load):
            found = [bits(name, options.effort) for _ in range(alone)]
        with ThreadPoolExecutor(options.processes) as pool:
            found += pool.map(lambda _, n=name: bits(n, options.effort), range(options.repeats - alone))
        other = bits(name, options.effort / 30.0)
        differs = "another answer" if other not in found else "the same answer"
        print(f"{name}: {len(found)} runs, {len(set(found))} different; a thirtieth of the effort gives {differs}")
        failed = failed or len(set(found)) != 1
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
