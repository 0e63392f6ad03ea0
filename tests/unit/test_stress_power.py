"""The power of the checks: wrong constants are seen where a claim is tight and named as hidden where it is loose."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import sympy as sp

from certify.discovery.registry import load_theorem
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.proof.instance import Instance
from certify.report.stress import power_document
from certify.report.table import Document
from certify.strategies.networks import wave
from certify.strategies.probing import probes
from certify.strategies.violations import VIOLATIONS
from certify.stress_tests.case import Case
from certify.stress_tests.dropped import plausible_brackets
from certify.stress_tests.instances import prepare
from certify.stress_tests.power import PowerResult, wrong_constants
from certify.stress_tests.wrong_definitions import wrong_definitions

THEOREM = load_theorem("strong-invertibility")


@cache
def bank() -> tuple[Instance, ...]:
    def instance(generator: Generator, beta: Fraction) -> Instance:
        numbers = {"beta": beta, "epsilon": Fraction(1, 10)}
        case = Case(THEOREM.id, "steps", generator, observations=np.ones((1, 1)), numbers=numbers, effort=0.02)
        prepared = prepare(THEOREM, case)
        assert prepared is not None
        return prepared.instance

    # m differs from 1, where an exponent of m would do nothing.
    linear = load_generator("linear:d=1,kappa=1,m=2")
    return instance(linear, Fraction(1, 5)), instance(wave(1, 2.0, 0.5), Fraction(1, 50))


def only(*labels: str) -> object:
    return replace(THEOREM, steps=tuple(THEOREM.step(label) for label in labels))


def test_a_tight_step_shows_every_one_of_its_constants() -> None:
    rows = wrong_constants(only("S2"), bank(), 0)  # type: ignore[arg-type]
    assert {(row.claim, row.change.rsplit(" ", 1)[0]) for row in rows} >= {
        ("lower", "the whole"),
        ("lower", "term m**2"),
        ("lower", "term -M*M2*R0"),
        ("upper", "term M**2"),
    }
    # No map has the least slope, the largest residual and the largest curvature at one point: a half of M M2 hides.
    hidden = {row.change for row in rows if not row.refuted}
    assert hidden <= {"term -M*M2*R0 halved", "term M*M2*R0 halved"}
    assert all(row.noticed is not None and row.noticed <= 2.0 for row in rows if row.refuted)
    assert all(1.0 <= row.slack < 1.1 for row in rows)


def test_a_loose_step_is_named_as_hidden_with_its_slack() -> None:
    rows = wrong_constants(only("S6"), bank(), 0)  # type: ignore[arg-type]
    (accuracy,) = (row for row in rows if row.claim == "accuracy")
    assert accuracy.outcome == "hidden by slack" and accuracy.slack > 2.0 and not accuracy.refuted


def test_an_identity_is_wrong_in_both_directions() -> None:
    rows = wrong_constants(only("S1"), bank(), 0)  # type: ignore[arg-type]
    gradient = [row for row in rows if row.claim == "gradient"]
    assert gradient and all(row.outcome == "refuted" and row.noticed == 1.1 for row in gradient)


def test_a_wrong_definition_is_refuted_by_a_step() -> None:
    # L_Phi halved doubles the step of the descent: the claimed rate no longer holds.
    kept = {"d", "m", "M", "M2", "beta", "rho", "L_Phi", "q_Phi", "K_gd", "epsilon", "t_x", "N"}
    quantities = tuple(
        replace(item, definition=None) if item.definition is not None and item.name not in {"L_Phi"} else item
        for item in THEOREM.quantities
        if item.name in kept or item.role != "definition"
    )
    theorem = replace(only("S6"), quantities=quantities)  # type: ignore[type-var]
    rows = wrong_definitions(theorem, bank())
    assert rows and all(name == "L_Phi" for name, _, _, _ in rows)
    assert all(outcome == "hidden by slack" or outcome.startswith("refuted by S6") for _, _, outcome, _ in rows)


def test_plausible_constants_are_what_a_sample_shows() -> None:
    found = plausible_brackets(wave(), 0)
    assert found.m.lower is not None and 1.0 <= found.m.lower < 1.01
    assert found.M.upper is not None and 1.49 < found.M.upper <= 1.5
    (kinked,) = probes(VIOLATIONS["kinked"](), 1)
    # A kink has no second derivative to sample: the constants look as if the map were piecewise affine for ever.
    assert plausible_brackets(kinked, 0).M2.upper == 0.0


def test_the_table_counts_what_is_seen() -> None:
    rows = tuple(wrong_constants(only("S2", "S6"), bank(), 0))  # type: ignore[arg-type]
    document = power_document(PowerResult(rows))
    assert isinstance(document, Document)
    (table,) = document.tables
    assert len(table.rows) == len(rows)
    seen = sum(row.refuted for row in rows)
    assert table.notes[0].startswith(f"{seen} of {len(rows)} ")
    assert sp.Integer(len(rows)) > seen
