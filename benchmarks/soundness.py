"""Soundness campaign: no bracket may exclude a constant that is known exactly.

    python -m benchmarks.soundness [--networks 2000] [--first 0] [--seed 0] [--effort 20000] [--records FILE]
        [--processes 16 | --scheduler WHERE] [--minutes 8] [--far] [--full]

`--far` takes the networks on a ball of their own far from 0 (what is known on R^d then holds from one side, and a few
derivatives in balls give the other), `--full` gives branch and bound and the semidefinite methods the default effort,
without the search for witnesses. `--minutes` ends the run in time; with `--records` the next one goes on. Random and
adversarial networks (`benchmarks.known_networks`) are bracketed and held against the truth in balls. A violation is
printed with the command that reproduces it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb
from threadpoolctl import threadpool_limits

from benchmarks.exact_constants import Truth
from benchmarks.known_networks import KINDS, KnownNetwork, known_network
from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, midpoint, precision
from certify.bounds.bracket import Bracket, ConstantBrackets, Region
from certify.bounds.constants import constants
from certify.bounds.effort import DEFAULT_EFFORT
from certify.bounds.method import bound_methods
from certify.bounds.recomputation import ORDERS, derivative_size, is_inside
from certify.errors import CertifyError
from certify.execution.door import Execution, Failed
from certify.execution.work import plain_work
from certify.generators.derivatives import jacobian
from certify.generators.graph import Generator, Graph

BITS = 512
"""Working precision of the truths: a condition number of 1e12 is squared twice and still leaves 100 digits."""

EFFORT, POINTS = 20_000.0, 6

FULL = ("composition", "neuron by neuron", "semidefinite", "lifted semidefinite", "branch and bound", "pairs of slopes")

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


@dataclass(frozen=True)
class Request:
    """What is asked of every network."""

    seed: int
    effort: float
    far: bool = False
    full: bool = False

    @property
    def options(self) -> str:
        """The part of the command that reproduces it."""
        flags = (" --far" if self.far else "") + (" --full" if self.full else "")
        return f"--seed {self.seed} --effort {self.effort:g}{flags}"


def examine(index: int, request: Request) -> Outcome:
    """Bracket one network and hold both ends of every bracket against what is known."""
    started = time.monotonic()
    with precision(BITS):
        case = known_network(index, request.seed)
    if request.far:
        case = moved(index, case)
    with np.errstate(all="ignore"), threadpool_limits(1):
        try:
            generator = Generator(case.kind, case.graph, 1)
            used = list(FULL) if request.full else methods(index)
            found = constants(generator, case.region, None, index, None, used, request.effort)
        except (CertifyError, ArithmeticError, ValueError) as error:
            return Outcome(index, case.kind, time.monotonic() - started, [], f"{type(error).__name__}: {error}")
    with precision(BITS):
        return judge(index, case, found, time.monotonic() - started)


def moved(index: int, case: KnownNetwork) -> KnownNetwork:
    """The network on a ball far from 0, with what is known there.

    From R^d the side that a part of it inherits; the other side from derivatives in balls at a few points of the ball.
    """
    random = np.random.default_rng([index, 0xFA5])
    d = case.graph.latent_dim
    centre = 10.0 ** random.uniform(0, 6) * random.standard_normal(d)
    radius = float(10.0 ** random.uniform(-3, 2))
    region = Region(radius, tuple(float(x) for x in centre))
    truths = {}
    for name, order in ORDERS.items():
        known = case.truths.get(name) if case.region.radius is None else None
        sizes = []
        for _ in range(POINTS):
            offset = random.standard_normal(d)
            point = centre + 0.9 * radius * offset / np.linalg.norm(offset) * random.random()
            if is_inside(region, point.tolist()):
                sizes.append(
                    derivative_size(case.graph, point.tolist(), _direction(case.graph, point, name, random), order)
                )
        sizes = [size for size in sizes if size.is_finite()]
        if name == "m":
            least = min((size.upper() for size in sizes), default=arb("inf"))
            truths[name] = Truth(ball(0) if known is None else known.lower, arb(least))
        else:
            largest = max((size.lower() for size in sizes), default=ball(0))
            truths[name] = Truth(arb(largest), arb("inf") if known is None else known.upper)
    return replace(case, truths=truths, region=region)


def _direction(graph: Graph, point: FloatArray, name: str, random: np.random.Generator) -> list[float]:
    """The direction of least or largest stretch, as floats see it; any one for the higher derivatives."""
    direction: FloatArray = random.standard_normal(graph.latent_dim)
    if name in ("m", "M"):
        with np.errstate(all="ignore"), suppress(np.linalg.LinAlgError):
            direction = np.linalg.svd(np.nan_to_num(jacobian(graph, point)))[2][0 if name == "M" else -1]
    return [float(x) for x in direction]


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


def examined(
    indices: Iterable[int], request: Request, scheduler: str, stop: float
) -> Iterator[tuple[int, Outcome | Failed]]:
    """Every network with its outcome as they come, until the time is over."""
    begun: list[int] = []

    def in_time(index: int) -> bool:
        begun.append(index)
        return time.monotonic() < stop

    with Execution(scheduler) as execution:
        work = plain_work(partial(examine_as_data, request), {})
        for place, found in execution.map(work, takewhile(in_time, indices)):
            yield begun[place], found if isinstance(found, Failed) else Outcome(**found)


def examine_as_data(request: Request, index: int) -> dict[str, Any]:
    """The outcome as it travels and is recorded."""
    return asdict(examine(index, request))


def main() -> int:
    """Run the campaign; 0 if no bracket excluded a truth and none failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--effort", type=float, help="units per network (20,000; with --full the default of constants)")
    parser.add_argument("--records", type=Path, help="JSON lines; a run that was interrupted goes on from here")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--scheduler", help="in place of --processes, as for `certify check`")
    parser.add_argument("--minutes", type=float, default=math.inf, help="no network is begun after so many")
    parser.add_argument("--far", action="store_true", help="on balls far from 0")
    parser.add_argument("--full", action="store_true", help="branch and bound and semidefinite with full effort")
    options = parser.parse_args()
    effort = options.effort or (DEFAULT_EFFORT if options.full else EFFORT)
    request = Request(options.seed, effort, options.far, options.full)
    known = reload(options.records)
    wanted = range(options.first, options.first + options.networks)
    outcomes = [known[index] for index in wanted if index in known]
    left = [index for index in wanted if index not in known]
    scheduler = options.scheduler or ("serial" if options.processes == 1 else f"processes:{options.processes}")
    lost = 0
    for index, outcome in examined(left, request, scheduler, time.monotonic() + 60.0 * options.minutes):
        if isinstance(outcome, Failed):
            lost += 1
            print(f"network {index}: {outcome.reason}", flush=True)
            continue
        outcomes.append(outcome)
        if options.records:
            with options.records.open("a") as stream:
                stream.write(json.dumps(asdict(outcome)) + "\n")
        for text in [*outcome.violations, *([outcome.error] if outcome.error else [])]:
            print(f"network {outcome.index} ({outcome.kind}): {text}", flush=True)
            again = f"python -m benchmarks.soundness --first {outcome.index} --networks 1 {request.options}"
            print(f"  {again}", flush=True)
    print(summary(outcomes))
    failed = lost + sum(bool(outcome.violations or outcome.error) for outcome in outcomes)
    print(
        f"\n{len(outcomes)} of {options.networks} networks of {len(KINDS)} kinds, {request.options}: "
        f"{failed} violated or failed."
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
