"""`certify sweep` from its words to its files."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from certify.atomic import write_text_atomically
from certify.bounds.bracket import json_number
from certify.discovery.registry import load_theorem
from certify.errors import InputError, MissingExtraError
from certify.execution.door import Execution
from certify.progress import Progress
from certify.proof.theorem import Theorem
from certify.report.discovery import table_format
from certify.report.latex_floats import float_latex
from certify.report.sweep_files import printable, sweep_figure, sweep_table
from certify.report.table import Document, Table
from certify.sweeps.cells import OVER_BUDGET, Solution, cells_of, defaults_of, numbers, solve_cells
from certify.version import __version__

LABELS = {"K": "stochastic layers K", "beta_max": "largest noise level certified", "tv_bound": "bound of the distance"}


@dataclass(frozen=True)
class SweepRun:
    """What a sweep left: its table, its files, what is to be said, and its document for `--json`."""

    table: Table
    written: tuple[Path, ...]
    notes: tuple[str, ...]
    document: dict[str, Any]
    exit_code: int


def run_sweep(
    name: str,
    constants: Mapping[str, str],
    axes: Mapping[str, Sequence[str]],
    folder: Path,
    wanted: str | None,
    seconds: float | None,
    progress: Progress,
    command: str,
    scheduler: str | None = None,
) -> SweepRun:
    """Solve every cell, certify it again and write the files.

    Raises:
        InputError: for constants out of their domain, unknown names, or a folder that cannot be written.
    """
    theorem = load_theorem(name)
    cells = cells_of(theorem, name, constants, axes, seconds)
    columns = _columns(theorem, wanted, "beta" in axes or "beta" in constants, axes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder `{folder}`: {error.strerror or error}") from error
    with Execution(scheduler, folder / "cells.json") as execution:
        solutions = solve_cells(cells, progress, execution)
    points = _points(axes)
    rows = [
        {**numbers(cell, solution), **_unfound(solution), **point}
        for cell, solution, point in zip(cells, solutions, points, strict=True)
    ]
    asked = {} if theorem.conclusion.distance is None else {"epsilon": "0.1"}
    named = {**asked, **constants, **defaults_of(theorem, {*constants, *axes})}
    fixed = ", ".join(f"{key} = {value}" for key, value in named.items() if key not in axes)
    title = f"{theorem.title}: {fixed}"
    table = sweep_table(theorem, list(axes), rows, columns, title)
    written = [folder / "sweep.csv", folder / "sweep.tex"]
    comments = (f"proof-companion {__version__}", command)
    write_text_atomically(written[0], table_format("csv").render(Document((table,), comments)))
    write_text_atomically(written[1], float_latex(Document((table,), comments), f"sweep-{theorem.id}"))
    notes = []
    usual = ("K", "beta_max", "tv_bound", *reversed(columns))
    quantity = next((item for item in usual if any(isinstance(row.get(item), (int, float)) for row in rows)), None)
    if quantity is not None and any(len(values) > 1 for values in axes.values()):
        head = f"{theorem.id}, proof-companion {__version__}\n{fixed}"
        numeric = {key: [point[key] for point in points] for key in axes}
        distinct = {key: list(dict.fromkeys(values)) for key, values in numeric.items()}
        try:
            written += sweep_figure(folder / "sweep", distinct, rows, quantity, _label(theorem, quantity), head)
        except MissingExtraError as error:
            notes.append(f"no figure: {error}")
    missing = sum(solution.choices is None for solution in solutions)
    late = sum(solution.reason == OVER_BUDGET for solution in solutions)
    if missing:
        notes.append(f"{missing} of {len(cells)} cells without a certificate" + (f", {late} for time" if late else ""))
    document = {
        "schema": 1,
        "theorem": theorem.id,
        "constants": dict(constants),
        "axes": {key: list(values) for key, values in axes.items()},
        "cells": [{key: json_number(v) if isinstance(v, float) else v for key, v in row.items()} for row in rows],
    }
    return SweepRun(table, tuple(written), tuple(notes), document, 3 if missing else 0)


def _label(theorem: Theorem, name: str) -> str:
    """What the axis of a figure says: the usual words, or the quantity's own meaning."""
    own = next((item.meaning for item in theorem.quantities if item.name == name), "")
    return LABELS.get(name) or (f"{name}: {own}" if own else name)


def _unfound(solution: Solution) -> dict[str, str]:
    return {} if solution.choices is not None else {"reason": solution.reason}


def _points(axes: Mapping[str, Sequence[str]]) -> list[dict[str, float]]:
    """The swept values of every cell, as floats, in the order of the cells."""
    numeric = [[float(Fraction(value)) for value in values] for values in axes.values()]
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*numeric)]


def _columns(theorem: Theorem, wanted: str | None, has_beta: bool, axes: Mapping[str, object]) -> list[str]:
    if wanted is not None:
        return [name.strip() for name in wanted.split(",") if name.strip() and name.strip() not in axes]
    layers = [symbol.name for symbol in theorem.conclusion.layers]
    if not theorem.noisy:
        closed = [item.name for item in theorem.quantities if item.role in {"choice", "definition"}]
        bound = ["tv_bound"] if theorem.conclusion.distance is not None else []
        return [name for name in dict.fromkeys((*closed, *bound)) if name not in axes]
    usual = [*(() if has_beta else ("beta_max", "beta")), *reversed(layers), "tv_bound"]
    return [name for name in usual if name in printable(theorem) and name not in axes]
