"""A small attack on the sharp bounds: exact constants, exact laws on the line, curvature to d = 16; no violation."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.sharp_attack import MUTANTS, Ratio, attack, cases, mutant_factors, worst
from certify.bounds.constants import constants

INSTANCES = 8
TIGHT = {
    "curvature: distance from I": 0.9, "curvature: least eigenvalue": 0.999, "shell": 0.999, "tail": 0.9,
    "smoothing": 0.8,
}  # fmt: skip
"""What the instances reach at least: a check that has lost its teeth is noticed."""


@cache
def ratios() -> tuple[Ratio, ...]:
    return tuple(attack(INSTANCES, 5)[0])


@pytest.mark.statistical
def test_no_statement_is_violated_and_the_tight_ones_are_reached() -> None:
    largest = worst(list(ratios()))
    assert all(item.value <= 1 + 1e-9 for item in largest.values()), largest
    for statement, ratio in TIGHT.items():
        assert largest[statement].value > ratio, statement


@pytest.mark.statistical
def test_mutants_of_the_curvature_s_constants_are_noticed() -> None:
    factors = {(statement, constant): factor for statement, constant, factor in mutant_factors(list(ratios()))}
    seen = [factors[statement, constant] for statement, _, constant in MUTANTS]
    # The two terms in e^2 are hidden by the first-order ones at radii where the bounds are tight.
    assert sum(factor > 0.5 for factor in seen) >= 4
    assert all(factor <= 1 + 1e-9 for factor in seen)


def test_known_constants_are_those_that_the_engine_brackets() -> None:
    for case in cases(4, 11):
        m, M, M2 = case.constants
        found = constants(case.generator, effort=500.0, seed=0)
        assert found.M.lower is not None
        assert found.M2.lower is not None
        assert found.m.upper is not None
        assert found.M.lower <= M * (1 + 1e-9)
        assert found.M2.lower <= M2 * (1 + 1e-9)
        assert found.m.upper >= m * (1 - 1e-9)
