"""The proof script of a statement, from the lemmas that the prover's own proof names.

Every function becomes a variable, with the named lemmas as facts about it; a root's square takes the place of what it
is the root of; then every denominator is cleared, each by a fact that is shown first. What is left are polynomials:
`certify.formal.products` says which products of facts make the goal linear, lra finds the rest. The same claim always
gives the same script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import sympy as sp

from certify.formal.closings import CLEARED, Closings, over_one_denominator, proposition
from certify.formal.exponentials import ScriptAbstraction
from certify.formal.expressions import ATOM, Names, term, term_text
from certify.formal.lemmas import instance, is_enclosure
from certify.formal.names import distinct
from certify.formal.products import Fact, monomials_of, products
from certify.formal.roots import (
    Root,
    constant_bounds,
    lower_bounds,
    monomial_bounds,
    powers_above_one,
    rational_root,
    reduced,
    roots_in,
    squared,
)
from certify.formal.statement import Comparison, Statement
from certify.prover.abstraction import Lemma, Literal
from certify.prover.claim import Sign

RELATIONS = {Sign.NON_NEGATIVE: "<=", Sign.POSITIVE: "<", Sign.ZERO: "=", Sign.NON_ZERO: "<>"}
ALWAYS = ("sqrt(w)^2", "exp(u) > 0")
"""Lemmas that every script is given: without them no denominator is known not to be 0."""


def script(statement: Statement, lemma_names: Iterable[str]) -> str:
    """Tactics that prove the statement, one sentence a line, without `Proof` and `Qed`.

    Raises:
        NotFormalisedError: for a function, power or lemma without a counterpart.
    """
    return "\n".join(_Script(statement, frozenset(lemma_names)).sentences())


class _Script(Closings):
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
        self.offered: list[Fact] = []
        self.roots: list[Root] = []
        self.clauses: list[tuple[str, int, tuple[Literal, ...]]] = []
        self.equations: dict[sp.Expr, str] = {}
        self.domains: dict[str, tuple[Literal, ...]] = {}
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
        yield from self._constants()
        yield from self._products_of_exponentials()
        yield from self._generalised()
        whole = [item for item in self.clauses if not self._has_denominator(item)]
        for name, count, _ in whole:
            if count > 1:
                yield f"all: destruct {name} as {_alternatives(count, name)}; try (exfalso; lra)."
        yield from self._rooted()
        named = list(zip(hypotheses, statement.hypotheses, strict=True))
        for hypothesis, item in named:
            self._remember(hypothesis, item)
        for hypothesis, item in named:
            yield from self._cleared(hypothesis, item)
        for clause in [item for item in self.clauses if item not in whole]:
            yield from self._cleared_clause(*clause)
        yield from self._offers(named)
        yield "all: repeat match goal with |- _ /\\ _ => split end."
        yield f"all: first [{' | '.join(dict.fromkeys(f'solve [{item}]' for item in self.closings()))}]."

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
                self.domains[name] = self._domain(lemma, count - len(lemma.literals))
                yield sentence
                if text.startswith("sqrt_squared"):
                    self.equations[self.abstraction.rational(sp.sqrt(lemma.arguments[0]))] = name
                if text.startswith("sqrt_nonnegative") and self._is_positive(lemma.arguments[0]):
                    # A root of what is positive is positive: denominators need it.
                    strict = f"0 < {term(sp.sqrt(lemma.arguments[0]), self.statement.names)}"
                    yield f"assert (S{name} : {strict}) by (apply sqrt_lt_R0; positive)."
                    ((root, _),) = lemma.literals
                    self.known.append((f"S{name}", Fact(root, is_strict=True)))

    def _domain(self, lemma: Lemma, count: int) -> tuple[Literal, ...]:
        """The alternatives that Coq's lemma has before the prover's: an argument of ln or sqrt out of range."""
        sign = Sign.POSITIVE if lemma.name.startswith("sqrt(w)") else Sign.NON_NEGATIVE
        outside = lemma.arguments[len(lemma.arguments) - count :]
        return tuple((-self.abstraction.rational(item), sign) for item in outside)

    def _constants(self) -> Iterator[str]:
        """Roots of numbers between rationals, where the proof needs their size."""
        for variable, expression in self.abstraction.definitions.items():
            is_root = isinstance(expression, sp.Pow) and expression.exp == sp.Rational(1, 2)
            is_bounded = any(name.startswith(f"{expression} ") for name in self.lemma_names)
            if is_root and expression.base.is_Rational and is_bounded:
                text = term(expression, self.statement.names)
                yield from constant_bounds(expression, text, f"C{len(self.offered)}'")
                low, high = rational_root(expression.base)
                self.offered += [Fact(variable - low), Fact(high - variable)]

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
                # Of "log(w) - u <= ..." the first argument alone is an exponent.
                exponents = lemma.arguments[:1] if lemma.name.startswith("log(w)") else lemma.arguments
                arguments |= {term_text(item, names, ATOM): item for item in exponents}
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
            if not isinstance(expression, sp.Pow) or expression.exp != sp.Rational(1, 2):
                continue
            if expression.base.is_Symbol:
                self.squares[expression.base] = variable**2
        for name, _, literals in self.clauses:
            for expression, sign in literals:
                for base, square in self.squares.items():
                    if sign is Sign.ZERO and expression == square - base:
                        yield f"all: try rewrite <- {name} in *."
        yield from self._shifted()

    def _shifted(self) -> Iterator[str]:
        """A parameter x of which only sqrt(x + c) occurs is the square of it less c."""
        for variable, expression in self.abstraction.definitions.items():
            if not isinstance(expression, sp.Pow) or expression.exp != sp.Rational(1, 2):
                continue
            shift, symbol = expression.base.as_coeff_Add()
            is_free = symbol.is_Symbol and symbol not in self.squares and symbol.name in self.statement.names.reals
            if shift != 0 and shift.is_Rational and is_free:
                self.squares[symbol] = variable**2 - shift
                made, x = term(self.squares[symbol], self.names), self.names.reals[symbol.name]
                yield f"all: try (assert (X{x}' : {x} = {made}) by lra; subst {x})."

    def _remember(self, name: str, item: Comparison) -> None:
        """A hypothesis that needs no clearing is a fact as it stands."""
        denominator, numerator = self.fraction(item.as_relation.expression)
        if denominator is None and item.relation != "<>":
            self.known.append((name, Fact(numerator, item.relation == "<", item.relation == "=")))

    def _cleared(self, name: str, item: Comparison) -> Iterator[str]:
        """A hypothesis as a polynomial relation under its own name."""
        denominator, numerator = self.fraction(item.as_relation.expression)
        if denominator is None:
            return
        fact = Fact(numerator, item.relation == "<", item.relation == "=")
        if item.relation != "<>":
            self.known.append((name, fact))
        over = term_text(denominator, self.names, ATOM)
        says = proposition(fact, self.names) if item.relation != "<>" else f"{term(numerator, self.names)} <> 0"
        sides = {"=": "; field; nonzero", "<>": "; [nonzero | field; nonzero]"}
        side = sides.get(item.relation, "; [positive | field; nonzero]")
        lemma = f"cleared_{CLEARED[item.relation]} _ _ {over} _ {name}"
        forget = "" if item.relation == "<>" else f"; clear {name}"
        yield f"all: assert ({name[:-1]}c' : {says}) by (apply ({lemma}){side}){forget}."

    def _has_denominator(self, clause: tuple[str, int, tuple[Literal, ...]]) -> bool:
        name, _, literals = clause
        parts = [expression for expression, _ in (*self.domains[name], *literals)]
        return any(not sp.fraction(over_one_denominator(item))[1].is_Rational for item in parts)

    def _cleared_clause(self, name: str, count: int, literals: tuple[Literal, ...]) -> Iterator[str]:
        """A clause as polynomial relations, without the alternatives that the facts exclude."""
        self.clauses = [item for item in self.clauses if item[0] != name]
        tactics: list[str] = []
        kept: list[tuple[str, sp.Expr, Sign, int, str]] = []
        for expression, sign in (*self.domains[name], *literals):
            denominator, numerator = self.fraction(expression)
            fact = Fact(numerator, sign is Sign.POSITIVE, sign is Sign.ZERO)
            part = f"{term(numerator, self.names)} <> 0" if sign is Sign.NON_ZERO else proposition(fact, self.names)
            shown = "lra"
            if denominator is not None:
                over = term_text(denominator, self.names, ATOM)
                side = "[field; nonzero]" if sign is Sign.ZERO else "[solve [positive | nonzero] | field; nonzero]"
                shown = f"apply (cleared_{CLEARED[RELATIONS[sign]]} _ _ {over} _ {name}); {side}"
            facts = [fact, *(known for _, known in self.known)]
            is_inequality = sign not in (Sign.NON_ZERO, Sign.ZERO)
            found = (products(facts, 2) or products([*facts, *monomials_of(facts)], 3)) if is_inequality else None
            if found is None:
                kept.append((part, numerator, sign, len(tactics), shown))
                tactics.append("")
            else:
                tactics.append(f"exfalso; assert (Z' : {part}) by ({shown}); {self._stated(found)}")
        for i, (_, _, _, at, shown) in enumerate(kept):
            tactics[at] = "right; " * i + ("left; " if i < len(kept) - 1 else "") + shown
        if not kept or len(tactics) != count:
            return
        made = f"{name[:-1]}c'"
        opened = tactics[0]
        if count > 1:
            opened = f"destruct {name} as {_alternatives(count, name)}; [{' | '.join(tactics)}]"
        says = " \\/ ".join(item[0] for item in kept)
        stated = f"assert ({made} : {says}) by ({opened})"
        if len(kept) > 1:
            yield f"all: try ({stated}; destruct {made} as {_alternatives(len(kept), made)})."
            self.clauses.append((made, len(kept), tuple((numerator, sign) for _, numerator, sign, _, _ in kept)))
            return
        yield f"all: try ({stated})."
        ((_, numerator, sign, _, _),) = kept
        if sign is not Sign.NON_ZERO:
            self.known.append((made, Fact(numerator, sign is Sign.POSITIVE, sign is Sign.ZERO)))
        if name in self.equations.values():
            # The equation of a root keeps its first form beside the cleared one.
            yield f"all: try (destruct {name} as [{name} | {name}]; [{tactics[0]} | ])."

    def _offers(self, named: list[tuple[str, Comparison]]) -> Iterator[str]:
        """Facts about roots beyond the lemmas: bounds by numbers, and hypotheses with both sides squared."""
        for variable, expression in self.abstraction.definitions.items():
            if isinstance(expression, sp.Pow) and expression.exp == sp.Rational(1, 2):
                radicand = self.abstraction.rational(expression.base).xreplace(self.squares)
                is_rooted = sp.expand(radicand - variable**2) == 0
                self.roots.append(Root(variable, radicand, None if is_rooted else self.equations.get(variable)))
        known = [fact for _, fact in self.known]
        for sentence, fact in lower_bounds(self.roots, known, self.names):
            yield sentence
            self.offered.append(fact)
        for sentence, fact in monomial_bounds(known, self.roots, self.names):
            yield sentence
            self.offered.append(fact)
        numerators = [self.fraction(item.as_relation.expression)[1] for item in self.statement.conclusions]
        for sentence, fact in powers_above_one(list(self.offered), numerators, self.names):
            yield sentence
            self.offered.append(fact)
        for name, item in named:
            yield from self._squared(f"Q{name[1:]}", item)

    def _squared(self, name: str, item: Comparison) -> Iterator[str]:
        left, right = (self.abstraction.rational(side).xreplace(self.squares) for side in (item.left, item.right))
        is_wanted = item.relation in ("<=", "<") and roots_in(right, self.roots) and not roots_in(left, self.roots)
        if not is_wanted or not item.left.is_nonnegative or item.left == 0:
            return
        sentence, gap = squared(name, item, (left, right), self.names)
        denominator, numerator = self._over_positive(gap)
        rest, multiples = reduced(numerator, self.roots)
        yield sentence
        if denominator is not None:
            over = term_text(denominator, self.names, ATOM)
            shown = f"apply (cleared_le _ _ {over} {term_text(numerator, self.names, ATOM)} {name}); "
            shown += "[positive | field; nonzero]"
            yield f"all: try (assert ({name}c : 0 <= {term(numerator, self.names)}) by ({shown}))."
        steps = [
            f"assert (M{i}' : ({term(root.variable**2 - root.radicand, self.names)}) * "
            f"{term_text(factor, self.names, ATOM)} = 0) by (rewrite {root.equation}; ring)"
            for i, (root, factor) in enumerate(multiples)
        ]
        yield f"all: try (assert ({name}r : 0 <= {term(rest, self.names)}) by ({'; '.join([*steps, 'lra'])}))."
        self.offered.append(Fact(rest))


def _exponentials(expression: sp.Expr) -> list[sp.exp]:
    return sorted(expression.atoms(sp.exp), key=str)


def _alternatives(count: int, name: str) -> str:
    """The pattern that takes a disjunction apart."""
    made = name
    for _ in range(count - 1):
        made = f"[{name} | {made}]"
    return made
