"""The pipeline: can the assumptions hold, is everything defined, a witness, identities, z3, derivatives, boxes.

Each method is sound on its own, so the order is a matter of cost. A claim that one engine proves and another refutes is
a defect of the program and reported as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from time import perf_counter

import sympy as sp

from certify.errors import InputError, InternalError
from certify.prover import boundary, boxes, monotone, smt, witness
from certify.prover.claim import Claim, Relation, Sign, plain_symbols, relation_of, tightened
from certify.prover.proof import Proof
from certify.prover.reading import read_claim, read_relation
from certify.validation import random_seed, shown
from certify.verdict import Evidence, Verdict, weakest_evidence, weakest_verdict
from certify.wording import counted

METHOD_VERSION = 2
"""Rises with every change of what the prover admits; a recorded proof of another version is not believed."""

DEPTH = 4
"""How often a claim is reduced to one about a derivative."""

NEVER = Relation(sp.Integer(-1), Sign.NON_NEGATIVE, "-1 >= 0")
"""A goal that fails wherever the assumptions hold."""

FAR = (10, 1000)
"""An unbounded parameter is cut here: boxes below, lemmas above."""


def prove(claim: str | sp.Basic, assumptions: Iterable[str | sp.Basic] = (), *, seed: int = 0) -> Proof:
    """Prove `claim` for all parameters that satisfy `assumptions`, or refute it at a short rational point.

    Both are text, as `certify prove` reads it, or sympy relations. Parameters are real unless an assumption
    `NAME in N` (0, 1, 2, ...) or `NAME in Z` says otherwise; integer symbols of sympy are integers too.

    Guarantee: `proved` holds for all real (integer) values; the trusted engines are sympy's polynomial arithmetic, z3
    and Arb. `refuted` has a witness that was confirmed in exact or ball arithmetic.

    Raises:
        InputError: for text that is no relation.

    >>> prove("x/(1 + x) <= 1 - exp(-x)", ["x >= 0"]).verdict.value
    'proved'
    >>> prove("log(1 + x) <= x/(1 + x)", ["x > 0"]).witness
    {'x': Fraction(1, 1)}
    """
    start = perf_counter()
    given = _relations(assumptions)
    if not isinstance(claim, (str, sp.Basic)):
        raise InputError(f'`claim` must be text such as "x**2 >= 0" or a sympy relation; got {shown(claim)}')
    texts = tuple(str(item) for item in given)
    claims = _claims(claim, given)
    drawn_from = random_seed(seed)
    found = [_prove_one(item, str(claim), texts, drawn_from) for item in claims]
    merged = found[0] if len(found) == 1 else _conjunction(found, str(claim), texts)
    return replace(merged, seconds=perf_counter() - start)


def are_contradictory(assumptions: Iterable[str | sp.Basic]) -> bool:
    """Whether z3 shows that they cannot hold together. Verified."""
    (claim,) = _claims("0 > 0", _relations(assumptions))
    return smt.satisfiable(claim) is False


def of_nothing(found: Proof, assumptions: Iterable[str | sp.Basic], method: str = "z3") -> Proof:
    """The claim of `found` under assumptions that contradict each other."""
    return replace(
        found,
        assumptions=tuple(map(str, assumptions)),
        verdict=Verdict.NOT_APPLICABLE,
        evidence=Evidence.SYMBOLIC if method == "z3" else Evidence.RIGOROUS,
        method=method,
        steps=(),
        reason="the assumptions contradict each other: anything would follow from them",
    )


def _relations(assumptions: Iterable[str | sp.Basic]) -> tuple[str | sp.Basic, ...]:
    """The assumptions, of which one alone may come without a list."""
    if isinstance(assumptions, (str, sp.Basic)):
        return (assumptions,)
    if not isinstance(assumptions, (list, tuple)):
        raise InputError(f"`assumptions` must be a list of relations; got {shown(assumptions)}")
    for item in assumptions:
        if not isinstance(item, (str, sp.Basic)):
            raise InputError(f"an assumption must be text or a sympy relation; got {shown(item)}")
    return tuple(assumptions)


def _claims(claim: str | sp.Basic, assumptions: Sequence[str | sp.Basic]) -> tuple[Claim, ...]:
    if isinstance(claim, str) and all(isinstance(item, str) for item in assumptions):
        return read_claim(claim, [str(item) for item in assumptions])
    texts = [item for item in (*assumptions, claim) if isinstance(item, str)]
    members = {found for item in assumptions if isinstance(item, str) for found in read_relation(item).integers}
    plain, extra = plain_symbols([item for item in (*assumptions, claim) if not isinstance(item, str)])
    integers = frozenset(members | {plain[item] for item in plain if item.is_integer})

    def read(item: str | sp.Basic) -> tuple[Relation, ...]:
        return read_relation(item, integers).relations if item in texts else (relation_of(item, plain, integers),)

    known = tightened((*extra, *(relation for item in assumptions for relation in read(item))), integers)
    if isinstance(claim, str):
        return tuple(Claim(item.goal, known, integers) for item in read_claim(claim, (), integers))
    return tuple(Claim(goal, known, integers) for goal in read(claim))


def _prove_one(claim: Claim, text: str, assumptions: tuple[str, ...], seed: int) -> Proof:
    open_claim = Proof(text, assumptions, Verdict.INCONCLUSIVE, None)
    possible = smt.satisfiable(claim) if claim.assumptions else None
    if possible is False:
        return of_nothing(open_claim, assumptions)
    undefined = _undefined(claim, seed)
    if isinstance(undefined, str):
        # Where it is not defined it says nothing, but it may fail where it is.
        found = witness.search(claim, seed) or boundary.search(claim, seed)
        if found is None:
            return replace(open_claim, reason=undefined)
        return replace(_refuted(found, text, assumptions), reason=undefined)
    answer = smt.decide(claim)
    found = _counterexample(claim, answer, seed)
    if found is not None:
        values = {symbol.name: value for symbol, value in found.items()}
        if _is_identity(claim.goal) or isinstance(answer, smt.SmtProof):
            raise InternalError(f"`{text}` is proved and fails at {values}; please report it with the assumptions")
        return _refuted(found, text, assumptions)
    derivation = _engines(claim, DEPTH, answer)
    if derivation is None:
        reason = "no engine decided it and no counterexample was found; bound the parameters or split the claim"
        return replace(open_claim, reason=reason)
    reason = ""
    if claim.assumptions and not _can_hold(claim, possible, seed):
        count = boxes.proved_on_boxes(claim.with_goal(NEVER))
        if count is not None:
            return of_nothing(open_claim, assumptions, f"balls on {counted(count, 'box')}")
        reason = "no values were found at which all assumptions hold: it may speak of nothing"
    steps = (*undefined, *derivation.steps)
    return Proof(text, assumptions, Verdict.PROVED, derivation.evidence, derivation.method, steps, reason=reason)


def _can_hold(claim: Claim, model: smt.SmtModel | bool | None, seed: int) -> bool:
    """Whether values are known at which all assumptions hold; z3's word is enough where these are polynomials."""
    never = claim.with_goal(NEVER)
    if isinstance(model, smt.SmtModel) and (_is_algebraic(claim) or witness.violates(never, model.values)):
        return True
    return witness.search(never, seed) is not None or boundary.search(never, seed) is not None


def _is_algebraic(claim: Claim) -> bool:
    """Whether the assumptions are polynomials over the rationals in real parameters: z3 then decides them."""
    if claim.integers or not all(item.expression.is_polynomial(*claim.parameters) for item in claim.assumptions):
        return False
    return all(sp.Poly(item.expression, *claim.parameters).domain in (sp.ZZ, sp.QQ) for item in claim.assumptions)


def _refuted(found: Mapping[sp.Symbol, Fraction], text: str, assumptions: tuple[str, ...]) -> Proof:
    values = {symbol.name: value for symbol, value in found.items()}
    return Proof(text, assumptions, Verdict.REFUTED, Evidence.RIGOROUS, "a counterexample", witness=values)


@dataclass(frozen=True)
class Derivation:
    """How a claim was proved."""

    evidence: Evidence
    method: str
    steps: tuple[str, ...] = ()


def _engines(claim: Claim, depth: int, answer: smt.Answer) -> Derivation | None:
    """A proof of a claim that is defined where its assumptions hold; None if no engine finds one.

    `answer` is what z3 says of the claim.
    """
    if _is_identity(claim.goal):
        return Derivation(Evidence.SYMBOLIC, "an identity of rational functions")
    if isinstance(answer, smt.SmtProof):
        lemmas = f" with {'; '.join(answer.lemmas)}" if answer.lemmas else ""
        return Derivation(Evidence.SYMBOLIC, f"z3{lemmas}")
    count = boxes.proved_on_boxes(claim, 1.0, 2_000)
    if count is not None:
        return Derivation(Evidence.RIGOROUS, f"balls on {counted(count, 'box')}")
    if depth > 0:
        for split in monotone.splits(claim):
            parts = _all_parts(split.parts, depth - 1)
            if parts is not None:
                return Derivation(
                    weakest_evidence(item.evidence for item in parts),
                    split.argument,
                    tuple(_line(part, item) for part, item in zip(split.parts, parts, strict=True)),
                )
    return _by_boxes(claim)


def _by_boxes(claim: Claim) -> Derivation | None:
    """Balls on the whole box, or below a cut with the lemmas above it."""
    count = boxes.proved_on_boxes(claim)
    if count is not None:
        return Derivation(Evidence.RIGOROUS, f"balls on {counted(count, 'box')}")
    open_ended = boxes.unbounded_parameters(claim)
    if len(open_ended) != 1 or witness.bounds(claim, open_ended[0])[0] is None:
        return None
    parameter = open_ended[0]
    for cut in FAR:
        beyond = Relation(parameter - cut, Sign.NON_NEGATIVE, f"{parameter} >= {cut}")
        below = Relation(cut - parameter, Sign.NON_NEGATIVE, f"{parameter} <= {cut}")
        if isinstance(smt.decide(claim.with_goal(claim.goal, [beyond])), smt.SmtProof):
            count = boxes.proved_on_boxes(claim.with_goal(claim.goal, [below]))
            if count is not None:
                return Derivation(Evidence.RIGOROUS, f"balls on {counted(count, 'box')} for {below.text}, z3 beyond")
    return None


def _all_parts(parts: Sequence[Claim], depth: int) -> list[Derivation] | None:
    found = []
    for part in parts:
        for condition in part.goal.defined_where:
            where = part.with_goal(condition)
            if _engines(where, 0, smt.decide(where)) is None:
                return None
        # A false part is cheap to notice, and no engine need try it.
        if witness.search(part, points=2_000) is not None:
            return None
        derivation = _engines(part, depth, smt.decide(part))
        if derivation is None:
            return None
        found.append(derivation)
    return found


def _undefined(claim: Claim, seed: int) -> str | tuple[str, ...]:
    """Lines saying why everything is defined, or the sentence that says what is not."""
    lines: list[str] = []
    known: list[Relation] = []
    for relation in (*claim.assumptions, claim.goal):
        for condition in relation.defined_where:
            # An assumption is taken to be meaningful; so is what was shown before.
            if relation is not claim.goal:
                known.append(condition)
                continue
            part = Claim(condition, (*claim.assumptions, *known), claim.integers)
            found = witness.search(part, seed)
            derivation = _engines(part, 1, smt.decide(part)) if found is None else None
            if derivation is None:
                found = found or boundary.search(part, seed)
            if found is not None:
                where = ", ".join(f"{symbol} = {value}" for symbol, value in found.items())
                return f"`{relation.text}` is not defined at {where}: assume {condition.text}"
            if derivation is None:
                return f"`{condition.text}` was not shown, without which `{relation.text}` is not defined: assume it"
            lines.append(f"defined: {condition.text} by {derivation.method}")
            known.append(condition)
    return tuple(lines)


def _counterexample(claim: Claim, answer: smt.Answer, seed: int) -> dict[sp.Symbol, Fraction] | None:
    """A confirmed counterexample, from the search or from z3's model; None if there is none."""
    found = witness.search(claim, seed)
    if found is None and isinstance(answer, smt.SmtModel) and witness.violates(claim, answer.values):
        return witness.shortened(claim, answer.values)
    if found is None and not isinstance(answer, smt.SmtProof):
        return boundary.search(claim, seed)
    return found


def _is_identity(goal: Relation) -> bool:
    if goal.sign not in (Sign.ZERO, Sign.NON_NEGATIVE):
        return False
    expression = goal.expression
    return bool(expression.is_rational_function()) and sp.expand(sp.fraction(sp.together(expression))[0]) == 0


def _line(claim: Claim, derivation: Derivation) -> str:
    inner = f" ({'; '.join(derivation.steps)})" if derivation.steps else ""
    return f"{claim.goal.text}: {derivation.method}{inner}"


def _conjunction(found: Sequence[Proof], text: str, assumptions: tuple[str, ...]) -> Proof:
    worst = max(found, key=lambda item: item.verdict.rank)
    verdict = weakest_verdict(item.verdict for item in found)
    if verdict is not Verdict.PROVED:
        return replace(worst, claim=text)
    evidence = weakest_evidence(item.evidence for item in found if item.evidence is not None)
    steps = tuple(line for item in found for line in (item.method, *item.steps))
    return Proof(text, assumptions, verdict, evidence, "each link of the chain", steps, reason=worst.reason)
