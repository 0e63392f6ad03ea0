"""G1* at bare constants: one Gaussian N(c, A^-1) is within `tv_bound` of the posterior of every such decoder."""

from __future__ import annotations

from typing import Any

from certify.arithmetic.balls import precision
from certify.certificates.portable.question import CONSTANTS, PortableKind, Question
from certify.certificates.portable.totals import problem_of, shared_record, with_tail
from certify.sharp.certificates import gaussian_layer


def _make(question: Question) -> dict[str, Any] | str:
    with precision():
        given, problem = problem_of(question)
        found = gaussian_layer(problem)
        if found is None:
            return "G1* says nothing at these constants"
        radius, outer = found.choice.radius, found.choice.outer
        ended = with_tail(given, problem, radius, outer, found.bound.leading + found.bound.outside)
        if ended is None:
            return "the far field is not bounded at these constants"
    return {"claims": {"tv_bound": str(ended[1])}, **shared_record(given, radius, outer), "far": ended[0]}


KIND = PortableKind("gaussian-layer", "TV(pi_x, N(c, A^-1)) <= tv_bound at these constants (G1*)", _make, CONSTANTS)
