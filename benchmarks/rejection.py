"""Theorem R on the trained decoders of digits: proposals at each held-out observation, beside the Langevin layers.

python -m benchmarks.rejection [--count 200] [--layers 0] [--work FILE.json] [--out benchmarks/results/rejection]

For every decoder at its own noise: at how many of the first `count` held-out digits exp(-f) <= C rho and a lower bound
of the acceptance are certified, the proposals K that are within epsilon of the posterior by the certified acceptance,
the acceptance certified and measured, and the processor's seconds per digit. With `--layers` also the layers that
`injective-decoder` certifies at the first digits, and their ratio to the proposals there. With `--work` every digit is
kept when it is done, and a run that is cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.cli.progress_bar import progress_on_terminal
from certify.discovery.registry import load_theorem
from certify.envelopes.rejection import proposals_needed
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.progress import Progress
from certify.proof.records import RejectionNumbers
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, lower_cell, number_cell, text_cell
from certify.version import __version__
from theorems.rejection_encoder.found import Rejection
from theorems.rejection_encoder.observations import certify_row
from theorems.sharp_langevin.observations import certify_rows as layer_rows

RESULTS = Path("benchmarks/results/rejection")
DIGITS = Path("examples/digits")
DECODERS = (
    ("residual_d8", "observations_d8"),
    ("pixels64_residual", "observations_pixels64"),
    ("pixels64_conditioned", "observations_pixels64"),
)
HEADINGS = (
    "decoder", "beta", "certified", "K, 0.1", "K, 0.001", "p certified", "p measured", "seconds", "most seconds",
    "Langevin certified", "layers, 0.1", "layers per proposal",
)  # fmt: skip
EPSILONS = (Fraction(1, 10), Fraction(1, 1000))


@dataclass(frozen=True)
class Digit:
    """One observation: the certified acceptance (None: none), the measured one, the processor's seconds."""

    acceptance: float | None
    measured: float | None
    seconds: float

    def proposals(self, epsilon: Fraction) -> float:
        """K by the certified acceptance; infinite without one."""
        needed = None if self.acceptance is None else proposals_needed(self.acceptance, epsilon)
        return float("inf") if needed is None else float(needed.proposals)


@dataclass(frozen=True)
class Measured:
    """One decoder: what was found at each observation, and layers where they were asked for (None: not certified)."""

    name: str
    beta: float
    digits: list[Digit]
    layers: list[int | None]


class Kept:
    """Finished answers in a file, or in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._answers: dict[str, Any] = json.loads(path.read_text()) if path is not None and path.exists() else {}

    def once(self, question: str, compute: Callable[[], Any]) -> Any:
        """The answer to `question`, computed unless it is kept."""
        if question not in self._answers:
            self._answers[question] = compute()
            if self._path is not None:
                write_text_atomically(self._path, json.dumps(self._answers))
        return self._answers[question]


def measure(name: str, observations: str, count: int, layers: int, kept: Kept, progress: Progress) -> Measured:
    """Certify the first `count` observations of one decoder at its trained noise."""
    generator = load_generator(str(DIGITS / f"{name}.onnx"))
    rows = np.load(DIGITS / f"{observations}.npy")[:count]
    beta = float(generator.metadata["trained_beta"])
    key = f"{__version__} {generator.sha256} {beta}"
    warm: list[bool] = []

    def certified(row: FloatArray) -> dict[str, Any]:
        if not warm:
            # What all observations share is not any one's time.
            certify_row(generator, beta, EPSILONS[0], row)
            warm.append(True)
        started = time.process_time()
        numbers, needed = _numbers(certify_row(generator, beta, EPSILONS[0], row))
        middle = None if numbers is None else sum(numbers.p_measured) / 2
        rate = numbers.p_certified if numbers is not None and needed else None
        return asdict(Digit(rate, middle, time.process_time() - started))

    progress.start(name, len(rows))
    digits = []
    for index, row in enumerate(rows):
        digits.append(Digit(**kept.once(f"{key} {index}", lambda row=row: certified(row))))
        progress.advance()
    progress.finish()
    found = [
        kept.once(f"{key} {index} layers", lambda row=row: _layers(generator, row, beta, progress))
        for index, row in enumerate(rows[:layers])
    ]
    return Measured(name, beta, digits, found)


def table(every: Sequence[Measured]) -> Table:
    """One row per decoder."""
    rows: list[tuple[Cell, ...]] = []
    for item in every:
        done = [digit for digit in item.digits if digit.acceptance is not None]
        counts = [_median([digit.proposals(epsilon) for digit in done]) for epsilon in EPSILONS]
        both = [(layers, digit) for layers, digit in zip(item.layers, item.digits, strict=False) if layers is not None]
        rows.append(
            (
                text_cell(item.name),
                number_cell(item.beta, digits=4),
                text_cell(f"{len(done)} of {len(item.digits)}"),
                number_cell(counts[0]),
                number_cell(counts[1]),
                lower_cell(_median([digit.acceptance for digit in done if digit.acceptance is not None]), 3),
                number_cell(_median([digit.measured for digit in item.digits if digit.measured is not None]), digits=3),
                number_cell(_median([digit.seconds for digit in item.digits]), digits=2),
                number_cell(float(np.max([digit.seconds for digit in item.digits])), digits=2),
                text_cell(f"{len(both)} of {len(item.layers)}"),
                number_cell(_median([float(layers) for layers, _ in both])),
                number_cell(_median([layers / digit.proposals(EPSILONS[0]) for layers, digit in both]), digits=3),
            )
        )
    width = len(HEADINGS) if any(item.layers for item in every) else len(HEADINGS) - 3
    return Table(
        "rejection",
        "Theorem R at held-out digits at the decoders' own noise, medians",
        columns(HEADINGS[:width], HEADINGS[1:2] + HEADINGS[3:9] + HEADINGS[10:]),
        tuple(row[:width] for row in rows),
    )


def _numbers(found: Rejection) -> tuple[RejectionNumbers | None, bool]:
    return found.numbers, found.proposals is not None


def _layers(generator: Generator, row: FloatArray, beta: float, progress: Progress) -> int | None:
    theorem = load_theorem("injective-decoder")
    (record,) = layer_rows(theorem, generator, constants(generator), row[None], beta, EPSILONS[0], progress, None)
    return record.layers


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def main() -> None:
    """Measure every decoder; write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="digits of each decoder")
    parser.add_argument("--layers", type=int, default=0, help="digits at which Langevin layers are certified too")
    parser.add_argument("--work", type=Path, help="file of finished digits, read again at the next start")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.count < 1 or options.layers < 0:
        parser.error("at least one digit is needed")
    begun = time.perf_counter()
    every: list[Measured] = []
    kept = Kept(options.work)
    for name, observations in DECODERS:
        with progress_on_terminal(quiet=False) as progress:
            every.append(measure(name, observations, options.count, options.layers, kept, progress))
        seconds = time.perf_counter() - begun
        comments = (f"version {__version__}, {seconds:.0f} s", "made by python -m benchmarks.rejection")
        # After every decoder: a run that is cut off leaves what it has.
        text = table_formats()["markdown"].render(Document((table(every),), comments))
        write_text_atomically(options.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
