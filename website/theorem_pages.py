"""A page per theorem, made from the theorem itself: statement, graph, formulas, algebra with its proofs, leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from certify.discovery.registry import theorems
from certify.proof.theorem import Theorem
from certify.report.blueprint import blueprint_lines, blueprint_of
from certify.report.blueprint_svg import blueprint_svg
from certify.report.formulas import formulas_document
from certify.report.page.sections import EVIDENCE, html_table, statement_html
from certify.report.statement import statement_document
from certify.report.table import Table

FOLDER = "theorems"
DOCS = Path(__file__).resolve().parent.parent / "docs"


def names() -> tuple[str, ...]:
    """The pages in the order of the navigation."""
    return (f"{FOLDER}/index.md", *(f"{FOLDER}/{name}.md" for name in theorems()))


def pages() -> dict[str, str]:
    """Every page and picture by its place in the site."""
    found = {f"{FOLDER}/index.md": _index()}
    for theorem in theorems().values():
        found[f"{FOLDER}/{theorem.id}.md"] = _page(theorem)
        found[f"{FOLDER}/{theorem.id}.svg"] = blueprint_svg(blueprint_of(theorem), standalone=True)
    return found


def _index() -> str:
    rows = "\n".join(f"| [{item.id}]({item.id}.md) | {item.title} |" for item in theorems().values())
    return (
        "# The theorems\n\nEach page is made from the theorem that `certify check` runs, by `make docs`: it shows what "
        f"`certify show THEOREM --formulas --graph` prints.\n\n| theorem | in a sentence |\n| --- | --- |\n{rows}\n"
    )


def _page(theorem: Theorem) -> str:
    legend = "; ".join(f"{name}: {text}" for name, text in EVIDENCE.items())
    lines = escape("\n".join(blueprint_lines(blueprint_of(theorem))))
    parts = [
        f"# {theorem.title}",
        f"`certify check {theorem.id}`{_sources(theorem.source)}",
        statement_html(theorem).replace("<h3>Statement</h3>", ""),
        *_tables(statement_document(theorem).tables[1:]),
        "## The proof as a graph",
        f"[![The graph of {theorem.id}; in words below]({theorem.id}.svg)]({theorem.id}.svg)",
        f"Fill: the evidence of a statement and of all it rests on ({legend}). A dotted border: from the literature.",
        f"<details><summary>The graph in words</summary><pre>{lines}</pre></details>",
        *_tables(formulas_document(theorem).tables),
    ]
    return "\n\n".join(parts) + "\n"


def _tables(tables: Sequence[Table]) -> list[str]:
    """Tables under headings of their own; one without rows is left out."""
    found = []
    for table in tables:
        if table.rows:
            found += [f"## {table.title}", html_table(table, "formulas")]
    return found


def _sources(source: str) -> str:
    """The pages of the proofs that a source names, as links."""
    named = dict.fromkeys(re.findall(r"docs/([a-z_]+\.md)", source))
    links = ", ".join(f"[{name}](../{name})" for name in named if (DOCS / name).is_file())
    return f"; the proofs in words: {links}" if links else ""
