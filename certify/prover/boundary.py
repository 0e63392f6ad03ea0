"""Counterexamples on the boundary of the assumptions: a tight claim fails there first, where no drawn point falls.

An assumption that is an equation defines a parameter, which is put in place everywhere; what is left are inequalities,
each moved to equality, by a little inward, in one parameter that it is linear in. Where no such point is one, those at
which the goal is nearest to failing are varied, and moved again, for some rounds: a claim that is false by a thousandth
fails in a corner alone. Floats propose, balls confirm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import sympy as sp

from certify.prover import witness
from certify.prover.claim import Claim, Relation, Sign, substituted
from certify.symbolic.evaluation import compile_estimate

POINTS = 6_000
"""Points drawn for each choice of parameters that are moved."""

ROUNDS = 30
"""Times that the points nearest to a failure are varied."""

NEAREST = 40
"""How many points are varied."""

VARIED = 2_000
"""Points of one round."""

CHOICES = 4
ATTEMPTS = 40
"""Orders in which parameters are chosen; the choices that move most are used."""

Definition = tuple[sp.Symbol, sp.Expr]


def search(claim: Claim, seed: int = 0) -> dict[sp.Symbol, Fraction] | None:
    """Short rationals at which the assumptions hold, everything is defined and the goal fails; None if none is found.

    A parameter that an equation defines, and whose value there is irrational, is left out.

    Guarantee: what is returned was confirmed, see `witness.violates`, with the defined parameters in place.
    """
    reduced, definitions = eliminated(claim)
    random = np.random.default_rng(seed)
    if not reduced.parameters:
        return None
    for choice in _choices(reduced, random):
        drawn = _moved(reduced, choice, _drawn(reduced, random), random)
        for points in (drawn, _climbed(reduced, choice, drawn, random)):
            for row in witness.violations(reduced, points)[: witness.CANDIDATES]:
                values = {
                    parameter: witness.exact(row[i], parameter in claim.integers)
                    for i, parameter in enumerate(reduced.parameters)
                }
                if witness.violates(reduced, values):
                    return _completed(witness.shortened(reduced, values), definitions)
    return None


def eliminated(claim: Claim) -> tuple[Claim, tuple[Definition, ...]]:
    """The claim without the parameters that its equations define, and their definitions, the innermost last.

    A point of the new claim is one of the old with the defined values; of x^2 = e only the root sqrt(e) is kept, so
    counterexamples carry over and proofs do not.
    """
    definitions: list[Definition] = []
    refuting = claim.goal.negated()
    equations = [item for item in (*claim.assumptions, refuting) if item.sign is Sign.ZERO]
    while equations:
        equation = equations.pop(0)
        found = _definition(equation, claim.integers)
        if found is None:
            continue
        symbol, value, extra = found
        definitions.append((symbol, value))
        values = {symbol: value}
        assumptions = [item.substituted(values) for item in claim.assumptions if item is not equation]
        claim = Claim(claim.goal.substituted(values), (*assumptions, *extra), claim.integers)
        equations = [item.substituted(values) for item in equations]
        # Substituted relations are new objects: those that are still to be used must be the claim's own.
        kept = {(item.expression, item.sign): item for item in (*claim.assumptions, claim.goal.negated())}
        equations = [kept.get((item.expression, item.sign), item) for item in equations]
    return claim, tuple(definitions)


def _definition(
    equation: Relation, integers: frozenset[sp.Symbol]
) -> tuple[sp.Symbol, sp.Expr, tuple[Relation, ...]] | None:
    """A real parameter that the equation defines, its value and what must hold of it; a number as factor is best."""
    found = []
    for symbol in sorted(equation.expression.free_symbols - integers, key=str):
        for power in (1, 2):
            parts = _linear(equation.expression, symbol, power)
            if parts is None:
                continue
            factor, rest = parts
            value, extra = -rest / factor, list(equation.defined_where)
            if not factor.is_Rational:
                extra.append(Relation(factor, Sign.NON_ZERO, f"{factor} != 0"))
            if power == 2:
                extra.append(Relation(value, Sign.NON_NEGATIVE, f"{value} >= 0"))
                value = sp.sqrt(value)
            size = (not factor.is_Rational, power, sp.count_ops(value))
            where = tuple(item.substituted({symbol: value}) for item in extra)
            found.append((size, (symbol, value, where)))
    return min(found, key=lambda item: item[0])[1] if found else None


def _linear(expression: sp.Expr, symbol: sp.Symbol, power: int = 1) -> tuple[sp.Expr, sp.Expr] | None:
    """(a, b) with expression = a symbol^power + b, both free of the symbol; None where there are none."""
    terms = sp.Add.make_args(sp.expand_mul(expression))
    moving = [term for term in terms if symbol in term.free_symbols]
    factor = sp.Add(*(term / symbol**power for term in moving))
    if not moving or symbol in factor.free_symbols:
        return None
    return factor, sp.Add(*(term for term in terms if symbol not in term.free_symbols))


def _choices(claim: Claim, random: np.random.Generator) -> Iterator[tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]]:
    """Which parameter of which assumption is moved, as (symbol, factor, rest) in order; those that move most first."""
    options = []
    for relation in claim.assumptions:
        symbols = sorted(relation.expression.free_symbols, key=str)
        if relation.sign in (Sign.NON_NEGATIVE, Sign.POSITIVE) and len(symbols) > 1:
            parts = ((symbol, _linear(relation.expression, symbol)) for symbol in symbols)
            options.append([(symbol, *found) for symbol, found in parts if found is not None])
    chosen: dict[frozenset[tuple[int, sp.Symbol]], tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]] = {}
    for _ in range(ATTEMPTS):
        places: dict[sp.Symbol, tuple[int, sp.Expr, sp.Expr]] = {}
        for place in random.permutation(len(options)):
            for which in random.permutation(len(options[place])):
                symbol, factor, rest = options[place][which]
                if symbol not in places and _in_order({**places, symbol: (place, factor, rest)}) is not None:
                    places[symbol] = (int(place), factor, rest)
                    break
        order = _in_order(places) or ()
        key = frozenset((place, symbol) for symbol, (place, _, _) in places.items())
        chosen[key] = tuple((symbol, *places[symbol][1:]) for symbol in order)
    yield from sorted(chosen.values(), key=len, reverse=True)[:CHOICES]


def _in_order(places: dict[sp.Symbol, tuple[int, sp.Expr, sp.Expr]]) -> tuple[sp.Symbol, ...] | None:
    """The parameters such that each comes after those that its value needs; None if some need each other."""
    waiting = {
        symbol: (factor.free_symbols | rest.free_symbols) & set(places) for symbol, (_, factor, rest) in places.items()
    }
    order: list[sp.Symbol] = []
    while waiting:
        ready = sorted((symbol for symbol, needed in waiting.items() if needed <= set(order)), key=str)
        if not ready:
            return None
        order += ready
        waiting = {symbol: needed for symbol, needed in waiting.items() if symbol not in ready}
    return tuple(order)


def _drawn(claim: Claim, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Points (POINTS, parameters), as drawn or near integers. Estimate."""
    drawn = witness.draw(claim, random, POINTS)
    near = np.rint(np.clip(drawn, -9.0, 9.0)) + random.choice([-1.0, 1.0], drawn.shape) * 10.0 ** random.uniform(
        -6, -1, drawn.shape
    )
    return np.where(random.random(drawn.shape) < 0.2, near, drawn)


def _moved(
    claim: Claim,
    choice: Sequence[tuple[sp.Symbol, sp.Expr, sp.Expr]],
    drawn: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """The points with the chosen parameters moved to where an assumption is all but an equality. Estimate."""
    parameters, drawn, count = claim.parameters, drawn.copy(), len(drawn)
    for symbol, factor, rest in choice:
        column = parameters.index(symbol)
        a, b = (np.broadcast_to(part, count) for part in compile_estimate([factor, rest], parameters)(*drawn.T))
        with np.errstate(all="ignore"):
            end = -b / a
            moved = end + np.sign(a) * np.abs(end) * 10.0 ** random.uniform(-9, -2, count)
            if symbol in claim.integers:
                moved = np.where(a > 0, np.ceil(end), np.floor(end))
        use = np.isfinite(moved) & (np.abs(moved) < 1e15) & (random.random(count) < 0.9)
        drawn[:, column] = np.where(use, moved, drawn[:, column])
    for column, parameter in enumerate(parameters):
        if parameter in claim.integers:
            drawn[:, column] = np.rint(drawn[:, column])
    return drawn


def _climbed(
    claim: Claim,
    choice: Sequence[tuple[sp.Symbol, sp.Expr, sp.Expr]],
    drawn: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """The points at which the goal is nearest to failing, after rounds of small changes of the best. Estimate."""
    nearest = _nearest(claim, drawn)
    for _ in range(ROUNDS if len(nearest) and claim.goal.sign in (Sign.POSITIVE, Sign.NON_NEGATIVE) else 0):
        parents = nearest[random.integers(0, len(nearest), VARIED)]
        shape = parents.shape
        step = random.normal(size=shape) * 10.0 ** random.uniform(-5, 0, (VARIED, 1))
        varied = np.where(random.random(shape) < 0.5, parents + step * np.abs(parents), parents)
        nearest = _nearest(claim, np.vstack([nearest, _moved(claim, choice, varied, random)]))
    return nearest


def _nearest(claim: Claim, drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The points at which the premises hold and the goal is least, against the size of its terms."""
    terms = sp.Add.make_args(claim.goal.expression)
    premises = [condition for item in claim.assumptions for condition in item.defined_where]
    premises += [*claim.assumptions, *claim.goal.defined_where]
    found = compile_estimate([*terms, *(item.expression for item in premises)], claim.parameters)(*drawn.T)
    values = [np.broadcast_to(part, len(drawn)) for part in found]
    holds = np.ones(len(drawn), dtype=bool)
    for item, value in zip(premises, values[len(terms) :], strict=True):
        holds &= witness.seems(item.sign, value)
    with np.errstate(all="ignore"):
        share = sum(values[: len(terms)]) / sum(np.abs(value) for value in values[: len(terms)])
    share = np.where(holds & np.isfinite(share), share, np.inf)
    order = np.argsort(share, kind="stable")[:NEAREST]
    return np.asarray(drawn[order[np.isfinite(share[order])]])


def _completed(values: dict[sp.Symbol, Fraction], definitions: Sequence[Definition]) -> dict[sp.Symbol, Fraction]:
    """The values with those of the defined parameters, where they are rational."""
    for symbol, expression in reversed(definitions):
        known = {name: sp.Rational(value.numerator, value.denominator) for name, value in values.items()}
        found = substituted(expression, known)
        if found.is_Rational:
            values = {**values, symbol: Fraction(int(found.p), int(found.q))}
    return dict(sorted(values.items(), key=lambda item: str(item[0])))
