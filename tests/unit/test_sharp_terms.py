"""One source for the sharp bounds: every side condition alone is refused by the engine and by the statement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.posteriors.profile import Profile
from certify.proof.optimiser import holds
from certify.sharp import terms
from certify.sharp.chain import chain_bound
from certify.sharp.curvature import profile_curvature
from certify.sharp.far import FarField
from certify.sharp.gaussian_layer import gaussian_layer_bound
from certify.sharp.problem import SharpProblem
from certify.symbolic import generic
from theorems.sharp_langevin.statement import CONDITIONS

GOOD = {
    "R": "5", "R2": "5.5", "w": "0.4", "eta": "0.1", "eta_b": "0.2", "h": "10", "K0": "7", "K": "25", "mu": "0.6",
    "q": "0.4", "m": "1", "M2": "0.1", "beta": "0.1", "r_c": "0.1", "om": "1e-9", "start": "1",
}  # fmt: skip
VIOLATIONS = {
    "radius": {"R": "0"},
    "outer radius": {"R2": "4.9"},
    "positive shell": {"w": "0"},
    "shell": {"w": "5"},
    "curvature": {"mu": "0", "q": "1.1"},
    "positive time": {"eta": "0"},
    "positive time, burn-in": {"eta_b": "0"},
    "short layers": {"eta": "5", "q": "1.4"},
    "short layers, burn-in": {"eta_b": "5", "q": "1.4"},
    "far field": {"M2": "10.1"},
    "factor": {"om": "1"},
}
"""The smallest change that violates one condition of the engine."""


def problem(numbers: dict[str, str], reach: float = 6.0) -> SharpProblem:
    """A posterior of dimension 3 with constant curvature bounds up to the reach."""
    curvature = profile_curvature(Profile(np.array([reach]), np.array([float(numbers["q"])]), np.array([0.0])))
    piece = curvature.pieces[0]._replace(mu=piece_of(numbers["mu"]), q=piece_of(numbers["q"]))
    m, second, beta, residual, defect = (ball(numbers[name]) for name in ("m", "M2", "beta", "r_c", "om"))
    far = FarField(3, m, second, beta, residual, ball("0.01"), 4 * (m / beta) ** 2, defect)
    return SharpProblem(type(curvature)((piece,), curvature.reach), far)


def piece_of(value: str) -> Any:
    from flint import arb_poly

    return arb_poly([ball(value)])


def is_admissible(numbers: dict[str, str], reach: float = 6.0) -> bool:
    times = [(numbers["eta_b"], 7)], [(numbers["eta"], 18)]
    return chain_bound(problem(numbers, reach), numbers["R"], numbers["R2"], numbers["w"], *times).admissible


def refusing(numbers: dict[str, str]) -> set[str]:
    """Labels of the statement's conditions that do not hold."""
    with precision():
        values = {name: ball(value) for name, value in numbers.items()}
        return {condition.label for condition in CONDITIONS if not holds(condition, values)}


def test_every_condition_of_the_engine_stands_in_the_statement_and_has_a_violation() -> None:
    names = {item.name for item in (*terms.RADII, *terms.SHELL, terms.CURVATURE, *terms.STEP, *terms.FAR)}
    labels = {condition.label for condition in CONDITIONS}
    assert names <= labels and {name.partition(",")[0] for name in VIOLATIONS} == names
    with precision():
        assert is_admissible(GOOD) and refusing(GOOD) == set()


@pytest.mark.parametrize("name", VIOLATIONS)
def test_one_violated_condition_makes_engine_and_statement_refuse(name: str) -> None:
    numbers = {**GOOD, **VIOLATIONS[name]}
    # 0 < w < R implies 0 < R: the radius alone cannot fail for a chain, but it can for one layer.
    assert refusing(numbers) == ({"radius", "shell"} if name == "radius" else {name})
    with precision():
        assert not is_admissible(numbers)


@pytest.mark.parametrize("name", ["radius", "outer radius", "curvature", "far field", "factor"])
def test_one_layer_refuses_too(name: str) -> None:
    with precision():
        assert gaussian_layer_bound(problem(GOOD), GOOD["R"], GOOD["R2"]).admissible
        numbers = {**GOOD, **VIOLATIONS[name]}
        assert not gaussian_layer_bound(problem(numbers), numbers["R"], numbers["R2"]).admissible


def test_nothing_is_claimed_beyond_the_reach() -> None:
    with precision():
        assert not is_admissible(GOOD, reach=5.4)
        assert not gaussian_layer_bound(problem(GOOD, 5.4), GOOD["R"], GOOD["R2"]).admissible


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (terms.distance_from_identity, "1.5 0.02 0.01 0.001"), (terms.near_floor, "1.5 0.02 0.001"),
        (terms.curvature_loss, "1.5 0.02 0.01 0.001"), (terms.gaussian_start_distance, "0.3 0.7"),
        (terms.point_start_distance, "2.5"), (terms.force, "8 0.2"), (terms.exit_bound, "2.5 0.4 0.001"),
        (terms.contraction, "0.1 0.7"), (terms.moved, "0.5 0.1 0.7 0.8 1.2 0.11"), (terms.run_spread, "0.1 0.93 18"),
        (terms.smoothing, "0.5 0.3 0.9"), (terms.gaussian_leading, "0.3 0.7"),
        (lambda Q, eta, n: terms.discretisation(Q, [(eta, n)]), "1.2 0.1 18"),
        (lambda Q, eta, n: terms.discretisation(Q, [(eta, n), (2 * eta, 2 * n)]), "1.2 0.1 18"),
        (generic.minimum, "0.3 0.4"), (generic.one_minus_exp, "0.1"),
    ],
)  # fmt: skip
def test_a_formula_is_the_same_in_balls_floats_arrays_and_symbols(function: Any, arguments: str) -> None:
    values = arguments.split()
    with precision():
        enclosed = function(*(ball(value) for value in values))
        expression = function(*(sp.Rational(value) for value in values))
        assert enclosed.overlaps(arb(str(sp.N(expression, 40))) + arb(0, "1e-36"))
    estimate = function(*(float(value) for value in values))
    many = function(*(np.full(3, float(value)) for value in values))
    assert float(enclosed.mid()) == pytest.approx(float(estimate), rel=1e-13)
    assert np.allclose(np.asarray(many), float(estimate), rtol=1e-14)
