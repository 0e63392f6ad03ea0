"""Mathematics in running text, as Unicode: `beta^2 <= M2` reads β² ≤ M₂ beside the formulas."""

from __future__ import annotations

import re
from collections.abc import Mapping

from certify.report.page.mathml import LETTERS

# The Greek ones among the letters of the formulas.
_GREEK: Mapping[str, str] = {name: sign for name, sign in LETTERS.items() if "\u0370" <= sign <= "\u03ff"}
_SIGNS: Mapping[str, str] = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→"}
_RAISED = str.maketrans("0123456789+-dnk", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵈⁿᵏ")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# A name with more behind it, as `beta_max`, a path or an option has, is a name, not a letter.
_NUMBERED = rf"(?<![\w.-])({'|'.join(_GREEK)}|M(?=[23]))(\d?)(?![A-Za-z0-9]|_\w\w|[-.]\w)"


def prose(text: str) -> str:
    """The text with Greek letters, powers, roots and relations as Unicode; everything else as it is."""
    text = re.sub(_NUMBERED, lambda found: _GREEK.get(found[1], found[1]) + found[2].translate(_LOWERED), text)
    text = re.sub(r"\^(?:\{([-+]?[\ddnk]+)\}|([-+]?\d+(?![.\d])|[dnk]\b))", _raised, text)
    text = re.sub(r"\bsqrt(?=\()", "√", text)
    text = re.sub(r"\binfinity\b|(?<=, )inf(?=\))", "∞", text)
    return re.sub("<=|>=|!=|->", lambda found: _SIGNS[found[0]], text)


def _raised(found: re.Match[str]) -> str:
    return (found[1] or found[2]).translate(_RAISED)
