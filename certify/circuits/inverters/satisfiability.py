"""Shared by the SAT inverters: CaDiCaL with a budget of conflicts, and the preimage read off a model."""

from __future__ import annotations

from collections.abc import Sequence

from certify.circuits.cnf import SOLVER, Clause
from certify.errors import MissingExtraError

LIMIT = 50_000.0
"""Conflicts of one run: some ten seconds."""


def preimage(clauses: tuple[Clause, ...], inputs: Sequence[int], limit: float) -> tuple[int | None, float]:
    """Preimage of a model (None when the budget is spent), and conflicts + 1. Deterministic.

    Raises MissingExtraError if PySAT is not installed.
    """
    try:
        from pysat.solvers import Solver
    except ImportError as error:
        raise MissingExtraError("python-sat", "sat", "inversion by SAT") from error
    with Solver(name=SOLVER, bootstrap_with=[list(clause) for clause in clauses]) as solver:
        solver.conf_budget(int(limit))
        answer = solver.solve_limited()
        cost = float(solver.accum_stats()["conflicts"] + 1)
        if answer is None:
            return None, cost
        assert answer, "a permutation takes every value"
        positive = {literal for literal in solver.get_model() if literal > 0}
    return sum(1 << i for i, variable in enumerate(inputs) if variable in positive), cost
