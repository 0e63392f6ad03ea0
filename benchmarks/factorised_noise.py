"""At which noise a price of independent coordinates is certified on digits: Theorem G1* against exact draws.

    python -m benchmarks.factorised_noise [--rows 10] [--out benchmarks/results/factorised_noise.md]

Every decoder of 8x8 digits with a certified m > 0, the first held-out observations, from the decoder's own noise down.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.statement_tasks import decoder
from certify.arithmetic.balls import ball, midpoint
from certify.atomic import write_text_atomically
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, lower_cell, number_cell, text_cell, upper_cell
from certify.version import __version__
from theorems.factorised_encoder.observations import constants_if_any
from theorems.factorised_encoder.price import price_of
from theorems.factorised_encoder.row import row_price

RESULTS = Path("benchmarks/results/factorised_noise.md")
DECODERS = ("residual_d8", "residual_d16", "pixels64_residual", "pixels64_conditioned")
SHARES = (1.0, 0.3, 0.1, 0.05, 0.03, 0.01)
"""Of the decoder's own noise."""
DRAWS = 50_000
"""For the bound by draws, at the own noise and a tenth of it."""
DRAWN = (1.0, 0.1)


def lines(name: str, rows_of: int) -> list[tuple[Cell, ...]]:
    """A row per noise: how many observations are certified, the largest, what G1* and the correlation are."""
    generator, rows, own, brackets, _ = decoder(f"digits/{name}.onnx")
    known, found = constants_if_any(brackets), []
    if known is None:
        return [(text_cell(name), *(text_cell("-") for _ in HEADS[1:-1]), text_cell("no m > 0"))]
    for share in SHARES:
        beta, drawn = share * own, share in DRAWN
        prices = [row_price(generator, known, beta, row, DRAWS if drawn else 0, False) for row in rows[:rows_of]]
        certified = [item.tv_lower for item in prices if item.method]
        distances = [item.gaussian_distance or 1.0 for item in prices]
        costs = [midpoint(price_of(ball(item.correlation or 0.0))) for item in prices]
        seen = [item.price for item in prices if item.price > 0]
        found.append((
            text_cell(name), number_cell(beta, digits=3), text_cell(f"{len(certified)} of {len(prices)}"),
            lower_cell(max(certified, default=0.0), 3), upper_cell(float(np.median(distances)), 3),
            number_cell(float(np.median(costs)), digits=3),
            text_cell(f"{len(seen)} of {len(prices)}" if drawn else ""),
            lower_cell(max(seen), 3) if drawn and seen else text_cell(""),
        ))  # fmt: skip
        print(name, beta, len(certified), file=sys.stderr, flush=True)
    return found


HEADS = ("decoder", "noise", "certified", "largest", "distance by G1*", "price of the Gaussian", "by draws", "largest ")


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--decoders", nargs="*", default=list(DECODERS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    body = tuple(line for name in options.decoders for line in lines(name, options.rows))
    notes = (
        "certified: price(corr) - TV(pi_x, Gaussian) > 0, the distance by Theorem G1*; its median and that of the "
        "price beside it; by draws: error 1e-6 an observation, at the own noise and a tenth",
    )
    title = f"What no diagonal encoder can do on digits, at the first {options.rows} observations"
    table = Table("factorised-noise", title, columns(HEADS, HEADS[1:]), body, notes)
    comments = (f"version {__version__}", "made by python -m benchmarks.factorised_noise")
    write_text_atomically(options.out, table_formats()["markdown"].render(Document((table,), comments)))


if __name__ == "__main__":
    main()
