"""CSV (RFC 4180, comma, LF): one table after another, separated by a blank line; comments start with `#`."""

from __future__ import annotations

import csv
import io

from certify.report.table import Document, Table, TableFormat


def render(document: Document) -> str:
    """The document as CSV; with more than one table each stands under a comment with its title."""
    comments = "".join(f"# {line}\n" for line in document.comment_lines)
    titled = len(document.tables) > 1
    return comments + "\n".join(_table(table, titled) for table in document.tables)


def _table(table: Table, titled: bool) -> str:
    stream = io.StringIO()
    if titled:
        stream.write(f"# {table.title}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(column.heading for column in table.columns)
    writer.writerows([cell.text for cell in row] for row in table.rows)
    return stream.getvalue()


FORMAT = TableFormat("csv", "csv", render)
