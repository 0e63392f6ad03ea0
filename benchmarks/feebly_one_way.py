"""The linear maps with a provable gap, decided by SAT at small sizes, every refutation checked.

python -m benchmarks.feebly_one_way [--seconds 200] [--shapes 2+2 3+2 3+3 4+3 4+4] [--out FILE.md]
python -m benchmarks.feebly_one_way --listed 4 [--shapes 4+4 5+4 5+5]       by listing, without SAT: seconds

A shape 3+2 has blocks of 3 and 2 bits. The proof in `certify/circuits/feebly_one_way.py` gives the columns "at most"
and "at least" for every shape; SAT, which knows nothing of it, the exact sizes where it decides within `--seconds` a
size. `checked steps` counts those of the refutations that were accepted, forward and inverse. With `--listed K` sizes
are found by `certify/circuits/auxiliary_gates.py`, which allows K gates that are no output and lists all their choices.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.exact_circuits import least_size_of
from benchmarks.output import print_and_write
from certify.circuits.auxiliary_gates import least_size_listed
from certify.circuits.feebly_one_way import FeeblyOneWay
from certify.execution.door import Execution

SHAPES = [(2, 2), (1, 1, 1, 1), (3, 2), (3, 3), (4, 3), (4, 4)]


def truth_tables(rows: Sequence[int]) -> tuple[int, ...]:
    """Truth tables of a linear map with these rows."""
    return tuple(sum(((row & t).bit_count() & 1) << t for t in range(1 << len(rows))) for row in rows)


def report(shapes: Sequence[tuple[int, ...]], execution: Execution, proofs: Path) -> Iterator[str]:
    """A row for each shape, as it is decided."""
    headings = ("n", "blocks", "A by SAT", "at most", "inverse by SAT", "at least", "at most", "checked steps", "s")
    yield "| " + " | ".join(headings) + " |"
    yield "| --- " * len(headings) + "|"
    for lengths in shapes:
        found, start = FeeblyOneWay(lengths), time.perf_counter()
        name = "_".join(map(str, lengths))
        sides = (("forward", found.map().rows), ("inverse", found.inverse_map().rows))
        problems = {f"feebly{name}{side}": (found.bits, truth_tables(rows)) for side, rows in sides}
        sizes = list(least_size_of(dict(problems), execution, proofs).values())
        cells = (
            found.bits, " + ".join(map(str, lengths)), sizes[0], found.forward_upper, sizes[1], found.inverse_lower,
            found.inverse_upper, ", ".join(str(size.steps) for size in sizes), round(time.perf_counter() - start),
        )  # fmt: skip
        yield "| " + " | ".join(map(str, cells)) + " |"


def listed(shapes: Sequence[tuple[int, ...]], auxiliary: int) -> Iterator[str]:
    """A row for each shape, its sizes found by listing."""
    headings = ("n", "blocks", "A", "proved at most", "inverse", "proved at least", "at most", "sets walked", "s")
    yield "| " + " | ".join(headings) + " |"
    yield "| --- " * len(headings) + "|"
    for lengths in shapes:
        found, start = FeeblyOneWay(lengths), time.process_time()
        sides = (found.map().rows, found.inverse_map().rows)
        sizes = [least_size_listed(found.bits, truth_tables(rows), auxiliary) for rows in sides]
        forward, backward = (f"{'>= ' if size.chain is None else ''}{size.lower}" for size in sizes)
        cells = (
            found.bits, " + ".join(map(str, lengths)), forward, found.forward_upper, backward, found.inverse_lower,
            found.inverse_upper, sum(size.sets for size in sizes), round(time.process_time() - start, 1),
        )  # fmt: skip
        yield "| " + " | ".join(map(str, cells)) + " |"


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(length) for length in text.split("+"))


def main() -> None:
    """Decide, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--shapes", type=_shape, nargs="+", default=SHAPES, metavar="B+B")
    parser.add_argument("--listed", type=int, metavar="K", help="gates that are no output, at most; without SAT")
    parser.add_argument("--scheduler", default="processes:2", help="as for `certify check`")
    parser.add_argument("--proofs", type=Path, default=Path("benchmarks/results/exact_circuits"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.listed is not None:
        print_and_write(listed(arguments.shapes, arguments.listed), arguments.out)
        return
    with Execution(arguments.scheduler, limit=arguments.seconds, attempts=1) as execution:
        print_and_write(report(arguments.shapes, execution, arguments.proofs), arguments.out)


if __name__ == "__main__":
    main()
