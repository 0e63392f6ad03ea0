"""Branch and bound in balls over a box of parameters; what is left at an unbounded end is another engine's."""

from __future__ import annotations

import heapq
import itertools
from fractions import Fraction
from time import monotonic

import sympy as sp
from flint import arb, fmpq

from certify.arithmetic.balls import precision
from certify.prover.claim import Claim, Relation, Sign
from certify.prover.witness import bounds
from certify.symbolic.evaluation import evaluate_ball

MOST_BOXES = 20_000
Interval = tuple[Fraction, Fraction]
Box = tuple[Interval, ...]


def proved_on_boxes(claim: Claim, seconds: float = 3.0, most: int = MOST_BOXES) -> int | None:
    """The number of boxes on which balls show the goal, or that an assumption fails; None if that did not succeed.

    Every real parameter needs a lower and an upper bound by a number. Integer parameters are treated as real. A strict
    goal, or one that does not touch 0 in the box, is within reach; ties are not.
    """
    box = _box(claim)
    if box is None or claim.goal.sign in (Sign.ZERO, Sign.NON_ZERO):
        return None
    deadline = monotonic() + seconds
    order = itertools.count()
    queue: list[tuple[Fraction, int, Box]] = [(Fraction(0), next(order), box)]
    done = 0
    with precision(64):
        while queue:
            _, _, current = heapq.heappop(queue)
            done += 1
            if done > most or monotonic() > deadline:
                return None
            if not _is_decided(claim, current):
                for half in _halves(current, box):
                    heapq.heappush(queue, (_depth(half), next(order), half))
    return done


def _box(claim: Claim) -> Box | None:
    found = []
    for parameter in claim.parameters:
        low, high = bounds(claim, parameter)
        if low is None or high is None:
            return None
        found.append((low, high))
    return tuple(found)


def _is_decided(claim: Claim, box: Box) -> bool:
    values = {
        symbol.name: arb(fmpq(low.numerator, low.denominator)).union(arb(fmpq(high.numerator, high.denominator)))
        for symbol, (low, high) in zip(claim.parameters, box, strict=True)
    }
    if _certainly(claim.goal, values):
        return True
    return any(_certainly(assumption.negated(), values) for assumption in claim.assumptions)


def _certainly(relation: Relation, values: dict[str, arb]) -> bool:
    try:
        found = evaluate_ball(relation.expression, values)
    except (TypeError, ValueError, OverflowError):
        return False
    if relation.sign is Sign.NON_NEGATIVE:
        return bool(found >= 0)
    if relation.sign is Sign.POSITIVE:
        return bool(found > 0)
    if relation.sign is Sign.NON_ZERO:
        return bool(found > 0) or bool(found < 0)
    return False


def _halves(box: Box, whole: Box) -> tuple[Box, Box]:
    """The box cut in the coordinate that is widest relative to the whole."""

    def width(index: int) -> Fraction:
        low, high = whole[index]
        return Fraction(0) if high == low else (box[index][1] - box[index][0]) / (high - low)

    index = max(range(len(box)), key=width)
    low, high = box[index]
    middle = (low + high) / 2
    return (
        (*box[:index], (low, middle), *box[index + 1 :]),
        (*box[:index], (middle, high), *box[index + 1 :]),
    )


def _depth(box: Box) -> Fraction:
    return -sum((high - low for low, high in box), Fraction(0))


def unbounded_parameters(claim: Claim) -> tuple[sp.Symbol, ...]:
    """Parameters that no pair of numbers encloses."""
    return tuple(item for item in claim.parameters if None in bounds(claim, item))
