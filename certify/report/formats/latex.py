r"""LaTeX: one booktabs tabular per table, for `\input` inside a float of the author's own.

Needs `\usepackage{amsmath,amssymb,booktabs,graphicx}`; compiles with pdfLaTeX, XeLaTeX and LuaLaTeX. A table takes at
most `\linewidth`: where its columns would be wider, texts wrap, and a formula that is wider than its column breaks at
its terms or is set smaller. In a two-column class wide tables belong into `table*`.
"""

from __future__ import annotations

import math
import re
import unicodedata

from certify.report.quantities import symbol
from certify.report.table import Cell, Column, Document, Table, TableFormat, one_line

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': r"\textquotedbl{}",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "‖": r"$\|$",
    "²": r"$^2$",
    "³": r"$^3$",
}
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
}  # fmt: skip
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:e([+-]\d+))?|-?\binf\b")
PLAIN_WIDTH, SMALL_WIDTH = 58, 78
"""Characters on a line of the article class at its normal size and in footnotesize."""

NARROW = (14, 11, 8)
"""Columns of at most so many characters keep their natural width, the first limit that leaves room for the others."""

LEAST_ROOM = 12
"""Characters for the columns that wrap, all together."""

GAP = 2
"""Characters between two columns."""

FORMULA_WIDER = 1.3
"""A symbol of a formula takes so many characters, with the space around relations and sums."""

FILLED = 0.85
"""Part of a column that a formula may fill by the rough count of its characters."""

BROKEN_FROM = 3.0
"""A formula so many times as wide as its column is broken at its terms; a narrower one is set smaller."""


def render(document: Document) -> str:
    """The document as LaTeX source, each table a tabular between booktabs rules."""
    comments = "".join(f"% {line}\n" for line in document.comment_lines)
    return comments + "\n".join(_tabular(table) for table in document.tables)


def escape(text: str) -> str:
    """Running text as LaTeX that any engine sets; a character without a form here becomes its code point."""
    related = text.replace("<=", "≤").replace(">=", "≥")
    return "".join(_escape_character(character) for character in related)


def _escape_character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _GREEK:
        return rf"$\{_GREEK[character]}$"
    if character.isascii():
        return character if character.isprintable() else " "
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if plain.isprintable() and plain.strip():
        return "".join(_SPECIAL.get(letter, letter) for letter in plain)
    return rf"\texttt{{U+{ord(character):04X}}}"


def number(text: str) -> str:
    r"""A printed number, or an enclosure of printed numbers, in math mode: 1.2e-07 becomes 1.2 \times 10^{-7}."""

    def scientific(match: re.Match[str]) -> str:
        if "inf" in match[0]:
            return match[0].replace("inf", r"\infty")
        mantissa, exponent = match[1], match[2]
        return mantissa if exponent is None else rf"{mantissa} \times 10^{{{int(exponent)}}}"

    if not _NUMBER.search(text):
        return escape(text)
    return "$" + _NUMBER.sub(scientific, text).replace(" in ", r" \in ").replace("unknown", r"\mathrm{unknown}") + "$"


def _tabular(table: Table) -> str:
    widths = [_natural_width(table, index, column) for index, column in enumerate(table.columns)]
    shares = _shares(widths)
    is_plain = not any(shares) and sum(widths) + GAP * (len(widths) - 1) <= PLAIN_WIDTH
    layout = "".join(
        ("r" if column.numeric else "l") if share is None else rf"p{{{share:.3f}\linewidth}}"
        for column, share in zip(table.columns, shares, strict=True)
    )
    columns = [None if share is None else share * SMALL_WIDTH for share in shares]
    body = [
        " & ".join(_cell(cell, column) for cell, column in zip(row, columns, strict=True)) + _end(is_plain)
        for row in table.rows
    ]
    lines = [
        f"% {one_line(table.title)}",
        *(() if is_plain else (r"{\footnotesize\setlength{\tabcolsep}{3pt}%",)),
        rf"\begin{{tabular}}{{@{{}}{layout}@{{}}}}",
        r"\toprule",
        " & ".join(_heading(column) for column in table.columns) + _end(is_plain),
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}" if is_plain else r"\end{tabular}}",
        *(f"% {one_line(note)}" for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _end(is_plain: bool) -> str:
    return r" \\" if is_plain else r" \tabularnewline"


def _shares(widths: list[int]) -> list[float | None]:
    """Parts of the line for columns that wrap; None for a column of natural width."""
    gaps = GAP * (len(widths) - 1)
    if sum(widths) + gaps <= SMALL_WIDTH:
        return [None] * len(widths)
    # Where the narrow columns alone fill the line the widest of them wrap too.
    narrow = next(
        limit for limit in (*NARROW, 0) if sum(w for w in widths if w <= limit) + gaps <= SMALL_WIDTH - LEAST_ROOM
    )
    fixed = sum(width for width in widths if width <= narrow)
    room = max(SMALL_WIDTH - gaps - fixed, LEAST_ROOM) / SMALL_WIDTH
    weights = [math.sqrt(width) if width > narrow else 0.0 for width in widths]
    return [room * weight / sum(weights) if weight else None for weight in weights]


def _natural_width(table: Table, index: int, column: Column) -> int:
    return max([len(column.heading), *(_printed_width(row[index]) for row in table.rows)])


def _printed_width(cell: Cell) -> int:
    """Characters that a cell takes in print, roughly: a command is one, braces and spacing none."""
    if cell.latex is None:
        return len(cell.text)
    text = re.sub(r"\\(?:left|right|displaystyle|textstyle|mathrm|mbox|lvert|rvert|lVert|rVert|,|;|!)", "", cell.latex)
    return math.ceil(
        FORMULA_WIDER
        * len(re.sub(r"\\[A-Za-z]+|[{}\s_^]", lambda match: "x" if match[0].startswith("\\") else "", text))
    )


def _heading(column: Column) -> str:
    """A heading that is the name of a quantity is set as its symbol."""
    tex = symbol(column.heading)
    return escape(column.heading) if tex is None else f"${tex}$"


def _cell(cell: Cell, width: float | None) -> str:
    """One entry; `width` is that of a column that wraps, in characters, None for one of natural width."""
    if width is None:
        return f"${cell.latex}$" if cell.latex is not None else _plain(cell)
    if cell.latex is None:
        return rf"\raggedright\hspace{{0pt}}{_breakable(cell)}"
    printed, width = _printed_width(cell), FILLED * width
    if printed <= width:
        return f"${cell.latex}$"
    if printed <= BROKEN_FROM * width or _longest_part(_unpaired(cell.latex)) > width:
        return rf"\resizebox{{\linewidth}}{{!}}{{${cell.latex}$}}"
    # Inside \left( ... \right) no line ends; plain parentheses let it end at every relation and sum.
    return rf"\raggedright ${_unpaired(cell.latex)}$"


def _plain(cell: Cell) -> str:
    return number(cell.text) if cell.kind == "number" else escape(cell.text)


def _breakable(cell: Cell) -> str:
    """A text whose long words, names with dots, dashes or commas, may end a line there."""
    text = _plain(cell)
    return text if cell.kind == "number" else re.sub(r"(?<=[\w}$)])([,=./*+(])(?=[\w$(])", r"\1\\allowbreak{}", text)


def _longest_part(formula: str) -> int:
    """Characters of the longest part of a formula within which no line can end: between relations and terms."""
    depth, parts = 0, [""]
    for token in re.findall(r"\\[A-Za-z]+|\\.|.", formula):
        depth += (token == "{") - (token == "}")
        ends = depth == 0 and (token in "+-=<>," or token in (r"\leq", r"\geq", r"\ "))
        parts = [*parts, ""] if ends else [*parts[:-1], parts[-1] + token]
    return max(_printed_width(Cell("", latex=part)) for part in parts)


def _unpaired(formula: str) -> str:
    return re.sub(r"\\(?:left|right)(?=[()\[\]|]|\\[{}lr])", "", formula).replace(",", r",\allowbreak ")


FORMAT = TableFormat("latex", "tex", render)
