"""Witnesses: the search's extreme points and directions, proposed as the other ends of the brackets.

A proposal here has no value of its own: what its witness proves is found in balls where it is used
(`certify.bounds.recomputation`), so the search (`certify.bounds.search`) need not be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Witness
from certify.bounds.method import BoundMethod, ConstantName, End, Problem, Proposal
from certify.bounds.search import Candidate, closest_pair, extreme_curvature, extreme_stretch

STARTS = 16
"""Local searches per constant for m and M; half as many for M2 and M3, whose objective is costlier."""


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, region, deadline = problem.generator.graph, problem.region, problem.deadline
    rng = np.random.default_rng(problem.seed)
    stretches: tuple[tuple[ConstantName, End], ...] = (("M", "lower"), ("m", "upper"))
    curvatures: tuple[tuple[ConstantName, int], ...] = (("M2", 2), ("M3", 3))
    for constant, end in stretches:
        if problem.is_settled(constant):
            continue
        found = _found(extreme_stretch, graph, region, constant == "M", deadline, rng, STARTS)
        yield from _at_a_point(constant, end, found, 1)
    pair = None if problem.is_settled("m") else _found(closest_pair, graph, region, deadline, rng)
    if pair is not None and math.isfinite(pair.objective):
        yield Proposal("m", "upper", None, "witness pair", Witness((_floats(pair.point), _floats(pair.direction))))
    for constant, order in curvatures:
        if problem.is_settled(constant):
            continue
        found = _found(extreme_curvature, graph, region, order, deadline, rng, STARTS // 2)
        yield from _at_a_point(constant, "lower", found, order)


def _found(search: Callable[..., Candidate], *arguments: object) -> Candidate | None:
    """What the search finds; None where its floats overflow to a matrix that has no decomposition."""
    try:
        return search(*arguments)
    except np.linalg.LinAlgError:
        return None


def _at_a_point(constant: ConstantName, end: End, found: Candidate | None, order: int) -> Iterator[Proposal]:
    if found is not None:
        witness = Witness((_floats(found.point),), (_floats(found.direction),) * order)
        yield Proposal(constant, end, None, "witness", witness)


def _floats(vector: FloatArray) -> tuple[float, ...]:
    return tuple(float(entry) for entry in vector)


METHOD = BoundMethod(
    "witness",
    "multi-start search for extreme points and directions, recomputed in balls",
    9.0,
    _propose,
    is_search=True,
)
