"""What the constants of large networks cost: CPU seconds, peak memory and the brackets, each run in its own process.

`python -m benchmarks.large_constants [--out FILE] [--budget SECONDS] [NAME ...]`
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.large_networks import colour_images, million, perceptron, residual_decoder, small_images
from benchmarks.output import print_and_write
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.generators.graph import Generator
from certify.generators.specification import load_generator

DIGITS = Path(__file__).parents[1] / "examples" / "digits"

CASES: dict[str, tuple[Callable[[], Generator], float | None]] = {
    "conv 16 -> 1x28x28": (small_images, None),
    "conv 16 -> 1x28x28, ball 1": (small_images, 1.0),
    "conv 16 -> 1x28x28, ReLU": (lambda: small_images("relu"), None),
    "conv 32 -> 3x32x32": (colour_images, None),
    "conv 128 -> 3x32x32": (million, None),
    "residual conv 784 -> 784": (lambda: residual_decoder(28, 4, 1, 0.5), None),
    "mlp 20-400-784": (lambda: perceptron((20, 400, 784), "softplus"), None),
    "mlp 32-512-512-784": (lambda: perceptron((32, 512, 512, 784), "softplus"), None),
    "pixels64_relu, ball 3": (lambda: load_generator(str(DIGITS / "pixels64_relu.onnx")), 3.0),
    "residual d = 64": (lambda: load_generator("residual:d=64,width=128,depth=1,activation=tanh"), None),
    "mlp_d16": (lambda: load_generator(str(DIGITS / "mlp_d16.onnx")), None),
}

REPEATS, LONG = 3, 20.0
"""Runs per case, and CPU seconds from which one is enough."""


def measured(name: str, budget: float | None) -> dict[str, Any]:
    """One run in this process: seconds, megabytes and ends."""
    build, radius = CASES[name]
    generator = build()
    processor, clock = time.process_time(), time.monotonic()
    found = constants(generator, Region(radius), budget)
    return {
        "parameters": generator.parameters,
        "cpu": time.process_time() - processor,
        "wall": time.monotonic() - clock,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "ends": {key: [bracket.lower, bracket.upper] for key, bracket in found.items()},
    }


def lines(names: list[str], budget: float | None) -> Iterator[str]:
    """The table, a row per case."""
    yield "# The constants of large networks"
    yield ""
    yield f"One BLAS thread, budget {'none' if budget is None else f'{budget:g} s'}; medians of up to {REPEATS} runs."
    yield ""
    yield "| network | N | CPU s | wall s | peak MB | m | M | M2 | M3 |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for name in names:
        runs = [_in_own_process(name, budget)]
        while runs[0]["cpu"] < LONG and len(runs) < REPEATS:
            runs.append(_in_own_process(name, budget))
        cpu, wall, memory = (median(run[key] for run in runs) for key in ("cpu", "wall", "megabytes"))
        ends = " | ".join(f"[{_shown(low)}, {_shown(high)}]" for low, high in runs[0]["ends"].values())
        yield f"| {name} | {runs[0]['parameters']:,} | {cpu:.1f} | {wall:.1f} | {memory:.0f} | {ends} |"


def _in_own_process(name: str, budget: float | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.large_constants", "--one", name]
    command += [] if budget is None else ["--budget", str(budget)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def main() -> None:
    """Read the arguments; one measurement, or the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--budget", type=float)
    parser.add_argument("--out")
    parser.add_argument("--one", choices=CASES)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen.one, chosen.budget)))
    else:
        print_and_write(lines(chosen.names, chosen.budget), chosen.out)


if __name__ == "__main__":
    main()
