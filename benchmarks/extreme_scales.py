"""Soundness at extreme scales: weights, radii and centres from 1e-300 to 1e300, every bound method alone and all.

    python -m benchmarks.extreme_scales [--networks 400] [--first 0] [--seed 0] [--out FILE]

Networks with closed forms (`benchmarks.extreme_networks`) are bracketed by each method on its own and by all of
them together. An end is contained (on its side of the truth), given up (unknown, 0 for m, infinite for the others),
or false; a run may crash. False ends and crashes are printed with the network's index, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import math
import time
import traceback
from collections import Counter
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.extreme_networks import BITS, extreme_network
from benchmarks.known_networks import KnownNetwork
from benchmarks.soundness import excluded
from certify.arithmetic.balls import ball, precision
from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.bounds.effort import DEFAULT_EFFORT
from certify.bounds.method import bound_methods
from certify.generators.graph import Generator

RESULT = Path(__file__).parent / "results" / "extreme_scales.md"
WHOLE = "all methods"
OUTCOMES = ("contained", "within a factor 2", "given up", "false", "crash")


def runs() -> dict[str, list[str] | None]:
    """Each method alone, by discovery, and all of them."""
    return {**{name: [name] for name in bound_methods()}, WHOLE: None}


def examine(
    index: int, seed: int, counts: dict[str, Counter[str]], budget: float = 2.0, effort: float = DEFAULT_EFFORT
) -> list[str]:
    """Bracket one network by every run, add up the outcomes, and return what is false or crashed."""
    with precision(BITS):
        case = extreme_network(index, seed)
    faults = []
    for run, methods in runs().items():
        try:
            found = constants(Generator(case.kind, case.graph, 1), case.region, budget, index, None, methods, effort)
        except Exception as error:
            counts[run]["crash"] += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            faults.append(f"{index} ({case.kind}) {run}: {type(error).__name__} at {where}: {error}")
            continue
        with precision(BITS):
            faults += [f"{index} ({case.kind}) {run}: {text}" for text in _judged(case, found, counts[run])]
    return faults


def _judged(case: KnownNetwork, found: ConstantBrackets, count: Counter[str]) -> list[str]:
    """Count both ends of every bracket whose truth is known; the false ones in words."""
    false = []
    for name, bracket in found.items():
        if name not in case.truths:
            continue
        truth = case.truths[name]
        wrong = excluded(bracket, truth)
        false += [f"{name}: {text}" for text in wrong]
        count["false"] += len(wrong)
        needed = bracket.lower if name == "m" else bracket.upper
        if needed is None or (needed == 0 and name == "m" and truth.upper != 0) or math.isinf(needed):
            count["given up"] += 1
            continue
        count["contained"] += not wrong
        sides = (ball(needed), truth.upper) if name == "m" else (truth.lower, ball(needed))
        count["within a factor 2"] += bool(2 * sides[0] >= sides[1])
    return false


def report(counts: dict[str, Counter[str]], networks: int, seed: int, seconds: float) -> str:
    """The table in Markdown."""
    lines = [
        "# Soundness at extreme scales",
        "",
        f"`python -m benchmarks.extreme_scales --networks {networks} --seed {seed}`: {networks} networks, "
        f"{seconds:.0f} s. Weights, radii and centres from 1e-300 to 1e300.",
        "The needed end of each constant (lower for m, upper for M, M2, M3) is contained or given up; of both "
        "ends none may be false. A method that does not speak of a constant gives its end up.",
        "",
        "| run | " + " | ".join(OUTCOMES) + " |",
        "|" + " --- |" * (len(OUTCOMES) + 1),
    ]
    lines += [
        "| " + " | ".join([run, *(str(count[item]) for item in OUTCOMES)]) + " |" for run, count in counts.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=400)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = {run: Counter() for run in runs()}
    started, faults = time.monotonic(), 0
    with threadpool_limits(1):
        for index in range(arguments.first, arguments.first + arguments.networks):
            for fault in examine(index, arguments.seed, counts):
                print(fault, flush=True)
                faults += 1
    text = report(counts, arguments.networks, arguments.seed, time.monotonic() - started)
    print(text)
    if not arguments.first:
        arguments.out.write_text(text, encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
