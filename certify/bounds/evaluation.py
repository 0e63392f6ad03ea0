"""m, M and M2 from evidence alone: the rules that search nothing, and the matrix inequality at given multipliers.

What a certificate that rests on the constants can hold, so that whoever checks it need not look for them again.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from certify.bounds.bracket import ConstantBrackets, Multipliers, Region
from certify.bounds.lattice import NAMES, Lattice
from certify.bounds.method import ConstantName, Problem, bound_methods
from certify.bounds.ranges import uncertified_domains
from certify.bounds.semidefinite import recalled
from certify.generators.graph import Generator
from certify.threads import one_thread

CLOSED_RULES = ("affine map", "composition", "neuron by neuron", "residual rule")
"""Methods that evaluate and look for nothing."""


def evaluated_constants(generator: Generator, multipliers: Mapping[ConstantName, Multipliers]) -> ConstantBrackets:
    """Brackets on R^d by the closed rules and by the multipliers that are given for m and M.

    Nothing is searched: where the multipliers came from does not matter. Enclosure, rounded outward; wide, or unknown,
    where only a search would bring more.
    """
    lattice = Lattice.over(generator.graph, (Region(),))
    known, methods = lattice.known[0], bound_methods()
    problem = Problem(generator, Region(), best=known.best, starts=dict(multipliers), searches=False)
    with one_thread(), np.errstate(all="ignore"):
        if not uncertified_domains(problem.ranges):
            closed = (methods[name].propose(problem) for name in CLOSED_RULES)
            for proposal in itertools.chain(recalled(problem), *closed):
                lattice.offer(0, proposal)
    m, M, M2, M3 = (known.bracket(name) for name in NAMES)
    return ConstantBrackets(m, M, M2, M3, Region(), 0.0)
