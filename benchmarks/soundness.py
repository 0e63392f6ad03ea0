"""Soundness campaign: no bracket may exclude a constant that is known exactly.

    python -m benchmarks.soundness [--networks 2000] [--first 0] [--seed 0] [--budget 2] [--records FILE]

Random and adversarial networks (`benchmarks.known_networks`) are bracketed and held against the truth in
balls. A violation is printed with the command that reproduces it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.exact_constants import Truth
from benchmarks.known_networks import KINDS, KnownNetwork, known_network
from certify.arithmetic.balls import ball, midpoint, precision
from certify.bounds.bracket import Bracket, ConstantBrackets
from certify.bounds.constants import constants
from certify.bounds.method import bound_methods
from certify.errors import CertifyError
from certify.generators.graph import Generator

BITS = 512
"""Working precision of the truths: a condition number of 1e12 is squared twice and still leaves 100 digits."""

SEARCH_EVERY = 10
"""Every tenth network is also searched for witnesses, whose ends must not exclude the truth either."""


@dataclass
class Outcome:
    """What one network gave: violations (empty if sound), an error, and certified/true per constant where exact."""

    index: int
    kind: str
    seconds: float
    violations: list[str] = field(default_factory=list)
    error: str = ""
    ratios: dict[str, float] = field(default_factory=dict)


def examine(index: int, seed: int, budget: float) -> Outcome:
    """Bracket one network and hold both ends of every bracket against what is known."""
    started = time.monotonic()
    with precision(BITS):
        case = known_network(index, seed)
    with np.errstate(all="ignore"):
        try:
            found = constants(Generator(case.kind, case.graph, 1), case.region, budget, index, None, methods(index))
        except (CertifyError, ArithmeticError, ValueError) as error:
            return Outcome(index, case.kind, time.monotonic() - started, [], f"{type(error).__name__}: {error}")
    with precision(BITS):
        return judge(index, case, found, time.monotonic() - started)


def methods(index: int) -> list[str]:
    """Every method that certifies; the searches for witnesses too where their turn has come."""
    return [name for name, item in bound_methods().items() if index % SEARCH_EVERY == 0 or not item.is_search]


def judge(index: int, case: KnownNetwork, found: ConstantBrackets, seconds: float) -> Outcome:
    """Violations and tightness of the brackets of one network, decided in balls."""
    outcome = Outcome(index, case.kind, seconds)
    for name, bracket in found.items():
        if name in case.truths:
            truth = case.truths[name]
            outcome.violations.extend(f"{name}: {text}" for text in excluded(bracket, truth))
            ratio = tightness(name, bracket, truth)
            if ratio is not None:
                outcome.ratios[name] = ratio
    return outcome


def excluded(bracket: Bracket, truth: Truth) -> list[str]:
    """The ends of a bracket that provably exclude the true constant."""
    found = []
    if bracket.lower is not None and bool(ball(bracket.lower) > truth.upper):
        method = bracket.lower_evidence.method if bracket.lower_evidence else "?"
        found.append(f"lower end {bracket.lower!r} by `{method}` is above the truth {truth.upper.str(20)}")
    if bracket.upper is not None and bool(ball(bracket.upper) < truth.lower):
        method = bracket.upper_evidence.method if bracket.upper_evidence else "?"
        found.append(f"upper end {bracket.upper!r} by `{method}` is below the truth {truth.lower.str(20)}")
    return found


def tightness(name: str, bracket: Bracket, truth: Truth) -> float | None:
    """Certified over true for M, M2, M3, true over certified for m: 1 is exact, inf says nothing. None if unknown."""
    low, high = midpoint(truth.lower), midpoint(truth.upper)
    end = bracket.lower if name == "m" else bracket.upper
    if end is None or not (0 < low < float("inf")) or not abs(low - high) <= 1e-9 * low:
        return None
    if name == "m":
        return low / end if end > 0 else float("inf")
    return end / low


def summary(outcomes: list[Outcome]) -> str:
    """Markdown table: per kind how many networks, violations, errors, seconds and the tightness of m, M, M2, M3."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    names = ("m", "M", "M2", "M3")
    lines = ["| kind | networks | violations | errors | median s | " + " | ".join(names) + " |"]
    lines.append("|" + " --- |" * (5 + len(names)))
    for kind, group in by_kind.items():
        violated, failed = sum(bool(o.violations) for o in group), sum(bool(o.error) for o in group)
        cells = [kind, str(len(group)), str(violated), str(failed)]
        cells.append(f"{statistics.median(o.seconds for o in group):.2f}")
        for name in names:
            ratios = [o.ratios[name] for o in group if name in o.ratios]
            cells.append(f"{statistics.median(ratios):.4g} ({max(ratios):.3g})" if ratios else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reload(path: Path | None) -> dict[int, Outcome]:
    """Outcomes recorded by an interrupted run."""
    if path is None or not path.exists():
        return {}
    rows = (json.loads(line) for line in path.read_text().splitlines())
    return {row["index"]: Outcome(**row) for row in rows}


def main() -> int:
    """Run the campaign; 0 if no bracket excluded a truth and none failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=2.0, help="seconds per network")
    parser.add_argument("--records", type=Path, help="JSON lines; a run that was interrupted goes on from here")
    options = parser.parse_args()
    known = reload(options.records)
    outcomes = []
    for index in range(options.first, options.first + options.networks):
        with threadpool_limits(1):
            outcome = known.get(index) or examine(index, options.seed, options.budget)
        outcomes.append(outcome)
        if options.records and index not in known:
            with options.records.open("a") as stream:
                stream.write(json.dumps(asdict(outcome)) + "\n")
        for text in [*outcome.violations, *([outcome.error] if outcome.error else [])]:
            print(f"network {index} ({outcome.kind}): {text}", flush=True)
            print(f"  python -m benchmarks.soundness --first {index} --networks 1 --seed {options.seed}", flush=True)
    print(summary(outcomes))
    failed = sum(bool(outcome.violations or outcome.error) for outcome in outcomes)
    print(f"\n{len(outcomes)} networks of {len(KINDS)} kinds, seed {options.seed}: {failed} violated or failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
