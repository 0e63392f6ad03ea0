"""Certified constants beside their witnesses and the peers' float values, network by network in one run.

    python -m benchmarks.constants [--quick] [--budget 10] [--peer-seconds 30] [--lipsdp DIR] [--out benchmarks/results]

Writes `constants.jsonl` (one line per network, as it is finished; a run that was interrupted goes on) and
`constants.md`: the table, medians per kind and dimension, and every goal with the networks that miss it.
Everything runs on one BLAS thread, ours and the peers: on small matrices two can be ten times slower than one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks import peers
from benchmarks.constants_report import report
from benchmarks.networks import LIPSDP, QUICK, SPECIFICATIONS, BenchmarkNetwork, lipsdp, plain, suite
from certify.bounds.bracket import json_number
from certify.bounds.constants import constants
from certify.bounds.method import bound_methods


@dataclass
class MethodClock:
    """A `Progress` that notes when each bound method was done."""

    started: float
    names: list[str]
    done: dict[str, float]

    def start(self, description: str, total: float) -> None:
        """The clock starts with the work."""
        self.started = time.perf_counter()

    def advance(self, amount: float = 1.0) -> None:
        """One more method is done."""
        self.done[self.names[len(self.done)]] = time.perf_counter() - self.started

    def standing(self, text: Callable[[], str]) -> None:
        """What is known on the way is not noted."""

    def finish(self) -> None:
        """Nothing is left to note."""


def measure(network: BenchmarkNetwork, budget: float, peer_seconds: float) -> dict[str, object]:
    """One line of the record: our brackets with methods and times, the peers' values."""
    known = bound_methods()
    clock = MethodClock(time.perf_counter(), list(known), {})
    started = time.perf_counter()
    found = constants(network.generator, None, budget, 0, clock)
    seconds = time.perf_counter() - started
    brackets = {
        name: {
            "lower": json_number(bracket.lower),
            "upper": json_number(bracket.upper),
            "lower_method": bracket.lower_evidence.method if bracket.lower_evidence else None,
            "upper_method": bracket.upper_evidence.method if bracket.upper_evidence else None,
        }
        for name, bracket in found.items()
    }
    certifying = max((clock.done[name] for name, item in known.items() if not item.is_search), default=0.0)
    used = [found.m.lower_evidence, found.M.upper_evidence]
    needed = [name for name in known if any(item is not None and item.method.startswith(name) for item in used)]
    started = time.perf_counter()
    constants(network.generator, None, budget, 0, None, needed)
    stretch_seconds = time.perf_counter() - started
    values = [peers.product_of_norms(network.generator), peers.semidefinite(network.generator, peer_seconds)]
    return {
        "network": network.specification,
        "kind": network.kind,
        "activation": network.activation,
        "latent_dim": network.generator.latent_dim,
        "depth": network.depth,
        "has_goal": network.has_goal,
        "budget": budget,
        "seconds": seconds,
        "certifying_seconds": certifying,
        "stretch_seconds": stretch_seconds,
        "done_at": clock.done,
        "brackets": brackets,
        "peers": [asdict(value) for value in values],
        "notes": list(found.notes),
    }


def warm_up() -> None:
    """Pay for imports and for every activation's first enclosure before any clock runs, ours and the peer's."""
    for activation in ("tanh", "softplus", "leaky_softplus", "gelu", "relu"):
        constants(plain(2, 2, 1, activation), None, 0.5)
    peers.semidefinite(plain(2, 2, 1, "tanh"), 1.0)


def chosen(quick: bool, folder: Path) -> Iterator[BenchmarkNetwork]:
    """The published networks first, then the suite or its quick subset."""
    if not quick:
        yield from lipsdp(folder)
    yield from suite(QUICK if quick else SPECIFICATIONS)


def main() -> None:
    """Measure what is not yet recorded and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="nine networks with short budgets, about three minutes")
    parser.add_argument("--budget", type=float, help="seconds per network (10; 3 with --quick)")
    parser.add_argument("--peer-seconds", type=float, default=30.0, help="limit per semidefinite program of the peer")
    parser.add_argument("--lipsdp", type=Path, default=LIPSDP, help="folder of LipSDP's .mat files")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    budget = options.budget or (3.0 if options.quick else 10.0)
    options.out.mkdir(parents=True, exist_ok=True)
    stem = "constants-quick" if options.quick else "constants"
    record = options.out / f"{stem}.jsonl"
    rows = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    known = {row["network"] for row in rows if row["budget"] == budget}
    warm_up()
    # Entered after every BLAS is loaded: the limit holds for the libraries of that moment.
    with threadpool_limits(1):
        for network in chosen(options.quick, options.lipsdp):
            if network.specification in known:
                continue
            row = measure(network, budget, options.peer_seconds)
            rows.append(row)
            with record.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
            print(f"{network.specification}: {row['seconds']:.1f} s", flush=True)
    text = report([row for row in rows if row["budget"] == budget])
    (options.out / f"{stem}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
