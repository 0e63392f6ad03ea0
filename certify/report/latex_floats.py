r"""LaTeX tables with caption and label: a float, or a longtable where the rows do not fit a page.

Needs what the plain tables need (`certify.report.formats.latex`), and `\usepackage{longtable}` for long ones, which are
for a class with one column. Wide floats are `table*`, which spans both columns of a class with two.
"""

from __future__ import annotations

from certify.report.formats.latex import FORMAT, escape
from certify.report.table import Document, Table

LONGEST_FLOAT = 40
"""Rows that a page holds beside its text."""


def float_latex(document: Document, label: str, wide: bool = False) -> str:
    r"""The tables of a document, each in a float of its own: `\ref{tab:LABEL}`, or `tab:LABEL-NAME` where several are.

    The caption is the table's title with its notes; `wide` makes floats span both columns.
    """
    comments = "".join(f"% {line}\n" for line in document.comment_lines)
    names = [label if len(document.tables) == 1 else f"{label}-{table.name}" for table in document.tables]
    return comments + "\n".join(
        _long(table, name) if len(table.rows) > LONGEST_FLOAT else _float(table, name, wide)
        for table, name in zip(document.tables, names, strict=True)
    )


def _float(table: Table, label: str, wide: bool) -> str:
    kind = "table*" if wide else "table"
    lines = [rf"\begin{{{kind}}}[htbp]", r"\centering", _caption(table, label), *_body(table), rf"\end{{{kind}}}"]
    return "\n".join(lines) + "\n"


def _long(table: Table, label: str) -> str:
    """The same columns in a longtable, whose heading stands again on every page."""
    body = _body(table)
    begin = next(index for index, line in enumerate(body) if line.startswith(r"\begin{tabular}"))
    rule = body.index(r"\midrule")
    heading = body[begin + 1 : rule + 1]
    last = next(index for index, line in enumerate(body) if line.startswith(r"\end{tabular}"))
    lines = [
        *body[:begin],
        body[begin].replace("{tabular}", "{longtable}", 1),
        _caption(table, label) + r"\\",
        *heading,
        r"\endfirsthead",
        *heading,
        r"\endhead",
        *body[rule + 1 : last],
        body[last].replace("{tabular}", "{longtable}", 1),
    ]
    return "\n".join(lines) + "\n"


def _caption(table: Table, label: str) -> str:
    """Title and notes; the label without what TeX reads as something else."""
    safe = "".join(character if character.isalnum() or character in "-.:" else "-" for character in label)
    texts = [table.title, *table.notes]
    sentence = " ".join(escape(f"{text[:1].upper()}{text[1:]}".rstrip(".") + ".") for text in texts)
    return rf"\caption{{{sentence}}}\label{{tab:{safe}}}"


def _body(table: Table) -> list[str]:
    lines = FORMAT.render(Document((table,))).splitlines()
    return [line for line in lines if line and not line.startswith("%")]
