"""How wrong a constant of the four statements must be to be seen: on affine decoders, where most claims are attained.

    python -m benchmarks.statement_mutants [--out benchmarks/results/statements_mutants.md]

Every constant of every claim halved or doubled where that claims more; "seen at" is the smallest factor refuted.
`benchmarks.power` has wrong definitions and dropped assumptions as well, for every theorem, and takes much longer.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.discovery.registry import load_theorem
from certify.generators.specification import load_generator
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.theorem import Theorem
from certify.report.discovery import table_formats
from certify.report.stress import power_document
from certify.report.table import Document
from certify.stress_tests.power import PowerResult, wrong_constants
from certify.version import __version__

RESULTS = Path("benchmarks/results/statements_mutants.md")
BANK: Mapping[str, tuple[tuple[str, str], ...]] = {
    "collapse": (("linear:d=1,kappa=1,m=2", "0.2"), ("linear:d=3,kappa=1,m=0.5", "1")),
    "factorised-encoder": (("linear:d=2,kappa=6,m=1", "1"), ("linear:d=2,kappa=60,m=1", "1")),
    "modes": (("linear:d=1,kappa=1,m=2", "0.5"), ("linear:d=2,kappa=1,m=1", "1")),
    "amortisation": (("linear:d=2,kappa=2,m=1", "0.5"),),
}
"""Generators and noise levels by theorem."""


def instance_of(theorem: Theorem, specification: str, beta: str) -> Instance:
    """The theorem at an affine decoder, at half of the effort."""
    generator = load_generator(specification)
    brackets = constants(generator)
    setting = settle(theorem, generator, brackets, Fraction(beta), Fraction(1, 10), None, 0)
    assert setting.certificate is not None, "evaluated at every noise level"
    return Instance(theorem, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, 0.5)


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    with np.errstate(all="ignore"), threadpool_limits(1):
        for name, cases in BANK.items():
            theorem = load_theorem(name)
            rows += wrong_constants(theorem, [instance_of(theorem, *case) for case in cases], 0)
    seen = sum(row.refuted for row in rows)
    at_least = sum(row.noticed is not None and row.noticed <= 1.1 for row in rows)
    asked = f"{seen} of {len(rows)} wrong constants are refuted when halved or doubled, {at_least} at 1.1"
    comments = (
        f"version {__version__}: {asked}",
        "made by python -m benchmarks.statement_mutants",
    )
    document = Document(power_document(PowerResult(tuple(rows), {})).tables, comments)
    write_text_atomically(options.out, table_formats()["markdown"].render(document))


if __name__ == "__main__":
    main()
