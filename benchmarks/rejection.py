"""Theorem R on the trained decoders of digits: proposals at each held-out observation, beside the Langevin layers.

python -m benchmarks.rejection [--count 200] [--layers 0] [--out benchmarks/results/rejection] (writes .md; a second per
digit and decoder, and several for each digit whose layers are asked for)

For every decoder at its own noise: at how many of the first `count` held-out digits exp(-f) <= C rho and a lower bound
of the acceptance are certified, the proposals K that are within epsilon of the posterior by the certified acceptance,
the acceptance certified and measured, and the processor's seconds per digit. With `--layers` the last columns are the
layers that `injective-decoder` certifies at the first digits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.cli.progress_bar import progress_on_terminal
from certify.envelopes.rejection import proposals_needed
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.progress import Progress
from certify.proof.registry import load_theorem
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, lower_cell, number_cell, text_cell
from certify.version import __version__
from theorems.rejection_encoder.observations import Rejection, certify_row
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
    "Langevin certified", "layers, 0.1",
)  # fmt: skip
EPSILONS = (Fraction(1, 10), Fraction(1, 1000))


@dataclass(frozen=True)
class Measured:
    """One decoder: what was found at each observation, the seconds of each, and layers where they were asked for."""

    name: str
    beta: float
    found: list[Rejection]
    seconds: list[float]
    layers: list[int | None]


def measure(name: str, observations: str, count: int, layers: int, progress: Progress) -> Measured:
    """Certify the first `count` observations of one decoder at its trained noise."""
    generator = load_generator(str(DIGITS / f"{name}.onnx"))
    rows = np.load(DIGITS / f"{observations}.npy")[:count]
    beta = float(generator.metadata["trained_beta"])
    found, seconds = [], []
    # What all observations share is not any one's time.
    certify_row(generator, beta, EPSILONS[0], rows[0])
    progress.start(name, len(rows))
    for row in rows:
        started = time.process_time()
        found.append(certify_row(generator, beta, EPSILONS[0], row))
        seconds.append(time.process_time() - started)
        progress.advance()
    progress.finish()
    return Measured(name, beta, found, seconds, _layers(generator, rows[:layers], beta, progress))


def table(every: Sequence[Measured]) -> Table:
    """One row per decoder."""
    rows: list[tuple[Cell, ...]] = []
    for item in every:
        numbers = [found.numbers for found in item.found if found.numbers is not None]
        rates = [each.p_certified for each in numbers]
        counts = [_median([_proposals(rate, epsilon) for rate in rates]) for epsilon in EPSILONS]
        certified = sum(found.proposals is not None for found in item.found)
        known = [layers for layers in item.layers if layers is not None]
        rows.append(
            (
                text_cell(item.name),
                number_cell(item.beta, digits=4),
                text_cell(f"{certified} of {len(item.found)}"),
                number_cell(counts[0]),
                number_cell(counts[1]),
                lower_cell(float(np.median(rates)), 3),
                number_cell(float(np.median([sum(each.p_measured) / 2 for each in numbers])), digits=3),
                number_cell(float(np.median(item.seconds)), digits=2),
                number_cell(float(np.max(item.seconds)), digits=2),
                text_cell(f"{len(known)} of {len(item.layers)}"),
                number_cell(_median([float(value) for value in known])),
            )
        )
    width = len(HEADINGS) if any(item.layers for item in every) else len(HEADINGS) - 2
    return Table(
        "rejection",
        "Theorem R at held-out digits at the decoders' own noise, medians",
        columns(HEADINGS[:width], HEADINGS[1:2] + HEADINGS[3:9] + HEADINGS[10:]),
        tuple(row[:width] for row in rows),
    )


def _layers(generator: Generator, rows: FloatArray, beta: float, progress: Progress) -> list[int | None]:
    if not len(rows):
        return []
    theorem = load_theorem("injective-decoder")
    records = layer_rows(theorem, generator, constants(generator), rows, beta, EPSILONS[0], progress, None)
    return [record.layers for record in records]


def _proposals(rate: float, epsilon: Fraction) -> float:
    needed = proposals_needed(rate, epsilon)
    return float("inf") if needed is None else float(needed.proposals)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def main() -> None:
    """Measure every decoder; write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="digits of each decoder")
    parser.add_argument("--layers", type=int, default=0, help="digits at which Langevin layers are certified too")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.count < 1 or options.layers < 0:
        parser.error("at least one digit is needed")
    begun = time.perf_counter()
    every: list[Measured] = []
    for name, observations in DECODERS:
        with progress_on_terminal(quiet=False) as progress:
            every.append(measure(name, observations, options.count, options.layers, progress))
        seconds = time.perf_counter() - begun
        comments = (f"version {__version__}, {seconds:.0f} s", "made by python -m benchmarks.rejection")
        # After every decoder: a run that is cut off leaves what it has.
        text = table_formats()["markdown"].render(Document((table(every),), comments))
        write_text_atomically(options.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
