r"""LaTeX: one booktabs table each, for `\input` inside a float of the author's own.

Needs `\usepackage{amsmath,amssymb,booktabs,graphicx,longtable}`; compiles with pdfLaTeX, XeLaTeX and LuaLaTeX. A table
takes at most `\linewidth`; one that does not fit a page is a longtable, which needs no float and in a class with two
columns takes pages of one. In a column narrower than 340 points a table is set smaller as a whole: wide ones belong
into `table*` there.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify.report.latex_layout import SMALL, Layout, layout
from certify.report.latex_text import cell, escape, heading, wrapped_cell
from certify.report.table import Cell, Document, Table, TableFormat, one_line

MACROS = {
    # A box, smaller where it is wider than the line.
    r"\certifyfit": r"[1]{\sbox0{#1}\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi}",
    # A formula: whole, up to a third smaller, or in parts.
    r"\certifyformula": r"[2]{\sbox0{$#1$}\ifdim\wd0>1.5\linewidth#2\else\certifyfit{$#1$}\fi}",
    # A table with shares of the line: of one of 345 points where the line is shorter.
    r"\certifytable": r"[1]{\ifdim\linewidth<340pt\resizebox{\linewidth}{!}"
    r"{\begin{minipage}{345pt}\certifyfit{#1}\end{minipage}}\else\certifyfit{#1}\fi}",
    # What stands below a row takes no width in its column.
    r"\certifybelow": r"[1]{\makebox[0pt][l]{\hspace{1em}\parbox[t]{0.96\linewidth}{\raggedright\strut#1\strut}}}",
    # A longtable is for one column.
    r"\certifyonecolumn": r"{\let\certifytwocolumn\relax"
    r"\csname if@twocolumn\endcsname\onecolumn\let\certifytwocolumn\twocolumn\fi}",
}
"""What the tables use, beside the packages; each defined in the files that use it, unless it is."""

_NEEDS = {r"\certifyformula": (r"\certifyfit",), r"\certifytable": (r"\certifyfit",)}


def render(document: Document) -> str:
    """The document as LaTeX source."""
    return with_macros(document, [plain_table(table) for table in document.tables])


def with_macros(document: Document, tables: Sequence[str]) -> str:
    """The document's comments, the macros that its tables use, and the tables."""
    body = "\n".join(tables)
    used = {name for name in MACROS if name in body}
    used |= {other for name in used for other in _NEEDS.get(name, ())}
    comments = "".join(f"% {line}\n" for line in document.comment_lines)
    return (
        comments + "".join(rf"\providecommand{{{name}}}{MACROS[name]}" + "\n" for name in MACROS if name in used) + body
    )


def plain_table(table: Table) -> str:
    """The table without caption, between comments: its title above, its notes below."""
    found = layout(table)
    lines = long_table(table, found) if found.long else tabular(table, found)
    return "\n".join([f"% {one_line(table.title)}", *lines, *(f"% {one_line(note)}" for note in table.notes)]) + "\n"


def tabular(table: Table, found: Layout) -> list[str]:
    """The lines of a table that fits a page, within a group of its own."""
    macro = r"\certifytable" if found.wraps else r"\certifyfit"
    kind, width = ("tabular*", r"{\linewidth}") if found.below else ("tabular", "")
    return [
        "{" + _size(found) + rf"\par\noindent{macro}{{%",
        rf"\begin{{{kind}}}{width}{{{_columns(table, found)}}}",
        r"\toprule",
        _heading(table, found),
        r"\midrule",
        *_rows(table, found),
        r"\bottomrule",
        # Of a paragraph of its own: two files that are \input one after the other do not share a line.
        rf"\end{{{kind}}}}}\par}}",
    ]


def long_table(table: Table, found: Layout, caption: str = "") -> list[str]:
    """The lines of a table that breaks over pages, its heading on each."""
    top = [r"\toprule", _heading(table, found), r"\midrule"]
    filled = r"\setlength{\LTleft}{0pt}\setlength{\LTright}{0pt}" if found.below else ""
    return [
        r"\certifyonecolumn",
        "{" + _size(found) + filled + r"\setlength{\LTcapwidth}{\linewidth}\setcounter{LTchunksize}{1000}%",
        rf"\begin{{longtable}}{{{_columns(table, found)}}}",
        *([caption + r" \\"] if caption else []),
        *top,
        r"\endfirsthead",
        *top,
        r"\endhead",
        r"\bottomrule",
        r"\endlastfoot",
        *_rows(table, found),
        r"\end{longtable}}",
        r"\certifytwocolumn",
    ]


def _size(found: Layout) -> str:
    return r"\footnotesize\setlength{\tabcolsep}{3pt}" if found.small else ""


def _columns(table: Table, found: Layout) -> str:
    """The specification: natural columns, shares of the line; spread over the line where entries stand below."""
    kinds = "".join(
        ("r" if column.numeric else "l") if room is None else rf"p{{{room / SMALL * 0.985:.3f}\linewidth}}"
        for place, (column, room) in enumerate(zip(table.columns, found.rooms, strict=True))
        if place not in found.below
    )
    return (r"@{\extracolsep{\fill}}" if found.below else "@{}") + kinds + "@{}"


def _heading(table: Table, found: Layout) -> str:
    entries = [
        heading(column) if room is None else rf"\raggedright {heading(column)}"
        for place, (column, room) in enumerate(zip(table.columns, found.rooms, strict=True))
        if place not in found.below
    ]
    return " & ".join(entries) + r" \tabularnewline"


def _rows(table: Table, found: Layout) -> list[str]:
    lines = []
    for row in table.rows:
        entries = [
            cell(item) if room is None else rf"\raggedright\hspace{{0pt}}{wrapped_cell(item, room)}"
            for place, (item, room) in enumerate(zip(row, found.rooms, strict=True))
            if place not in found.below
        ]
        under = _under(table, row, found)
        lines.append(" & ".join(entries) + (r" \\*" if under else r" \tabularnewline"))
        if under:
            lines.append(rf"\certifybelow{{{under}}} \tabularnewline")
        if found.below:
            lines.append(r"\addlinespace")
    return lines[:-1] if found.below else lines


def _under(table: Table, row: Sequence[Cell], found: Layout) -> str:
    """What stands below a row: the headings and entries that are not empty."""
    return "; ".join(
        rf"\textit{{{escape(table.columns[place].heading)}}} {wrapped_cell(row[place], 0.9 * SMALL)}"
        for place in found.below
        if row[place].text or row[place].latex
    )


FORMAT = TableFormat("latex", "tex", render)
