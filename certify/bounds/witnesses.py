"""Witnesses: the search's extreme points and directions, proposed as the other ends of the brackets.

A proposal here has no value of its own: what its witness proves is found in balls where it is used
(`certify.bounds.recomputation`), so the searches need not be trusted. Smooth networks are searched by gradients
(`certify.bounds.search`), kinked and large ones by climbing (`certify.bounds.witness_climbing`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Witness
from certify.bounds.effort import Work
from certify.bounds.free_slopes import slope_starts
from certify.bounds.kinks import kinked_activations
from certify.bounds.method import BoundMethod, ConstantName, End, Problem, Proposal
from certify.bounds.search import Candidate, closest_pair, extreme_curvature, extreme_stretch
from certify.bounds.witness_climbing import (
    LARGE_UNITS,
    climbed_curvature,
    climbed_pair,
    climbed_stretch,
    entries,
    jacobian_units,
)
from certify.clock import now
from certify.generators.derivatives import hessian_contraction
from certify.generators.graph import Graph

STARTS, STARTS_PER_LATENT = 64, 8
"""Local searches per constant, at most and for each latent; half as many for M2 and M3, whose objective is costlier."""

START_UNITS, LEAST_STARTS = 24.0, 8
"""Units of work of a Jacobian times starts: on larger networks fewer local searches are begun, but at least so many.

A search from few starts at d = 64 and 128 left M 2 to 5 per cent below what these find in a second more.
"""

BEND_UNITS = 6.0
"""The same for M2 and M3, where a search costs more."""

SHARES: dict[ConstantName, float] = {"M": 2.0, "m": 2.0, "M2": 1.0, "M3": 1.0}
"""How the time is divided, in the order of the searches; that of m is for points and pairs."""


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, region = problem.generator.graph, problem.region
    rng = np.random.default_rng(problem.seed)
    is_large = jacobian_units(graph) > LARGE_UNITS
    is_kinked = bool(kinked_activations(problem.generator))
    most = min(STARTS, STARTS_PER_LATENT * graph.latent_dim)
    starts = int(np.clip(START_UNITS / max(jacobian_units(graph), 1e-9), min(LEAST_STARTS, most), most))
    bends = int(np.clip(BEND_UNITS / max(32e-6 * entries(graph), 1e-9), 1, most // 2))
    stretches: tuple[tuple[ConstantName, End], ...] = (("M", "lower"), ("m", "upper"))
    curvatures: tuple[tuple[ConstantName, int], ...] = (("M2", 2), ("M3", 3))
    for constant, end in stretches:
        if problem.is_settled(constant):
            continue
        until = _turn(problem, constant)
        if not is_large and not (is_kinked and _is_piecewise_affine(graph, rng)):
            largest = constant == "M"
            near = slope_starts(graph, problem.ranges, largest, starts // 2, until, np.random.default_rng(problem.seed))
            found = _found(extreme_stretch, graph, region, largest, until, rng, starts, near)
            yield from _at_a_point(constant, end, found, 1)
        if is_large or is_kinked:
            found = _found(climbed_stretch, graph, region, constant == "M", Work(deadline=until), rng)
            yield from _at_a_point(constant, end, found, 1)
    if not problem.is_settled("m"):
        until = _turn(problem, "m")
        if not is_large:
            yield from _pair(_found(closest_pair, graph, region, until, rng, starts))
        if is_large or is_kinked:
            yield from _pair(_found(climbed_pair, graph, region, Work(deadline=until), rng))
    for constant, order in curvatures:
        if problem.is_settled(constant):
            continue
        until = _turn(problem, constant)
        if is_large:
            found = _found(climbed_curvature, graph, region, order, Work(deadline=until), rng)
        else:
            found = _found(extreme_curvature, graph, region, order, until, rng, bends)
        yield from _at_a_point(constant, "lower", found, order)


def _turn(problem: Problem, constant: ConstantName) -> float:
    """When this constant's search ends: its part of the time left to it and those after; inf without a deadline."""
    time, names = now(), list(SHARES)
    waiting = [SHARES[name] for name in names[names.index(constant) :] if not problem.is_settled(name)]
    return time + max(0.0, problem.deadline - time) * SHARES[constant] / sum(waiting)


def _is_piecewise_affine(graph: Graph, rng: np.random.Generator) -> bool:
    """Whether no second derivative was met at a few points: gradients of singular values then say nothing. Estimate."""
    points = rng.standard_normal((4, graph.latent_dim))
    with np.errstate(all="ignore"):
        return not hessian_contraction(graph, points, np.ones((1, graph.observed_dim))).any()


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


def _pair(found: Candidate | None) -> Iterator[Proposal]:
    if found is not None and math.isfinite(found.objective):
        yield Proposal("m", "upper", None, "witness pair", Witness((_floats(found.point), _floats(found.direction))))


def _floats(vector: FloatArray) -> tuple[float, ...]:
    return tuple(float(entry) for entry in vector)


METHOD = BoundMethod(
    "witness",
    "multi-start search for extreme points and directions, recomputed in balls",
    9.0,
    _propose,
    is_search=True,
)
