r"""Formulas as MathML: the TeX that this package prints, which is sympy's and that of the declarations, and no other.

A command that is not known here becomes text of its own name: nothing is dropped, and nothing is markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
LETTERS: Mapping[str, str] = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "varrho": "ϱ",
    "sigma": "σ", "tau": "τ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ",
    "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω", "infty": "∞", "nabla": "∇", "ldots": "…", "dots": "…", "cdots": "⋯", "ell": "ℓ", "partial": "∂",
    "emptyset": "∅",
}  # fmt: skip
_OPERATORS: Mapping[str, str] = {
    "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠", "sim": "∼", "approx": "≈", "in": "∈",
    "notin": "∉", "mid": "|", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖", "langle": "⟨", "rangle": "⟩",
    "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋", "preceq": "⪯", "succeq": "⪰", "circ": "∘", "cdot": "⋅",
    "times": "×", "pm": "±", "to": "→", "rightarrow": "→", "mapsto": "↦", "int": "∫", "sum": "∑", "prod": "∏",
    "top": "⊤", "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩", "wedge": "∧", "vee": "∨", "neg": "¬",
    "oplus": "⊕", "{": "{", "}": "}", "|": "‖", "#": "#", "&": "&", "%": "%", "_": "_", "$": "$", "colon": ":",
}  # fmt: skip
_FENCES: Mapping[str, str] = {"lvert": "prefix", "lVert": "prefix", "rvert": "postfix", "rVert": "postfix"}
_NAMES = frozenset(
    {"max", "min", "log", "exp", "sup", "inf", "det", "arcsin", "sin", "cos", "tan", "ln", "lim", "Pr", "dim"}
)
_SKIPPED = frozenset({
    "middle", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "textstyle", "allowbreak",
    "limits", "!",
})  # fmt: skip
_SPACES: Mapping[str, str] = {" ": "0.33em", ",": "0.17em", ";": "0.28em", ":": "0.22em", "quad": "1em", "qquad": "2em"}
_TEXTS = frozenset({"mbox", "text", "textrm", "textit", "mathtt", "texttt"})
_ACCENTS: Mapping[str, str] = {"hat": "^", "widehat": "^", "bar": "¯", "overline": "¯", "tilde": "~", "dot": "˙"}
_SCRIPT = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "𝒜ℬ𝒞𝒟ℰℱ𝒢ℋℐ𝒥𝒦ℒℳ𝒩𝒪𝒫𝒬ℛ𝒮𝒯𝒰𝒱𝒲𝒳𝒴𝒵", strict=True))
_DOUBLE = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "P": "ℙ", "E": "𝔼", "Q": "ℚ", "C": "ℂ"}


@cache
def mathml(tex: str, display: bool = False) -> str:
    """A `<math>` element that shows `tex`, with the TeX itself as its annotation; everything is escaped."""
    reader = _Reader(tex)
    kind = ' display="block"' if display else ""
    annotation = f'<annotation encoding="application/x-tex">{escape(tex)}</annotation>'
    return f"<math{kind}><semantics>{_row(reader.group(None))}{annotation}</semantics></math>"


def unknown_commands(tex: str) -> list[str]:
    """Commands of `tex` that have no MathML of their own here."""
    reader = _Reader(tex)
    reader.group(None)
    return reader.unknown


class _Reader:
    """A recursive reader of the tokens; `group` returns elements up to a closing token."""

    def __init__(self, tex: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(tex)
        self.place = 0
        self.unknown: list[str] = []

    def group(self, closing: str | None) -> list[str]:
        found: list[str] = []
        while self.place < len(self.tokens):
            token = self._next()
            if token == closing:
                return found
            if token in {"^", "_"}:
                self._script(found, token)
            elif (element := self._element(token)) is not None:
                found.append(element)
        return found

    def _next(self) -> str:
        token: str = self.tokens[self.place]
        self.place += 1
        return token

    def _peek(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _script(self, found: list[str], token: str) -> None:
        base = found.pop() if found else "<mrow></mrow>"
        scripts = {token: self._argument()}
        other = self._peek()
        if other is not None and other in {"^", "_"} and other != token:
            self._next()
            scripts[other] = self._argument()
        below, above = scripts.get("_"), scripts.get("^")
        if below is not None and above is not None:
            found.append(f"<msubsup>{base}{below}{above}</msubsup>")
        elif below is not None:
            found.append(f"<msub>{base}{below}</msub>")
        else:
            found.append(f"<msup>{base}{above}</msup>")

    def _argument(self) -> str:
        """One argument of a command or script: a group in braces, or one element."""
        while self._peek() is not None:
            token = self._next()
            if token == "{":
                return _row(self.group("}"))
            if (element := self._element(token)) is not None:
                return element
        return "<mrow></mrow>"

    def _text(self) -> str:
        """The plain characters of a group in braces, commands within it by name."""
        if self._peek() != "{":
            return "" if self._peek() is None else self._next()
        self._next()
        depth, parts = 1, []
        while self._peek() is not None:
            token = self._next()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                break
            if token not in {"{", "}"} and token.lstrip("\\") not in _TEXTS:
                parts.append(token.removeprefix("\\"))
        return "".join(parts)

    def _element(self, token: str) -> str | None:
        if token.startswith("\\") and len(token) > 1:
            return self._command(token[1:])
        if token == "{":
            return _row(self.group("}"))
        if token.isspace() or token in {"}", "~"}:
            return None
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>"
        if token in "()[]":
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{'−' if token == '-' else escape(token)}</mo>"

    def _command(self, name: str) -> str | None:
        if name == "left":
            return self._between()
        if name in _SKIPPED:
            return None
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>"
        if name in _FENCES:
            sign = escape(_OPERATORS[name])
            return f'<mo form="{_FENCES[name]}" fence="true" stretchy="false">{sign}</mo>'
        if name in _OPERATORS:
            return f"<mo>{escape(_OPERATORS[name])}</mo>"
        if name in _NAMES:
            return f"<mi>{name}</mi>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}"></mspace>'
        return self._with_arguments(name)

    def _between(self) -> str:
        r"""What stands from `\left` to its `\right`, as one element: a power behind it belongs to all of it."""
        opening = self._delimiter("prefix")
        inner = self.group(r"\right")
        return f"<mrow>{opening}{''.join(inner)}{self._delimiter('postfix')}</mrow>"

    def _delimiter(self, form: str) -> str:
        """The next token as a fence that grows with what it encloses; TeX's empty one is a dot."""
        while (token := self._peek()) is not None and token.isspace():
            self._next()
        if token is None:
            return ""
        token = self._next()
        sign = _OPERATORS.get(token[1:], token[1:]) if token.startswith("\\") else token
        return "" if sign == "." else f'<mo form="{form}" fence="true">{escape(sign)}</mo>'

    def _with_arguments(self, name: str) -> str:
        if name in {"frac", "tfrac", "dfrac"}:
            return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
        if name == "sqrt":
            if self._peek() == "[":
                self._next()
                index = _row(self.group("]"))
                return f"<mroot>{self._argument()}{index}</mroot>"
            return f"<msqrt>{self._argument()}</msqrt>"
        if name in _ACCENTS:
            return f'<mover accent="true">{self._argument()}<mo stretchy="false">{_ACCENTS[name]}</mo></mover>'
        if name in _TEXTS:
            # Blanks at the ends of a text would be dropped.
            return f"<mtext>{escape(self._text()).replace(' ', chr(0xA0))}</mtext>"
        if name in {"mathrm", "operatorname", "mathsf", "mathbf"}:
            return f'<mi mathvariant="normal">{escape(self._text())}</mi>'
        if name in {"mathcal", "mathbb"}:
            letters = _SCRIPT if name == "mathcal" else _DOUBLE
            return f"<mi>{escape(''.join(letters.get(letter, letter) for letter in self._text()))}</mi>"
        self.unknown.append(name)
        return f"<mtext>{escape(name)}</mtext>"


def _row(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"
