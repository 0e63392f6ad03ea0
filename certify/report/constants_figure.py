"""The constants of a generator as certified functions of the radius of the ball, with what they are on all of R^d."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from certify.bounds.bracket import Bracket, ConstantBrackets
from certify.errors import InputError
from certify.report.figures import BLUE, GREY, RED, VERSION_NOTE, empty_figure, figure_targets, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 6
NAMES = {"m": "$m$", "M": "$M$", "M2": "$M_2$", "M3": "$M_3$"}


def constants_figure(
    path: str | Path, balls: Sequence[ConstantBrackets], whole: ConstantBrackets | None = None, title: str = ""
) -> tuple[Path, ...]:
    """Draw both ends of each constant against the radius, one panel each; dashed: the ends on the whole region.

    The truth lies in the shaded band. An end that is not known, or infinite, is not drawn.

    Raises:
        InputError: without balls, for another file ending, or a place that cannot be written.
        MissingExtraError: if matplotlib is not installed.
    """
    if not balls:
        raise InputError("a figure of the constants needs balls: ask for them with `radii` (--radii)")
    targets = figure_targets(path)
    figure = empty_figure(9.6, 2.9)
    axes = figure.subplots(1, len(NAMES))
    for axis, (name, label) in zip(axes, NAMES.items(), strict=True):
        _draw(axis, [(ball.region.radius or 0.0, dict(ball.items())[name]) for ball in balls])
        if whole is not None:
            _draw_whole(axis, dict(whole.items())[name])
        axis.set_title(label, fontsize=10)
        axis.margins(y=0.12)
        axis.set_xlabel("radius of the ball", fontsize=8)
        # The radii themselves: a logarithmic axis over half a decade has labels that run into each other.
        radii = sorted({ball.region.radius or 0.0 for ball in balls})
        shown = radii[:: max(1, math.ceil(len(radii) / MOST_TICKS))]
        axis.set_xticks(shown, [f"{radius:g}" for radius in shown])
        axis.minorticks_off()
        axis.tick_params(labelsize=7)
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    axes[0].legend(handles.values(), handles.keys(), fontsize=6, framealpha=0.9)
    figure.suptitle(f"{title}, {VERSION_NOTE}" if title else VERSION_NOTE, fontsize=9)
    return write_figure(figure, targets)


def _draw(axis: Axes, ends: list[tuple[float, Bracket]]) -> None:
    """The band between the ends, logarithmic where the ends differ by more than a factor of 20."""
    known = [(radius, _finite(bracket.lower), _finite(bracket.upper)) for radius, bracket in ends]
    both = [(radius, low, high) for radius, low, high in known if low is not None and high is not None]
    axis.set_xscale("log")
    # Decades only where the ends span some: otherwise their labels say nothing.
    if both and all(low > 0 for _, low, _ in both) and max(row[2] for row in both) > 20 * min(row[1] for row in both):
        axis.set_yscale("log")
    if both:
        radii, lows, highs = zip(*both, strict=True)
        axis.fill_between(radii, lows, highs, color=BLUE, alpha=0.15, linewidth=0)
    for position, label, colour in ((2, "upper end", RED), (1, "lower end", BLUE)):
        drawn = [(row[0], row[position]) for row in known if row[position] is not None]
        if drawn:
            axis.plot(*zip(*drawn, strict=True), color=colour, marker="o", markersize=3, linewidth=1.2, label=label)
    if not both:
        axis.text(0.5, 0.5, "not finite", transform=axis.transAxes, ha="center", va="center", fontsize=8, color=GREY)


def _draw_whole(axis: Axes, bracket: Bracket) -> None:
    for value, colour, label in ((bracket.upper, RED, "upper, whole"), (bracket.lower, BLUE, "lower, whole")):
        finite = _finite(value)
        if finite is not None and (finite > 0 or axis.get_yscale() == "linear"):
            axis.axhline(finite, color=colour, linestyle="--", linewidth=0.8, label=f"{label} region")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
