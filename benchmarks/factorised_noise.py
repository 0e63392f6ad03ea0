"""At which noise Theorem G1* certifies a price of independent coordinates on digits.

    python -m benchmarks.factorised_noise [--rows 5] [--decoders NAME ...] [--out FILE.md]

Every decoder of 8x8 digits with a certified m > 0, the first held-out observations, from the decoder's own noise down.
What exact draws say at the own noise stands in `benchmarks.statements`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
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
DECODERS = ("residual_d8", "pixels64_residual", "residual_d16", "pixels64_conditioned")
SHARES = (1.0, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01)
"""Of the decoder's own noise."""
HEADS = ("decoder", "noise", "certified", "largest", "distance by G1*", "price of the Gaussian")


def lines(name: str, count: int) -> Iterator[tuple[Cell, ...]]:
    """A row per noise: how many observations are certified, the largest, G1* and the Gaussian's own price."""
    generator, rows, own, brackets, _ = decoder(f"digits/{name}.onnx")
    known = constants_if_any(brackets)
    assert known is not None, "m > 0 is certified"
    for share in SHARES:
        prices = [row_price(generator, known, share * own, row, 0, with_cells=False) for row in rows[:count]]
        certified = [item.tv_lower for item in prices if item.method]
        distances = [1.0 if item.gaussian_distance is None else item.gaussian_distance for item in prices]
        costs = [midpoint(price_of(ball(item.correlation or 0.0))) for item in prices]
        yield (
            text_cell(name), number_cell(share * own, digits=3), text_cell(f"{len(certified)} of {len(prices)}"),
            lower_cell(max(certified, default=0.0), 3), upper_cell(float(np.median(distances)), 3),
            number_cell(float(np.median(costs)), digits=3),
        )  # fmt: skip


def page(body: list[tuple[Cell, ...]], count: int) -> Document:
    """The table of what was measured so far."""
    notes = ("certified: price - TV(pi_x, Gaussian) > 0 with the distance by Theorem G1*; medians of both beside it",)
    title = f"What no diagonal encoder can do on digits, certified: the first {count} observations"
    table = Table("factorised-noise", title, columns(HEADS, HEADS[1:]), tuple(body), notes)
    return Document((table,), (f"version {__version__}", "made by python -m benchmarks.factorised_noise"))


def main() -> None:
    """Measure, and write the table after every row of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--decoders", nargs="*", default=list(DECODERS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    body: list[tuple[Cell, ...]] = []
    for name in options.decoders:
        for line in lines(name, options.rows):
            body.append(line)
            write_text_atomically(options.out, table_formats()["markdown"].render(page(body, options.rows)))


if __name__ == "__main__":
    main()
