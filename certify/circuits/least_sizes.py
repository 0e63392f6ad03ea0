"""Least circuits of many functions, side by side: one question per function and size, wherever tasks run.

A size that is refuted counts only where `certify.circuits.drat` accepted the refutation, which shares nothing with the
solver; a chain counts because it was evaluated. Both are checked again where they were kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import Chain, Refutation, chain_of_size, formula, least_conceivable
from certify.codec import decode, encode
from certify.execution.door import Execution, Failed
from certify.execution.work import Codec, Work

MOST_GATES = 16


@dataclass(frozen=True)
class Question:
    """Is there a chain of `size` gates for these truth tables of `inputs` inputs?"""

    inputs: int
    targets: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Answer:
    """A chain, or an accepted refutation; neither where the refutation was not accepted."""

    chain: Chain | None = None
    refutation: Refutation | None = None


@dataclass(frozen=True)
class Size:
    """Bracket of a least size: `upper` is None if no chain was found; `steps` of refutations were checked."""

    lower: int
    upper: int | None
    steps: int

    def __str__(self) -> str:
        if self.upper == self.lower:
            return str(self.lower)
        return f">= {self.lower}" if self.upper is None else f"{self.lower} to {self.upper}"


def least_sizes(
    problems: Sequence[tuple[int, Sequence[int]]],
    execution: Execution,
    most: int = MOST_GATES,
    refuted: Callable[[int, int, Refutation], None] = lambda problem, size, proof: None,
    at_least: Sequence[int] = (),
    found_chain: Callable[[int, Chain], None] = lambda problem, chain: None,
) -> list[Size]:
    """Brackets of the least sizes of `problems`, each inputs and truth tables.

    `at_least`: for every problem a size that is known otherwise to be no more than the least; smaller ones are not
    tried.

    A question that the execution's limit ends leaves a gap: above it only chains are looked for. `refuted` receives
    every accepted refutation with its problem's place and its size, `found_chain` every chain.
    """
    work = Work(answered, Codec(encode, _decode, _doubt), {"work": "least circuits"}, _key)
    found = [Size(least_conceivable(inputs, targets), None, 0) for inputs, targets in problems]
    if at_least:
        found = [replace(item, lower=max(item.lower, known)) for item, known in zip(found, at_least, strict=True)]
    sizes = {place: item.lower for place, item in enumerate(found)}
    while sizes:
        asked = list(sizes)
        questions = [Question(problems[place][0], tuple(problems[place][1]), sizes[place]) for place in asked]
        for index, answer in execution.map(work, questions):
            place, size = asked[index], questions[index].size
            refutation = None if isinstance(answer, Failed) else answer.refutation
            if refutation is not None and size == found[place].lower:
                refuted(place, size, refutation)
                found[place] = replace(found[place], lower=size + 1, steps=found[place].steps + len(refutation.proof))
            if not isinstance(answer, Failed) and answer.chain is not None:
                found[place] = replace(found[place], upper=size)
                found_chain(place, answer.chain)
                del sizes[place]
            elif size == most:
                del sizes[place]
            else:
                sizes[place] = size + 1
    return found


def answered(question: Question) -> Answer:
    """The solver's answer, its refutation checked."""
    found = chain_of_size(question.inputs, question.targets, question.size)
    if isinstance(found, Chain):
        return Answer(chain=found)
    return Answer(refutation=found if check_refutation(found.clauses, found.proof).accepted else None)


def _key(question: Question) -> str:
    return hashlib.sha256(json.dumps(encode(question)).encode()).hexdigest()[:32]


def _decode(document: Any) -> Answer:
    return decode(Answer, document, "the answer")


def _doubt(question: Question, answer: Answer) -> str:
    chain, refutation = answer.chain, answer.refutation
    if chain is not None:
        right = chain.inputs == question.inputs and len(chain.gates) == question.size
        return "" if right and chain.truth_tables() == question.targets else "its chain computes something else"
    if refutation is None:
        return "it decides nothing"
    if refutation.clauses != formula(question.inputs, question.targets, question.size):
        return "its formula is of another question"
    return "" if check_refutation(refutation.clauses, refutation.proof).accepted else "its proof is not accepted"
