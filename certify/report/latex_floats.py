r"""LaTeX tables with caption and label: a float, or a longtable where the rows do not fit a page.

They need what the plain tables need (`certify.report.formats.latex`). A table with shares of the line is a `table*`,
which in a class with two columns spans both and in one with one column is a `table`.
"""

from __future__ import annotations

import re

from certify.report.formats.latex import long_table, tabular, with_macros
from certify.report.latex_layout import layout
from certify.report.latex_text import number, running
from certify.report.table import Document, Table


def float_latex(document: Document, label: str) -> str:
    r"""The tables of a document, each in a float of its own: `\ref{tab:LABEL}`, or `tab:LABEL-NAME` where several are.

    The caption is the table's title with its notes.
    """
    names = [label if len(document.tables) == 1 else f"{label}-{table.name}" for table in document.tables]
    return with_macros(document, [_float(table, name) for table, name in zip(document.tables, names, strict=True)])


def _float(table: Table, label: str) -> str:
    found = layout(table)
    if found.long:
        return "\n".join(long_table(table, found, _caption(table, label))) + "\n"
    kind = "table*" if found.small else "table"
    head = [rf"\begin{{{kind}}}[htbp]", r"\centering", _caption(table, label) + r"\smallskip"]
    return "\n".join([*head, *tabular(table, found), rf"\end{{{kind}}}"]) + "\n"


def _caption(table: Table, label: str) -> str:
    """Title and notes; the label without what TeX reads as something else."""
    safe = "".join(character if character.isalnum() or character in "-.:" else "-" for character in label)
    sentences = " ".join(_sentence(text) for text in (table.title, *table.notes))
    return rf"\caption{{{sentences}}}\label{{tab:{safe}}}"


def _sentence(text: str) -> str:
    """A text with a capital and a full stop; a name before a colon stays as it is, numbers are set as such."""
    named = re.match(r"\S+:", text) is not None
    sentence = (text if named else f"{text[:1].upper()}{text[1:]}").rstrip(".") + "."
    parts = re.split(r"(\d+(?:\.\d+)?e[+-]\d+)", sentence)
    return "".join(number(part) if place % 2 else running(part) for place, part in enumerate(parts))
