"""Charts of what is certified, as inline SVG: brackets of the constants, and layers over the grid of a theorem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from certify.bounds.bracket import Bracket
from certify.report.page.charts import LABEL, PLOT, ROW, decades, svg
from certify.report.page.grid import Grid
from certify.report.table import interval_cell

HEIGHT, MOST_LINES = 240, 4


def bracket_chart(brackets: Sequence[tuple[str, Bracket]]) -> str:
    """A bar from the lower to the upper end of each constant, on a logarithmic axis; "" where none has two ends."""
    ends = [(name, item.lower, item.upper) for name, item in brackets]
    known = [(name, low, high) for name, low, high in ends if low is not None and high is not None]
    drawn = [(name, low, high) for name, low, high in known if 0 < low <= high < math.inf]
    if not drawn:
        return ""
    least, most = 0.8 * min(low for _, low, _ in drawn), 1.25 * max(high for _, _, high in drawn)
    scale = PLOT / math.log(most / least)
    rows = []
    for place, (name, low, high) in enumerate(drawn):
        y, x = 8 + place * ROW, LABEL + scale * math.log(low / least)
        length = max(2.0, scale * math.log(high / low))
        rows.append(
            f'<text class="end" x="{LABEL - 8}" y="{y + 13}">{escape(name)}</text>'
            f'<rect class="bar" x="{x:.1f}" y="{y + 4}" width="{length:.1f}" height="11"/>'
            f'<text x="{x + length + 6:.1f}" y="{y + 13}">{escape(interval_cell(low, high).text)}</text>'
        )
    height = 8 + ROW * len(rows) + 26
    axis = f'<text x="{LABEL}" y="{height - 8}">value, logarithmic: the true constant lies within its bar</text>'
    return svg(height, "certified brackets of the constants", "".join(rows) + axis)


def grid_chart(grid: Grid) -> str:
    """Layers against the noise, a line of marks per kappa, at the middle d and the largest epsilon; "" without any.

    Only the marks are certified: the dotted lines between them lead the eye.
    """
    axes = grid.axes
    d, epsilon = axes["d"][len(axes["d"]) // 2], axes["epsilon"][0]
    lines = {
        kappa: [(beta, count) for beta in axes["beta"] if (count := _layers(grid, beta, d, kappa, epsilon)) is not None]
        for kappa in axes["kappa"][:MOST_LINES]
    }
    counts = [count for points in lines.values() for _, count in points]
    if not counts:
        return ""
    left, right = math.log(axes["beta"][0]), math.log(axes["beta"][-1])
    low, high = math.log10(min(counts)) - 0.15, math.log10(max(counts)) + 0.15

    def place(beta: float, count: float) -> tuple[float, float]:
        across = (math.log(beta) - left) / (right - left or 1.0)
        return LABEL + PLOT * across, 12 + HEIGHT * (high - math.log10(count)) / (high - low)

    parts = []
    ticks = decades(10**low, 10**high)
    # One power of ten alone makes no scale.
    for count in ticks if len(ticks) > 1 else sorted({min(counts), max(counts)}):
        y = place(axes["beta"][0], count)[1]
        parts.append(f'<line class="tick" x1="{LABEL}" x2="{LABEL + PLOT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="end" x="{LABEL - 10}" y="{y + 4:.1f}">{count:g}</text>')
    for beta in axes["beta"]:
        parts.append(f'<text class="mid" x="{place(beta, 1.0)[0]:.1f}" y="{HEIGHT + 30}">{beta:g}</text>')
    for kind, (kappa, points) in enumerate(lines.items()):
        at = [place(*point) for point in points]
        if at:
            path = " L".join(f"{x:.1f},{y:.1f}" for x, y in at)
            parts.append(f'<path class="lead k{kind}" d="M{path}"/>')
            parts += [_mark(kind, x, y) for x, y in at]
        y = 24 + 20 * kind
        none = "" if at else ": no certificate"
        parts.append(_mark(kind, LABEL + PLOT + 30, y - 4) + f'<text x="{LABEL + PLOT + 42}" y="{y}">'
                     f"κ = {kappa:g}{none}</text>")  # fmt: skip
    parts.append(f'<text x="{LABEL}" y="{HEIGHT + 50}">noise β; layers upward, logarithmic; d = {d:g}, ε = {epsilon:g}'
                 "; only the marks are certified</text>")  # fmt: skip
    return svg(HEIGHT + 58, f"layers of {grid.theorem} over the noise", "".join(parts))


def _layers(grid: Grid, beta: float, d: float, kappa: float, epsilon: float) -> float | None:
    """Layers of the cell; None where there is no certificate, or none, for which the axis has no place."""
    place = 0
    for name, value in (("beta", beta), ("d", d), ("kappa", kappa), ("epsilon", epsilon)):
        place = place * len(grid.axes[name]) + grid.axes[name].index(value)
    count = grid.layers[place]
    return None if count is None or float(count) <= 0 else float(count)


def _mark(kind: int, x: float, y: float) -> str:
    """A mark whose shape tells its line as its colour does."""
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"',
        f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"',
        f'<path d="M{x - 5:.1f},{y + 4:.1f} h10 l-5,-9 z"',
        f'<path d="M{x:.1f},{y - 6:.1f} l5,6 l-5,6 l-5,-6 z"',
    )
    return f'{shapes[kind]} class="mark k{kind}"/>'
