"""Names that Coq accepts: of parameters, of theorems, of files."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = """
as at cofix else end exists exists2 fix for forall fun if IF in let match mod open Prop return Set SProp then Type using
where with by
"""
_LIBRARY = """
R nat Z N Q S O I E INR IZR PI exp ln sqrt sin cos tan pow Rmax Rmin Rabs Rpower Rplus Rmult Rminus Rdiv Rinv Ropp Rle
Rlt Rge Rgt True False and or not eq ex conj real cond pos norm fst snd field ring filter
"""
TAKEN = frozenset(f"{_WORDS} {_LIBRARY}".split())
"""Words of the language, and names with a meaning in the libraries; a parameter of such a name gets an underscore."""


def identifier(text: str) -> str:
    """A Coq identifier for `text`: letters, digits, underscores, a word for + and *; never a word of the language."""
    spelled = text.replace("+", "_plus").replace("*", "_star")
    made = re.sub(r"[^A-Za-z0-9_]+", "_", spelled).strip("_") or "x"
    if made[0].isdigit():
        made = f"step_{made}"
    return f"{made}_" if made in TAKEN else made


def distinct(texts: Iterable[str]) -> dict[str, str]:
    """Identifiers of several texts, no two the same, in their order."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for text in texts:
        base = made = identifier(text)
        count = 1
        while made in used:
            count += 1
            made = f"{base}_{count}"
        used.add(made)
        found[text] = made
    return found
