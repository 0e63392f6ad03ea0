"""The sharper terms S7d+, S7e+, S7f+: worked numbers, never worse than what they replace, thresholds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import ball, lower, upper
from certify.discovery.registry import load_theorem
from certify.proof.closed_forms import enclose
from certify.proof.optimiser import certify_choices, largest_beta, shortest

PLAIN, PROJECTED = load_theorem("strong-invertibility"), load_theorem("projected-langevin")
WORKED = dict(
    m=1, M="1.5", M2="0.25", beta="0.05", rho=1, R="0.5", delta0="0.001", t=6, epsilon="0.1", N=1, t_x=2, w="0.1"
)
YARDSTICK = dict(d=8, n=8, m=1, M="1.5", M2="0.15", epsilon="0.1", t_x=2, N=1000)

# docs/sharp.md's worked S8: quantity, d = 2 (eta = 2e-6, K = 6000), d = 1 (eta = 4e-6, K = 3000).
EXPECTED = [
    ("burn_in_sharp", "0.0117736784", "0.00846055308"),
    ("exit_sharp", "5.05507472e-11", "5.54341735e-12"),
    ("tv_bound_sharp", "0.0873743134", "0.0840611880"),
]


@pytest.mark.parametrize(("name", "two", "one"), EXPECTED)
def test_worked_example_to_eight_digits(name: str, two: str, one: str) -> None:
    for dimension, eta, steps, printed in ((2, "2e-6", 6000, two), (1, "4e-6", 3000, one)):
        enclosed = enclose(PLAIN, {**WORKED, "d": dimension, "eta": eta, "K": steps})[name]
        reading = Fraction(printed)
        half_unit = abs(reading) * Fraction(6, 10**9)
        assert ball(reading - half_unit) < enclosed < ball(reading + half_unit)


@given(
    st.integers(1, 40), st.fractions("0.05", "0.9"), st.fractions("1e-6", "1e-3"), st.integers(1, 10**6),
    st.fractions("0.02", "0.3"),
)  # fmt: skip
def test_never_worse_than_what_they_replace(d: int, theta: Fraction, eta: Fraction, steps: int, beta: Fraction) -> None:
    radius = theta * 4
    values = enclose(PLAIN, {**WORKED, "d": d, "eta": eta, "K": steps, "R": radius, "beta": beta})
    if not eta * 1 <= 1 / upper(values["L"]) or not lower(values["mu"]) > 0:
        return
    assert lower(values["KL_sharp"]) <= upper(values["KL"])
    assert lower(values["burn_in_sharp"]) <= upper(values["burn_in"]) * (1 + 1e-12)
    assert lower(values["tv_bound_sharp"]) <= upper(values["tv_bound_projected"]) * (1 + 1e-12)


def test_yardstick_layers_and_largest_noise() -> None:
    """The recorded coarse optimisation found 22,437 layers at beta = .0927 and beta up to .292."""
    found = shortest(PROJECTED, {**YARDSTICK, "beta": "0.0927"})
    assert found is not None
    assert ball(found.distance_upper) <= ball("0.1")
    assert 15_000 < found.choices["K"] <= 22_437
    largest = largest_beta(PROJECTED, YARDSTICK)
    assert largest is not None
    assert 0.292 < largest[0] < 0.32


def test_choices_that_break_a_side_condition_are_refused() -> None:
    good = {"R": Fraction(1, 2), "delta0": Fraction(1, 1000), "eta": Fraction(1, 500_000), "K": Fraction(6000)}
    inputs = {**WORKED, "d": 2, "n": 2}
    assert certify_choices(PROJECTED, inputs, good) is not None
    for name, value in (("eta", Fraction(1, 500)), ("R", Fraction(3)), ("K", Fraction(0)), ("delta0", Fraction(1, 4))):
        assert certify_choices(PROJECTED, inputs, {**good, name: value}) is None, name
    assert certify_choices(PROJECTED, {**inputs, "w": "0.6"}, good) is None
