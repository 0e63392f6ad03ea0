"""Slack along a proof as a table and as bars: the bits of the final bound that each step loses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from certify.errors import InputError
from certify.proof.records import TheoremRecord
from certify.report.figures import BLUE, GREY, empty_figure, figure_targets, write_figure
from certify.report.labels import step_labels
from certify.report.table import Table, columns, label_cell, number_cell, text_cell

ELSEWHERE = "*: measured at the nearest values that were sampled, not at those which the final bound uses"
NOTES = (
    "bits: log2 of the final bound over the bound with this step's measured values in place of its claims; estimates",
    "the free choices stay, every closed form behind the step follows; the losses of several steps need not add up",
)
LEAST_BAR = 0.05
"""Bits that the axis of the bars shows at least: rounding noise is no slack."""


def slack_table(record: TheoremRecord) -> Table:
    """A row per step whose bound is part of the final one, and one for the final bound against the measured distance.

    Without rows where nothing was measured, or the theorem's conclusion is no distance.
    """
    printed = step_labels(record)
    rows = [
        (
            label_cell(printed.get(item.step, item.step)),
            text_cell(item.title),
            text_cell(", ".join(item.used_as)),
            text_cell(", ".join(number_cell(ratio, digits=3).text for ratio in item.measured)),
            number_cell(item.replaced, digits=3),
            number_cell(_rounded(item.bits), digits=3),
            label_cell("" if item.same_place else "*"),
        )
        for item in record.losses
    ]
    total = total_bits(record)
    if rows and total is not None:
        replaced, bits = total
        whole = (label_cell("all"), text_cell("the final bound against the measured distance"), text_cell("distance"))
        rows.append(
            (*whole, text_cell(""), number_cell(replaced, digits=3), number_cell(bits, digits=3), label_cell(""))
        )
    headings = ("step", "title", "used as", "measured / bound", "bound without", "bits lost", "at")
    notes = NOTES if all(item.same_place for item in record.losses) else (*NOTES, ELSEWHERE)
    return Table(
        "slack", "Slack along the proof", columns(headings, ("bound without", "bits lost")), tuple(rows), notes
    )


def total_bits(record: TheoremRecord) -> tuple[float, float] | None:
    """The measured distance with the bits between it and the final bound; None where either is unknown.

    Of a measured distance that may be 0 the upper end of its interval is taken: there are at least so many bits.
    """
    if record.conclusion is None or record.conclusion.tv_measured is None:
        return None
    bound, measured = record.conclusion.values.get("tv_bound"), record.conclusion.tv_measured
    distance = measured.estimate if measured.lower > 0.0 else measured.upper
    if not isinstance(bound, float) or not distance > 0.0:
        return None
    return distance, max(0.0, math.log2(bound / distance))


def slack_along_figure(path: str | Path, records: Sequence[TheoremRecord], title: str = "") -> tuple[Path, ...]:
    """Draw the bits that each step loses, one panel per record; open bars: measured at other values than are used.

    Raises:
        InputError: if no record has losses, for another file ending, or a place that cannot be written.
        MissingExtraError: if matplotlib is not installed.
    """
    drawn = [record for record in records if record.losses]
    if not drawn:
        raise InputError("nothing to draw: no step's bound is both measured and part of a final bound")
    targets = figure_targets(path)
    figure = empty_figure(7.2, 1.1 + sum(0.5 + 0.26 * len(record.losses) for record in drawn))
    heights = [len(record.losses) + 1 for record in drawn]
    axes = figure.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, record in zip(axes, drawn, strict=True):
        bits = [_rounded(item.bits) for item in record.losses]
        limit = max([LEAST_BAR, *(item for item in bits if item < float("inf"))])
        for place, (item, lost) in enumerate(zip(record.losses, bits, strict=True)):
            length = min(lost, 1.15 * limit)
            colour = BLUE if lost < float("inf") else GREY
            axis.barh(place, length, 0.68, facecolor=colour if item.same_place else "white", edgecolor=colour)
            text = f"{lost:.2g}" if lost < float("inf") else "all: measured 0"
            axis.annotate(f" {text}", (length, place), fontsize=7, va="center")
        axis.set_yticks(
            range(len(bits)),
            [f"{step_labels(record).get(item.step, item.step)}  {item.title}" for item in record.losses],
            fontsize=7,
        )
        axis.invert_yaxis()
        axis.set_xlim(0.0, 1.4 * limit)
        axis.tick_params(axis="x", labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(_heading(record), fontsize=8, loc="left")
    axes[-1].set_xlabel("bits of the final bound lost (open: measured elsewhere than used)", fontsize=8)
    if title:
        figure.suptitle(title, fontsize=9)
    return write_figure(figure, targets)


def _heading(record: TheoremRecord) -> str:
    values = {} if record.conclusion is None else record.conclusion.values
    parts = [f"{record.id} on {record.generator or 'constants'}"]
    for name, label in (("beta", "β"), ("epsilon", "ε"), ("tv_bound", "bound")):
        value = values.get(name)
        if isinstance(value, float):
            parts.append(f"{label} = {value:.4g}")
    return ", ".join(parts)


def _rounded(bits: float) -> float:
    """Bits without what is rounding: below a thousandth of a bit nothing is lost."""
    return 0.0 if abs(bits) < 1e-3 else bits
