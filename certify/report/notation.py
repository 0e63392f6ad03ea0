"""The notation of the theorems as a page of Markdown: every declared symbol with its TeX, meaning and domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from certify.proof.theorem import Quantity, Theorem, constant, setting
from certify.symbolic import model

_HEADING = ("| name | symbol | meaning | domain |", "| --- | --- | --- | --- |")


def notation_page(theorems: Iterable[Theorem]) -> str:
    """A section for the model's symbols, then one for each theorem with those that it adds."""
    shared = [
        *map(_row, map(constant, (model.d, model.n, model.N, model.m, model.M, model.M2, model.M3))),
        *map(_row, map(setting, (model.beta, model.epsilon, model.t_x))),
    ]
    sections = [_section("The model", shared)]
    seen: dict[tuple[str, ...], str] = {}
    for theorem in theorems:
        own = tuple(row for row in map(_row, theorem.quantities) if row not in shared)
        same = seen.setdefault(own, theorem.id)
        rows = [f"Those of `{same}`."] if same != theorem.id else own
        sections.append(_section(f"`{theorem.id}`", rows))
    return "\n".join(sections)


def _section(title: str, rows: Sequence[str]) -> str:
    heading = _HEADING if rows[0].startswith("|") else ()
    return "\n".join((f"### {title}", "", *heading, *rows, ""))


def _row(item: Quantity) -> str:
    meaning = item.meaning.replace("|", r"\|")
    return f"| `{item.name}` | ${item.tex}$ | {meaning} | `{item.domain}` |"
