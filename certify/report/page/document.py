"""The whole page: the template with the sections of a result in it; one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from certify.discovery.registry import load_theorem
from certify.errors import CertifyError
from certify.progress import Progress
from certify.proof.printing import printing
from certify.proof.records import CheckResult, TheoremRecord
from certify.proof.theorem import Theorem
from certify.report.blueprint_svg import STYLE
from certify.report.files import slug
from certify.report.page.grid import Grid, certified_grid
from certify.report.page.sections import summary_html, theorem_html


def page_html(
    result: CheckResult, names: Sequence[str] = (), grid: str = "none", progress: Progress | None = None
) -> str:
    """The page of a result.

    Args:
        result: what a check found, now or read from its JSON.
        names: how the theorems were asked for: names, or Python files of a user's own.
        grid: which grid of constants stands behind the sliders: "none", "small", "medium" or "fine".
        progress: receives how far the grids have come.
    """
    known = _theorems(result, names)
    groups: dict[str, list[tuple[int, TheoremRecord]]] = {}
    for index, record in enumerate(result.theorems):
        groups.setdefault(record.id, []).append((index, record))
    sections, links = [], []
    for identity, records in groups.items():
        theorem, source = known.get(identity, (None, ""))
        if theorem is not None:
            # A result that was read back says nothing of how its quantities are printed.
            printed = printing(theorem)
            records = [(index, replace(item, symbols=item.symbols or printed)) for index, item in records]
        cells = _grid(theorem, source, grid, progress)
        anchor = f"theorem-{slug(identity)}"
        sections.append(f'<div id="{anchor}">{theorem_html(records, theorem, cells)}</div>')
        links.append(f'<li><a href="#{anchor}">{escape(identity)}</a></li>')
    return fill(
        result.provenance, "What was certified, and what it rests on", summary_html(result), "".join(links),
        "".join(sections),
    )  # fmt: skip


def fill(provenance: Mapping[str, Any], title: str, summary: str, links: str = "", theorems: str = "") -> str:
    """The template with these parts, which are HTML, and the provenance, which is not."""
    version = escape(str(provenance.get("version", "")))
    command = escape(str(provenance.get("command", "")))
    return Template(_part("page.html")).substitute(
        title=title,
        style=_part("page.css") + STYLE,
        script=_part("page.js"),
        meta=f"proof-companion {version}, seed {escape(str(provenance.get('seed', '')))}. Lower bounds are rounded "
        "down, upper bounds up, measured values to nearest.",
        links=links,
        summary=summary,
        theorems=theorems,
        footer=f"<p>{escape(str(provenance.get('started', '')))}. Command: <code>{command}</code></p>"
        "<p>What is certified, assumed and trusted: <code>docs/ledger.md</code>; the words: "
        "<code>docs/verdicts.md</code>.</p>",
    )


def _grid(theorem: Theorem | None, source: str, size: str, progress: Progress | None) -> Grid | None:
    return None if theorem is None else certified_grid(theorem, source, size, progress)


def _theorems(result: CheckResult, names: Sequence[str]) -> dict[str, tuple[Theorem, str]]:
    """The theorems of a result that are known here, with the name that loads each; others have no statement here."""
    found: dict[str, tuple[Theorem, str]] = {}
    for name in (*names, *(record.id for record in result.theorems)):
        try:
            theorem = load_theorem(name)
        except CertifyError:
            continue
        found.setdefault(theorem.id, (theorem, name))
    return found


@cache
def _part(name: str) -> str:
    return files("certify.report.page").joinpath(name).read_text(encoding="utf-8")
