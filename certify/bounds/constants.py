"""Brackets of m, M, M2, M3: every method proposes certified ends, and the best end of each side is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from certify.bounds.bracket import BoundEvidence, Bracket, ConstantBrackets, Region
from certify.bounds.method import BoundMethod, ConstantName, End, Problem, Proposal, bound_methods
from certify.bounds.ranges import uncertified_domains
from certify.bounds.recomputation import witnessed_end
from certify.errors import InputError, InternalError, UnknownNameError
from certify.generators.graph import Affine, Generator, Sum
from certify.progress import Progress, SilentProgress
from certify.verdict import Evidence

CERTIFIED_SHARE = 0.7
"""Part of the budget for the certified ends; the search for witnesses has the rest, and at least one start each."""

ALWAYS = 2.0
"""Methods up to this cost run whatever the budget."""

NAMES: tuple[ConstantName, ...] = ("m", "M", "M2", "M3")


class CrossedBracketError(InternalError):
    """A lower end exceeds an upper one: one of the two is wrong, and the result must not be used."""


def constants(
    generator: Generator,
    region: Region | None = None,
    budget: float = 10.0,
    seed: int = 0,
    progress: Progress | None = None,
    methods: Sequence[str] | None = None,
) -> ConstantBrackets:
    """Two-sided enclosures of m, M, M2, M3 of a generator on R^d or on a ball.

    Enclosure, rounded outward.

    Args:
        generator: the map G: R^d -> R^n.
        region: all of R^d (None) or a ball.
        budget: seconds; the cheap methods and a minimal search for witnesses run whatever it is.
        seed: of the searches for witnesses; certified ends do not depend on it.
        progress: receives one unit per method.
        methods: names of the methods to use (all by default); see `bound_methods`.

    Returns:
        Brackets whose ends are certified bounds (rounded outward) with the method that gave each.

    Raises:
        InputError: for a region or budget that makes no sense; UnknownNameError for an unknown method.
        CrossedBracketError: if two certified ends contradict each other (a defect of this program).

    """
    started = time.monotonic()
    region, progress = region or Region(), progress or SilentProgress()
    _validate(generator, region, budget)
    chosen = _selected(methods)
    problem = Problem(generator, region, started + CERTIFIED_SHARE * budget, seed)
    ends: dict[tuple[ConstantName, End], Proposal] = {}
    notes: list[str] = []
    undefined = uncertified_domains(problem.ranges)
    if undefined:
        # A map that may be undefined somewhere has no constants; a bound for the rest of it would say nothing.
        chosen = ()
        named = "; ".join(undefined[:3])
        notes.append(f"no constants: {named}; bound them on a ball (--region RADIUS) on which it is certified")
    progress.start("bounding constants", len(chosen))
    # Many small matrices: a second BLAS thread costs ten times what it brings.
    # An overflow or a NaN is a value like any other: each bound says what it then knows, without a warning.
    with threadpool_limits(1), np.errstate(all="ignore"):
        for method in chosen:
            if all(problem.is_settled(name) for name in NAMES):
                break
            current = replace(problem, deadline=started + budget) if method.is_search else problem
            if current.seconds_left <= 0 and not (method.is_search or method.cost <= ALWAYS):
                notes.append(f"{method.name}: not begun, its share of the budget of {budget:g} s was spent")
            else:
                for proposal in method.propose(current):
                    _keep(proposal, ends, problem)
            progress.advance()
    progress.finish()
    found = {name: _bracket(name, ends) for name in NAMES}
    if found["M"].upper in (None, math.inf) and "read_as" in generator.metadata:
        notes.append(f"the file has {generator.metadata['read_as']}")
    return ConstantBrackets(
        found["m"], found["M"], found["M2"], found["M3"], region, time.monotonic() - started, tuple(notes)
    )


def _validate(generator: Generator, region: Region, budget: float) -> None:
    if not budget > 0:
        raise InputError(f"`budget` must be a positive number of seconds, got {budget}")
    for index, node in enumerate(generator.graph.nodes):
        numbers: list[npt.ArrayLike] = []
        if isinstance(node, Affine):
            numbers = [node.weight.data if isinstance(node.weight, sp.csr_array) else node.weight, node.bias]
        elif isinstance(node, Sum):
            numbers = [node.coefficients]
        if not all(np.isfinite(entry).all() for entry in numbers):
            raise InputError(f"generator `{generator.name}`: node {index} has a NaN or infinite weight")
    if region.radius is not None and not (region.radius > 0 and math.isfinite(region.radius)):
        raise InputError(f"`region` radius must be positive and finite, got {region.radius}")
    if region.centre is not None:
        if region.radius is None:
            raise InputError("`region` has a centre but no radius: give both or neither")
        if len(region.centre) != generator.latent_dim or not all(map(math.isfinite, region.centre)):
            raise InputError(f"`region` centre must be {generator.latent_dim} finite numbers, got {region.centre}")


def _selected(names: Sequence[str] | None) -> tuple[BoundMethod, ...]:
    known = bound_methods()
    for name in names or ():
        if name not in known:
            raise UnknownNameError("bound method", name, known)
    return tuple(method for name, method in known.items() if names is None or name in names)


def _keep(proposal: Proposal, ends: dict[tuple[ConstantName, End], Proposal], problem: Problem) -> None:
    """Keep the proposal if its end is the best so far; with a witness, the end is what the witness proves."""
    key, value = (proposal.constant, proposal.end), proposal.value
    if proposal.witness is not None:
        value = witnessed_end(problem.generator.graph, problem.region, proposal)
    if value is None or math.isnan(value):
        return
    current = problem.best.get(key)
    if current is None or (value > current if proposal.end == "lower" else value < current):
        ends[key] = replace(proposal, value=value)
        problem.best[key] = value


def _bracket(name: ConstantName, ends: dict[tuple[ConstantName, End], Proposal]) -> Bracket:
    low, high = ends.get((name, "lower")), ends.get((name, "upper"))
    least, largest = (None if end is None else end.value for end in (low, high))
    if low is not None and high is not None and least is not None and largest is not None and least > largest:
        raise CrossedBracketError(
            f"{name}: lower end {least!r} by `{low.method}` exceeds upper end {largest!r} by `{high.method}`"
        )
    return Bracket(least, largest, _evidence(low), _evidence(high))


def _evidence(proposal: Proposal | None) -> BoundEvidence | None:
    if proposal is None:
        return None
    return BoundEvidence(Evidence.RIGOROUS, proposal.method, proposal.witness, proposal.reason)
