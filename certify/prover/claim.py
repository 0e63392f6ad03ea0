"""A claim about named parameters: relations, the assumptions they stand under, and where they are defined at all.

Every relation is kept as `expression OP 0`. Real parameters carry no assumption inside sympy but that they are real, so
that nothing is simplified by what has not been proved; what is known of them stands in the assumptions alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import sympy as sp

from certify.errors import InputError

HYPERBOLIC = (sp.sinh, sp.cosh, sp.tanh)
KNOWN = (sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log, sp.sin, sp.cos, sp.Abs, sp.Min, sp.Max)
"""What an expression is made of. All are continuous wherever they are defined, on which derivatives rely."""


LARGEST_EXPONENT = 20_000
"""A power with a larger exponent is not worked out exactly."""


class Sign(StrEnum):
    """How an expression compares with 0."""

    NON_NEGATIVE = ">="
    POSITIVE = ">"
    ZERO = "=="
    NON_ZERO = "!="

    @property
    def negation(self) -> tuple[Sign, int]:
        """The opposite relation as (sign, factor): not (e OP 0) is (factor * e) SIGN 0."""
        return {
            Sign.NON_NEGATIVE: (Sign.POSITIVE, -1),
            Sign.POSITIVE: (Sign.NON_NEGATIVE, -1),
            Sign.ZERO: (Sign.NON_ZERO, 1),
            Sign.NON_ZERO: (Sign.ZERO, 1),
        }[self]


@dataclass(frozen=True)
class Relation:
    """`expression` SIGN 0, with the text it was written as, and the relations without which it means nothing.

    `defined_where` holds the denominators' and arguments' signs of this relation, the innermost first, read off before
    anything cancels: x/x is 1, but not at 0.
    """

    expression: sp.Expr
    sign: Sign
    text: str
    defined_where: tuple[Relation, ...] = ()

    def negated(self) -> Relation:
        """The relation that holds exactly where this one is defined and fails."""
        sign, factor = self.sign.negation
        return Relation(factor * self.expression, sign, f"not ({self.text})", self.defined_where)

    def substituted(self, values: dict[sp.Symbol, sp.Expr]) -> Relation:
        """The relation with expressions in place of symbols."""
        where = tuple(item.substituted(values) for item in self.defined_where)
        return Relation(self.expression.subs(values, simultaneous=True), self.sign, self.text, where)


@dataclass(frozen=True)
class Claim:
    """For all real values of the parameters, those in `integers` integers: the assumptions imply the goal."""

    goal: Relation
    assumptions: tuple[Relation, ...]
    integers: frozenset[sp.Symbol] = frozenset()

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Every symbol that occurs, by name."""
        found: set[sp.Symbol] = set()
        for relation in (self.goal, *self.assumptions):
            found |= relation.expression.free_symbols
            for condition in relation.defined_where:
                found |= condition.expression.free_symbols
        return tuple(sorted(found, key=str))

    def with_goal(self, goal: Relation, extra: Iterable[Relation] = ()) -> Claim:
        """The same assumptions, and `extra`, for another goal."""
        return Claim(goal, (*self.assumptions, *extra), self.integers)


def relation_of(
    relational: sp.Basic,
    plain: Mapping[sp.Symbol, sp.Symbol] | None = None,
    integers: frozenset[sp.Symbol] = frozenset(),
) -> Relation:
    """A sympy relation (`<=`, `<`, `>=`, `>`, Eq, Ne) as `expression SIGN 0`, over the symbols in `plain`.

    `integers` are the (plain) parameters that take integer values.

    Raises:
        InputError: for anything else, among it the True or False into which sympy evaluates a relation, and for an
            expression of which nothing is known.
    """
    forms = {
        sp.GreaterThan: (Sign.NON_NEGATIVE, 1),
        sp.StrictGreaterThan: (Sign.POSITIVE, 1),
        sp.LessThan: (Sign.NON_NEGATIVE, -1),
        sp.StrictLessThan: (Sign.POSITIVE, -1),
        sp.Equality: (Sign.ZERO, 1),
        sp.Unequality: (Sign.NON_ZERO, 1),
    }
    form = forms.get(type(relational))
    if form is None:
        raise InputError(
            f"`{relational}` is not a relation: sympy may have evaluated it already; build it with evaluate=False, or "
            'pass it as text such as "x**2 + 1 >= 2*x"'
        )
    sign, factor = form
    left, right = (_over(side, plain or {}) for side in relational.args)
    return Relation(factor * (left - right), sign, str(relational), definedness((left, right), integers))


def _over(expression: sp.Expr, plain: Mapping[sp.Symbol, sp.Symbol]) -> sp.Expr:
    """The expression over other symbols, hyperbolic functions as exponentials; only what the prover has rules for."""
    made = expression.replace(lambda part: isinstance(part, HYPERBOLIC), lambda part: part.rewrite(sp.exp))
    for part in sp.preorder_traversal(made):
        if not (part.is_Symbol or part.is_Rational or part in (sp.pi, sp.E) or isinstance(part, KNOWN)):
            raise InputError(
                f"`{part}` in `{expression}` is nothing that is known: expected symbols, rationals (no floats), "
                "pi, E, sums, products, powers, exp, log, sin, cos, sinh, cosh, tanh, Abs, Min and Max"
            )
    return made.subs(dict(plain), simultaneous=True)


def substituted(expression: sp.Expr, values: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """The expression at `values`; NaN where a power would have more digits than there is memory for."""
    exponents = (power.exp.subs(dict(values), simultaneous=True) for power in expression.atoms(sp.Pow))
    if any(item.is_Rational and abs(item.p) + item.q > LARGEST_EXPONENT for item in exponents):
        return sp.nan
    return expression.subs(dict(values), simultaneous=True)


def plain_symbols(relations: Sequence[sp.Basic]) -> tuple[dict[sp.Symbol, sp.Symbol], tuple[Relation, ...]]:
    """Symbols of which only the name is left, and what sympy knew of the old ones' signs as relations.

    Raises:
        InputError: for symbols that are not real, of which more is known than a sign and that they are integers, or of
            which two have the same name.
    """
    plain: dict[sp.Symbol, sp.Symbol] = {}
    extra: list[Relation] = []
    for item in sorted(set().union(*(relation.free_symbols for relation in relations)), key=str):
        if item.is_real is False or (item.is_real is None and item.is_complex):
            raise InputError(f"`{item}` is not a real parameter")
        made = sp.Symbol(item.name, real=True)
        if made in plain.values():
            raise InputError(f"two different symbols have the name `{item}`; rename one or make it once")
        kept = {name: True for name in ("real", *_SIGNS, "integer") if getattr(item, f"is_{name}")}
        lost = set(item.assumptions0.items()) - set(sp.Symbol(item.name, **{"real": True, **kept}).assumptions0.items())
        if lost:
            names = ", ".join(sorted(f"{name}={value}" for name, value in lost))
            raise InputError(f"the parameter `{item}` may be real, an integer and of a sign, not {names}")
        plain[item] = made
        extra += [Relation(f * made, s, f"{item} {t}") for name, (f, s, t) in _SIGNS.items() if name in kept]
    return plain, tuple(extra)


_SIGNS = {
    "positive": (1, Sign.POSITIVE, "> 0"),
    "negative": (-1, Sign.POSITIVE, "< 0"),
    "nonnegative": (1, Sign.NON_NEGATIVE, ">= 0"),
    "nonpositive": (-1, Sign.NON_NEGATIVE, "<= 0"),
    "nonzero": (1, Sign.NON_ZERO, "!= 0"),
}
"""sympy's names of what is known of a symbol's sign, as factor * symbol SIGN 0."""


def definedness(expressions: Sequence[sp.Expr], integers: frozenset[sp.Symbol] = frozenset()) -> tuple[Relation, ...]:
    """Where expressions have a value: denominators not 0, logarithms of positive numbers, powers of allowed bases."""
    found: dict[tuple[sp.Expr, Sign], Relation] = {}
    for expression in expressions:
        for part in sp.postorder_traversal(expression):
            for condition in conditions_of(part, integers):
                found.setdefault((condition.expression, condition.sign), condition)
    return tuple(found.values())


def is_defined_everywhere(expression: sp.Expr) -> bool:
    """Whether it has a value wherever its symbols are what sympy knows of them."""
    known = {Sign.NON_ZERO: "is_nonzero", Sign.POSITIVE: "is_positive", Sign.NON_NEGATIVE: "is_nonnegative"}
    return all(getattr(item.expression, known[item.sign]) for item in definedness((expression,)))


def conditions_of(part: sp.Basic, integers: frozenset[sp.Symbol] = frozenset()) -> tuple[Relation, ...]:
    """What the outermost operation of `part` asks of its arguments; a condition that holds for numbers is left out."""
    if isinstance(part, sp.log):
        return _unless_known(part.args[0], Sign.POSITIVE)
    if isinstance(part, sp.Pow):
        base, exponent = part.args
        return power_conditions(base, exponent, integers)
    return ()


def power_conditions(
    base: sp.Expr, exponent: sp.Expr, integers: frozenset[sp.Symbol] = frozenset()
) -> tuple[Relation, ...]:
    """base**exponent: an integer power of any number (not 0 if negative), else of a number that is not below 0.

    `integers` are the parameters that take integer values.
    """
    known = integers | {symbol for symbol in exponent.free_symbols if symbol.is_integer}
    if is_integer_valued(exponent, known):
        if exponent.could_extract_minus_sign():
            return _unless_known(base, Sign.NON_ZERO)
        return _unless_known(exponent, Sign.NON_NEGATIVE)
    if exponent.is_Integer:
        return _unless_known(base, Sign.NON_ZERO) if exponent < 0 else ()
    if exponent.is_Rational and exponent > 0:
        return _unless_known(base, Sign.NON_NEGATIVE)
    return _unless_known(base, Sign.POSITIVE)


def _unless_known(expression: sp.Expr, sign: Sign) -> tuple[Relation, ...]:
    if expression in (sp.E, sp.pi) or (expression.is_Rational and expression > 0):
        return ()
    return (Relation(expression, sign, f"{expression} {sign} 0"),)


def tightened(relations: Iterable[Relation], integers: frozenset[sp.Symbol]) -> tuple[Relation, ...]:
    """The relations, and for an integer above (below) a number the next integer as its bound."""
    found = list(relations)
    for relation in tuple(found):
        symbols = relation.expression.free_symbols
        if relation.sign is not Sign.POSITIVE or len(symbols) != 1 or not symbols <= integers:
            continue
        (symbol,) = symbols
        if not relation.expression.is_polynomial(symbol) or sp.degree(relation.expression, symbol) != 1:
            continue
        slope, constant = sp.Poly(relation.expression, symbol).all_coeffs()
        if slope.is_Rational and constant.is_Rational:
            end = sp.floor(-constant / slope) + 1 if slope > 0 else sp.ceiling(-constant / slope) - 1
            gap = sp.sign(slope) * (symbol - end)
            found.append(Relation(gap, Sign.NON_NEGATIVE, f"{symbol} {'>=' if slope > 0 else '<='} {end}"))
    return tuple(found)


def is_integer_valued(expression: sp.Expr, integers: frozenset[sp.Symbol]) -> bool:
    """Whether a polynomial in integer parameters has integer coefficients (and a parameter at all)."""
    symbols = expression.free_symbols
    if not symbols or not symbols <= integers or not expression.is_polynomial(*symbols):
        return False
    return all(coefficient.is_Integer for coefficient in sp.Poly(expression, *symbols).coeffs())
