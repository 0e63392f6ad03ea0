"""A theorem over a grid of constants as a table and as a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from certify.errors import InputError, UnknownNameError
from certify.proof.theorem import Theorem
from certify.report.figures import BLACK, BLUE, GREEN, GREY, RED, empty_figure, figure_targets, write_figure
from certify.report.quantities import QUANTITIES, conclusion_direction
from certify.report.table import Cell, Table, columns, label_cell, number_cell, text_cell

LINES = ((BLUE, "o", "-"), (RED, "s", "--"), (GREEN, "^", "-."), (BLACK, "D", ":"), (GREY, "v", (0, (5, 1))))
"""Colour, marker and dash of every line: each tells it from the others alone."""
MOST_LINES = 10
Row = Mapping[str, float | int | str]


def sweep_table(theorem: Theorem, axes: Sequence[str], rows: Sequence[Row], names: Sequence[str], title: str) -> Table:
    """A row per cell: what was swept over, then these quantities; bounds are rounded outward as printed.

    Args:
        theorem: whose cells they are.
        axes: names that were swept over.
        rows: the numbers of every cell by name; a cell without a certificate has the axes and a `reason`.
        names: quantities to print; UnknownNameError for one that the theorem has not.
        title: what a reader sees above it.
    """
    for name in names:
        if name not in printable(theorem):
            raise UnknownNameError(f"quantity of `{theorem.id}`", name, printable(theorem))
    body = []
    for row in rows:
        cells: list[Cell] = [label_cell(f"{row[name]:g}") for name in axes]
        cells += [_cell(name, row.get(name)) for name in names]
        if any("reason" in item for item in rows):
            cells.append(text_cell(str(row.get("reason", ""))))
        body.append(tuple(cells))
    reasons: tuple[str, ...] = ("why not",) if any("reason" in item for item in rows) else ()
    headings = (*axes, *names, *reasons)
    notes: tuple[str, ...] = ("every row is certified on its own; bounds are rounded outward",)
    if "beta_max" in names:
        notes += ("layers are counted at the noise beta of their row, not at the largest one",)
    return Table("sweep", title, columns(headings, (*axes, *names)), tuple(body), notes)


def printable(theorem: Theorem) -> tuple[str, ...]:
    """Names that a column may have."""
    own = [item.name for item in theorem.quantities if item.role != "variable"]
    return tuple(dict.fromkeys((*own, "beta", "beta_max", "epsilon", "tv_bound")))


def sweep_figure(
    path: str | Path, axes: Mapping[str, Sequence[float]], rows: Sequence[Row], quantity: str, label: str, title: str
) -> tuple[Path, ...]:
    """Draw a quantity against the longest axis, a line for every choice of the others (the first ten).

    Raises:
        InputError: if no row has the quantity, for another file ending, or a place that cannot be written.
        MissingExtraError: if matplotlib is not installed.
    """
    along = max(axes, key=lambda name: len(axes[name]))
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        value = row.get(quantity)
        if isinstance(value, (int, float)) and math.isfinite(value):
            others = ", ".join(f"{_word(name)} = {row[name]:g}" for name in axes if name != along)
            lines.setdefault(others, []).append((float(row[along]), float(value)))
    if not lines:
        raise InputError(f"nothing to draw: no cell has `{quantity}`")
    figure = empty_figure(6.2, 4.2)
    axis = figure.subplots()
    for index, (name, points) in enumerate(list(lines.items())[:MOST_LINES]):
        colour, marker, dash = LINES[index % len(LINES)]
        filled = colour if index < len(LINES) else "white"
        x, y = zip(*sorted(points), strict=True)
        axis.plot(x, y, color=colour, marker=marker, linestyle=dash, markersize=5, markerfacecolor=filled,
                  linewidth=1.3, label=name or None)  # fmt: skip
    values = [y for points in lines.values() for _, y in points]
    places = axes[along]
    if min(values) > 0 and max(values) > 5 * min(values):
        axis.set_yscale("log")
    if min(places) > 0 and max(places) > 5 * min(places):
        axis.set_xscale("log")
    axis.set_xticks(list(places), [f"{place:g}" for place in places], fontsize=8)
    axis.minorticks_off()
    axis.set_xlabel(_word(along))
    axis.set_ylabel(label)
    axis.grid(color=GREY, alpha=0.25, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    if any(lines):
        more = f"first {MOST_LINES} of {len(lines)}" if len(lines) > MOST_LINES else None
        axis.legend(fontsize=7, frameon=True, framealpha=0.9, title=more, title_fontsize=7)
    axis.set_title(title, fontsize=9)
    return write_figure(figure, figure_targets(path))


def _word(name: str) -> str:
    """A name as an axis prints it, with its unit where it has one."""
    return {"beta": "noise level β", "epsilon": "ε", "d": "latent dimension d", "kappa": "κ = M/m"}.get(name, name)


def _cell(name: str, value: float | int | str | None) -> Cell:
    if value is None or isinstance(value, str):
        return text_cell("" if value is None else value)
    return number_cell(value, conclusion_direction(name) if name in QUANTITIES else conclusion_direction("tv_bound"))
