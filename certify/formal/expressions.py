"""Expressions of sympy as terms of Coq's real numbers, fully bracketed where a reader could doubt.

Coq's functions are total: 1/0, ln(-1) and sqrt(-1) have values there. A term means what the expression means only where
the expression is defined, which every statement asks for or shows (`certify.formal.statement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from certify.errors import CertifyError

FUNCTIONS: Mapping[type[sp.Basic], str] = {
    sp.exp: "exp",
    sp.log: "ln",
    sp.Abs: "Rabs",
    sp.sin: "sin",
    sp.cos: "cos",
}
CHOICES: Mapping[type[sp.Basic], str] = {sp.Max: "Rmax", sp.Min: "Rmin"}
SUM, PRODUCT, APPLICATION, ATOM = 0, 1, 2, 3
"""How tightly a term binds."""


class NotFormalisedError(CertifyError):
    """A claim that has no statement or script here, with the reason."""


@dataclass(frozen=True)
class Names:
    """What symbols are called in Coq: real variables, and natural numbers, which enter terms through INR."""

    reals: Mapping[str, str]
    naturals: Mapping[str, str]


def term(expression: sp.Expr, names: Names) -> str:
    """The term of type R.

    Raises:
        NotFormalisedError: for a function or power without a counterpart.
    """
    return term_text(expression, names, SUM)


def term_text(expression: sp.Expr, names: Names, needed: int) -> str:
    """The term, bracketed unless it binds at least as tightly as `needed`."""
    return _Printer(names).text(expression, needed)


def natural_text(exponent: sp.Expr, names: Names) -> str:
    """A polynomial in natural numbers as a term of type nat."""
    return _Printer(names).natural(exponent)


class _Printer:
    def __init__(self, names: Names) -> None:
        self.names = names

    def text(self, expression: sp.Expr, needed: int) -> str:
        made, strength = self._term(expression)
        return made if strength >= needed else f"({made})"

    def _term(self, expression: sp.Expr) -> tuple[str, int]:
        if expression.is_Symbol:
            name = expression.name
            if name in self.names.naturals:
                return f"INR {self.names.naturals[name]}", APPLICATION
            return self.names.reals[name], ATOM
        if expression.is_Rational:
            return _number(expression)
        if expression is sp.pi:
            return "PI", ATOM
        if expression is sp.E:
            return "exp 1", APPLICATION
        if isinstance(expression, sp.Add):
            return self._sum(expression), SUM
        if isinstance(expression, sp.Mul):
            return self._product(expression), PRODUCT
        if isinstance(expression, sp.Pow):
            return self._power(*expression.args)
        for kind, name in FUNCTIONS.items():
            if isinstance(expression, kind):
                return f"{name} {self.text(expression.args[0], ATOM)}", APPLICATION
        for kind, name in CHOICES.items():
            if isinstance(expression, kind):
                return self._choice(name, list(expression.args)), APPLICATION
        raise NotFormalisedError(f"`{type(expression).__name__}` has no counterpart in Coq's reals")

    def _sum(self, expression: sp.Add) -> str:
        parts = expression.as_ordered_terms()
        made = self.text(parts[0], PRODUCT)
        for part in parts[1:]:
            if part.could_extract_minus_sign():
                made += f" - {self.text(-part, PRODUCT)}"
            else:
                made += f" + {self.text(part, PRODUCT)}"
        return made

    def _product(self, expression: sp.Mul) -> str:
        above, below = [], []
        for factor in expression.as_ordered_factors():
            if factor.is_Rational:
                above += [sp.Integer(abs(factor.p))] if abs(factor.p) != 1 else []
                below += [sp.Integer(factor.q)] if factor.q != 1 else []
            elif isinstance(factor, sp.Pow) and factor.exp.could_extract_minus_sign() and factor.base is not sp.E:
                below.append(factor.base**-factor.exp)
            else:
                above.append(factor)
        top = " * ".join(self.text(factor, APPLICATION) for factor in above) or "1"
        if expression.args[0].is_Rational and expression.args[0] < 0:
            first = " * ".join(self.text(factor, APPLICATION) for factor in above[1:])
            head = f"(- {self.text(above[0], APPLICATION)})" if above else "(- 1)"
            top = f"{head} * {first}" if first else head
        if not below:
            return top
        bottom = " * ".join(self.text(factor, APPLICATION) for factor in below)
        return f"{top} / {bottom}" if len(below) == 1 else f"{top} / ({bottom})"

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> tuple[str, int]:
        if exponent.could_extract_minus_sign() and base is not sp.E:
            return f"/ {self.text(base**-exponent, APPLICATION)}", PRODUCT
        if exponent.is_Integer:
            return f"{self.text(base, ATOM)} ^ {exponent}", APPLICATION
        if exponent.is_Rational and exponent.q == 2:
            root = f"sqrt {self.text(base, ATOM)}"
            return (root if exponent.p == 1 else f"({root}) ^ {exponent.p}"), APPLICATION
        return f"{self.text(base, ATOM)} ^ {self.natural(exponent)}", APPLICATION

    def natural(self, exponent: sp.Expr) -> str:
        """A polynomial with coefficients 0, 1, 2, ... in natural numbers, as a term of type nat."""
        symbols = exponent.free_symbols
        known = {symbol for symbol in symbols if symbol.name in self.names.naturals}
        if not symbols or known != symbols or not exponent.is_polynomial(*symbols):
            raise NotFormalisedError(f"the exponent `{exponent}` is not known to be a natural number")
        if not all(item.is_Integer and item >= 0 for item in sp.Poly(exponent, *symbols).coeffs()):
            raise NotFormalisedError(f"the exponent `{exponent}` could be negative")
        return self._natural_term(sp.expand(exponent))

    def _natural_term(self, exponent: sp.Expr) -> str:
        if exponent.is_Symbol:
            return self.names.naturals[exponent.name]
        if exponent.is_Integer:
            return str(exponent)
        if isinstance(exponent, (sp.Add, sp.Mul)):
            parts = exponent.as_ordered_terms() if isinstance(exponent, sp.Add) else exponent.args
            return f"({(' + ' if isinstance(exponent, sp.Add) else ' * ').join(map(self._natural_term, parts))})"
        return f"({self._natural_term(exponent.base)} ^ {exponent.exp})"

    def _choice(self, name: str, arguments: list[sp.Expr]) -> str:
        first, *rest = (self.text(argument, ATOM) for argument in arguments)
        made = rest[-1]
        for argument in reversed([first, *rest[:-1]]):
            made = f"{name} {argument} {made if made == rest[-1] else f'({made})'}"
        return made


def _number(value: sp.Rational) -> tuple[str, int]:
    sign = "- " if value < 0 else ""
    if value.q == 1:
        return (f"- {-value.p}", SUM) if sign else (str(value.p), ATOM)
    return (f"(- {-value.p}) / {value.q}" if sign else f"{value.p} / {value.q}"), PRODUCT
