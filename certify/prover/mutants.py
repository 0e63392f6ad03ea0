"""Wrong versions of a relation: every number a little larger and smaller, every sign and the relation turned round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp

TURNED = {
    sp.LessThan: sp.GreaterThan,
    sp.GreaterThan: sp.LessThan,
    sp.StrictLessThan: sp.StrictGreaterThan,
    sp.StrictGreaterThan: sp.StrictLessThan,
    sp.Equality: sp.Unequality,
    sp.Unequality: sp.Equality,
}
FACTOR = sp.Rational(11, 10)
"""By which a number is changed; an exponent changes by one."""


@dataclass(frozen=True)
class Mutant:
    """A changed relation, and what was changed."""

    change: str
    relation: sp.Basic


def mutants(relation: sp.Basic) -> Iterator[Mutant]:
    """Every mutant of a relation `left OP right`, each once; those that are the relation itself are left out."""
    left, right = relation.lhs, relation.rhs
    seen = {(left, right)}
    yield Mutant("turned round", TURNED[type(relation)](left, right, evaluate=False))
    for side in ("left", "right"):
        for change, made in _changed(left if side == "left" else right):
            pair = (made, right) if side == "left" else (left, made)
            if pair not in seen and not made.has(sp.nan, sp.zoo, sp.oo):
                seen.add(pair)
                yield Mutant(f"{side}: {change}", type(relation)(*pair, evaluate=False))


def _changed(expression: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    """The expression with one number or one sign changed, wherever it stands."""
    if expression.is_Rational:
        if expression != 0:
            yield f"{expression} larger", expression * FACTOR
            yield f"{expression} smaller", expression / FACTOR
        return
    if isinstance(expression, sp.Pow) and expression.exp.is_Rational:
        base, exponent = expression.args
        for shift in (1, -1):
            if exponent + shift != 0:
                yield f"exponent {exponent} to {exponent + shift}", base ** (exponent + shift)
        yield from ((change, made**exponent) for change, made in _changed(base))
        return
    for i, argument in enumerate(expression.args):
        rest = expression.args[:i] + expression.args[i + 1 :]
        if isinstance(expression, sp.Add):
            yield f"sign of {argument}", expression.func(*rest, -argument)
        for change, made in _changed(argument):
            yield change, expression.func(*expression.args[:i], made, *expression.args[i + 1 :])
    if isinstance(expression, sp.Mul) and not expression.args[0].is_Rational:
        yield f"factor 1 of {expression} larger", FACTOR * expression
        yield f"factor 1 of {expression} smaller", expression / FACTOR
    if expression.is_Symbol:
        yield f"factor 1 of {expression} larger", FACTOR * expression
        yield f"factor 1 of {expression} smaller", expression / FACTOR
