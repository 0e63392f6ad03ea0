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
from certify.symbolic.evaluation import compile_estimate, evaluate_ball, symbols_of


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
    wanted: Collection[str] | None = None,
) -> dict[str, FloatArray]:
    """Float arrays of all quantities, broadcast over the inputs; choices not given follow the rules `choices`.

    The default rules are the search's; of quantities only the `wanted` ones where these are named, which must have
    all that they depend on among them. Estimate: for searching and plotting; `enclose` certifies.
    """
    values = {name: np.asarray(value, dtype=np.float64) for name, value in inputs.items()}
    search = theorem.conclusion.search
    given = choices or (search.choices if isinstance(search, Search) else {})
    rules = {symbol.name: rule for symbol, rule in given.items()}
    for quantity in theorem.quantities:
        if quantity.name in values or (wanted is not None and quantity.name not in wanted):
            continue
        expression = quantity.definition if quantity.definition is not None else rules.get(quantity.name)
        if expression is None:
            continue
        if is_known(expression, values):
            values[quantity.name] = estimated(expression, values)
    return values


def is_known(expression: sp.Basic, values: Collection[str]) -> bool:
    """Whether `values` has all that the expression names. Exact."""
    return all(symbol.name in values for symbol in symbols_of(expression))


def estimated(expression: sp.Expr, values: Mapping[str, FloatArray]) -> FloatArray:
    """The expression at arrays by name, broadcast. Estimate."""
    symbols = symbols_of(expression)
    (result,) = compile_estimate([expression], symbols)(*(values[symbol.name] for symbol in symbols))
    return result


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
