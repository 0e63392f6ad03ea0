"""Which products of facts make a polynomial inequality linear: a search in floats, whose answer only Coq believes.

Facts p_i >= 0 (or > 0), equations e_j = 0 and the negated goal contradict each other if a combination of products of
facts with coefficients >= 0, and of equations with any factors, is 0 with a strict product in it. The linear programme
finds the products; lra finds the coefficients again, exactly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

Polynomial = dict[tuple[int, ...], float]

MOST_PRODUCTS, MOST_FACTORS = 4_000, 5
"""Largest linear programme, and the largest number of factors of one product."""

SMALLEST = 1e-9


@dataclass(frozen=True)
class Fact:
    """expression > 0 (strict) or >= 0, or = 0 (equation)."""

    expression: sp.Expr
    is_strict: bool = False
    is_equation: bool = False
    is_square: bool = False
    is_monomial: bool = False


@dataclass(frozen=True)
class Product:
    """Facts that are multiplied with each other, and for an equation with `factor`."""

    facts: tuple[Fact, ...]
    factor: sp.Expr | None = None


ONE = Fact(sp.Integer(1), is_strict=True)
"""0 < 1, which needs no mention."""


def products(facts: Sequence[Fact], most: int = MOST_FACTORS) -> tuple[Product, ...] | None:
    """Products whose signs contradict each other linearly; None if the search finds none.

    `most` is the largest number of factors.
    """
    symbols = sorted({symbol for fact in facts for symbol in fact.expression.free_symbols}, key=str)
    inequalities = [fact for fact in dict.fromkeys(facts) if not fact.is_equation]
    equations = [fact for fact in facts if fact.is_equation]
    for factors in range(1, most + 1):
        count = math.comb(len(inequalities) + factors, factors)
        if count > MOST_PRODUCTS:
            return None
        found = solve(list(_candidates(inequalities, equations, symbols, factors)), symbols)
        if found is not None:
            return found
    return None


def combination(goal: sp.Expr, facts: Sequence[Fact]) -> tuple[Product, ...] | None:
    """Multiples of equations that make `goal` zero; None if none are found."""
    equations = [fact for fact in facts if fact.is_equation]
    symbols = sorted(
        {symbol for item in (goal, *(fact.expression for fact in facts)) for symbol in item.free_symbols}, key=str
    )
    strict = Fact(goal, is_strict=True)
    for factors in range(1, 4):
        candidates = [Product((strict,)), *_multiples(equations, symbols, factors)]
        found = solve(candidates, symbols)
        if found is not None:
            return tuple(item for item in found if item.factor is not None)
    return None


def monomials_of(facts: Sequence[Fact]) -> Iterator[Fact]:
    """Monomials that occur in the facts, as facts of their own where each of their variables is known not to be < 0."""
    signs: dict[sp.Expr, bool] = {}
    for fact in facts:
        if fact.expression.is_Symbol and not fact.is_equation:
            signs[fact.expression] = signs.get(fact.expression, False) or fact.is_strict
    found: dict[sp.Expr, None] = {}
    for fact in facts:
        for part in sp.Add.make_args(fact.expression):
            monomial = part.as_coeff_Mul()[1]
            if monomial.free_symbols and monomial.free_symbols <= signs.keys() and not monomial.is_Symbol:
                found[monomial] = None
    for monomial in found:
        yield Fact(monomial, all(signs[symbol] for symbol in monomial.free_symbols), is_monomial=True)


def squares_of(facts: Sequence[Fact]) -> Iterator[Fact]:
    """Squares of sums and differences of monomials whose squares occur in the facts, or in products of two of them."""
    even: dict[sp.Expr, None] = {}
    plain = [fact.expression for fact in facts if not fact.is_monomial]
    for expression in (*plain, *(a * b for a, b in itertools.product(plain, plain[:1] + plain) if b.is_Symbol)):
        for part in sp.Add.make_args(sp.expand(expression)):
            powers = part.as_coeff_Mul()[1].as_powers_dict()
            if not part.free_symbols:
                even[sp.Integer(1)] = None
            elif all(power.is_Integer and power % 2 == 0 for power in powers.values()):
                even[sp.Mul(*(base ** (power / 2) for base, power in powers.items()))] = None
    roots = sorted(even, key=lambda item: (sp.Poly(item).total_degree() if item.free_symbols else 0, str(item)))[:10]
    for left, right in itertools.combinations(roots, 2):
        yield Fact((left - right) ** 2, is_square=True)
        yield Fact((left + right) ** 2, is_square=True)


def _candidates(
    inequalities: Sequence[Fact], equations: Sequence[Fact], symbols: Sequence[sp.Symbol], factors: int
) -> Iterator[Product]:
    yield Product((ONE,))
    for count in range(1, factors + 1):
        for chosen in itertools.combinations_with_replacement(inequalities, count):
            if sum(item.is_square for item in chosen) <= 1:
                yield Product(chosen)
    yield from _multiples(equations, symbols, factors, [item.expression for item in inequalities if item.is_monomial])


def _multiples(
    equations: Sequence[Fact], symbols: Sequence[sp.Symbol], factors: int, more: Sequence[sp.Expr] = ()
) -> Iterator[Product]:
    for equation in equations:
        chosen = [
            sp.Mul(*item)
            for degree in range(min(factors, 3))
            for item in itertools.combinations_with_replacement(symbols, degree)
        ]
        if factors > 1:
            chosen += [part.as_coeff_Mul()[1] for item in equations for part in sp.Add.make_args(item.expression)]
            chosen += more
        for factor in dict.fromkeys(chosen):
            yield Product((equation,), factor)


def solve(candidates: Sequence[Product], symbols: Sequence[sp.Symbol]) -> tuple[Product, ...] | None:
    """The candidates with a coefficient in a sum that is 0 and has a strict product in it; None if there is none."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    expanded: dict[sp.Expr, Polynomial] = {}

    def polynomial(expression: sp.Expr) -> Polynomial:
        if expression not in expanded:
            expanded[expression] = (
                {monomial: float(value) for monomial, value in sp.Poly(expression, *symbols).terms()}
                if symbols
                else {(): float(expression)}
            )
        return expanded[expression]

    rows: dict[tuple[int, ...], int] = {}
    entries: list[tuple[int, int, float]] = []
    strict, bounds = [], []
    for column, item in enumerate(candidates):
        made = _multiplied([polynomial(fact.expression) for fact in item.facts])
        if item.factor is not None:
            made = _multiplied([made, polynomial(item.factor)])
        size = max((abs(value) for value in made.values()), default=1.0) or 1.0
        entries += [(rows.setdefault(key, len(rows)), column, value / size) for key, value in made.items()]
        strict.append(float(item.factor is None and all(fact.is_strict for fact in item.facts)))
        bounds.append((0, None) if item.factor is None else (None, None))
    total = len(rows)
    entries += [(total, column, value) for column, value in enumerate(strict) if value]
    row, place, value = zip(*entries, strict=True)
    matrix = coo_array((value, (row, place)), shape=(total + 1, len(candidates)))
    right = np.zeros(total + 1)
    right[total] = 1.0
    # Products of few factors are cheaper for lra, and free multiples of equations cost nothing.
    cost = [0.0 if item.factor is not None else float(len(item.facts)) for item in candidates]
    answer = linprog(cost, A_eq=matrix.tocsr(), b_eq=right, bounds=bounds, method="highs-ds")
    if answer.status != 0:
        return None
    used = zip(candidates, answer.x, strict=True)
    return tuple(item for item, value in used if abs(value) > SMALLEST and item.facts != (ONE,))


def _multiplied(factors: Iterable[Polynomial]) -> Polynomial:
    first, *rest = factors
    made = first
    for factor in rest:
        found: Polynomial = {}
        for left, a in made.items():
            for right, b in factor.items():
                key = tuple(map(sum, zip(left, right, strict=True)))
                found[key] = found.get(key, 0.0) + a * b
        made = found
    return made
