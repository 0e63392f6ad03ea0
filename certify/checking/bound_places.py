"""Where the bound of a claim stands inside a closed form: unification of expressions, with arguments in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import sympy as sp

Binding: TypeAlias = Mapping[sp.Symbol, sp.Expr]
MOST_STEPS = 20_000
"""Comparisons after which a pattern counts as absent: the number of orders of the arguments is factorial."""


def place_of(pattern: sp.Expr, variables: frozenset[sp.Symbol], expression: sp.Expr) -> sp.Expr | None:
    """A part of `expression` that is `pattern` at some values of its `variables`, as it stands there; else None.

    A part may be some of the terms of a sum, or a share of a term: 3 x is part of 4 x + y. A factor of a product is
    none: e^-t is a bound by itself, and 4 K e^-t another one. Exact: what is returned is the pattern with expressions
    in the variables' places; a part that is only equal after a transformation is missed.
    """
    budget = [MOST_STEPS]
    for part in _parts(expression):
        for candidate in _shares(pattern, part):
            for binding in _unify(pattern, candidate, variables, {}, budget):
                if candidate == part or all(value.is_Atom for value in binding.values()):
                    return pattern.subs(binding, simultaneous=True) if binding else pattern
    return None


def _parts(expression: sp.Expr) -> Iterator[sp.Expr]:
    """The expression and its parts, without the factors of products (but for a number times one)."""
    yield expression
    product = isinstance(expression, sp.Mul) and expression.as_coeff_Mul()[1].is_Mul
    for argument in expression.args:
        if not product:
            yield from _parts(argument)
        else:
            for inner in argument.args:
                yield from _parts(inner)


def without(expression: sp.Expr, part: sp.Expr, replacement: sp.Expr) -> sp.Expr:
    """The expression with `replacement` in place of `part`, which `place_of` found in it."""
    for whole in sp.preorder_traversal(expression):
        if whole == part:
            return expression.xreplace({part: replacement})
        if part in _shares(part, whole):
            return expression.xreplace({whole: whole - part + replacement})
    return expression


def _shares(pattern: sp.Expr, part: sp.Expr) -> list[sp.Expr]:
    """The part itself; as large a share of it as the pattern is; the terms of a sum that are the pattern."""
    shares = [part]
    if isinstance(part, sp.Mul):
        (ours, _), (theirs, rest) = pattern.as_coeff_Mul(), part.as_coeff_Mul()
        if 0 < ours < theirs:
            shares.append(ours * rest)
    if isinstance(part, sp.Add) and isinstance(pattern, sp.Add) and set(pattern.args) < set(part.args):
        shares.append(pattern)
    return shares


def _unify(
    pattern: sp.Expr, expression: sp.Expr, variables: frozenset[sp.Symbol], binding: Binding, budget: list[int]
) -> Iterator[Binding]:
    budget[0] -= 1
    if budget[0] < 0:
        return
    if pattern in variables:
        if pattern not in binding:
            yield {**binding, pattern: expression}
        elif binding[pattern] == expression:
            yield binding
    elif not pattern.free_symbols & variables:
        if pattern == expression:
            yield binding
    elif pattern.func == expression.func:
        if isinstance(pattern, (sp.Add, sp.Mul, sp.Min, sp.Max)):
            yield from _in_any_order(pattern, list(pattern.args), list(expression.args), variables, binding, budget)
        elif len(pattern.args) == len(expression.args):
            yield from _in_order(list(pattern.args), list(expression.args), variables, binding, budget)


def _in_order(
    patterns: list[sp.Expr], parts: list[sp.Expr], variables: frozenset[sp.Symbol], binding: Binding, budget: list[int]
) -> Iterator[Binding]:
    if not patterns:
        yield binding
        return
    for found in _unify(patterns[0], parts[0], variables, binding, budget):
        yield from _in_order(patterns[1:], parts[1:], variables, found, budget)


def _in_any_order(
    whole: sp.Expr,
    patterns: list[sp.Expr],
    parts: list[sp.Expr],
    variables: frozenset[sp.Symbol],
    binding: Binding,
    budget: list[int],
) -> Iterator[Binding]:
    """Every pattern against a part of its own; a lone variable, which comes last, takes all that is left."""
    # Fixed parts first, lone variables last: the fewest choices.
    ordered = sorted(patterns, key=lambda item: (item in variables, bool(item.free_symbols & variables)))
    if not ordered:
        if not parts:
            yield binding
        return
    first, rest = ordered[0], ordered[1:]
    if first in variables and not rest and len(parts) > 1:
        yield from _unify(first, whole.func(*parts), variables, binding, budget)
        return
    for index, part in enumerate(parts):
        for found in _unify(first, part, variables, binding, budget):
            yield from _in_any_order(whole, rest, parts[:index] + parts[index + 1 :], variables, found, budget)
