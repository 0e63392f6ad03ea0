"""The blueprint of a proof as SVG: for the page, where its nodes are buttons, and as a file of its own."""

from __future__ import annotations

from html import escape

from certify.report.blueprint import Blueprint, Node, describe
from certify.verdict import Verdict

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 142, 46, 12, 44, 12
LETTERS = {"kernel": "K", "symbolic": "A", "rigorous": "R", "statistical": "S", "assumed": "a"}
"""Evidence in one letter, so that no colour carries it alone: Coq's kernel, algebra, rigorous enclosure, sample."""
LINE_CHARACTERS = 19
"""So that the widest font that `system-ui` is known to name (0.6 of its size a letter) stays within a node."""
NODES_IN_ROW = 7
STYLE = """
.bp rect{fill:#f4f4f4;stroke:#777;stroke-width:1.6}
.bp .kernel rect{fill:#8fd3bb}.bp .symbolic rect{fill:#bfe6d8}.bp .rigorous rect{fill:#bcdcf2}
.bp .statistical rect{fill:#fbe6a6}.bp .assumed rect{fill:#eeeeee}.bp .open rect{fill:#ffffff}
.bp .leaf rect{fill:#ffffff;stroke:#888;stroke-dasharray:2 3}
.bp .v-proved rect{stroke:#006c4f;stroke-width:2.6}.bp .v-supported rect{stroke:#00568a;stroke-width:2.2}
.bp .v-composed rect{stroke:#00568a;stroke-width:2.2;stroke-dasharray:7 3}
.bp .v-conditional rect{stroke:#6a3d9a;stroke-width:2.2}
.bp .v-inconclusive rect,.bp .v-untested rect{stroke:#b35900;stroke-width:2.2;stroke-dasharray:4 3}
.bp .v-refuted rect,.bp .v-not-applicable rect{stroke:#c02020;stroke-width:3.4}
.bp text{font:11px system-ui,sans-serif;fill:#16191d;text-anchor:middle}.bp .name{font-weight:700;font-size:12px}
.bp .letter{font-size:9px;text-anchor:end;fill:#333}
.bp path{fill:none;stroke:#8a9099;stroke-width:1.1}
"""


def blueprint_svg(graph: Blueprint, name: str = "", standalone: bool = False) -> str:
    """The picture; every node a group with its label in `data-node`, reachable by keyboard on the page.

    Args:
        graph: what to draw.
        name: of the picture for readers who do not see it.
        standalone: with its own style and XML namespace, as a file; otherwise the page has the style.
    """
    rows = [row[at : at + NODES_IN_ROW] for row in graph.layers() for at in range(0, len(row), NODES_IN_ROW)]
    width = max(len(row) for row in rows) * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    height = len(rows) * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    places: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows):
        start = (width - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        for index, label in enumerate(row):
            places[label] = start + index * (WIDTH + GAP_X), MARGIN + level * (HEIGHT + GAP_Y)
    edges = "".join(
        _edge(places[use], places[node.label], use, node.label) for node in graph.nodes for use in node.uses
    )
    nodes = "".join(_node(graph, graph[label], *places[label], standalone) for row in rows for label in row)
    space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    style = f"<style>{STYLE}</style>" if standalone else ""
    # The page's picture is a group of buttons, the file's one picture.
    role = "img" if standalone else "group"
    title = escape(name or f"blueprint of {graph.theorem}")
    return (
        f'<svg{space} class="bp" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'role="{role}" aria-label="{title}">{style}<title>{title}</title>{edges}{nodes}</svg>'
    )


def _edge(start: tuple[float, float], end: tuple[float, float], source: str, target: str) -> str:
    x, y, u, v = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    bend = max(18.0, (v - y) / 2)
    return (
        f'<path data-from="{escape(source)}" data-to="{escape(target)}" '
        f'd="M{x:g},{y:g} C{x:g},{y + bend:g} {u:g},{v - bend:g} {u:g},{v:g}"/>'
    )


def _node(graph: Blueprint, node: Node, x: float, y: float, standalone: bool) -> str:
    ground = graph.ground(node.label)
    fill = "leaf" if node.kind == "leaf" else "open" if ground is None else str(ground)
    verdict = "" if node.verdict is None else f" v-{node.verdict}"
    middle = x + WIDTH / 2
    lines = _lines(node.title)
    text = "".join(
        f'<text x="{middle:g}" y="{y + 29 + 12 * index:g}">{escape(line)}</text>' for index, line in enumerate(lines)
    )
    letter = "" if ground is None or node.kind == "leaf" else LETTERS[str(ground)]
    mark = "✗" if node.verdict in {Verdict.REFUTED, Verdict.NOT_APPLICABLE} else ""
    words = escape(describe(graph, node.label))
    button = "" if standalone else f' role="button" tabindex="0" aria-pressed="false" aria-label="{words}"'
    return (
        f'<g class="{fill}{verdict}" data-node="{escape(node.label)}"{button}><title>{words}</title>'
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="{4 if node.kind == "step" else 14}"/>'
        f'<text class="name" x="{middle:g}" y="{y + 15:g}">{escape(_shortened(node.label, 15))}</text>{text}'
        f'<text class="letter" x="{x + WIDTH - 6:g}" y="{y + 12:g}">{letter}{mark}</text></g>'
    )


def _lines(title: str) -> list[str]:
    """The title on at most two lines of a node."""
    words, lines = title.split(), [""]
    for word in words:
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) > LINE_CHARACTERS and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = joined
    kept = [_shortened(line, LINE_CHARACTERS) for line in lines[:2]]
    if len(lines) > 2:
        kept[-1] = _shortened(kept[-1] + " …", LINE_CHARACTERS)
    return kept if len(kept) == 1 or kept[-1] else kept[:1]


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
