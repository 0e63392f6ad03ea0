"""Evaluation of every closed form of a theorem, in balls (certified) or in float arrays (estimates)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, precision
from certify.proof.theorem import Search, Theorem
from certify.symbolic.evaluation import compile_sequence, evaluate_ball, symbols_of


def enclose(theorem: Theorem, inputs: Mapping[str, Real]) -> dict[str, arb]:
    """Balls of all quantities of `theorem` at the exact `inputs` (constants, settings and choices).

    A definition whose name is among the inputs keeps the input: the user knows better (a measured rho).
    A definition that needs an absent input is left out. Guarantee: inclusion property at 128 bits.
    """
    with precision():
        values = {name: ball(value) for name, value in inputs.items()}
        for quantity in theorem.definitions:
            if quantity.name in values:
                continue
            if is_known(quantity.definition, values):
                values[quantity.name] = evaluate_ball(quantity.definition, values)
    return values


def estimate(
    theorem: Theorem,
    inputs: Mapping[str, npt.ArrayLike],
    choices: Mapping[sp.Symbol, sp.Expr] | None = None,
) -> dict[str, FloatArray]:
    """Float arrays of all quantities, broadcast over the inputs; choices not given follow the rules `choices`.

    The default rules are the search's. Estimate: for searching and plotting; `enclose` certifies.
    """
    values = {name: np.asarray(value, dtype=np.float64) for name, value in inputs.items()}
    return compile_sequence(sequence(theorem, values, choices))(values)


def sequence(
    theorem: Theorem,
    known: Collection[str],
    choices: Mapping[sp.Symbol, sp.Expr] | None = None,
    wanted: Collection[str] | None = None,
) -> tuple[tuple[str, sp.Expr], ...]:
    """What `estimate` evaluates at inputs of the names `known`: the quantities and their expressions, in order. Exact.

    Of the quantities only the `wanted` ones where these are named, which must have all that they depend on among them.
    """
    search = theorem.conclusion.search
    given = choices or (search.choices if isinstance(search, Search) else {})
    rules = {symbol.name: rule for symbol, rule in given.items()}
    names = set(known)
    found: list[tuple[str, sp.Expr]] = []
    for quantity in theorem.quantities:
        name = quantity.name
        if name in names or (wanted is not None and name not in wanted):
            continue
        expression = quantity.definition if quantity.definition is not None else rules.get(name)
        if expression is not None and is_known(expression, names):
            names.add(name)
            found.append((name, expression))
    return tuple(found)


def is_known(expression: sp.Basic, values: Collection[str]) -> bool:
    """Whether `values` has all that the expression names. Exact."""
    return all(symbol.name in values for symbol in symbols_of(expression))


def dependencies(theorem: Theorem, expressions: Iterable[sp.Basic]) -> frozenset[str]:
    """Names of all that the expressions depend on, through definitions and the search's rules. Exact."""
    search = theorem.conclusion.search
    rules = {symbol.name: rule for symbol, rule in search.choices.items()} if isinstance(search, Search) else {}
    rules |= {quantity.name: quantity.definition for quantity in theorem.definitions}
    found: set[str] = set()
    waiting = list(expressions)
    while waiting:
        for symbol in symbols_of(waiting.pop()):
            if symbol.name not in found:
                found.add(symbol.name)
                waiting += [rules[symbol.name]] if symbol.name in rules else []
    return frozenset(found)
