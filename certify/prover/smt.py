"""z3 on the abstraction: unsatisfiable means proved, a model is a candidate for a counterexample.

Every denominator is known not to vanish, so n/d SIGN 0 is n d SIGN 0 and z3 sees polynomials only. Lemmas are offered
in stages, the fewest first; the ones that a proof needs are named in it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import sympy as sp

from certify.errors import MissingExtraError
from certify.prover.abstraction import Abstraction, Lemma, Literal
from certify.prover.claim import Claim, Sign

STAGES = ((False, 1_000), (True, 3_000))
"""In turn: whether the pairwise lemmas are offered, and z3's time in milliseconds."""

CORE_MILLISECONDS = 250
"""For finding out which lemmas a proof can do without."""

KEPT_POLYNOMIALS = 4_096


@dataclass(frozen=True)
class SmtProof:
    """No real values satisfy the assumptions, these lemmas and the negated goal."""

    lemmas: tuple[str, ...]


@dataclass(frozen=True)
class SmtModel:
    """Values of the parameters that satisfy assumptions, lemmas and the negated goal: a candidate."""

    values: dict[sp.Symbol, Fraction]


Answer: TypeAlias = SmtProof | SmtModel | None
"""What z3 says of a claim: proved, a candidate for a counterexample, or nothing."""


def decide(claim: Claim, milliseconds: int = 4_000) -> Answer:
    """z3's answer about a claim whose relations are defined wherever its assumptions hold; None if it has none.

    A proof is z3's word for the unsatisfiability of polynomial constraints; a model is not re-checked here.
    """
    model: SmtModel | None = None
    for is_rich, share in STAGES:
        try:
            facts, lemmas = constraints(claim, is_rich)
        except NotImplementedError:
            return None
        answer = _solve(facts, lemmas, claim, min(share, milliseconds))
        if isinstance(answer, SmtProof):
            return answer
        model = answer if isinstance(answer, SmtModel) else model
    return model


def satisfiable(claim: Claim, milliseconds: int = 2_000) -> bool | SmtModel | None:
    """Whether the assumptions alone can hold: False is z3's proof that they cannot, a model a candidate."""
    abstraction = Abstraction(claim.integers)
    try:
        facts = [abstraction.literal(relation) for relation in claim.assumptions]
    except NotImplementedError:
        return None
    abstraction.compare_pairs()
    answer = _solve(facts, abstraction.lemmas, claim, milliseconds)
    return False if isinstance(answer, SmtProof) else answer


def constraints(claim: Claim, is_rich: bool) -> tuple[list[Literal], list[Lemma]]:
    """Assumptions and the negated goal over variables, and the lemmas about these."""
    abstraction = Abstraction(claim.integers)
    where = [condition for relation in (*claim.assumptions, claim.goal) for condition in relation.defined_where]
    facts = [abstraction.literal(relation) for relation in (*claim.assumptions, *where, claim.goal.negated())]
    if is_rich:
        abstraction.compare_pairs()
    return facts, abstraction.lemmas


@contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """A Ctrl-C inside comes at the end, and is in the list till then.

    In the arguments of z3's foreign calls it would become another error, in their destructors nothing.
    """
    kept: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield kept
        return
    signal.signal(signal.SIGINT, lambda number, frame: kept.append(number))
    try:
        yield kept
    finally:
        signal.signal(signal.SIGINT, before)
    if kept:
        signal.raise_signal(signal.SIGINT)


def _solve(
    facts: Sequence[Literal], lemmas: Sequence[Lemma], claim: Claim, milliseconds: int
) -> SmtProof | SmtModel | None:
    with uninterrupted() as interrupts:
        return _solved(facts, lemmas, claim, milliseconds, interrupts)


def _solved(
    facts: Sequence[Literal], lemmas: Sequence[Lemma], claim: Claim, milliseconds: int, interrupts: Sequence[int]
) -> SmtProof | SmtModel | None:
    z3 = _z3()
    translation = Translation(z3)
    hard = [translation.literal(item) for item in facts]
    # Integers enter as reals first: what holds for all reals holds for them.
    clauses = [(item.name, z3.Or(*(translation.literal(entry) for entry in item.literals))) for item in lemmas]
    answer, solver = _check(z3, [*hard, *(clause for _, clause in clauses)], milliseconds)
    if answer == z3.unsat:
        return SmtProof(_needed(z3, hard, clauses, interrupts))
    if answer != z3.sat:
        return None
    return SmtModel(translation.values(solver.model(), claim.parameters))


def _check(z3: Any, formulas: Iterable[Any], milliseconds: int) -> tuple[Any, Any]:
    solver = z3.SolverFor("QF_NRA")
    solver.set("timeout", milliseconds)
    # Else z3 takes a Ctrl-C for itself, answers that it does not know, and the program goes on.
    solver.set("ctrl_c", False)
    solver.add(*formulas)
    return solver.check(), solver


def _needed(
    z3: Any, hard: Sequence[Any], clauses: Sequence[tuple[str, Any]], interrupts: Sequence[int]
) -> tuple[str, ...]:
    """Names of lemmas without one of which z3 finds no proof in time, by leaving out one after the other."""
    kept = list(clauses)
    for entry in clauses:
        if interrupts:
            break
        fewer = [item for item in kept if item is not entry]
        if _check(z3, [*hard, *(clause for _, clause in fewer)], CORE_MILLISECONDS)[0] == z3.unsat:
            kept = fewer
    return tuple(dict.fromkeys(name for name, _ in kept))


class Translation:
    """Polynomial relations of sympy as z3 formulas."""

    def __init__(self, z3: Any) -> None:
        self.z3 = z3
        self._reals: dict[sp.Symbol, Any] = {}

    def literal(self, literal: Literal) -> Any:
        """`expression SIGN 0` with its denominator cleared."""
        expression, sign = literal
        term = self._term(_cleared(expression, sign))
        return {
            Sign.NON_NEGATIVE: term >= 0,
            Sign.POSITIVE: term > 0,
            Sign.ZERO: term == 0,
            Sign.NON_ZERO: term != 0,
        }[sign]

    def values(self, model: Any, parameters: Sequence[sp.Symbol]) -> dict[sp.Symbol, Fraction]:
        """The model's values; algebraic numbers are rounded, a parameter that does not matter is 0."""
        found = {}
        for parameter in parameters:
            if parameter not in self._reals:
                found[parameter] = Fraction(0)
                continue
            value = model.eval(self._reals[parameter], model_completion=True)
            if self.z3.is_algebraic_value(value):
                value = value.approx(30)
            found[parameter] = Fraction(value.numerator_as_long(), value.denominator_as_long())
        return found

    def _term(self, polynomial: sp.Expr) -> Any:
        if polynomial.is_Rational:
            return self.z3.Q(int(polynomial.p), int(polynomial.q))
        if polynomial.is_Symbol:
            if polynomial not in self._reals:
                self._reals[polynomial] = self.z3.Real(polynomial.name)
            return self._reals[polynomial]
        if isinstance(polynomial, sp.Add):
            return self.z3.Sum([self._term(argument) for argument in polynomial.args])
        if isinstance(polynomial, sp.Mul):
            return self.z3.Product([self._term(argument) for argument in polynomial.args])
        if isinstance(polynomial, sp.Pow) and polynomial.exp.is_Integer and polynomial.exp > 0:
            return self.z3.Product([self._term(polynomial.base)] * int(polynomial.exp))
        raise NotImplementedError(f"`{polynomial}` is not a polynomial")


@lru_cache(maxsize=KEPT_POLYNOMIALS)
def _cleared(expression: sp.Expr, sign: Sign) -> sp.Expr:
    """A polynomial p with p SIGN 0 where expression SIGN 0; kept, as the stages and parts of a claim share lemmas."""
    numerator, denominator = sp.fraction(sp.together(expression))
    if denominator.is_Rational:
        return sp.expand(numerator / denominator)
    if sign in (Sign.ZERO, Sign.NON_ZERO):
        return sp.expand(numerator)
    # The sign of n/d is that of n d; squares in the denominator say nothing about it.
    constant, factors = sp.factor_list(denominator)
    odd = sp.Mul(*(base for base, power in factors if power % 2))
    return sp.expand(numerator * odd * sp.sign(constant))


def _z3() -> Any:
    try:
        import z3
    except ImportError as error:
        raise MissingExtraError("z3-solver", "prove", "proving relations") from error
    return z3
