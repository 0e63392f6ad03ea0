"""Markdown: pipe tables that GitHub, GitLab and pandoc read."""

from __future__ import annotations

from certify.report.table import Document, Table, TableFormat


def render(document: Document) -> str:
    """The document as Markdown, each table under its title, columns padded to equal width."""
    comments = "".join(f"<!-- {line.replace('>', '&gt;')} -->\n" for line in document.comment_lines)
    body = "\n".join(_table(table) for table in document.tables)
    return f"{comments}\n{body}" if comments else body


def _table(table: Table) -> str:
    headings = [_escape(column.heading) for column in table.columns]
    rows = [[_escape(cell.text) for cell in row] for row in table.rows]
    widths = [max([3, *(len(row[index]) for row in [headings, *rows])]) for index in range(len(headings))]
    rule = [
        "-" * (width - 1) + ":" if column.numeric else "-" * width
        for column, width in zip(table.columns, widths, strict=True)
    ]
    numeric = [column.numeric for column in table.columns]
    lines = [f"### {table.title}", "", _row(headings, widths, numeric), _row(rule, widths, numeric)]
    lines += [_row(row, widths, numeric) for row in rows]
    if table.notes:
        lines += ["", *(f"- {_escape(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def _row(entries: list[str], widths: list[int], numeric: list[bool]) -> str:
    padded = [
        entry.rjust(width) if flush_right else entry.ljust(width)
        for entry, width, flush_right in zip(entries, widths, numeric, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _escape(text: str) -> str:
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return text


FORMAT = TableFormat("markdown", "md", render)
