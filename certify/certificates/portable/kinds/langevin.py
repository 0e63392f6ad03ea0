"""Theorem 1* at bare constants: a chain of `layers` layers is within `tv_bound` of every such posterior."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.arithmetic.balls import precision
from certify.certificates.portable.question import CONSTANTS, PortableKind, Question
from certify.certificates.portable.totals import problem_of, shared_record, with_tail
from certify.sharp.certificates import fewest_layers, smallest_chain_distance

EPSILON = Fraction(1, 10)


def _make(question: Question) -> dict[str, Any] | str:
    with precision():
        given, problem = problem_of(question)
        found = fewest_layers(problem, EPSILON) or smallest_chain_distance(problem)
        if found is None:
            return "Theorem 1* says nothing at these constants"
        choice, bound = found.choice, found.bound
        others = bound.start_outside + bound.exit + bound.discretisation + bound.smoothing
        ended = with_tail(given, problem, choice.radius, choice.outer, others)
        if ended is None:
            return "the far field is not bounded at these constants"
    moving, smoothing = choice.schedule.moving(), choice.schedule.smoothing()
    return {
        "claims": {"layers": choice.schedule.layers, "tv_bound": str(ended[1])},
        **shared_record(given, choice.radius, choice.outer),
        "far": ended[0],
        "width": str(choice.width),
        "start": choice.start,
        "moving": [[str(time), count] for time, count in moving],
        "smoothing": [[str(time), count] for time, count in smoothing],
    }


KIND = PortableKind("langevin", "TV(law of the layers, pi_x) <= tv_bound at these constants (1*)", _make, CONSTANTS)
