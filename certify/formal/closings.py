"""Ways to close a goal of a proof script: what is left is polynomials, and products of facts make them linear."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import sympy as sp

from certify.formal.exponentials import ScriptAbstraction
from certify.formal.expressions import ATOM, Names, term, term_text
from certify.formal.grading import graded_products
from certify.formal.products import Fact, Product, combination, monomials_of, products, squares_of
from certify.formal.roots import Root, goal_in_squares, roots_in
from certify.formal.statement import Comparison, Statement
from certify.prover.abstraction import Literal
from certify.prover.claim import Sign

CLEARED = {"<=": "le", "<": "lt", "=": "eq", "<>": "neq"}
MOST_BRANCHES = 32


class Closings:
    """The tactics that may close the goals of one proof, from the facts that are known where it ends.

    statement    what is proved
    names        of the variables in Coq
    abstraction  functions as variables
    squares      of the roots' variables
    known        facts by their names in the script
    offered      facts that may be multiplied with others
    roots        the roots in the statement
    clauses      alternatives that lemmas leave: name, number, literals
    """

    statement: Statement
    names: Names
    abstraction: ScriptAbstraction
    squares: dict[sp.Symbol, sp.Expr]
    known: list[tuple[str, Fact]]
    offered: list[Fact]
    roots: list[Root]
    clauses: list[tuple[str, int, tuple[Literal, ...]]]

    def closings(self) -> Iterator[str]:
        """Tactics of which each closes some of the goals."""
        yield "assumption"
        for item in self.statement.conclusions:
            if item.relation == "<>":
                yield "nonzero"
                continue
            denominator, numerator = self.fraction(item.as_relation.expression)
            opening = "idtac"
            if denominator is not None:
                made, over = term_text(numerator, self.names, ATOM), term_text(denominator, self.names, ATOM)
                shown = "nonzero" if item.relation == "=" else "positive"
                opening = (
                    f"apply ({CLEARED[item.relation]}_of_cleared _ _ {over} {made}); [{shown} | field; nonzero | ]"
                )
            if sp.expand(numerator) == 0:
                yield f"{opening}; first [lra | field; nonzero]"
                continue
            for closing in dict.fromkeys(self._branches(numerator, item.relation)):
                yield f"{opening}; {closing}"
            yield from self._in_squares(item)
            yield f"{opening}; nra"

    def _in_squares(self, item: Comparison) -> Iterator[str]:
        """A goal with roots on its right side, by the squares of both sides."""
        left, right = (self.abstraction.rational(side).xreplace(self.squares) for side in (item.left, item.right))
        if item.relation != "<=" or roots_in(left, self.roots):
            return
        found = goal_in_squares(right, self.roots, self.names)
        if found is None:
            return
        opening, b = found
        denominator, numerator = self._over_positive(b - left**2)
        if denominator is not None:
            made, over = term_text(numerator, self.names, ATOM), term_text(denominator, self.names, ATOM)
            opening += f"; apply (le_of_cleared _ _ {over} {made}); [positive | field; nonzero | ]"
        for closing in dict.fromkeys(self._branches(numerator, "<=")):
            yield f"{opening}; {closing}"

    def _branches(self, goal: sp.Expr, relation: str) -> Iterator[str]:
        """One way to close the goal for every choice of the alternatives that the lemmas leave."""
        choices = [literals for _, _, literals in self.clauses]
        yield "lra"
        for branch in itertools.islice(itertools.product(*choices), MOST_BRANCHES):
            facts = list(self.known)
            for name, (expression, sign) in zip((name for name, _, _ in self.clauses), branch, strict=True):
                denominator, numerator = self.fraction(expression)
                if denominator is None and sign is not Sign.NON_ZERO:
                    facts.append((name, Fact(numerator, sign is Sign.POSITIVE, sign is Sign.ZERO)))
            facts = [(name, fact) for name, fact in facts if fact.expression != 0]
            closing = self._equation(goal, facts) if relation == "=" else self._inequality(goal, relation, facts)
            if closing is not None:
                yield closing

    def _inequality(self, goal: sp.Expr, relation: str, facts: list[tuple[str, Fact]]) -> str | None:
        negated = Fact(sp.expand(-goal), is_strict=relation == "<=")
        plain = [negated, *(fact for _, fact in facts)]
        more = [*plain, *monomials_of(plain)]
        with_squares = [*plain, *squares_of(plain)]
        offered = [*plain, *self.offered]
        found = (
            products(plain, 2)
            or products(with_squares, 2)
            or (products([*offered, *monomials_of(offered)], 3) if self.offered else None)
            or products(more)
            or products(plain)
            or products(with_squares)
            or graded_products([fact for fact in plain if fact.expression.as_coeff_Add()[0] == 0])
            or graded_products(plain)
            or (graded_products(offered) if self.offered else None)
        )
        if found is None:
            return None
        lemma = "Rnot_lt_le" if relation == "<=" else "Rnot_le_lt"
        return f"apply {lemma}; intro; {self._stated(found)}"

    def _equation(self, goal: sp.Expr, facts: list[tuple[str, Fact]]) -> str | None:
        found = combination(goal, [fact for _, fact in facts])
        return None if found is None else self._stated(found)

    def _stated(self, found: tuple[Product, ...]) -> str:
        """The facts that take part, their products, and lra."""
        used = dict.fromkeys(
            fact
            for item in found
            for fact in item.facts
            if len(item.facts) > 1 or item.factor is not None or fact.is_monomial
        )
        names = {fact: f"F{i}'" for i, fact in enumerate(fact for fact in used if not fact.is_square)}
        by = {False: "lra", True: "first [nonnegative | positive]"}
        steps = [
            f"assert ({name} : {proposition(fact, self.names)}) by {by[fact.is_monomial]}"
            for fact, name in names.items()
        ]
        for i, item in enumerate(found):
            if item.factor is not None and item.factor != 1:
                (equation,) = item.facts
                says = f"({term(equation.expression, self.names)}) * {term_text(item.factor, self.names, ATOM)} = 0"
                steps.append(f"assert (M{i}' : {says}) by (rewrite {names[equation]}; ring)")
            elif len(item.facts) > 1 or item.facts[0].is_square:
                steps.append(f"assert (M{i}' := {self._proof(item.facts, names)[0]})")
        return "; ".join([*steps, "lra"])

    def _proof(self, facts: tuple[Fact, ...], names: dict[Fact, str]) -> tuple[str, bool]:
        """The term that proves a product's sign, and whether it is strict."""
        first, *rest = facts
        if first.is_square:
            base = first.expression.base
            made, strict = f"pow2_ge_0 ({term(base, self.names)})", False
        else:
            made, strict = names[first], first.is_strict
        if not rest:
            return made, strict
        other, is_strict = self._proof(tuple(rest), names)
        if strict and is_strict:
            return f"Rmult_lt_0_compat _ _ ({made}) ({other})", True
        made = f"(Rlt_le _ _ ({made}))" if strict else f"({made})"
        other = f"(Rlt_le _ _ ({other}))" if is_strict else f"({other})"
        return f"Rmult_le_pos _ _ {made} {other}", False

    def fraction(self, expression: sp.Expr) -> tuple[sp.Expr | None, sp.Expr]:
        """(d, n) with expression = n/d over the variables; d is None where nothing needs clearing."""
        return self._over_positive(self.abstraction.rational(expression).xreplace(self.squares))

    def _over_positive(self, gap: sp.Expr) -> tuple[sp.Expr | None, sp.Expr]:
        numerator, denominator = sp.fraction(over_one_denominator(gap))
        if denominator.is_Rational:
            return None, sp.expand(numerator / denominator)
        sign, positive = self._positive(denominator)
        return positive, sp.expand(sign * numerator)

    def _positive(self, denominator: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """(s, p) with p = s times the denominator, its factors turned so that each that has a sign is positive."""
        constant, factors = sp.factor_list(denominator)
        facts = [fact for _, fact in self.known]
        for _, _, literals in self.clauses:
            expression, kind = literals[-1]
            if kind is not Sign.NON_ZERO and expression.is_polynomial():
                facts.append(Fact(expression.xreplace(self.squares), kind is Sign.POSITIVE, kind is Sign.ZERO))
        facts = [fact for fact in facts if fact.expression != 0]
        sign, made = sp.sign(constant), abs(constant)
        for base, power in factors:
            if power % 2 and products([*facts, Fact(base)], most=1) is not None:
                base, sign = -base, -sign
            made *= base**power
        return sign, made


def over_one_denominator(expression: sp.Expr) -> sp.Expr:
    """A rational function as one fraction, however deep its quotients stand."""
    if not expression.args:
        return expression
    return sp.together(expression.func(*map(over_one_denominator, expression.args)))


def proposition(fact: Fact, names: Names) -> str:
    """A fact as Coq states it."""
    made = term(fact.expression, names)
    return f"{made} = 0" if fact.is_equation else f"0 < {made}" if fact.is_strict else f"0 <= {made}"
