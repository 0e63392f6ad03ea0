r"""LaTeX: one booktabs tabular per table, for `\input` inside a float of the author's own.

Needs `\usepackage{booktabs}` and nothing else; compiles with pdfLaTeX, XeLaTeX and LuaLaTeX.
"""

from __future__ import annotations

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
_LONG_TEXT = 40


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
    layout = "".join(_alignment(table, index, column) for index, column in enumerate(table.columns))
    lines = [
        f"% {one_line(table.title)}",
        rf"\begin{{tabular}}{{@{{}}{layout}@{{}}}}",
        r"\toprule",
        " & ".join(_heading(column) for column in table.columns) + r" \\",
        r"\midrule",
        *(" & ".join(_cell(cell) for cell in row) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(f"% {one_line(note)}" for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _alignment(table: Table, index: int, column: Column) -> str:
    if column.numeric:
        return "r"
    longest = max((len(row[index].text) for row in table.rows if row[index].latex is None), default=0)
    return r"p{0.3\linewidth}" if longest > _LONG_TEXT else "l"


def _heading(column: Column) -> str:
    """A heading that is the name of a quantity is set as its symbol."""
    tex = symbol(column.heading)
    return escape(column.heading) if tex is None else f"${tex}$"


def _cell(cell: Cell) -> str:
    if cell.latex is not None:
        return f"${cell.latex}$"
    return number(cell.text) if cell.kind == "number" else escape(cell.text)


FORMAT = TableFormat("latex", "tex", render)
