r"""Texts, numbers and formulas in LaTeX, and how wide they are in print.

A formula that its column may not hold is written twice, whole and in parts: TeX measures it, sets it whole where it
fits, smaller where it nearly does, and else part by part, a line ending where one is needed.
"""

from __future__ import annotations

import re
import unicodedata

from certify.report.quantities import symbol
from certify.report.table import Cell, Column

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
    '"': r"\char34{}",
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
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_RELATIONS = {"=", "<", ">", r"\leq", r"\geq", r"\le", r"\ge", r"\in", r"\sim", r"\to", r"\neq", r"\approx", r"\mapsto"}
_OPERATORS = {"+", "-", r"\times", r"\cdot", r"\pm", r"\circ", r"\wedge", r"\vee", r"\oplus"}
_FUNCTIONS = {"log", "exp", "ln", "max", "min", "sup", "inf", "det", "dim", "sinh", "cosh", "tanh", "arg", "Pr", "lim"}
_SPACES = {r"\,": 0.17, r"\:": 0.22, r"\;": 0.28, r"\ ": 0.34, r"\quad": 1.0, r"\qquad": 2.0, r"\!": 0.0, "~": 0.34}
_WITHOUT_WIDTH = {r"\left", r"\right", r"\displaystyle", r"\textstyle", r"\allowbreak", r"\big", r"\Big", "{", "}", " "}
_LETTERS = {
    **dict.fromkeys("ijl.,:;'!|", 0.3), **dict.fromkeys("f-` ", 0.36), **dict.fromkeys("rst()[]/", 0.42),
    **dict.fromkeys("mwMW%@", 0.95), **dict.fromkeys("=<>+\u2264\u2265", 0.82),
}  # fmt: skip
_BREAKS = re.compile(r"(?<=[\w}$)\]])(\.(?!\d)|\\_|[,=:/*+])(?=[\w$(\[\\])")
_DIGITS = re.compile(r"[0-9a-f]{24,}")
_UNIT = re.compile(r"[\s\-,=:/*+_]|\.(?!\d)")


def escape(text: str) -> str:
    """Running text as LaTeX that any engine sets; a character without a form here becomes its code point."""
    related = text.replace("<=", "≤").replace(">=", "≥")
    return "".join(_escape_character(character) for character in related)


def running(text: str) -> str:
    """Running text whose lines may end inside long names, and inside long rows of digits after every eighth."""
    broken = _DIGITS.sub(lambda match: r"\allowbreak{}".join(_eights(match[0])), escape(text))
    return _BREAKS.sub(r"\1\\allowbreak{}", broken)


def _eights(digits: str) -> list[str]:
    return [digits[place : place + 8] for place in range(0, len(digits), 8)]


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


def heading(column: Column) -> str:
    """A heading that is the name of a quantity is set as its symbol."""
    tex = symbol(column.heading)
    return escape(column.heading) if tex is None else f"${tex}$"


def cell(item: Cell) -> str:
    """An entry that has the width it needs."""
    if item.latex is not None:
        return f"${item.latex}$"
    return number(item.text) if item.kind == "number" else escape(item.text)


def wrapped_cell(item: Cell, room: float) -> str:
    """An entry within `room`, in em: its lines end where they must, also inside long words and formulas."""
    if item.latex is None:
        return cell(item) if item.kind == "number" else running(item.text)
    if formula_width(item.latex) <= 0.8 * room:
        return f"${item.latex}$"
    return rf"\certifyformula{{{item.latex}}}{{{_parts(item.latex)}}}"


def width(item: Cell) -> float:
    """Em that an entry takes on one line, about; rather more than less."""
    if item.latex is not None:
        return formula_width(item.latex)
    if item.kind == "number" and _NUMBER.search(item.text):
        return formula_width(number(item.text).strip("$"))
    return text_width(item.text)


def heading_width(column: Column) -> float:
    """Em that a heading takes on one line, about."""
    tex = symbol(column.heading)
    return text_width(column.heading) if tex is None else formula_width(tex)


def unit_width(item: Cell) -> float:
    """Em of the longest part of an entry within which no line can end; a formula is set in parts, or smaller."""
    if item.latex is not None:
        return max(formula_width(part) for part in _split(item.latex))
    return max(
        text_width(part) for part in _UNIT.split(_DIGITS.sub(lambda match: " ".join(_eights(match[0])), item.text))
    )


def text_width(text: str) -> float:
    """Em of running text on one line."""
    return sum(_LETTERS.get(letter, 0.78 if letter.isupper() else 0.55) for letter in text)


def formula_width(tex: str) -> float:
    """Em of a formula on one line: fractions as wide as their wider part, scripts smaller."""
    tokens = _TOKEN.findall(tex)
    total, place = 0.0, 0
    while place < len(tokens):
        taken, place = _next_width(tokens, place)
        total += taken
    return total


def _next_width(tokens: list[str], place: int) -> tuple[float, int]:
    token, place = tokens[place], place + 1
    if token in {r"\frac", r"\tfrac", r"\dfrac", r"\binom"}:
        above, place = _argument_width(tokens, place)
        below, place = _argument_width(tokens, place)
        return max(above, below) + 0.25, place
    if token in {"^", "_"}:
        script, place = _argument_width(tokens, place)
        return 0.72 * script, place
    if token == r"\sqrt":
        inside, place = _argument_width(tokens, place)
        return inside + 0.9, place
    if token in _WITHOUT_WIDTH:
        return 0.0, place
    if token in _RELATIONS or token in _OPERATORS:
        return 1.33, place
    if token in _SPACES:
        return _SPACES[token], place
    if token[1:] in _FUNCTIONS:
        return 0.55 * len(token), place
    return _symbol_width(token), place


def _symbol_width(token: str) -> float:
    if token in {"M", "W", r"\infty", r"\nabla"}:
        return 1.1
    return 0.34 if token in ".,;:!|'" else 0.42 if token in "()[]" else 0.52 if token.isdigit() else 0.66


def _argument_width(tokens: list[str], place: int) -> tuple[float, int]:
    """Width of the next argument, a group in braces or one token; where it ends."""
    while place < len(tokens) and tokens[place] == " ":
        place += 1
    if place >= len(tokens):
        return 0.0, place
    if tokens[place] != "{":
        return _next_width(tokens, place)
    total, depth, place = 0.0, 1, place + 1
    while place < len(tokens) and depth:
        depth += (tokens[place] == "{") - (tokens[place] == "}")
        taken, place = _next_width(tokens, place)
        total += taken
    return total, place


def _parts(tex: str) -> str:
    """A formula as boxes that lines can end between, each set smaller where it is wider than the line."""
    boxes = [rf"\certifyfit{{${part}$}}" for part in _split(tex)]
    return r"\allowbreak ".join(boxes)


def _split(tex: str) -> list[str]:
    r"""Parts of a formula outside braces, each beginning with its relation or operator, or ending with its comma.

    Inside \left( ... \right) no part would be balanced: plain delimiters take their place.
    """
    plain = re.sub(r"\\(?:left|right)\s*(?:\.|(?![A-Za-z]))", "", tex)
    parts, depth, before = [""], 0, ""
    for token in _TOKEN.findall(plain):
        depth += (token == "{") - (token == "}")
        joins = token in _RELATIONS or token in _OPERATORS
        if depth == 0 and joins and before not in {"", "(", "[", "^", "_", ",", *_RELATIONS, *_OPERATORS}:
            parts.append("{}")
        parts[-1] += token
        if depth == 0 and token in {",", ";", r"\quad"}:
            parts.append("")
        before = token if token.strip() else before
    return [part for part in parts if part.strip()] or [tex]
