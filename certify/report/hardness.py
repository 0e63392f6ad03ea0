"""What inversion cost, as tables and as a figure: never without the sentence that a measurement is not a proof."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from certify.circuits.hardness import CONTROLS, NOT_A_PROOF, Curve, Hardness
from certify.report.figures import empty_figure, figure_targets, write_figure
from certify.report.table import Cell, Table, columns, interval_cell, label_cell, number_cell, text_cell

COLOURS = {
    "baby-step-giant-step": "#0072B2",
    "brute-force": "#000000",
    "cryptominisat": "#F0E442",
    "guess-and-determine": "#E69F00",
    "pohlig-hellman": "#56B4E9",
    "sat": "#D55E00",
    "sat-parity": "#CC79A7",
    "structure": "#009E73",
}
GREY = "#999999"
SHOWN_SIZES = 6


def hardness_tables(found: Hardness) -> tuple[Table, ...]:
    """Growth of every method on every family, and the size of the generators."""
    return (_growth_table(found), _size_table(found))


def hardness_figure(path: str | Path, found: Hardness) -> tuple[Path, ...]:
    """Cost against bits, one panel for each family; a run that was cut off is an upward triangle at its limit.

    Raises:
        InputError: for an ending other than .png or .pdf. MissingExtraError: if matplotlib is not installed.
    """
    targets = figure_targets(path)
    families = sorted(found.gates)
    figure = empty_figure(3.4 * len(families), 3.6)
    axes = figure.subplots(1, len(families), sharey=True, squeeze=False)[0]
    for axis, family in zip(axes, families, strict=True):
        _draw_family(axis, family, [curve for curve in found.curves if curve.family == family], found)
    axes[0].set_ylabel("cost of one inversion, in the method's unit")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=7)
    figure.suptitle("Measured cost of inversion: measurement is not proof", fontsize=9)
    return write_figure(figure, targets)


def _growth_table(found: Hardness) -> Table:
    rows = []
    for curve in found.curves:
        growth = curve.growth
        rows.append(
            (
                label_cell(f"{curve.family}*" if curve.family in CONTROLS else curve.family),
                label_cell(curve.method),
                number_cell(curve.largest_finished),
                number_cell(None if growth is None else growth.rate, digits=3),
                Cell("", "number") if growth is None else interval_cell(growth.rate_lower, growth.rate_upper, 3),
                number_cell(None if curve.power is None else curve.power.rate, digits=3),
                label_cell(curve.law) if curve.law else text_cell(curve.reason),
                number_cell(sum(not run.finished for run in curve.runs)),
            )
        )
    headings = ("family", "method", "bits", "rate", "95 %", "degree", "law", "cut off")
    units = dict.fromkeys(f"{curve.unit} ({curve.method})" for curve in found.curves)
    notes = (
        "* a control: easy by construction",
        f"cost is counted in {', '.join(units)}",
        "rate: log2(cost) per bit; degree: of the power law; law: which of the two fits better, if one clearly does; "
        "bits: largest size at which every run finished",
        *_best_lines(found),
        *_left_out_lines(found),
        NOT_A_PROOF,
    )
    numeric = ("bits", "rate", "95 %", "degree", "cut off")
    return Table("hardness", "Cost of inversion", columns(headings, numeric), tuple(rows), notes)


def _best_lines(found: Hardness) -> list[str]:
    """The method that sets the pace, for each family: the growth to quote is its own."""
    lines = []
    for family, curve in found.best.items():
        growth = curve.growth
        assert growth is not None
        interval = f"{growth.rate:.2f} [{growth.rate_lower:.2f}, {growth.rate_upper:.2f}]"
        lines.append(f"{family}: the cheapest at {max(found.gates[family])} bits is {curve.method}, rate {interval}")
    return lines


def _left_out_lines(found: Hardness) -> list[str]:
    """Sizes and methods that were asked for and did not run."""
    parts = [
        f"{curve.family} by {curve.method} at {', '.join(map(str, curve.left_out))} bits"
        for curve in found.curves
        if curve.left_out
    ]
    lines = [f"left out, as every run of a smaller size was cut off: {'; '.join(parts)}"] if parts else []
    return [*lines, f"made for none of these, or not installed: {', '.join(found.idle)}"] if found.idle else lines


def _size_table(found: Hardness) -> Table:
    every = sorted({bits for row in found.gates.values() for bits in row})
    # The ends and a few between: the JSON has all.
    sizes = sorted({every[round(place * (len(every) - 1) / (SHOWN_SIZES - 1))] for place in range(SHOWN_SIZES)})
    rows = tuple(
        (label_cell(family), *(number_cell(found.gates[family].get(bits)) for bits in sizes))
        for family in sorted(found.gates)
    )
    headings = ("family", *(f"{bits} bits" for bits in sizes))
    return Table("generators", "Gates of the generator's circuit", columns(headings, headings[1:]), rows)


def _draw_family(axis: Any, family: str, curves: Sequence[Curve], found: Hardness) -> None:
    for curve in curves:
        colour = COLOURS.get(curve.method, GREY)
        done = [run for run in curve.runs if run.finished]
        cut = [run for run in curve.runs if not run.finished]
        axis.scatter(
            [run.bits for run in done],
            [run.cost for run in done],
            s=12,
            color=colour,
            alpha=0.7,
            label=f"{curve.method} ({curve.unit})",
        )
        if cut:
            axis.scatter([run.bits for run in cut], [run.cost for run in cut], s=24, color=colour, marker="^")
        if curve.growth is not None:
            ends = [min(run.bits for run in curve.runs), max(run.bits for run in curve.runs)]
            axis.plot(ends, [2.0 ** (curve.growth.intercept + curve.growth.rate * n) for n in ends], color=colour, lw=1)
    sizes = sorted(found.gates[family])
    axis.plot(sizes, [found.gates[family][n] for n in sizes], color=GREY, linestyle="--", label="generator (gates)")
    axis.set_yscale("log", base=2)
    axis.set_xlabel("bits")
    axis.set_title(f"{family}{' (control)' if family in CONTROLS else ''}", fontsize=9)
