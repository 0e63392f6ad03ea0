"""HTML: plain tables without scripts or styles of their own, as a notebook or a page shows them."""

from __future__ import annotations

from html import escape

from certify.report.table import Cell, Document, Table, TableFormat


def render(document: Document) -> str:
    """The document as an HTML fragment; every text is escaped."""
    comments = "".join(f"<!-- {line.replace('>', '&gt;')} -->\n" for line in document.comment_lines)
    return comments + "".join(_table(table) for table in document.tables)


def _table(table: Table) -> str:
    aligned = [' style="text-align:right"' if column.numeric else "" for column in table.columns]
    head = "".join(
        f"<th{style}>{escape(column.heading)}</th>" for column, style in zip(table.columns, aligned, strict=True)
    )
    body = "".join(f"<tr>{_row(row, aligned)}</tr>\n" for row in table.rows)
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in table.notes)
    return (
        f'<table class="certify-{escape(table.name)}">\n<caption>{escape(table.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n{notes}"
    )


def _row(row: tuple[Cell, ...], aligned: list[str]) -> str:
    return "".join(
        f'<td class="certify-{cell.kind}"{style}>{escape(cell.text)}</td>'
        for cell, style in zip(row, aligned, strict=True)
    )


FORMAT = TableFormat("html", "html", render)
