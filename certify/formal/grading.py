"""Products of facts that scale alike: the same search as `products`, in one weight at a time and so to more factors.

Where every fact is homogeneous in some weights of the variables (lengths, times), the part of a contradiction that
has one weight is a contradiction already. The search is then over products of one weight, which are few.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from math import comb, lcm

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from certify.formal.products import ONE, Fact, Product, solve

MOST_PRODUCTS, MOST_FACTORS, MOST_OF_ONE_WEIGHT, MOST_WEIGHTS = 60_000, 7, 4_000, 30


def graded_products(facts: Sequence[Fact]) -> tuple[Product, ...] | None:
    """Products with the first fact (the negated goal) among them whose signs contradict each other linearly."""
    inequalities = [fact for fact in dict.fromkeys(facts) if not fact.is_equation and not fact.is_square]
    symbols = sorted({symbol for fact in inequalities for symbol in fact.expression.free_symbols}, key=str)
    basis = _weights(inequalities, symbols)
    if not basis.size:
        return None
    weights = np.array([_leading(fact, symbols) @ basis for fact in inequalities])
    by_weight: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    with_goal: dict[tuple[int, ...], None] = {}
    for factors in range(1, MOST_FACTORS + 1):
        if comb(len(inequalities) + factors, factors) > MOST_PRODUCTS:
            return None
        chosen = list(itertools.combinations_with_replacement(range(len(inequalities)), factors))
        for items, weight in zip(chosen, weights[np.array(chosen)].sum(axis=1).tolist(), strict=True):
            by_weight.setdefault(tuple(weight), []).append(items)
            if items[0] == 0 and 0 not in items[1:]:
                with_goal[tuple(weight)] = None
        likely = [weight for weight in with_goal if len(by_weight[weight]) <= MOST_OF_ONE_WEIGHT]
        for weight in sorted(likely, key=lambda item: -len(by_weight[item]))[:MOST_WEIGHTS]:
            found = by_weight[weight]
            if len(found[-1]) < factors:
                continue
            candidates = [Product(tuple(inequalities[i] for i in items)) for items in found]
            answer = solve([*([Product((ONE,))] if not any(weight) else []), *candidates], symbols)
            if answer is not None:
                return answer
    return None


def _leading(fact: Fact, symbols: Sequence[sp.Symbol]) -> NDArray[np.int64]:
    return np.array(sp.Poly(fact.expression, *symbols).monoms()[0], dtype=np.int64)


def _weights(facts: Sequence[Fact], symbols: Sequence[sp.Symbol]) -> NDArray[np.int64]:
    """A basis (columns) of the integer weights in which every fact is homogeneous."""
    rows = []
    for fact in facts:
        first, *rest = sp.Poly(fact.expression, *symbols).monoms()
        rows += [[a - b for a, b in zip(first, other, strict=True)] for other in rest]
    columns = sp.Matrix(rows).nullspace() if rows else [sp.Matrix(row) for row in np.eye(len(symbols), dtype=int)]
    made = []
    for column in columns:
        values = [Fraction(int(item.p), int(item.q)) for item in column]
        scale = lcm(*(value.denominator for value in values))
        made.append([int(value * scale) for value in values])
    return np.array(made, dtype=np.int64).T
