r"""A claim as a Coq statement: variables with their domains, premises, and what is to be shown.

    forall (m beta : R) (k : nat), 0 < m -> ... -> beta <> 0 /\ conclusion

Where a premise has a value is part of what it says, so these conditions are hypotheses; where the conclusion has one is
shown, before it, in the same theorem.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import sympy as sp

from certify.formal.expressions import Names, NotFormalisedError, term
from certify.formal.names import distinct
from certify.prover.claim import Relation, Sign, definedness, relation_of
from certify.prover.reading import read_claim

WIDTH = 100


@dataclass(frozen=True)
class Comparison:
    """`left` RELATION `right`, the relation one of <=, <, =, <>."""

    left: sp.Expr
    relation: str
    right: sp.Expr

    def text(self, names: Names) -> str:
        """The proposition in Coq."""
        return f"{term(self.left, names)} {self.relation} {term(self.right, names)}"

    @property
    def as_relation(self) -> Relation:
        """The same as `expression SIGN 0`."""
        signs = {"<=": Sign.NON_NEGATIVE, "<": Sign.POSITIVE, "=": Sign.ZERO, "<>": Sign.NON_ZERO}
        gap = self.right - self.left
        return Relation(gap, signs[self.relation], f"{self.left} {self.relation} {self.right}")


@dataclass(frozen=True)
class Statement:
    """For all values of the variables: the hypotheses imply that the goals are defined, and hold.

    `defined` are the conditions under which the goals have values; they are shown first.
    """

    names: Names
    hypotheses: tuple[Comparison, ...]
    defined: tuple[Comparison, ...]
    goals: tuple[Comparison, ...]
    integers: frozenset[sp.Symbol]

    @property
    def conclusions(self) -> tuple[Comparison, ...]:
        """All that is shown, in order."""
        return (*self.defined, *self.goals)

    @property
    def binders(self) -> tuple[str, ...]:
        """The variables as Coq binds them."""
        reals, naturals = self.names.reals.values(), self.names.naturals.values()
        found = [f"({' '.join(group)} : {kind})" for group, kind in ((reals, "R"), (naturals, "nat")) if group]
        return tuple(found)

    @property
    def text(self) -> str:
        """The proposition, one hypothesis a line."""
        lines = [f"forall {' '.join(self.binders)},"] if self.binders else []
        lines += [f"  {item.text(self.names)} ->" for item in self.hypotheses]
        shown = [item.text(self.names) for item in self.conclusions]
        lines += [f"  {line} /\\" for line in shown[:-1]] + [f"  {shown[-1]}"]
        return "\n".join(lines)

    @property
    def digest(self) -> str:
        """Of the proposition's text."""
        return sha256(self.text.encode()).hexdigest()[:16]


def statement_of(conclusion: sp.Basic | str, premises: Sequence[sp.Basic | str] = ()) -> Statement:
    """The statement of a relation under premises, as `certify.prover.prove.prove` takes them.

    Raises:
        NotFormalisedError: for an expression without a counterpart, or integers that may be negative.
    """
    goals = _goals(conclusion, premises)
    relations = [item for item in premises if isinstance(item, sp.Basic)]
    given = [_comparison(item) for item in relations]
    texts = [item for item in premises if isinstance(item, str)]
    members: frozenset[sp.Symbol] = frozenset()
    if texts or isinstance(conclusion, str):
        (read, *_) = read_claim(conclusion if isinstance(conclusion, str) else "0 <= 1", texts)
        given += [_of_relation(item) for item in read.assumptions]
        members = read.integers
    symbols = _symbols([*goals, *given])
    integers = members | {item for item in symbols if item.is_integer}
    for item in members:
        if not any(found.left == 0 and found.right == item and found.relation in ("<=", "<") for found in given):
            raise NotFormalisedError(f"`{item}` is an integer that may be negative")
    names = _names(symbols, integers)
    domains = [found for item in symbols for found in _domain(item)]
    signs = {(item.left, item.relation, item.right) for item in domains}
    hypotheses = [*domains]
    for item in given:
        hypotheses += [where for where in _where(item, integers) if not _known(where)]
        hypotheses.append(item)
    defined = [where for item in goals for where in _where(item, integers)]
    unique = {(item.left, item.relation, item.right): item for item in hypotheses}
    shown = {key: item for item in defined if (key := (item.left, item.relation, item.right)) not in signs}
    statement = Statement(names, tuple(unique.values()), tuple(shown.values()), tuple(goals), frozenset(integers))
    statement.text  # noqa: B018  # an expression without a counterpart is noticed here
    return statement


def _goals(conclusion: sp.Basic | str, premises: Sequence[sp.Basic | str]) -> list[Comparison]:
    if isinstance(conclusion, sp.Basic):
        return [_comparison(conclusion)]
    texts = [item for item in premises if isinstance(item, str)]
    return [_of_relation(item.goal) for item in read_claim(conclusion, texts)]


def _comparison(relation: sp.Basic) -> Comparison:
    relation_of(relation)
    left, right = relation.lhs, relation.rhs
    if isinstance(relation, (sp.GreaterThan, sp.StrictGreaterThan)):
        left, right = right, left
    if isinstance(relation, sp.Equality):
        return Comparison(left, "=", right)
    if isinstance(relation, sp.Unequality):
        return Comparison(left, "<>", right)
    return Comparison(left, "<" if isinstance(relation, (sp.StrictLessThan, sp.StrictGreaterThan)) else "<=", right)


def _of_relation(relation: Relation) -> Comparison:
    zero, expression = sp.Integer(0), relation.expression
    if relation.sign in (Sign.ZERO, Sign.NON_ZERO):
        return Comparison(expression, "=" if relation.sign is Sign.ZERO else "<>", zero)
    return Comparison(zero, "<=" if relation.sign is Sign.NON_NEGATIVE else "<", expression)


def _where(item: Comparison, integers: frozenset[sp.Symbol] | set[sp.Symbol]) -> list[Comparison]:
    return [_of_relation(found) for found in definedness((item.left, item.right), frozenset(integers))]


def _known(where: Comparison) -> bool:
    """Whether a condition follows from the signs that the symbols are declared with."""
    expression = where.right if where.left == 0 else where.left
    return bool(
        {
            "<=": expression.is_nonnegative,
            "<": expression.is_positive,
            "=": expression.is_zero,
            "<>": expression.is_nonzero,
        }[where.relation]
    )


def _symbols(items: Iterable[Comparison]) -> list[sp.Symbol]:
    found = {symbol for item in items for side in (item.left, item.right) for symbol in side.free_symbols}
    return sorted(found, key=lambda symbol: (symbol.name, str(sorted(symbol.assumptions0.items()))))


def _names(symbols: Sequence[sp.Symbol], integers: frozenset[sp.Symbol] | set[sp.Symbol]) -> Names:
    spelled = distinct(dict.fromkeys(symbol.name for symbol in symbols))
    counted = {item.name for item in symbols if item in integers}
    return Names(
        {name: made for name, made in spelled.items() if name not in counted},
        {name: made for name, made in spelled.items() if name in counted},
    )


def _domain(symbol: sp.Symbol) -> list[Comparison]:
    """What a symbol's declaration says; a natural number is not below 0 by its type."""
    zero, one = sp.Integer(0), sp.Integer(1)
    if symbol.is_integer:
        if not symbol.is_nonnegative:
            raise NotFormalisedError(f"`{symbol}` is an integer that may be negative")
        return [Comparison(one, "<=", symbol)] if symbol.is_positive else []
    if symbol.is_positive:
        return [Comparison(zero, "<", symbol)]
    if symbol.is_nonnegative:
        return [Comparison(zero, "<=", symbol)]
    return [Comparison(symbol, "<>", zero)] if symbol.is_nonzero else []
