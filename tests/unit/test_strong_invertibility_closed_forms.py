"""Theorem 1's closed forms: the worked S8 to 8 digits, thresholds, the optimiser, and choices it must reject."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import ball, midpoint, upper
from certify.discovery.registry import load_theorem
from certify.proof.closed_forms import enclose, estimate
from certify.proof.conclusion import explicit_beta, explicit_certificate
from certify.proof.optimiser import certify_choices, closest, largest_beta, shortest
from certify.sweeps.arrays import sweep

THEOREM = load_theorem("strong-invertibility")
WORKED = dict(m=1, M="1.5", M2="0.25", beta="0.05", rho=1, R="0.5", delta0="0.001", t=6, epsilon="0.1", N=1, t_x=2)
YARDSTICK = dict(d=8, m=1, M="1.5", M2="0.15", epsilon="0.1", t_x=2, N=1000)

# docs/theory.md's worked S8: quantity, d = 2 (eta = 2e-6, K = 6000), d = 1 (eta = 4e-6, K = 3000).
EXPECTED = [
    ("s", "0.0553939075", "0.0554029419"),
    ("tail", "9.38449573e-22", "4.98465613e-23"),
    ("exit_projected", "2.74139635e-4", "1.37069818e-4"),
    ("KL", "0.0120097307", "0.0122538421"),
    ("burn_in", "0.0147561176", "0.0106037308"),
    ("tv_bound_projected", "0.0925213234", "0.0890154521"),
    ("tv_bound", "0.0926127033", "0.0890611421"),
    ("mu", "326", "326"),
    ("L", "976", "976"),
    ("R_D", "0.499", "0.499"),
    ("delta1", "0.0035", "0.0035"),
    ("L_Phi", "2.625", "2.625"),
    ("K_gd", "31", "31"),
]


@pytest.mark.parametrize(("name", "two", "one"), EXPECTED)
def test_worked_example_to_eight_digits(name: str, two: str, one: str) -> None:
    for dimension, eta, steps, printed in ((2, "2e-6", 6000, two), (1, "4e-6", 3000, one)):
        enclosed = enclose(THEOREM, {**WORKED, "d": dimension, "eta": eta, "K": steps})[name]
        # The printed digits stand for an interval of half a unit in the last place (9 digits).
        reading = Fraction(printed)
        half_unit = abs(reading) * Fraction(6, 10**9)
        assert ball(reading - half_unit) < enclosed < ball(reading + half_unit)
        assert float(enclosed.rad()) <= 1e-18 * abs(float(reading))


def test_float_reading_agrees_with_the_balls() -> None:
    inputs = {**WORKED, "d": 2, "eta": "2e-6", "K": 6000}
    floats = estimate(THEOREM, {name: float(Fraction(str(value))) for name, value in inputs.items()})
    for name, enclosed in enclose(THEOREM, inputs).items():
        assert float(floats[name]) == pytest.approx(midpoint(enclosed), rel=1e-9), name


def test_yardstick_shortest_encoder() -> None:
    found = shortest(THEOREM, {**YARDSTICK, "beta": "0.093"})
    assert found is not None
    assert found.distance_upper <= 0.1
    # A coarse published optimisation needs 1.1e5; ours must not be longer, and K below 2e4 would be a miracle.
    assert 2e4 < midpoint(found["K"]) < 1.1e5


def test_yardstick_largest_noise() -> None:
    found = largest_beta(THEOREM, YARDSTICK)
    assert found is not None
    beta, certificate = found
    assert 0.185 <= beta <= 0.20
    assert certificate.distance_upper <= 0.1
    assert shortest(THEOREM, {**YARDSTICK, "beta": 1.05 * beta}) is None


def test_beyond_the_largest_noise_the_best_bound_is_still_certified() -> None:
    found = closest(THEOREM, {**YARDSTICK, "beta": "0.25"})
    assert found is None or found.distance_upper > 0.1


@pytest.mark.parametrize(
    ("name", "factor"),
    [("R", Fraction(5)), ("eta", Fraction(10**6)), ("t", Fraction(11, 10)), ("delta0", Fraction(10**5))],
)
def test_choices_that_break_a_side_condition_are_rejected(name: str, factor: Fraction) -> None:
    found = shortest(THEOREM, {**YARDSTICK, "beta": "0.093"})
    assert found is not None
    broken = {**found.choices, name: found.choices[name] * factor}
    assert certify_choices(THEOREM, {**YARDSTICK, "beta": "0.093"}, broken) is None


def test_without_curvature_every_radius_is_admitted() -> None:
    found = shortest(THEOREM, {**YARDSTICK, "M2": 0, "beta": "0.3"})
    assert found is not None
    assert upper(found["tail"]) < 1e-300 and upper(found["exit_plain"]) < 1e-300
    assert found.distance_upper <= 0.1


def test_identity_needs_one_descent_step() -> None:
    found = shortest(THEOREM, dict(d=3, m=1, M=1, M2=0, epsilon="0.1", t_x=2, N=1, beta="0.1"))
    assert found is not None
    assert upper(found["K_gd"]) <= 1


@given(st.integers(1, 64), st.floats(1.0, 4.0), st.floats(0.0, 2.0), st.floats(0.01, 0.5), st.floats(0.1, 1.0))
def test_explicit_form_implies_the_bound(
    dimension: int, kappa: float, curvature: float, epsilon: float, part: float
) -> None:
    inputs = dict(d=dimension, m=1, M=kappa, M2=curvature, epsilon=epsilon, t_x=2, N=1)
    beta = explicit_beta(THEOREM, inputs) * part
    certificate = explicit_certificate(THEOREM, {**inputs, "beta": beta})
    assert certificate is not None, "the explicit choices break a side condition"
    assert certificate.distance_upper <= epsilon


@given(st.integers(1, 32), st.floats(1.0, 3.0), st.floats(0.0, 1.0), st.floats(0.02, 0.3), st.floats(0.01, 0.2))
def test_every_certificate_meets_its_target(
    dimension: int, kappa: float, curvature: float, epsilon: float, beta: float
) -> None:
    inputs = dict(d=dimension, m=1, M=kappa, M2=curvature, epsilon=epsilon, t_x=2, N=1, beta=beta)
    found = shortest(THEOREM, inputs)
    if found is not None:
        assert found.distance_upper <= epsilon
        again = certify_choices(THEOREM, inputs, found.choices)
        assert again is not None and again.distance_upper == found.distance_upper


def test_scale_invariance() -> None:
    """G -> c G, beta -> c beta leaves the posterior alone: same K and bound with m, M, M2 scaled by c."""
    first = shortest(THEOREM, {**YARDSTICK, "beta": "0.1"})
    second = shortest(THEOREM, {**YARDSTICK, "m": 2, "M": 3, "M2": "0.3", "beta": "0.2"})
    assert first is not None and second is not None
    assert midpoint(first["K"]) == pytest.approx(midpoint(second["K"]), rel=1e-6)


def test_sweep_shapes_and_monotone_noise() -> None:
    table = sweep("strong-invertibility", solve_for="beta", d=[2, 32], m=1, M=1.5, M2=0.15, epsilon=0.1)
    assert table["beta"].shape == (2,)
    assert table["beta"][0] > table["beta"][1] > 0
    assert (table["tv_bound"] <= 0.1).all()
