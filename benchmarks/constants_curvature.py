"""How far M2 and M3 are from their witnesses on the networks of the suite with at most eight latents.

    python -m benchmarks.constants_curvature [--latents 8] [--records FILE] [--network SPEC ...] [--out FILE.md]

Per network the certified end over the witness, both from one run at the default effort without a cache, with the method
that gave each certified end. The goals are a factor 2 for M2 and 4 for M3 on 24 of the 28 networks. A ratio has two
ends: a weak witness counts against the bound. JSON lines, one per network: a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.networks import SPECIFICATIONS, network
from benchmarks.output import print_and_write
from certify.bounds.bracket import Bracket
from certify.bounds.constants import constants

GOALS = {"M2": 2.0, "M3": 4.0}
"""Certified over witness that is to be reached."""

WANTED = 24
"""Networks on which it is to be reached."""


def measured(specification: str) -> dict[str, Any]:
    """The row of one network: both ends, the method of the certified one, processor time of the whole run."""
    generator = network(specification).generator
    with threadpool_limits(1):
        began = time.process_time()
        found = constants(generator)
        seconds = time.process_time() - began
    row: dict[str, Any] = {"network": specification, "seconds": seconds}
    for name in GOALS:
        bracket: Bracket = dict(found.items())[name]
        by = bracket.upper_evidence.method if bracket.upper_evidence else "-"
        row[name] = {"lower": bracket.lower, "upper": bracket.upper, "by": by}
    return row


def factor(end: dict[str, Any]) -> float:
    """Certified over witness; infinite without one of them, 1 for a map without this derivative."""
    if end["upper"] == end["lower"]:
        return 1.0
    return float(end["upper"] / end["lower"]) if end["upper"] is not None and end["lower"] else float("inf")


def report(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A row per network, and on how many the goals are met."""
    yield "| network | M2 certified | witness | factor | by | M3 certified | witness | factor | by | CPU s |"
    yield "| --- |" + " --- |" * 9
    for row in rows:
        cells = [f"`{row['network']}`"]
        for name in GOALS:
            end = row[name]
            cells += [f"{end['upper']:.4g}", f"{end['lower']:.4g}", f"{factor(end):.3f}", end["by"]]
        yield "| " + " | ".join([*cells, f"{row['seconds']:.1f}"]) + " |"
    yield ""
    for name, goal in GOALS.items():
        met = sum(factor(row[name]) <= goal for row in rows)
        yield f"{name} within {goal:g} of the witness: {met} of {len(rows)} (goal {WANTED} of 28)."


def main() -> None:
    """Measure what is not yet recorded, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, default=8)
    parser.add_argument("--network", action="append")
    parser.add_argument("--records", type=Path, default=Path("constants_curvature.jsonl"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    written = options.records.read_text().splitlines() if options.records.exists() else []
    rows = [json.loads(line) for line in written]
    known = {row["network"] for row in rows}
    for specification in options.network or SPECIFICATIONS:
        if specification in known or network(specification).generator.latent_dim > options.latents:
            continue
        rows.append(measured(specification))
        with options.records.open("a") as stream:
            stream.write(json.dumps(rows[-1]) + "\n")
        print(specification, file=sys.stderr, flush=True)
    print_and_write(report(rows), options.out)


if __name__ == "__main__":
    main()
