"""Square roots in scripts: numbers that bound them, and comparisons by the squares of both sides.

Everything here is offered (`try`) and not needed: a script that closes without it is none the worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from certify.formal.expressions import ATOM, Names, term, term_text
from certify.formal.products import Fact, products
from certify.formal.statement import Comparison

DIGITS = 10**4
"""A root is bounded by rationals with this denominator."""


@dataclass(frozen=True)
class Root:
    """The variable of sqrt(radicand); `equation` is the name of `variable ^ 2 = radicand`, None where it is rooted.

    A rooted variable's square stands for a parameter everywhere, so its radicand is that square.
    """

    variable: sp.Symbol
    radicand: sp.Expr
    equation: str | None


def roots_in(expression: sp.Expr, roots: Sequence[Root]) -> list[Root]:
    """The roots that occur in an expression over variables."""
    return [root for root in roots if root.variable in expression.free_symbols]


def constant_bounds(expression: sp.Expr, text: str, name: str) -> Iterator[str]:
    """Sentences that bound the root of a rational number, before it becomes a variable."""
    low, high = rational_root(expression.base)
    of = term_text(expression.base, Names({}, {}), ATOM)
    yield f"assert ({name}l : {term(low, Names({}, {}))} <= {text}) by (apply (sqrt_between {of}); lra)."
    yield f"assert ({name}h : {text} <= {term(high, Names({}, {}))}) by (apply (sqrt_between {of}); lra)."


def rational_root(value: sp.Rational) -> tuple[sp.Rational, sp.Rational]:
    """Rationals on both sides of the root, equal where it is one of them."""
    below = math.isqrt(int(value.p) * DIGITS**2 // int(value.q))
    low = sp.Rational(below, DIGITS)
    return low, low if low**2 == value else sp.Rational(below + 1, DIGITS)


def lower_bounds(roots: Sequence[Root], known: Sequence[Fact], names: Names) -> Iterator[tuple[str, Fact]]:
    """Sentences and facts `c <= s` where the facts say that the radicand is at least c^2, for a constant c > 0."""
    for i, root in enumerate(roots):
        if not root.radicand.free_symbols or not root.radicand.is_polynomial():
            continue
        constants = {sp.Integer(1)}
        for fact in known:
            gap = sp.expand(root.radicand - fact.expression)
            if gap.is_Rational and gap > 0:
                constants.add(gap)
        for value in sorted(constants, reverse=True):
            if products([Fact(value - root.radicand, is_strict=True), *known], most=1) is None:
                continue
            low, _ = rational_root(value)
            s = names.reals[root.variable.name]
            yield (
                f"all: try (assert (R{i}' : {term(low, names)} <= {s}) by "
                f"(apply (le_of_squares _ _ ({s} ^ 2)); [lra | reflexivity | lra])).",
                Fact(root.variable - low),
            )
            break


def powers_above_one(
    bounds: Iterable[Fact], expressions: Iterable[sp.Expr], names: Names
) -> Iterator[tuple[str, Fact]]:
    """s^k >= 1 for the powers that occur of variables s >= 1."""
    large = {symbol for fact in bounds for symbol in fact.expression.free_symbols if fact.expression == symbol - 1}
    powers = {part for expression in expressions for part in sp.expand(expression).atoms(sp.Pow) if part.base in large}
    for i, power in enumerate(sorted((item for item in powers if item.exp.is_Integer and item.exp > 1), key=str)):
        yield (
            f"all: try (assert (P{i}' : 1 <= {term(power, names)}) by (apply pow_R1_Rle; lra)).",
            Fact(power - 1),
        )


def monomial_bounds(known: Sequence[Fact], roots: Sequence[Root], names: Names) -> Iterator[tuple[str, Fact]]:
    """Where a fact is a - b w^2 >= 0 with a product w of roots: w is at most a rational."""
    variables = {root.variable for root in roots}
    for i, fact in enumerate(known):
        constant, rest = fact.expression.as_coeff_Add()
        factor, square = rest.as_coeff_Mul()
        if not (constant > 0 and factor.is_Rational and factor < 0 and square.free_symbols <= variables):
            continue
        monomial = sp.Mul(*(base ** (power / 2) for base, power in square.as_powers_dict().items()))
        if not monomial.is_polynomial() or not monomial.free_symbols:
            continue
        _, high = rational_root(constant / -factor)
        says = f"{term(monomial, names)} <= {term(high, names)}"
        shown = f"apply (le_of_squares _ _ (({term(high, names)}) ^ 2)); [lra | reflexivity | lra]"
        yield f"all: try (assert (B{i}' : {says}) by ({shown})).", Fact(high - monomial)


def squared(name: str, item: Comparison, sides: tuple[sp.Expr, sp.Expr], names: Names) -> tuple[str, sp.Expr]:
    """The sentence that squares a hypothesis 0 <= left <= right, and the gap right^2 - left^2."""
    left, right = sides
    l_text, r_text = (term_text(side, names, ATOM) for side in sides)
    return (
        f"all: try (assert ({name} : {l_text} ^ 2 <= {r_text} ^ 2) by (apply squares_of_le; [nonnegative | lra])).",
        right**2 - left**2,
    )


def reduced(gap: sp.Expr, roots: Sequence[Root]) -> tuple[sp.Expr, list[tuple[Root, sp.Expr]]]:
    """A polynomial with the squares of roots replaced by their radicands, and the multiples of the equations used."""
    used = [item for item in roots_in(gap, roots) if item.equation is not None and item.radicand.is_polynomial()]
    if not used:
        return gap, []
    generators = [root.variable for root in used]
    others = sorted(gap.free_symbols - set(generators), key=str)
    divisors = [root.variable**2 - root.radicand for root in used]
    factors, rest = sp.reduced(gap, divisors, *generators, *others)
    return sp.expand(rest), [(root, factor) for root, factor in zip(used, factors, strict=True) if factor != 0]


def goal_in_squares(right: sp.Expr, roots: Sequence[Root], names: Names) -> tuple[str, sp.Expr] | None:
    """The tactic that turns `left <= right` into `left^2 <= b`, and b = right^2 without roots.

    Only for a right side that is a product of roots and something without them.
    """
    powers = right.as_powers_dict()
    stated = [(root, powers[root.variable]) for root in roots_in(right, roots) if root.equation is not None]
    if not stated or any(power not in (1, -1) for _, power in stated):
        return None
    plain = right**2 / sp.Mul(*(root.variable ** (2 * power) for root, power in stated))
    b = plain * sp.Mul(*(root.radicand**power for root, power in stated))
    squares = [f"{'/ ' if power < 0 else ''}({names.reals[root.variable.name]} ^ 2)" for root, power in stated]
    middle = " * ".join([f"({term(plain, names)})", *(f"({square})" for square in squares)])
    rewritten = f"rewrite {', '.join(str(root.equation) for root, _ in stated)}; "
    proof = f"transitivity ({middle}); [field; nonzero | {rewritten}field; nonzero]"
    return f"apply (le_of_squares _ _ ({term(b, names)})); [first [nonnegative | positive] | {proof} | ]", b
