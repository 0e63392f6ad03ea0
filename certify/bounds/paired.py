"""The semidefinite ends of m and M once more, with pairs of slopes (`certify.bounds.slope_pairs`).

After all other certified ends, which it would delay, and before the witnesses; the work is bounded by the sizes alone.
Bounds, rounded outward.
"""

from __future__ import annotations

from collections.abc import Iterator

from certify.bounds import semidefinite
from certify.bounds.barrier import newton_units
from certify.bounds.method import BoundMethod, ConstantName, End, Problem, Proposal
from certify.bounds.semidefinite import LARGEST_PAIRED, PAIR_STEPS, paired_end, proved_end, reduced_form

ENDS: tuple[tuple[ConstantName, End, float], ...] = (("M", "upper", 1.0), ("m", "lower", -1.0))


def _propose(problem: Problem) -> Iterator[Proposal]:
    if problem.work.is_late:
        return
    graph = problem.generator.graph
    form = reduced_form(graph, problem.ranges)
    if form is None or form.size > LARGEST_PAIRED:
        return
    for constant, end, sign in ENDS:
        if problem.is_settled(constant) or (constant == "m" and graph.observed_dim < graph.latent_dim):
            continue
        if not problem.work.affords(PAIR_STEPS * newton_units(form.size, 2 * form.size)):
            return
        plain = proved_end(form, form.output, sign, problem.work)
        # Branch and bound is far below the inequality in few directions: pairs do not come near.
        known = problem.best.get((constant, end))
        if plain.multipliers is None or (known is not None and sign * known < sign * plain.value * (1 - sign * FAR)):
            continue
        found = paired_end(form, form.output, sign, plain.multipliers, problem.work)
        yield Proposal(constant, end, found.value, semidefinite.METHOD.name, multipliers=found.multipliers)


FAR = 0.05
"""Relative distance of a better end from the inequality's at which pairs are not tried."""

METHOD = BoundMethod(
    "pairs of slopes", "the semidefinite ends with products of two slacks", 8.5, _propose, is_search=True
)
