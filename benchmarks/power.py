"""Prints how much the checks of Theorem 1 can see: slack of each claim and the smallest break that is refuted.

python -m benchmarks.power [--out docs/power.md]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from certify.arithmetic.rounding import ratio_text
from certify.atomic import write_text_atomically
from certify.proof.power import power
from tests.power_instances import AMOUNTS, HIDDEN, THEOREM, instances

HEADING = """# What the checks can see

Every claim of S1-S9 is strengthened (its bound moved in the direction that claims more) by 10, 25 and 50 per cent on
four instances where most are tight: isotropic linear maps in d = 1 and d = 3, one with an observation far out, and
z -> 1.25 z + 0.25 sin z. "noticed at" is the smallest change that some instance refutes; slack is the smallest one of
the honest claim. Where nothing is noticed the slack says how wrong a constant could be unseen.
Made by `python -m benchmarks.power --out docs/power.md`.

| step | claim | smallest slack | noticed at | why hidden |
| --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Measure and print, or write to the file given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    for step in THEOREM.steps:
        for claim in step.claims:
            found = power(step, claim.name, instances(), AMOUNTS)
            slack = "unbounded" if math.isinf(found.slack) else ratio_text(found.slack)
            noticed = "not noticed" if found.noticed is None else f"{float(found.noticed):.0%}"
            reason = HIDDEN.get((step.label, claim.name), "")
            rows.append(f"| {step.label} | {claim.name} | {slack} | {noticed} | {reason} |")
    text = HEADING + "\n".join(rows) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        write_text_atomically(arguments.out, text)


if __name__ == "__main__":
    main()
