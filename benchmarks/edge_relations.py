"""`certify prove` on the relations of data/edge_relations.csv: true or false by little, or at one point alone.

    python -m benchmarks.edge_relations [--data FILE] [--part I/N]

The relations are ties and their strict forms, ends that belong to a domain or do not, powers 0**n, naturals against
reals, real exponents, logarithms near 0, nested absolute values and maxima, each with what is known of it from its
form: true, false, undefined somewhere where the assumptions hold, or empty assumptions. Wrong is a proof of what is not
true, a refutation of what is true, and `not-applicable` where the assumptions can hold. `--part` takes every N-th
relation from the I-th on, and writes no table; `--data` takes another file with the same columns.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

from certify.atomic import write_text_atomically
from certify.prover.prove import prove

HERE = Path(__file__).parent
DATA = HERE / "data" / "edge_relations.csv"
TABLE = HERE / "results" / "edge_relations.md"
WANTED = {
    "true": ("proved",), "false": ("refuted",), "undefined": ("inconclusive", "refuted"), "empty": ("not-applicable",),
}  # fmt: skip
"""Verdicts that decide a relation; what is undefined somewhere may be refuted where it is defined."""
VERDICTS = ("proved", "refuted", "inconclusive", "not-applicable")


def is_wrong(truth: str, verdict: str) -> bool:
    """Whether the verdict contradicts what is known."""
    if verdict == "proved":
        return truth != "true"
    if verdict == "refuted":
        return truth in ("true", "empty")
    return verdict == "not-applicable" and truth != "empty"


def main() -> None:
    """Ask for every relation, and write what was answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--part", default="0/1")
    given = parser.parse_args()
    first, step = map(int, given.part.split("/"))
    with given.data.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[first::step]
    counts: Counter[tuple[str, str]] = Counter()
    missed, wrong = [], 0
    for row in rows:
        assumptions = [item.strip() for item in row["assumptions"].split(";") if item.strip()]
        verdict = str(prove(row["relation"], assumptions).verdict)
        counts[row["truth"], verdict] += 1
        wrong += is_wrong(row["truth"], verdict)
        if verdict not in WANTED[row["truth"]]:
            under = f" where {', '.join(assumptions)}" if assumptions else ""
            missed.append(f"- {row['truth']}, {verdict}: `{row['relation']}`{under}")
    lines = [
        "# Relations at the edges of what holds", "",
        f"Written by `python -m benchmarks.edge_relations`: {len(rows)} relations, {wrong} wrong answers.", "",
        f"| truth | {' | '.join(VERDICTS)} |", "| --- |" + " --- |" * len(VERDICTS),
        *(f"| {truth} | {' | '.join(str(counts[truth, verdict]) for verdict in VERDICTS)} |" for truth in WANTED),
        "", "## Not decided", "", *missed,
    ]  # fmt: skip
    print("\n".join(lines))
    if (given.data, given.part) == (DATA, "0/1"):
        write_text_atomically(TABLE, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
