"""Theorem R on the trained decoders of digits: the least noise at which 90 % of held-out digits are certified, K there.

python -m benchmarks.rejection_reach [--count 10] [--decoders NAME ...] [--multiples M ...] [--work FILE.json]
    [--out FILE]

For every decoder the first `count` held-out digits at multiples of its own noise, from the largest down: the smallest
multiple at which 90 % of them are certified at epsilon = 0.1, with any K up to 10^9, with K <= 10^5 and with K <= 2000,
and the median K there. A posterior is closer to the prior the larger the noise is: below its own noise nothing smaller
is tried once no digit is certified. Beside it, at its own noise: the medians of the certified log p, of its two parts,
and of what importance sampling says of them (estimates): log C - log Z is paid by the envelope, log Z less its lower
bound by the integral.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rejection import DECODERS, DIGITS, Kept
from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.cli.progress_bar import progress_on_terminal
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.posterior_moments import posterior_moments
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.progress import Progress
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, number_cell, text_cell
from certify.version import __version__
from theorems.rejection_encoder.observations import certify_row

OTHERS = (
    ("pixels64_free", "observations_pixels64"),
    ("mlp_d8", "observations_d8"),
    ("pixels64_softplus", "observations_pixels64"),
    ("pixels64_relu", "observations_pixels64"),
)
MULTIPLES = (4.0, 3.0, 2.0, 1.5, 1.0, 0.5, 0.25)
"""Of a decoder's own noise, unless others are asked for; 1 is always among them."""
LIMITS = (10**9, 10**5, 2000)
SHARE = 0.9
EPSILON = Fraction(1, 10)
HEADINGS = (
    "decoder", "own noise", "certified", "K", "log p certified", "log C - log Z", "log Z - bound", "multiple, 90 %",
    "K there", "multiple, K <= 1e5", "multiple, K <= 2000",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One digit at one noise: certified p, log C and the lower bound of log Z (None: no envelope), log Z estimated, K.

    log C is that of what is evaluated: log(a C) where a share a of the proposals is.
    """

    acceptance: float
    log_constant: float | None
    log_integral: float | None
    estimate: float
    needed: int | None

    @property
    def proposals(self) -> float:
        """K at epsilon = 0.1, infinite where there is none."""
        return math.inf if self.needed is None else float(self.needed)


def answer(generator: Generator, row: FloatArray, beta: float) -> Answer:
    """What is certified at one digit (n,) and one noise."""
    found = certify_row(generator, beta, EPSILON, row)
    numbers = found.numbers
    estimate = posterior_moments(generator.graph, likelihood_of(generator, row, beta)).log_integral
    if numbers is None:
        return Answer(0.0, None, None, estimate, None)
    integral = numbers.log_integral if math.isfinite(numbers.log_integral) else None
    assert found.proof is not None, "its numbers are known"
    constant = numbers.log_constant + math.log(found.proof.evaluated)
    return Answer(numbers.p_certified, constant, integral, estimate, found.proposals)


def measure(
    name: str, observations: str, count: int, multiples: Sequence[float], kept: Kept, progress: Progress
) -> tuple[float, dict[float, list[Answer]]]:
    """The decoder's own noise, and the answers at the multiples of it that were tried, from the largest down."""
    generator = load_generator(str(DIGITS / f"{name}.onnx"))
    rows = np.load(DIGITS / f"{observations}.npy")[:count]
    own = float(generator.metadata["trained_beta"])
    progress.start(name, len(rows) * len(multiples))
    found: dict[float, list[Answer]] = {}
    for multiple in sorted(multiples, reverse=True):
        found[multiple] = []
        for index, row in enumerate(rows):
            question = f"reach {__version__} {generator.sha256} {multiple} {index}"

            def compute(row: FloatArray = row, beta: float = multiple * own) -> dict[str, Any]:
                return asdict(answer(generator, row, beta))

            found[multiple].append(Answer(**kept.once(question, compute)))
            progress.advance()
        if multiple <= 1.0 and not any(math.isfinite(item.proposals) for item in found[multiple]):
            break
    progress.finish()
    return own, found


def reach(found: dict[float, list[Answer]], limit: float) -> tuple[float, float]:
    """The smallest multiple tried at which 90 % of the digits have K <= limit, and the median K there; NaN: none."""
    enough = [m for m, items in found.items() if np.mean([item.proposals <= limit for item in items]) >= SHARE]
    if not enough:
        return math.nan, math.nan
    return min(enough), _median([item.proposals for item in found[min(enough)]])


def table(every: Sequence[tuple[str, float, dict[float, list[Answer]]]]) -> Table:
    """One row per decoder."""
    rows: list[tuple[Cell, ...]] = []
    for name, own, found in every:
        items = found[1.0]
        done = [item for item in items if math.isfinite(item.proposals)]
        paid = [item.log_constant - item.estimate for item in items if item.log_constant is not None]
        lost = [item.estimate - item.log_integral for item in items if item.log_integral is not None]
        rows.append(
            (
                text_cell(name),
                number_cell(own, digits=4),
                text_cell(f"{len(done)} of {len(items)}"),
                number_cell(_median([item.proposals for item in done])),
                number_cell(_median([math.log(item.acceptance) for item in done]), digits=3),
                number_cell(_median(paid), digits=3),
                number_cell(_median(lost), digits=3),
                *(number_cell(value, digits=3) for value in reach(found, LIMITS[0])),
                *(number_cell(reach(found, limit)[0], digits=3) for limit in LIMITS[1:]),
            )
        )
    title = "Theorem R: the smallest noise tried at which 90 % of held-out digits are certified"
    return Table("rejection_reach", title, columns(HEADINGS, (HEADINGS[1], *HEADINGS[3:])), tuple(rows))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else math.nan


def main() -> None:
    """Measure every decoder; write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10, help="digits of each decoder")
    parser.add_argument("--decoders", nargs="*", choices=[name for name, _ in (*DECODERS, *OTHERS)])
    parser.add_argument("--multiples", type=float, nargs="+", default=MULTIPLES, help="of the decoder's own noise")
    parser.add_argument("--work", type=Path, help="file of finished digits, read again at the next start")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rejection_reach"))
    options = parser.parse_args()
    if options.count < 1:
        parser.error("at least one digit is needed")
    multiples = sorted({1.0, *options.multiples}, reverse=True)
    if not all(0.0 < multiple < math.inf for multiple in multiples):
        parser.error("multiples are positive")
    kept = Kept(options.work)
    every = []
    for name, observations in (*DECODERS, *OTHERS):
        if options.decoders is not None and name not in options.decoders:
            continue
        with progress_on_terminal(quiet=False) as progress:
            own, found = measure(name, observations, options.count, multiples, kept, progress)
        every.append((name, own, found))
        tried = ", ".join(f"{multiple:g}" for multiple in multiples)
        comments = (
            f"version {__version__}, noise at {tried} times its own, smaller ones while a digit is certified",
            f"made by python -m benchmarks.rejection_reach --count {options.count} --decoders "
            + " ".join(decoder for decoder, _, _ in every),
        )
        text = table_formats()["markdown"].render(Document((table(every),), comments))
        write_text_atomically(options.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
