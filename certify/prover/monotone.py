"""From an end of an interval along the derivative: e(x) = e(a) + int_a^x e'.

If e is continuous on [a, x], e(a) SIGN 0 and e' >= 0 on (a, x), then e(x) SIGN 0. With a rational point x0 where e is 0
both sides of it are such intervals. Each part is a smaller claim for the whole pipeline, so a tie at the end that no
enclosure decides becomes exact there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp

from certify.prover.claim import Claim, Relation, Sign, definedness, substituted
from certify.prover.witness import bounds

TIES = (sp.Integer(0), sp.Integer(1), sp.Integer(-1), sp.Rational(1, 2), sp.Integer(2))
"""Points at which an expression is asked whether it vanishes there."""


UNDEFINED = (sp.nan, sp.zoo, sp.oo, -sp.oo)


@dataclass(frozen=True)
class Split:
    """Claims that together give the goal, and the sentence that says how."""

    parts: tuple[Claim, ...]
    argument: str


def splits(claim: Claim) -> Iterator[Split]:
    """Ways to reduce a claim `e >= 0` or `e > 0` to an end and a derivative, one parameter at a time."""
    yield from _cases(claim)
    yield from _exponentiated(claim)
    yield from _inductions(claim)
    yield from _between_integers(claim)
    goal = claim.goal
    if goal.sign not in (Sign.NON_NEGATIVE, Sign.POSITIVE) or goal.expression.has(sp.Abs, sp.Min, sp.Max):
        return
    for parameter in claim.parameters:
        if parameter in claim.integers or not goal.expression.has(parameter):
            continue
        ends = list(_ends(claim, parameter))
        for end, direction, is_open in ends:
            yield from _from_end(claim, parameter, end, direction, is_open)
        yield from _from_tie(claim, parameter, [end for end, _, _ in ends])


def _cases(claim: Claim) -> Iterator[Split]:
    """max, min and |u| by which of two numbers is the larger one."""
    for part in sorted(claim.goal.expression.atoms(sp.Max, sp.Min, sp.Abs), key=str):
        left, right = (
            (part.args[0], -part.args[0]) if isinstance(part, sp.Abs) else (part.args[0], part.func(*part.args[1:]))
        )
        gap = left - right if not isinstance(part, sp.Min) else right - left
        parts = []
        for value, order, text in ((left, gap, f"{part} = {left}"), (right, -gap, f"{part} = {right}")):
            goal = claim.goal.substituted({part: value})
            parts.append(claim.with_goal(goal, [Relation(order, Sign.NON_NEGATIVE, text)]))
        yield Split(tuple(parts), f"the two values of {part}")


def _between_integers(claim: Claim) -> Iterator[Split]:
    """An integer is at most k or at least k + 1: around each root of a polynomial goal."""
    goal = claim.goal.expression
    for parameter in sorted(claim.integers & set(claim.parameters), key=str):
        roots = sp.Poly(goal, parameter).ground_roots() if goal.is_polynomial(parameter) else {}
        for k in sorted({int(sp.floor(root)) for root in roots if root.is_Rational}):
            sides = (k - parameter, f"{parameter} <= {k}"), (parameter - k - 1, f"{parameter} >= {k + 1}")
            parts = [claim.with_goal(claim.goal, [Relation(gap, Sign.NON_NEGATIVE, text)]) for gap, text in sides]
            yield Split(tuple(parts), f"no integer {parameter} between {k} and {k + 1}")


def _exponentiated(claim: Claim) -> Iterator[Split]:
    """A sum of logarithms and more is >= 0 exactly where the exponential of it is >= 1."""
    goal = claim.goal
    logarithms = sorted(goal.expression.atoms(sp.log), key=str)
    if not logarithms or goal.sign not in (Sign.NON_NEGATIVE, Sign.POSITIVE):
        return
    stand_ins = {item: sp.Dummy(real=True) for item in logarithms}
    replaced = sp.expand(goal.expression.xreplace(stand_ins))
    if not replaced.is_polynomial(*stand_ins.values()):
        return
    coefficients = {item: replaced.coeff(stand_in) for item, stand_in in stand_ins.items()}
    rest = replaced - sum(coefficients[item] * stand_ins[item] for item in logarithms)
    if not all(value.is_Rational for value in coefficients.values()) or sp.expand(rest).has(*stand_ins.values()):
        return
    scale = math.lcm(*(int(value.q) for value in coefficients.values()))
    product = sp.Mul(*(item.args[0] ** (scale * coefficients[item]) for item in logarithms)) * sp.exp(scale * rest)
    raised = _relation(claim, product - 1, goal.sign, "the exponential of both sides")
    yield Split((claim.with_goal(raised),), raised.text)


def _inductions(claim: Claim) -> Iterator[Split]:
    """Induction over an integer parameter from the only number that bounds it below."""
    for parameter in sorted(claim.integers & claim.goal.expression.free_symbols, key=str):
        low, high = bounds(claim, parameter)
        mentions = [item for item in claim.assumptions if item.expression.has(parameter)]
        if low is None or high is not None or any(item.expression.free_symbols != {parameter} for item in mentions):
            continue
        first = sp.Integer(math.ceil(low))
        value = substituted(claim.goal.expression, {parameter: first})
        if value.has(*UNDEFINED):
            continue
        others = tuple(item for item in claim.assumptions if item not in mentions)
        begin = _relation(claim, value, claim.goal.sign, f"at {parameter} = {first}")
        step = _relation(
            claim,
            claim.goal.expression.subs(parameter, parameter + 1),
            claim.goal.sign,
            f"from {parameter} to {parameter} + 1",
        )
        # Where the goal is defined was shown under the assumptions that go: the steps show it for every number.
        before = _relation(claim, claim.goal.expression, claim.goal.sign, claim.goal.text)
        known = (*others, Relation(parameter - first, Sign.NON_NEGATIVE, f"{parameter} >= {first}"), before)
        yield Split(
            (Claim(begin, others, claim.integers), Claim(step, known, claim.integers)), f"induction over {parameter}"
        )


def _ends(claim: Claim, parameter: sp.Symbol) -> Iterator[tuple[sp.Expr, int, bool]]:
    """(a, direction, open): the parameter's only lower (1) or upper (-1) bound, free of it."""
    lower: list[tuple[sp.Expr, bool]] = []
    upper: list[tuple[sp.Expr, bool]] = []
    for relation in claim.assumptions:
        if not relation.expression.has(parameter):
            continue
        if not relation.expression.is_polynomial(parameter) or relation.sign in (Sign.ZERO, Sign.NON_ZERO):
            return
        polynomial = sp.Poly(relation.expression, parameter)
        slope = polynomial.LC()
        if polynomial.degree() != 1 or not slope.is_Rational:
            return
        end = sp.expand(-polynomial.coeff_monomial(1) / slope)
        (lower if slope > 0 else upper).append((end, relation.sign is Sign.POSITIVE))
    for ends, direction in ((lower, 1), (upper, -1)):
        if len({end for end, _ in ends}) == 1:
            yield ends[0][0], direction, any(is_open for _, is_open in ends)


def _from_end(claim: Claim, parameter: sp.Symbol, end: sp.Expr, direction: int, is_open: bool) -> Iterator[Split]:
    goal, slope = claim.goal.expression, sp.diff(claim.goal.expression, parameter)
    # At the end the other bounds of the parameter hold, as they do at a point beyond it.
    beyond = Relation(
        direction * (parameter - end), Sign.POSITIVE, f"{parameter} {'>' if direction > 0 else '<'} {end}"
    )
    closed = Relation(beyond.expression, Sign.NON_NEGATIVE, beyond.text.replace(" ", "= ", 1))
    # What an assumption needs to be meaningful may fail between the end and a point where all of them hold.
    others = tuple(
        Relation(item.expression, item.sign, item.text)
        for item in claim.assumptions
        if not _is_bound(item, parameter, end, direction)
    )
    at_end = tuple(
        Relation(
            item.expression.subs(parameter, end),
            Sign.NON_NEGATIVE if item.expression.has(parameter) else item.sign,
            item.text,
        )
        for item in others
    )
    try:
        value = substituted(goal, {parameter: end})
    except (ZeroDivisionError, ValueError):
        return
    if value.has(*UNDEFINED):
        return
    steps: tuple[tuple[Sign, Sign], ...] = ((claim.goal.sign, Sign.NON_NEGATIVE),)
    if claim.goal.sign is Sign.POSITIVE and is_open:
        steps = ((Sign.NON_NEGATIVE, Sign.POSITIVE), *steps)
    for sign, growth in steps:
        first = Claim(_relation(claim, value, sign, f"at {parameter} = {end}"), at_end, claim.integers)
        rising = Claim(
            _relation(claim, direction * slope, growth, f"slope in {parameter}"), (*others, beyond), claim.integers
        )
        # The expression must be defined, hence continuous, on the closed interval.
        inside = tuple(
            Claim(condition, (*others, closed), claim.integers) for condition in definedness((goal,), claim.integers)
        )
        yield Split((first, *inside, rising), f"from {parameter} = {end} along the derivative in {parameter}")


def _from_tie(claim: Claim, parameter: sp.Symbol, ends: list[sp.Expr]) -> Iterator[Split]:
    for tie in TIES:
        if tie in ends or claim.goal.sign is not Sign.NON_NEGATIVE:
            continue
        value = substituted(claim.goal.expression, {parameter: tie})
        if value.has(*UNDEFINED) or sp.expand(value) != 0:
            continue
        left = Relation(tie - parameter, Sign.NON_NEGATIVE, f"{parameter} <= {tie}")
        right = Relation(parameter - tie, Sign.NON_NEGATIVE, f"{parameter} >= {tie}")
        # A bound on the other side of the tie is implied, and would hide the tie as the interval's end.
        parts = tuple(
            Claim(claim.goal, (*_without(claim, parameter, tie, side), relation), claim.integers)
            for relation, side in ((left, -1), (right, 1))
        )
        yield Split(parts, f"on both sides of {parameter} = {tie}")


def _without(claim: Claim, parameter: sp.Symbol, tie: sp.Expr, side: int) -> tuple[Relation, ...]:
    """The assumptions but the parameter's numeric bounds that the tie's own bound implies on that side."""
    kept = []
    for item in claim.assumptions:
        if item.expression.free_symbols == {parameter} and item.expression.is_polynomial(parameter):
            polynomial = sp.Poly(item.expression, parameter)
            at_tie = polynomial.eval(tie)
            if polynomial.degree() == 1 and side * polynomial.LC() > 0 and at_tie > 0:
                continue
        kept.append(item)
    return tuple(kept)


def _is_bound(relation: Relation, parameter: sp.Symbol, end: sp.Expr, direction: int) -> bool:
    return bool(
        relation.expression.has(parameter)
        and sp.expand(relation.expression.subs(parameter, end)) == 0
        and direction * sp.Poly(relation.expression, parameter).LC() > 0
    )


def _relation(claim: Claim, expression: sp.Expr, sign: Sign, text: str) -> Relation:
    return Relation(expression, sign, text, definedness((expression,), claim.integers))
