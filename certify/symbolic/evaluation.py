"""One sympy expression, three readings: a ball (certified), arrays of floats (estimates), LaTeX."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb, fmpq

from certify.arithmetic.balls import exact_integer
from certify.symbolic.functions import EnclosedFunction
from certify.symbolic.names import name_tex

KEPT_EXPRESSIONS = 1024
"""Expressions that stay compiled: a search asks all closed forms of its theorem, some sixty, hundreds of times."""


def evaluate_ball(expression: sp.Expr, values: Mapping[str, arb]) -> arb:
    """Enclosure of `expression` at symbols taking any real values in the balls `values` (keyed by name).

    Rationals are exact; a floating-point literal inside the expression is refused, since it would taint
    the result. Guarantee: inclusion property. Raises KeyError for a symbol without a value and TypeError
    for a function that has no enclosure.
    """
    if isinstance(expression, sp.Symbol):
        return values[expression.name]
    if isinstance(expression, sp.Rational):
        return arb(fmpq(int(expression.p), int(expression.q)))
    if expression is sp.pi:
        return arb.pi()
    if expression is sp.E:
        return arb.const_e()
    if expression in {sp.oo, -sp.oo}:
        return arb("inf") if expression is sp.oo else arb("-inf")
    if expression in {sp.zoo, sp.nan}:
        # 1/0, as sympy folds it: a value that is none.
        return arb("nan")
    rule = _BALL_RULES.get(expression.func)
    if rule is None and not isinstance(expression, EnclosedFunction):
        raise TypeError(f"no enclosure for `{expression.func.__name__}` in {expression}")
    arguments = [evaluate_ball(argument, values) for argument in expression.args]
    return expression.func.enclose(*arguments) if rule is None else rule(arguments)


def without_enclosure(expression: sp.Basic) -> tuple[str, ...]:
    """Names of the functions and numbers in `expression` that `evaluate_ball` has no rule for, sorted. Exact."""
    nodes = {
        item.func for item in sp.preorder_traversal(expression) if item.args and not isinstance(item, EnclosedFunction)
    }
    numbers = {item for item in expression.atoms(sp.NumberSymbol, sp.I.func) if item not in {sp.pi, sp.E}}
    return tuple(sorted(item.__name__ for item in {*nodes, *map(type, numbers)} if item not in _BALL_RULES))


@lru_cache(maxsize=KEPT_EXPRESSIONS)
def symbols_of(expression: sp.Basic) -> tuple[sp.Symbol, ...]:
    """The free symbols of an expression, by name. Exact."""
    return tuple(sorted(expression.free_symbols, key=lambda symbol: str(symbol.name)))


def compile_estimate(
    expressions: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]
) -> Callable[..., list[npt.NDArray[np.float64]]]:
    """Vectorised float64 function of `symbols` that returns the values of `expressions`. Estimate."""
    compiled = _compile(tuple(expressions), tuple(symbols))

    def evaluate(*arguments: Any) -> list[npt.NDArray[np.float64]]:
        with np.errstate(all="ignore"):
            return [np.asarray(value, dtype=np.float64) for value in compiled(*arguments)]

    return evaluate


def estimated(expression: sp.Expr, values: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.float64]:
    """The expression at arrays by name, broadcast. Estimate."""
    symbols = symbols_of(expression)
    (result,) = compile_estimate([expression], symbols)(*(values[symbol.name] for symbol in symbols))
    return result


@lru_cache(maxsize=KEPT_EXPRESSIONS)
def compile_sequence(
    definitions: tuple[tuple[str, sp.Expr], ...],
) -> Callable[[Mapping[str, npt.NDArray[np.float64]]], dict[str, npt.NDArray[np.float64]]]:
    """Vectorised function that returns the arrays it is given, by name, and those of the definitions after them.

    Each definition may name what it is given and the definitions before it. Estimate.
    """
    steps = [
        (name, _compile((expression,), symbols), tuple(symbol.name for symbol in symbols))
        for name, expression in definitions
        for symbols in [symbols_of(expression)]
    ]

    def evaluate(given: Mapping[str, npt.NDArray[np.float64]]) -> dict[str, npt.NDArray[np.float64]]:
        values = dict(given)
        with np.errstate(all="ignore"):
            for name, compiled, names in steps:
                (result,) = compiled(*[values[item] for item in names])
                values[name] = np.asarray(result, dtype=np.float64)
        return values

    return evaluate


@lru_cache(maxsize=KEPT_EXPRESSIONS)
def _compile(expressions: tuple[sp.Expr, ...], symbols: tuple[sp.Symbol, ...]) -> Callable[..., Sequence[Any]]:
    special = {item.func for expression in expressions for item in expression.atoms(EnclosedFunction)}
    names = {function.__name__: function.estimate for function in special}
    if len(names) < len(special):
        raise TypeError(f"two special functions share a name: {sorted(function.__name__ for function in special)}")
    rationals = {item for expression in expressions for item in expression.atoms(sp.Rational)}
    # Integers of Python's own that are no floats would end the arithmetic of arrays.
    wide = {item: sp.Dummy() for item in rationals if max(abs(item.p), item.q) > sys.float_info.max}
    given = [expression.xreplace(wide) for expression in expressions]
    compiled: Callable[..., Sequence[Any]] = sp.lambdify(
        (*symbols, *wide.values()), given, modules=[names, "numpy"], cse=True
    )
    if not wide:
        return compiled
    constants = [np.float64(arb(fmpq(int(item.p), int(item.q)))) for item in wide]
    return lambda *arguments: compiled(*arguments, *constants)


def latex(expression: sp.Basic, tex: Mapping[str, str]) -> str:
    """LaTeX of an expression, with symbols printed by the TeX in `tex` (by symbol name), others by their names."""
    return _latex(expression, tuple(tex.get(symbol.name) or name_tex(symbol.name) for symbol in symbols_of(expression)))


@lru_cache(maxsize=KEPT_EXPRESSIONS)
def _latex(expression: sp.Basic, names: tuple[str, ...]) -> str:
    return str(sp.latex(expression, symbol_names=dict(zip(symbols_of(expression), names, strict=True))))


def _power(arguments: list[arb]) -> arb:
    base, exponent = arguments
    integer = exact_integer(exponent)
    if integer is not None:
        # Integer powers are defined for a base of any sign.
        return _around_zero(base, integer) if base.mid() == 0 and not base.is_exact() and integer > 0 else base**integer
    halves = exact_integer(2 * exponent)
    return base**exponent if halves is None else base.sqrt() ** halves


def _around_zero(base: arb, integer: int) -> arb:
    """A positive power of a ball whose midpoint is 0, of which FLINT only says NaN."""
    largest = abs(base).upper() ** integer
    return (arb(0) if integer % 2 == 0 else -largest).union(largest)


def _ceiling(arguments: list[arb]) -> arb:
    (value,) = arguments
    return value.lower().ceil().union(value.upper().ceil())


_BALL_RULES: Mapping[Any, Callable[[list[arb]], arb]] = {
    sp.Add: lambda arguments: reduce(lambda left, right: left + right, arguments),
    sp.Mul: lambda arguments: reduce(lambda left, right: left * right, arguments),
    sp.Pow: _power,
    sp.exp: lambda arguments: arguments[0].exp(),
    sp.log: lambda arguments: arguments[0].log(),
    sp.sin: lambda arguments: arguments[0].sin(),
    sp.cos: lambda arguments: arguments[0].cos(),
    sp.asin: lambda arguments: arguments[0].asin(),
    sp.Min: lambda arguments: reduce(lambda left, right: left.min(right), arguments),
    sp.Max: lambda arguments: reduce(lambda left, right: left.max(right), arguments),
    sp.Abs: lambda arguments: abs(arguments[0]),
    sp.ceiling: _ceiling,
}
