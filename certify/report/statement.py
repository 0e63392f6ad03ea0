"""The statement of a theorem: what a referee must read, apart from the proof."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from certify.proof.theorem import Theorem
from certify.report.labels import printed_uses, step_labels
from certify.report.table import Document, Table, columns, label_cell, text_cell
from certify.report.terminal import draw


def statement_dict(theorem: Theorem) -> dict[str, Any]:
    """The statement as plain data: assumptions, constants, conclusion, and the steps by label and title."""
    conclusion = theorem.conclusion
    return {
        "schema": 1,
        "id": theorem.id,
        "title": theorem.title,
        "summary": theorem.summary,
        "source": theorem.source,
        "assumptions": [
            {"id": item.label, "statement": item.statement, "latex": item.latex, "constant": item.constant}
            for item in theorem.assumptions
        ],
        "constants": [
            {
                "name": item.name,
                "latex": item.tex,
                "meaning": item.meaning,
                "domain": item.domain,
                "domain_latex": item.domain_latex(theorem.tex),
                "role": item.role,
            }
            for item in theorem.constants
        ],
        "conclusion": {
            "statement": conclusion.statement,
            "latex": conclusion.latex,
            "paper_form": conclusion.paper_form,
            "explicit_form": conclusion.explicit_form,
        },
        "steps": [{"id": step.label, "title": step.title, "uses": list(step.uses)} for step in theorem.steps],
    }


def statement_report(theorem: Theorem) -> RenderableType:
    """The statement for a terminal, in the order of a paper: assumptions, constants, conclusion, outline."""
    return Group(
        Text(f"{theorem.title} ({theorem.id})", style="bold underline"),
        Text(theorem.summary),
        Text(f"source: {theorem.source}"),
        Text(),
        draw(_assumptions(theorem)),
        draw(_constants(theorem)),
        *_conclusion(theorem),
        draw(_outline(theorem)),
    )


def statement_document(theorem: Theorem) -> Document:
    """The same as tables, for every format: assumptions, constants, and the steps of the proof."""
    return Document((_assumptions(theorem), _constants(theorem), _outline(theorem)))


def _conclusion(theorem: Theorem) -> list[Text]:
    """What it concludes; nothing where it says no more than its steps, no other forms where it has none."""
    conclusion = theorem.conclusion
    if not conclusion.statement:
        return []
    forms = {"explicit form": conclusion.explicit_form, "paper form": conclusion.paper_form}
    lines = [Text(f"{name}: {form}") for name, form in forms.items() if theorem.noisy or form != "none"]
    return [Text("Conclusion", style="bold"), Text(conclusion.statement), *lines, Text()]


def _assumptions(theorem: Theorem) -> Table:
    rows = tuple(
        (label_cell(item.label), text_cell(item.statement, item.latex), label_cell(item.constant or ""))
        for item in theorem.assumptions
    )
    return Table("assumptions", "Assumptions", columns(("id", "assumption", "constant")), rows)


def _constants(theorem: Theorem) -> Table:
    rows = tuple(
        (
            label_cell(item.name, item.tex),
            text_cell(item.meaning),
            text_cell(item.domain, item.domain_latex(theorem.tex)),
        )
        for item in theorem.constants
    )
    return Table("constants", "Constants", columns(("name", "meaning", "domain")), rows)


def _outline(theorem: Theorem) -> Table:
    printed, uses = step_labels(theorem), printed_uses(theorem)
    rows = tuple(
        (label_cell(printed[step.label]), text_cell(step.title), text_cell(uses[step.label])) for step in theorem.steps
    )
    return Table("steps", "Steps of the proof", columns(("step", "title", "uses")), rows)
