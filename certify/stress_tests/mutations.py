"""Wrong constants, systematically: every number and every additive term of a closed form, multiplied by a factor.

The constants of a closed form are its rational numbers (coefficients, exponents) and the coefficient 1 that every
additive term, and the whole, has without writing it. Signs and the -1 of a reciprocal are structure and stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class Constant:
    """One constant of a closed form: where it is (a path of argument indices) and how a reader finds it."""

    path: tuple[int, ...]
    text: str
    is_number: bool

    def scaled(self, expression: sp.Expr, factor: sp.Rational) -> sp.Expr:
        """The closed form with this constant multiplied by `factor`."""
        return _replaced(expression, self.path, factor)


def constants_of(expression: sp.Expr) -> tuple[Constant, ...]:
    """All constants of a closed form, the whole first; a constant that is the whole is listed once."""
    found = [Constant((), "the whole", False)]
    found += [item for item in _inside(expression, ()) if item.path]
    return tuple(found)


def _inside(expression: sp.Basic, path: tuple[int, ...]) -> Iterator[Constant]:
    if isinstance(expression, sp.Rational):
        if expression not in {sp.Integer(1), sp.Integer(-1), sp.Integer(0)}:
            yield Constant(path, str(expression), True)
        return
    for index, argument in enumerate(expression.args):
        inner = (*path, index)
        if isinstance(expression, sp.Add) and not isinstance(argument, sp.Rational):
            yield Constant(inner, f"term {argument}", False)
            yield from (item for item in _inside(argument, inner) if item.path != (*inner, 0) or not item.is_number)
        elif isinstance(expression, sp.Add):
            # A number that is a term: also 1 and -1 count here.
            yield Constant(inner, f"term {argument}", True)
        elif isinstance(expression, sp.Pow) and index == 1 and isinstance(argument, sp.Rational):
            yield from (
                Constant(item.path, f"exponent {item.text} of {expression.args[0]}", True)
                for item in _inside(argument, inner)
            )
        else:
            yield from _inside(argument, inner)


def _replaced(expression: sp.Basic, path: tuple[int, ...], factor: sp.Rational) -> sp.Basic:
    if not path:
        return factor * expression
    arguments = list(expression.args)
    arguments[path[0]] = _replaced(arguments[path[0]], path[1:], factor)
    return expression.func(*arguments)
