"""Figures: truth, coupling and theory on one axis, and the slack of every claim; PNG and PDF, written whole.

The same numbers and version give the same file: no date is written into it. Legends stand inside, colours are those of
Okabe and Ito with markers or dashes beside them, titles name theorem, generator, noise and version. Matplotlib comes
with the extra `plots`; the figures are drawn without a display and leave its global state alone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.atomic import check_writable, write_bytes_atomically
from certify.errors import InputError, MissingExtraError
from certify.proof.curves import MixingCurves
from certify.proof.records import CheckResult
from certify.verdict import Verdict
from certify.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "pdf")
DOTS_PER_INCH = 160
SMALLEST_DISTANCE = 1e-4
BLACK, BLUE, RED, GREY, GREEN = "#000000", "#0072b2", "#d55e00", "#777777", "#009e73"
"""Colours of Okabe and Ito, distinct for colour-blind readers."""
VERDICT_COLOURS = {Verdict.PROVED: GREEN, Verdict.SUPPORTED: BLUE, Verdict.REFUTED: RED}
VERSION_NOTE = f"proof-companion {__version__}"
TERM_STYLES = ((0, (1, 1)), (0, (3, 1, 1, 1)), (0, (5, 1)), (0, (1, 3)))


@dataclass(frozen=True)
class SlackBar:
    """One bar: a claim of a step at a generator, with its slack and verdict."""

    step: str
    claim: str
    generator: str
    slack: float
    verdict: Verdict


def mixing_figure(path: str | Path, curves: Sequence[MixingCurves]) -> tuple[Path, ...]:
    """Draw the distance of the chain to the posterior against its steps, one panel per generator.

    Args:
        path: file ending in .png or .pdf; without an ending both are written.
        curves: one per panel, at least one.

    Returns:
        The files written.

    Raises:
        InputError: without curves, for another file ending, or a place that cannot be written.
        MissingExtraError: if matplotlib is not installed.
    """
    if not curves:
        raise InputError("a figure needs at least one generator's curves; got none")
    targets = figure_targets(path)
    figure = empty_figure(5.2 * len(curves), 4.6)
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axis, curve in zip(axes, curves, strict=True):
        _draw_curves(axis, curve)
    axes[0].set_ylabel("total variation distance to the posterior")
    # A part of the bound may be visible in one panel only.
    drawn = dict(pair for axis in axes for pair in zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    axes[0].legend(list(drawn.values()), list(drawn), loc="lower left", framealpha=0.9, fontsize=6)
    figure.suptitle(VERSION_NOTE, fontsize=7, color=GREY, x=0.99, ha="right")
    return write_figure(figure, targets)


def slack_figure(path: str | Path, result: CheckResult, steps: Mapping[str, Collection[str]]) -> tuple[Path, ...]:
    """Draw the slack of every claim of these steps, one group of bars per generator.

    `steps` has the labels by the theorem's id, `Theorem.slack_steps` say. Slack is claimed over measured for an upper
    bound: 1 is tight. Where 0 was measured the slack is infinite and the bar is open. Files and errors as for
    `mixing_figure`; `InputError` too if the result has no such step.
    """
    bars = slack_bars(result, steps)
    if not bars:
        raise InputError("no step of the result is among those whose slack is drawn")
    targets = figure_targets(path)
    generators = list(dict.fromkeys(bar.generator for bar in bars))
    figure = empty_figure(8.0, 1.6 + 0.3 * len(bars))
    axes = figure.subplots(
        len(generators),
        1,
        sharex=True,
        squeeze=False,
        height_ratios=[sum(bar.generator == name for bar in bars) for name in generators],
    )[:, 0]
    limit = 3 * max([bar.slack for bar in bars if math.isfinite(bar.slack)], default=1.0)
    for axis, name in zip(axes, generators, strict=True):
        _draw_bars(axis, [bar for bar in bars if bar.generator == name], limit)
        axis.set_title(_where(result, name), fontsize=8, loc="left")
    figure.suptitle(VERSION_NOTE, fontsize=7, color=GREY, x=0.99, ha="right")
    axes[-1].set_xlabel("slack: how many times the bound exceeds what was measured (1 is tight)")
    return write_figure(figure, targets)


def _where(result: CheckResult, generator: str) -> str:
    """The theorems whose bars stand together, with the generator and the noise of each."""
    parts = []
    for record in result.theorems:
        if (record.generator or "constants") == generator and record.steps and record.conclusion is not None:
            beta, epsilon = record.conclusion.values.get("beta"), record.conclusion.values.get("epsilon")
            noise = f", β = {beta:.4g}" if isinstance(beta, float) else ""
            asked = f", ε = {epsilon:g}" if isinstance(epsilon, float) else ""
            parts.append(f"{record.id}{noise}{asked}")
    return f"{'; '.join(parts)} on {generator}" if parts else generator


def slack_bars(result: CheckResult, steps: Mapping[str, Collection[str]]) -> tuple[SlackBar, ...]:
    """The bars of `slack_figure`, in the order of the records; claims without a number are left out."""
    return tuple(
        SlackBar(step.label, claim.name, record.generator or "constants", claim.slack, claim.verdict)
        for record in result.theorems
        for step in record.steps
        if step.label in steps.get(record.id, ())
        for claim in step.claims
        if not math.isnan(claim.slack) and claim.slack > 0
    )


def _draw_curves(axis: Any, curve: MixingCurves) -> None:
    steps = curve.steps
    axis.fill_between(
        steps, np.maximum(curve.truth_lower, SMALLEST_DISTANCE), curve.truth_upper, color=BLACK, alpha=0.2, linewidth=0
    )
    axis.plot(steps, curve.truth, color=BLACK, linewidth=2, label="truth")
    axis.plot(steps, curve.coupling, color=BLUE, label="coupling bound + invariant law's distance (mean)")
    axis.plot(
        steps,
        curve.coupling_upper,
        color=BLUE,
        linestyle="--",
        linewidth=1,
        label=f"its upper end, error {curve.error_probability:g} per step",
    )
    axis.plot(steps, curve.theory, color=RED, linewidth=2, label="the theorem's bound (certified)")
    for (name, term), style in zip(curve.terms.items(), TERM_STYLES * len(curve.terms), strict=False):
        if np.max(term) > SMALLEST_DISTANCE:
            axis.plot(steps, term, color=RED, linestyle=style, linewidth=1, label=f"its part: {name}")
    axis.axhline(1.0, color=GREY, linewidth=0.8)
    axis.annotate("vacuous above 1", (steps[-1], 1.04), fontsize=7, color=GREY, ha="right", va="bottom")
    if curve.epsilon is not None:
        axis.axhline(curve.epsilon, color=GREEN, linewidth=1.2, linestyle=(0, (6, 2)), label=f"ε = {curve.epsilon:g}")
    if steps[0] <= curve.layers <= steps[-1]:
        axis.axvline(curve.layers, color=GREY, linewidth=0.8, linestyle=":")
        axis.annotate(f"K = {curve.layers}", (curve.layers, 1.1), fontsize=7, color=GREY, ha="right", va="bottom")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(SMALLEST_DISTANCE, 2.5)
    axis.set_xlabel(f"steps of size {curve.step_size:.3g}")
    axis.set_title(curve.title, fontsize=8)


def _draw_bars(axis: Any, bars: Sequence[SlackBar], limit: float) -> None:
    places = np.arange(len(bars))
    for place, bar in zip(places, bars, strict=True):
        shown = bar.slack if math.isfinite(bar.slack) else limit
        colour = VERDICT_COLOURS.get(bar.verdict, GREY)
        solid = math.isfinite(bar.slack)
        fill = colour if solid else "none"
        axis.barh(
            place, shown - 1.0, left=1.0, height=0.7, facecolor=fill, edgecolor=colour, hatch=None if solid else "//"
        )
        text = f" {bar.slack:.3g}" if math.isfinite(bar.slack) else " measured 0"
        axis.annotate(f"{text}, {bar.verdict}", (max(shown, 1.0), place), fontsize=7, va="center")
    axis.set_yticks(places, [f"{bar.step} {bar.claim}" for bar in bars], fontsize=8)
    axis.invert_yaxis()
    axis.set_xscale("log")
    smallest = min(1.0, *(bar.slack for bar in bars))
    axis.set_xlim(0.9 * smallest, limit**1.25 * 3)
    axis.axvline(1.0, color=BLACK, linewidth=0.8)


def empty_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches that needs no display; raises `MissingExtraError` without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plots", "drawing a figure") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_targets(path: str | Path) -> tuple[Path, ...]:
    """The files of a figure: `path` itself, or with .png and .pdf where it has no ending; InputError for another."""
    target = Path(path)
    ending = target.suffix.lower().removeprefix(".")
    if ending in FORMATS:
        return (target,)
    if ending:
        raise InputError(f"cannot draw `{path}`: a figure ends in .png or .pdf, or has no ending for both")
    return tuple(target.with_suffix(f".{name}") for name in FORMATS)


def prepare_figure(path: str | Path) -> None:
    """See before long work that a figure can be drawn and written.

    Raises InputError for another ending or a place that cannot be written; MissingExtraError without matplotlib.
    """
    empty_figure(1.0, 1.0)
    for target in figure_targets(path):
        check_writable(target)


def write_figure(figure: Figure, targets: Sequence[Path]) -> tuple[Path, ...]:
    """Write the figure into every target, whole or not at all, without date or program version."""
    for target in targets:
        stream = io.BytesIO()
        kind = target.suffix.lower().removeprefix(".")
        dated = {"CreationDate": None, "Creator": None, "Producer": None} if kind == "pdf" else {"Software": None}
        figure.savefig(stream, format=kind, dpi=DOTS_PER_INCH, metadata=dated)
        write_bytes_atomically(target, stream.getvalue())
    return tuple(targets)
