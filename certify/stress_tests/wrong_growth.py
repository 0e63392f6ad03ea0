"""Wrong exponents: each stated growth with a smaller exponent in each variable, held against the fitted law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from certify.proof.optimiser import Certificate
from certify.proof.theorem import Theorem
from certify.stress_tests.scaling import FEWEST_RUNS, LADDERS, fitted_law, ladder_runs
from certify.symbolic.model import M, N, d, epsilon, m
from certify.verdict import Verdict

EXPONENTS = (sp.Rational(1, 4), sp.Rational(1, 2), sp.Integer(1), sp.Integer(2))
VARIABLES: Mapping[str, sp.Expr] = {"d": d, "N": N, "1/epsilon": 1 / epsilon, "kappa": M / m}


def wrong_growth(theorem: Theorem, seed: int) -> list[tuple[str, str, float | None]]:
    """(quantity, change, smallest exponent that may be taken off before the fit refutes it; None if none of those)."""
    rows = []
    for variable in LADDERS:
        runs = ladder_runs(theorem, variable, seed)
        for item in theorem.growth:
            name = item.quantity.name
            honest = fitted_law(name, variable, runs, item.order) if len(runs) >= FEWEST_RUNS else None
            if honest is None or honest.verdict is Verdict.REFUTED:
                continue
            noticed = _smallest(name, variable, runs, item.order)
            rows.append((name, f"exponent of {variable} less by {noticed if noticed else EXPONENTS[-1]}", noticed))
    return rows


def _smallest(name: str, variable: str, runs: Sequence[tuple[float, Certificate]], order: sp.Expr) -> float | None:
    for exponent in EXPONENTS:
        law = fitted_law(name, variable, runs, order / VARIABLES[variable] ** exponent)
        if law is not None and law.verdict is Verdict.REFUTED:
            return float(exponent)
    return None
