"""Figures of an audit: the bracket of every observation, and the rank histograms with their simultaneous bands."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from certify.audits.records import AuditResult, Calibration
from certify.errors import InputError
from certify.report.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    RED,
    VERSION_NOTE,
    empty_figure,
    figure_targets,
    write_figure,
)
from certify.verdict import Verdict

COLUMNS = 5
FAR = 20.0
"""Times below epsilon from which distances are drawn in decades."""
COLOURS = {Verdict.SUPPORTED: GREEN, Verdict.REFUTED: RED, Verdict.INCONCLUSIVE: BLUE}


def audit_figures(result: AuditResult, folder: Path) -> tuple[Path, ...]:
    """Write `distances.png/.pdf` and, with a calibration, `ranks.png/.pdf` into an existing `folder`."""
    written = distances_figure(folder / "distances", result)
    if result.calibration is None:
        return written
    return written + ranks_figure(
        folder / "ranks", result.calibration, f"{result.encoder['name']} on {result.generator['name']}"
    )


def distances_figure(path: str | Path, result: AuditResult) -> tuple[Path, ...]:
    """Draw [lower, upper] and the estimate of every observation, and epsilon where one was asked for.

    Args:
        path: file ending in .png or .pdf; without an ending both are written.
        result: an audit.

    Raises:
        InputError: for another ending or a place that cannot be written.
        MissingExtraError: if matplotlib is not installed.
    """
    targets = figure_targets(path)
    count = len(result.observations)
    figure = empty_figure(max(5.0, 1.8 + 0.35 * count), 3.6)
    axis = figure.subplots()
    highest = max(item.distance.upper.value for item in result.observations)
    # Where the distances are far below what was asked for, decades show both; 0 then stands on the axis.
    far = result.epsilon is not None and 0.0 < FAR * highest < result.epsilon
    floor = min(item.distance.upper.value for item in result.observations) / 5 if far else 0.0
    if far and floor > 0.0:
        axis.set_yscale("log")
    seen: set[Verdict] = set()
    for place, item in enumerate(result.observations):
        colour = COLOURS.get(item.verdict, GREY)
        low, high = max(floor, item.distance.lower.value), item.distance.upper.value
        label = "" if item.verdict in seen else str(item.verdict)
        seen.add(item.verdict)
        axis.vlines(place, low, high, color=colour, linewidth=5, alpha=0.45, label=label)
        axis.plot([place], [max(floor, item.distance.estimate)], marker="o", markersize=4, color=colour)
    if result.epsilon is not None:
        axis.axhline(result.epsilon, color=BLACK, linewidth=1, linestyle="--", label=f"ε = {result.epsilon:g}")
    axis.set_xticks(range(count), [str(item.index) for item in result.observations], fontsize=7)
    # What was asked for is in sight, above what was found or below it.
    room = 1.35 if floor == 0.0 else 4.0
    axis.set_ylim(floor, room * max(result.epsilon or 0.0, highest) + (0.002 if floor == 0.0 else 0.0))
    axis.set_xlabel("observation")
    axis.set_ylabel("total variation distance")
    noise = "Bernoulli logits" if result.beta is None else f"beta = {result.beta:g}"
    axis.set_title(
        f"{result.encoder['name']} on {result.generator['name']}, {noise}, {VERSION_NOTE}\n"
        f"point: estimate, bar: interval, error {result.error_probability:g} for all together",
        fontsize=8,
    )
    axis.legend(loc="upper right", ncols=4, framealpha=0.9, fontsize=7)
    return write_figure(figure, targets)


def ranks_figure(path: str | Path, calibration: Calibration, title: str = "") -> tuple[Path, ...]:
    """Draw the rank histogram of every statistic with the band that holds all bins together if the encoder is exact.

    Arguments and errors as for `distances_figure`; InputError too for a calibration without statistics.
    """
    if not calibration.tests:
        raise InputError("a figure of ranks needs at least one statistic")
    targets = figure_targets(path)
    columns = min(COLUMNS, len(calibration.tests))
    rows = math.ceil(len(calibration.tests) / columns)
    figure = empty_figure(2.1 * columns + 0.6, 1.9 * rows + 0.9)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axis, test in zip(panels, calibration.tests, strict=False):
        bins = test.counts.size
        edges = np.linspace(0.0, 1.0, bins + 1)
        colour = RED if test.p_value <= calibration.threshold else BLUE
        axis.axhspan(*test.band, color=GREY, alpha=0.25, linewidth=0)
        axis.axhline(calibration.pairs / bins, color=GREY, linewidth=0.8)
        axis.stairs(test.counts, edges, color=colour, fill=True, alpha=0.7)
        axis.set_ylim(0.0, 1.08 * max(float(np.max(test.counts)), test.band[1]))
        axis.set_title(f"{test.name}: p = {test.p_value:.2g}", fontsize=8)
        axis.tick_params(labelsize=6)
    for axis in panels[len(calibration.tests) :]:
        axis.set_visible(False)
    figure.supxlabel("rank of the true latent among the encoder's draws", fontsize=8)
    figure.suptitle(
        (f"{title}, {VERSION_NOTE}\n" if title else "")
        + f"{calibration.pairs} pairs, {calibration.draws} draws each; band: all bins of an exact encoder, level "
        f"{calibration.level:g}; orange: uniform ranks refuted",
        fontsize=8,
    )
    return write_figure(figure, targets)
