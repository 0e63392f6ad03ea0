"""The proof script of a statement, from the lemmas that the prover's own proof names.

Every function becomes a variable, with the named lemmas as facts about it; a root's square takes the place of what it
is the root of; then every denominator is cleared, each by a fact that is shown first. What is left are polynomials:
`certify.formal.products` says which products of facts make the goal linear, lra finds the rest. The same claim always
gives the same script.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

import sympy as sp

from certify.formal.exponentials import ScriptAbstraction
from certify.formal.expressions import ATOM, Names, term, term_text
from certify.formal.lemmas import instance, is_enclosure
from certify.formal.names import distinct
from certify.formal.products import Fact, Product, combination, monomials_of, products, squares_of
from certify.formal.statement import Comparison, Statement
from certify.prover.abstraction import Lemma, Literal
from certify.prover.claim import Sign

CLEARED = {"<=": "le", "<": "lt", "=": "eq", "<>": "neq"}
RELATIONS = {Sign.NON_NEGATIVE: "<=", Sign.POSITIVE: "<", Sign.ZERO: "=", Sign.NON_ZERO: "<>"}
ALWAYS = ("sqrt(w)^2", "exp(u) > 0")
"""Lemmas that every script is given: without them no denominator is known not to be 0."""
MOST_BRANCHES = 32


def script(statement: Statement, lemma_names: Iterable[str]) -> str:
    """Tactics that prove the statement, one sentence a line, without `Proof` and `Qed`.

    Raises:
        NotFormalisedError: for a function, power or lemma without a counterpart.
    """
    return "\n".join(_Script(statement, frozenset(lemma_names)).sentences())


class _Script:
    """The sentences of one proof, and on the way what each name stands for."""

    def __init__(self, statement: Statement, lemma_names: frozenset[str]) -> None:
        self.statement = statement
        self.lemma_names = lemma_names
        items = (*statement.hypotheses, *statement.conclusions)
        self.sides = [side for item in items for side in (item.left, item.right)]
        self.abstraction = ScriptAbstraction(statement.integers, self.sides)
        for side in self.sides:
            self.abstraction.rational(side)
        self.abstraction.compare_pairs()
        self.squares: dict[sp.Symbol, sp.Expr] = {}
        self.known: list[tuple[str, Fact]] = []
        self.clauses: list[tuple[str, int, tuple[Literal, ...]]] = []
        self.variables = self._variables()
        self.names = Names(self.variables, {})

    def sentences(self) -> Iterator[str]:
        """The whole proof."""
        statement = self.statement
        binders = [*statement.names.reals.values(), *statement.names.naturals.values()]
        hypotheses = [f"H{i}'" for i in range(len(statement.hypotheses))]
        if binders or hypotheses:
            yield f"intros {' '.join([*binders, *hypotheses])}."
        for name, natural in statement.names.naturals.items():
            yield f"assert (N_{natural}' := pos_INR {natural})."
            symbols = {found for side in self.sides for found in side.free_symbols if found.name == name}
            self.known += [(f"N_{natural}'", Fact(symbol)) for symbol in symbols]
        yield from self._lemmas()
        yield from self._products_of_exponentials()
        yield from self._generalised()
        for name, count, _ in self.clauses:
            if count > 1:
                yield f"all: destruct {name} as {_alternatives(count, name)}; try (exfalso; lra)."
        yield from self._rooted()
        named = list(zip(hypotheses, statement.hypotheses, strict=True))
        for hypothesis, item in named:
            self._remember(hypothesis, item)
        for hypothesis, item in named:
            yield from self._cleared(hypothesis, item)
        yield "all: repeat match goal with |- _ /\\ _ => split end."
        yield f"all: first [{' | '.join(dict.fromkeys(f'solve [{item}]' for item in self._closings()))}]."

    def _variables(self) -> dict[str, str]:
        """What every symbol, and every variable of the abstraction, is called in the script."""
        names, definitions = self.statement.names, self.abstraction.definitions
        bound = [*names.reals.values(), *names.naturals.values()]
        spelled = distinct([*bound, *(variable.name.rstrip("!") for variable in definitions)])
        found = dict(names.reals) | {name: f"{natural}'" for name, natural in names.naturals.items()}
        return found | {variable.name: f"{spelled[variable.name.rstrip('!')]}" for variable in definitions}

    def _lemmas(self) -> Iterator[str]:
        """The instances of the lemmas that the proof names."""
        seen: Counter[tuple[str, tuple[sp.Expr, ...]]] = Counter()
        stated: set[str] = set()
        for lemma in self.abstraction.lemmas:
            occurrence = seen[lemma.name, lemma.arguments]
            seen[lemma.name, lemma.arguments] += 1
            if is_enclosure(lemma) or not self._is_wanted(lemma):
                continue
            name = f"L{len(self.clauses)}'"
            found, text = instance(lemma, occurrence, self.statement.names)
            count, sentence = found.alternatives, f"assert ({name} := {text})."
            if text not in stated:
                stated.add(text)
                self.clauses.append((name, count, lemma.literals))
                yield sentence
                if text.startswith("sqrt_nonnegative") and self._is_positive(lemma.arguments[0]):
                    # A root of what is positive is positive: denominators need it.
                    strict = f"0 < {term(sp.sqrt(lemma.arguments[0]), self.statement.names)}"
                    yield f"assert (S{name} : {strict}) by (apply sqrt_lt_R0; positive)."
                    ((root, _),) = lemma.literals
                    self.known.append((f"S{name}", Fact(root, is_strict=True)))

    def _is_wanted(self, lemma: Lemma) -> bool:
        """Whether the proof names the lemma; of exp any, since the prover's variables may be the inverses of these."""
        about_exp = lemma.name.startswith("exp(u)") and any(name.startswith("exp(u)") for name in self.lemma_names)
        return lemma.name in self.lemma_names or lemma.name.startswith(ALWAYS) or about_exp

    def _is_positive(self, expression: sp.Expr) -> bool:
        stated = any(
            item.relation == "<" and item.left == 0 and item.right == expression for item in self.statement.hypotheses
        )
        return bool(expression.is_positive) or stated

    def _products_of_exponentials(self) -> Iterator[str]:
        """exp of a sum as the product of its parts' exponentials, wherever it stands."""
        names = self.statement.names
        arguments = {
            term_text(part.args[0], names, ATOM): part.args[0] for side in self.sides for part in _exponentials(side)
        }
        for lemma in self.abstraction.lemmas:
            if is_enclosure(lemma) or not self._is_wanted(lemma):
                continue
            if lemma.name.startswith("b^x <= exp(x (b - 1))"):
                base, exponent = lemma.arguments
                spelled = f"({term_text(exponent, names, ATOM).strip('()')} * ({term(base, names)} - 1))"
                arguments.setdefault(spelled, exponent * (base - 1))
            elif "exp(" in lemma.name:
                arguments |= {term_text(item, names, ATOM): item for item in lemma.arguments}
        written = {variable.name: f"({term(item, names)})" for variable, item in self.abstraction.definitions.items()}
        everything = Names(dict(names.reals) | written, names.naturals)
        for i, (spelled, argument) in enumerate(arguments.items()):
            product = term(self.abstraction.rational(sp.exp(argument, evaluate=False)), everything)
            if product not in (f"(exp {spelled})", f"exp {spelled}"):
                yield f"assert (E{i}' : exp {spelled} = {product}) by exp_parts."
                yield f"try rewrite E{i}' in *; clear E{i}'."

    def _generalised(self) -> Iterator[str]:
        """Every function, the outermost first, becomes a variable; so does what natural numbers are as reals."""
        if any(isinstance(part.exp, sp.Add) for side in self.sides for part in side.atoms(sp.Pow)):
            yield "try rewrite !pow_add, !pow_1 in *."
        written = {
            self.variables[variable.name]: term(expression, self.statement.names)
            for variable, expression in self.abstraction.definitions.items()
        }
        for made, text in sorted(written.items(), key=lambda item: -len(item[1])):
            yield f"set ({made} := {text}) in *; clearbody {made}."
        for name, natural in self.statement.names.naturals.items():
            yield f"set ({self.variables[name]} := INR {natural}) in *; clearbody {self.variables[name]}."

    def _rooted(self) -> Iterator[str]:
        """A parameter of which the square root occurs is the square of it."""
        for variable, expression in self.abstraction.definitions.items():
            if isinstance(expression, sp.Pow) and expression.exp == sp.Rational(1, 2) and expression.base.is_Symbol:
                self.squares[expression.base] = variable**2
        for name, _, literals in self.clauses:
            for expression, sign in literals:
                for base, square in self.squares.items():
                    if sign is Sign.ZERO and expression == square - base:
                        yield f"all: try rewrite <- {name} in *."

    def _remember(self, name: str, item: Comparison) -> None:
        """A hypothesis that needs no clearing is a fact as it stands."""
        denominator, numerator = self._fraction(item.as_relation.expression)
        if denominator is None and item.relation != "<>":
            self.known.append((name, Fact(numerator, item.relation == "<", item.relation == "=")))

    def _cleared(self, name: str, item: Comparison) -> Iterator[str]:
        """A hypothesis as a polynomial relation under its own name."""
        denominator, numerator = self._fraction(item.as_relation.expression)
        if denominator is None:
            return
        fact = Fact(numerator, item.relation == "<", item.relation == "=")
        if item.relation != "<>":
            self.known.append((name, fact))
        over = term_text(denominator, self.names, ATOM)
        says = _proposition(fact, self.names) if item.relation != "<>" else f"{term(numerator, self.names)} <> 0"
        side = "; [positive | field; nonzero]" if item.relation in ("<=", "<") else "; field; nonzero"
        lemma = f"cleared_{CLEARED[item.relation]} _ _ {over} _ {name}"
        forget = "" if item.relation == "<>" else f"; clear {name}"
        yield f"all: assert ({name[:-1]}c' : {says}) by (apply ({lemma}){side}){forget}."

    def _closings(self) -> Iterator[str]:
        """Tactics of which each closes some of the goals."""
        yield "assumption"
        for item in self.statement.conclusions:
            if item.relation == "<>":
                yield "nonzero"
                continue
            denominator, numerator = self._fraction(item.as_relation.expression)
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
            yield f"{opening}; nra"

    def _branches(self, goal: sp.Expr, relation: str) -> Iterator[str]:
        """One way to close the goal for every choice of the alternatives that the lemmas leave."""
        choices = [literals for _, _, literals in self.clauses]
        yield "lra"
        for branch in itertools.islice(itertools.product(*choices), MOST_BRANCHES):
            facts = list(self.known)
            for name, (expression, sign) in zip((name for name, _, _ in self.clauses), branch, strict=True):
                denominator, numerator = self._fraction(expression)
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
        squared = [*plain, *squares_of(plain)]
        found = products(plain, 2) or products(squared, 2) or products(more) or products(plain) or products(squared)
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
            f"assert ({name} : {_proposition(fact, self.names)}) by {by[fact.is_monomial]}"
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

    def _fraction(self, expression: sp.Expr) -> tuple[sp.Expr | None, sp.Expr]:
        """(d, n) with expression = n/d over the variables; d is None where nothing needs clearing."""
        gap = self.abstraction.rational(expression).xreplace(self.squares)
        numerator, denominator = sp.fraction(_over_one_denominator(gap))
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


def _over_one_denominator(expression: sp.Expr) -> sp.Expr:
    """A rational function as one fraction, however deep its quotients stand."""
    if not expression.args:
        return expression
    return sp.together(expression.func(*map(_over_one_denominator, expression.args)))


def _proposition(fact: Fact, names: Names) -> str:
    made = term(fact.expression, names)
    return f"{made} = 0" if fact.is_equation else f"0 < {made}" if fact.is_strict else f"0 <= {made}"


def _exponentials(expression: sp.Expr) -> list[sp.exp]:
    return sorted(expression.atoms(sp.exp), key=str)


def _alternatives(count: int, name: str) -> str:
    """The pattern that takes a disjunction apart."""
    made = name
    for _ in range(count - 1):
        made = f"[{name} | {made}]"
    return made
