"""How much the checks of every theorem can see: deliberately wrong statements, and by how much each must be wrong.

python -m benchmarks.power [THEOREM ...] [--seed N] [--out benchmarks/results/power]   (writes power.md and power.tex)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from certify.atomic import write_text_atomically
from certify.report.discovery import table_formats
from certify.report.stress import power_document
from certify.report.table import Document
from certify.stress_tests.power import power_table

RESULTS = Path("benchmarks/results/power")


def main() -> None:
    """Measure, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("theorems", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    found = power_table(arguments.theorems, seed=arguments.seed, command="python -m benchmarks.power")
    facts = found.provenance
    comment = f"version {facts['version']}, seed {facts['seed']}, {facts['platform']}, {facts['seconds']:.0f} s"
    document = Document(power_document(found).tables, (comment, "made by python -m benchmarks.power"))
    for item in table_formats().values():
        if item.name in {"latex", "markdown"}:
            write_text_atomically(arguments.out.with_suffix(f".{item.suffix}"), item.render(document))


if __name__ == "__main__":
    main()
