"""Domains of symbols: intervals of reals or of integers whose ends may be expressions in other symbols.

The text of a domain is read and printed here and nowhere else:

    [0, 1)   (0, m^2/(M M2))   [m, inf)   (-inf, inf)   integer >= 1   integer >= K0 + 1   {0}   {0, 1}

A sum of at most a few consecutive integers is written as a set. What sympy may assume, what a value is checked
against, what is printed and what hypothesis draws all follow from the one `Domain`.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from certify.errors import InputError

VOCABULARY = "an interval such as [0, inf) or (0, R/2], `integer >= k`, or a set of consecutive integers such as {0, 1}"
_INTERVAL = re.compile(r"([\[(])(.+),(.+)([\])])")
_COUNTED = re.compile(r"integer >= (.+)")
_MEMBERS = re.compile(r"\{(-?\d+(?:, -?\d+)*)\}")
_OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Domain:
    """The reals, or the integers, between two ends; an open end is left out, and an infinite one is open."""

    lower: sp.Expr
    upper: sp.Expr
    lower_open: bool
    upper_open: bool
    integer: bool = False

    @classmethod
    def parse(cls, text: str, over: Iterable[sp.Symbol] | None = None) -> Domain:
        """The domain that `text` spells; its ends may name the symbols `over` (None: any name, a real number).

        Raises InputError for any other text or name, and for a domain that is empty whatever these symbols are.
        """
        domain = cls._read(text, over)
        is_point = domain.lower == domain.upper
        if (domain.lower - domain.upper).is_extended_positive or (
            is_point and (domain.lower_open or domain.upper_open)
        ):
            raise InputError(f"domain `{text}` has no member: expected {VOCABULARY}")
        return domain

    @classmethod
    def _read(cls, text: str, over: Iterable[sp.Symbol] | None) -> Domain:
        names = None if over is None else {str(symbol.name): symbol for symbol in over}
        if found := _MEMBERS.fullmatch(text):
            members = [int(item) for item in found[1].split(", ")]
            if members == list(range(members[0], members[0] + len(members))):
                return cls(sp.Integer(members[0]), sp.Integer(members[-1]), False, False, True)
        if found := _COUNTED.fullmatch(text):
            return cls(_end(found[1], names, text), sp.oo, False, True, True)
        if found := _INTERVAL.fullmatch(text):
            lower, upper = _end(found[2], names, text), _end(found[3], names, text)
            domain = cls(lower, upper, found[1] == "(", found[4] == ")")
            if (lower is not -sp.oo or domain.lower_open) and (upper is not sp.oo or domain.upper_open):
                return domain
        raise _unreadable(text)

    def __str__(self) -> str:
        if not self.integer:
            return f"{'(' if self.lower_open else '['}{self._ends()}{')' if self.upper_open else ']'}"
        if self.upper is sp.oo:
            return f"integer >= {_text(self.lower)}"
        return "{" + ", ".join(str(item) for item in range(int(self.lower), int(self.upper) + 1)) + "}"

    def latex(self, tex: Mapping[str, str]) -> str:
        """The domain in LaTeX, with symbols printed by the TeX in `tex` (keyed by name)."""
        from certify.symbolic.evaluation import latex

        if not self.integer:
            ends = f"{latex(self.lower, tex)}, {latex(self.upper, tex)}"
            return f"{'(' if self.lower_open else '['}{ends}{')' if self.upper_open else ']'}"
        if self.upper is sp.oo:
            return rf"\{{{latex(self.lower, tex)}, {latex(self.lower + 1, tex)}, \ldots\}}"
        return rf"\{{{str(self).strip('{}')}\}}"

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """The symbols that its ends name, by name."""
        return tuple(sorted(self.lower.free_symbols | self.upper.free_symbols, key=lambda symbol: str(symbol.name)))

    @property
    def assumptions(self) -> dict[str, bool]:
        """All that sympy may assume of a number in it: true of every member, whatever the ends' symbols are."""
        facts = {"integer": True} if self.integer else {"real": True}
        if self.lower == self.upper == 0:
            return facts | {"zero": True}
        if self.lower.is_positive or (self.lower.is_nonnegative and self.lower_open):
            return facts | {"positive": True}
        if self.upper.is_negative or (self.upper.is_nonpositive and self.upper_open):
            return facts | {"negative": True}
        if self.lower.is_nonnegative:
            return facts | {"nonnegative": True}
        return facts | ({"nonpositive": True} if self.upper.is_nonpositive else {})

    def at(self, values: Mapping[str, Fraction]) -> Domain:
        """The domain with the ends' symbols replaced by values.

        An end whose symbols are not all given is left off, and so is one that is no number there.
        """
        ends = [_end_at(end, values) for end in (self.lower, self.upper)]
        lower, upper = (-sp.oo if ends[0] is None else ends[0]), (sp.oo if ends[1] is None else ends[1])
        return Domain(lower, upper, self.lower_open or lower is -sp.oo, self.upper_open or upper is sp.oo, self.integer)

    def contains(self, value: Fraction, values: Mapping[str, Fraction]) -> bool:
        """Whether a number lies in the domain at the `values` of the ends' symbols."""
        here = self.at(values)
        number = sp.Rational(value.numerator, value.denominator)
        above = here.lower < number if here.lower_open else here.lower <= number
        below = number < here.upper if here.upper_open else number <= here.upper
        # An end that is left off still leaves what follows from the signs of its symbols.
        signs = all(getattr(number, f"is_{fact}") is truth for fact, truth in self.assumptions.items())
        return bool(above and below and signs and (value.denominator == 1 or not self.integer))

    @property
    def rule(self) -> str:
        """What a value must be, for a message."""
        if self.lower == self.upper:
            return _text(self.lower)
        if self.integer and self.upper is sp.oo:
            return "a positive integer" if self.lower == 1 else f"an integer >= {_text(self.lower)}"
        if not self.integer and self.upper is sp.oo and self.lower.is_finite:
            return f"{'>' if self.lower_open else '>='} {_text(self.lower)}"
        return f"in {self}"

    def _ends(self) -> str:
        return f"{_text(self.lower)}, {_text(self.upper)}"


def _end_at(end: sp.Expr, values: Mapping[str, Fraction]) -> sp.Expr | None:
    if not {str(symbol.name) for symbol in end.free_symbols} <= values.keys():
        return None
    numbers = {
        symbol: sp.Rational(values[symbol.name].numerator, values[symbol.name].denominator)
        for symbol in end.free_symbols
    }
    found = end.xreplace(numbers).doit() if numbers else end
    # m^2/(M M2) with M2 = 0 is no number, and no bound; nor is 0/0, or the root of -1.
    return found if found.is_extended_real else None


def _text(end: sp.Expr) -> str:
    return "inf" if end is sp.oo else "-inf" if end is -sp.oo else str(end).replace("**", "^").replace("*", " ")


class UnknownEnd(Exception):
    """A domain's end names a symbol that it was not given."""


def _end(text: str, names: Mapping[str, sp.Symbol] | None, whole: str) -> sp.Expr:
    """An expression in names and integers: + - * / ^, and a product written by a space."""
    python = re.sub(r"(?<=[\w)]) (?=[\w(])", "*", text.strip().replace("^", "**"))
    try:
        return _expression(ast.parse(python, mode="eval").body, names)
    except UnknownEnd as error:
        raise InputError(f"domain `{whole}` names `{error}`: give the symbol `{error}` after the meaning") from error
    except (SyntaxError, KeyError) as error:
        raise _unreadable(whole) from error


def _expression(node: ast.expr, names: Mapping[str, sp.Symbol] | None) -> sp.Expr:
    match node:
        case ast.Constant(value=int() as number):
            return sp.Integer(number)
        case ast.Name(id="inf"):
            return sp.oo
        case ast.Name(id=name):
            if names is None:
                return sp.Symbol(name, real=True)
            if name not in names:
                raise UnknownEnd(name)
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_expression(operand, names)
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
            return _OPERATIONS[type(operation)](_expression(left, names), _expression(right, names))
    raise KeyError(ast.unparse(node))


def _unreadable(text: str) -> InputError:
    return InputError(f"domain `{text}`: expected {VOCABULARY}, with ends in the names of the symbols that it rests on")
