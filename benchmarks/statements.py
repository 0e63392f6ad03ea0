"""The four statements for practitioners on the digits decoders and the zoo, and against exact truth.

    python -m benchmarks.statements [THEOREM ...] [--decoders NAME ...] [--processes 2] [--work FILE.jsonl] [--partial]
        [--out benchmarks/results/statements.md]

Every theorem at every decoder of `examples/digits` and `examples/zoo` at its own noise and held-out observations: a
task each, through the one door, kept in --work when it is done; a run that is cut off goes on where it was. Then 240
cases of exact truth per theorem. `modes` needs scikit-learn for its clusters.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.resumable import code_digest, finished, run
from benchmarks.statement_tasks import EXACT, EXAMPLES, MEASURES, Task, measure
from benchmarks.statement_truths import TRUTHS
from certify.atomic import write_text_atomically
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, lower_cell, number_cell, text_cell, upper_cell
from certify.version import __version__

RESULTS = Path("benchmarks/results/statements.md")
Found = Mapping[str, Any]


def tasks(names: Iterable[str], decoders: Iterable[str]) -> dict[str, Task]:
    """Every theorem and decoder by key; a decoder's four follow one another. Bits have no noise and are left out."""
    files = [
        file for file in sorted((EXAMPLES / "digits").glob("*.onnx")) if not file.stem.startswith(("encoder_", "bits"))
    ]
    files += (EXAMPLES / "zoo").glob("*.onnx")
    # Small ones first: what is kept of a run that was cut off is most of it.
    files.sort(key=lambda file: (file.stat().st_size, file.stem))
    wanted = set(decoders)
    # Of a theorem its own folder: what another one changes does not make its numbers old.
    digest = {name: code_digest(import_module(f"theorems.{name.replace('-', '_')}")) for name in MEASURES}
    exact = {f"{name} {EXACT} {digest[name]}": (name, EXACT) for name in TRUTHS if name in set(names)}
    return exact | {
        f"{name} {file.stem} {digest[name]}": (name, str(file.relative_to(EXAMPLES)))
        for file in files if not wanted or file.stem in wanted for name in MEASURES if name in set(names)
    }  # fmt: skip


def document(found: Mapping[Task, Found], missing: Iterable[Task] = ()) -> Document:
    """All tables: what was measured, and the exact truths; `missing` tasks are named."""
    measured = {task: item for task, item in found.items() if task[1] != EXACT}
    tables = [
        _table(name, {path: item for (other, path), item in measured.items() if other == name}) for name in MEASURES
    ]
    tables.insert(2, _beside(measured))
    tables.append(_truths({name: item for (name, path), item in found.items() if path == EXACT}))
    comments = (f"version {__version__}, digits and zoo at their own noise", "made by python -m benchmarks.statements")
    left_out = tuple(
        f"not run: {name} at {', '.join(Path(path).stem for _, path in group)}"
        for name, group in groupby(sorted(missing), key=lambda task: task[0])
    )
    return Document(tuple(table for table in tables if table.rows), (*comments, *left_out))


def _table(name: str, rows: Mapping[str, Found]) -> Table:
    head, line = COLUMNS[name]
    shared = ("decoder", "d", "n", "noise")
    body = tuple((*_subject(path, item), *line(item), text_cell(_remark(item))) for path, item in rows.items())
    return Table(
        f"statements-{name}", f"{name}: {sum('open' not in item for item in rows.values())} of {len(rows)} decoders",
        columns((*shared, *head, "remark"), (*shared[1:], *head)), body, NOTES[name],
    )  # fmt: skip


def _subject(path: str, item: Found) -> tuple[Cell, ...]:
    ends = (text_cell(f"{item['d']:g}"), text_cell(f"{item['n']:g}"), number_cell(item["beta"], digits=3))
    return (text_cell(Path(path).stem), *ends)


def _remark(item: Found) -> str:
    if "open" in item:
        return str(item["open"])
    verdict = item.get("verdict")
    reason = item.get("reason") or ""
    return f"{verdict}: {reason}" if verdict and reason else str(verdict or reason)


def _low(item: Found, name: str) -> Cell:
    return _cell(item.get(name), lower_cell)


def _high(item: Found, name: str) -> Cell:
    return _cell(item.get(name), upper_cell)


def _cell(value: Any, cell: Any) -> Cell:
    known = isinstance(value, float | int) and math.isfinite(value)
    return cell(float(value), 3) if known else text_cell("inf" if value == math.inf else "-")


def _pair(values: Any) -> Cell:
    known = values is not None and all(isinstance(value, float | int) for value in values)
    return text_cell(f"{values[0]:.4g} to {values[1]:.4g}" if known else "-")


def _rates(item: Found) -> tuple[Cell, ...]:
    names = (_low(item, "rate_lower"), _high(item, "rate_upper"), _low(item, "bits_lower"), _high(item, "bits_upper"))
    return (*names, _pair(item.get("measured")), _low(item, "beta_kept"), _high(item, "beta_lost"))


def _prices(item: Found) -> tuple[Cell, ...]:
    counts = [text_cell(str(item.get(name, "-"))) for name in ("rows", "certified", "positive")]
    sizes = [_low(item, name) for name in ("largest_certified", "median", "largest")]
    kls = [_cell(item.get(name), number_cell_of) for name in ("divergence", "rotated")]
    return (*counts, *sizes, *kls, text_cell(", ".join(item.get("methods", [])) or "-"))


def number_cell_of(value: float, digits: int) -> Cell:
    """A number that is an estimate."""
    return number_cell(value, digits=digits)


def _groups(item: Found) -> tuple[Cell, ...]:
    clusters = item.get("groups", [])
    best = max(clusters, key=lambda one: (one["tv"], one["distance"])) if clusters else {}
    masses = best.get("masses")
    return (
        _high(item, "M"), _low(item, "tv_lower"), _low(item, "slope_needed"), _low(best, "distance"), _pair(masses),
        _low(best, "tv"),
    )  # fmt: skip


def _slopes(item: Found) -> tuple[Cell, ...]:
    ends = (_low(item, "slope_lower"), _low(item, "slope_exact"), _low(item, "by_draws"))
    return (*ends, _low(item, "between"), _pair(item.get("encoder")))


COLUMNS: Mapping[str, tuple[tuple[str, ...], Any]] = {
    "collapse": (("nats >=", "nats <=", "bits >=", "bits <=", "measured, nats", "1 nat kept to", "lost from"), _rates),
    "factorised-encoder": (
        ("rows", "certified", "positive", "largest certified", "median", "largest", "KL, nats", "KL rotated", "by"),
        _prices,
    ),
    "modes": (("M <=", "TV >=", "M needed", "r of clusters", "masses", "TV >= by clusters"), _groups),
    "amortisation": (("slope >=", "no error", "by draws", "trained, seen", "trained, certified"), _slopes),
}
NOTES: Mapping[str, tuple[str, ...]] = {
    "collapse": ("measured: an interval of I(z;x) by draws of the model, between two variational bounds",),
    "factorised-encoder": (
        "certified: rows where a positive distance is proved; positive: also by exact draws, error 1e-6 each; KL: "
        "means over the rows of the best diagonal Gaussian's divergence, in these latents and in the cheapest rotation",
    ),
    "modes": (
        "masses at confidence 0.999 over the odd rows; clusters: the best of 2, 3 and 4 by KMeans on the even rows",
    ),
    "amortisation": (
        "for encoders within 0.05 of the posteriors at a pair of observations; no error: the slope of the posteriors' "
        "own Gaussians; trained: the mean map between the same observations, and its certified Lipschitz constant",
    ),
}


def _beside(found: Mapping[Task, Found]) -> Table:
    """What a diagonal encoder cannot do on digits, beside what the trained ones do: means over the audited rows."""
    rows = []
    for (name, path), item in found.items():
        if name == "factorised-encoder" and "trained" in item:
            cells = (_low(item, "price"), _pair(item["best_diagonal"]), _pair(item["trained"]))
            near = "yes" if item["trained"][0] <= item["best_diagonal"][1] else "no"
            rows.append((text_cell(Path(path).stem), text_cell(str(item["audited"])), *cells, text_cell(near)))
    heads = ("decoder", "rows", "no diagonal encoder below", "best diagonal in KL", "trained encoder", "near the best")
    note = "total variation, intervals at error 1e-6; near: not shown to be farther than the best in KL"
    return Table(
        "statements-diagonal",
        "What a diagonal encoder cannot do on digits",
        columns(heads, heads[1:5]),
        tuple(rows),
        (note,),
    )


def _truths(found: Mapping[str, Found]) -> Table:
    rows = []
    for name, item in found.items():
        for kind, count, violations, middle, most in item["kinds"]:
            rows.append((
                text_cell(name), text_cell(kind), text_cell(str(count)), text_cell(str(violations)),
                number_cell(middle, digits=6), number_cell(most, digits=6),
            ))  # fmt: skip
    heads = ("theorem", "cases of", "cases", "violations", "median certified/exact", "largest")
    return Table("statements-truth", "Against exact truth; 1: attained", columns(heads, heads[2:]), tuple(rows))


def _tick() -> None:
    print(".", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Measure what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("theorems", nargs="*", metavar="THEOREM", default=list(MEASURES))
    parser.add_argument("--decoders", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--work", type=Path, help="file of finished tasks")
    parser.add_argument("--partial", action="store_true", help="measure nothing: a page of what --work has")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    asked = tasks(options.theorems or MEASURES, options.decoders)
    if options.partial:
        kept = finished(options.work)
        found = {key: kept[key] for key in asked if key in kept}
    else:
        found = run(
            measure, asked, options.processes, options.work, lambda: print(".", end="", file=sys.stderr, flush=True)
        )
    missing = [task for key, task in asked.items() if key not in found]
    page = document({asked[key]: item for key, item in found.items()}, missing)
    write_text_atomically(options.out, table_formats()["markdown"].render(page))


if __name__ == "__main__":
    main()
