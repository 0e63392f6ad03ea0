"""Elementary functions and activations of the kernels: measured errors, special values, agreement with the table."""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
import pytest
from flint import arb

from certify.arithmetic.balls import precision
from certify.generators.activations import ACTIVATIONS, derivatives
from certify.sampling import elementary
from certify.sampling.activation_kernels import ACTIVATION_CODES, ACTIVATION_NAMES, activate

UNIT = 2.0**-52


def apply(function: Callable[[float], float], points: np.ndarray) -> np.ndarray:
    """The compiled scalar function inside a loop, where the kernels use it (and where it vectorises)."""

    @numba.njit(error_model="numpy")
    def loop(x: np.ndarray, y: np.ndarray) -> None:
        for i in range(x.size):
            y[i] = function(x[i])

    values = np.empty_like(points)
    loop(points, values)
    return values


def worst_relative_error(values: np.ndarray, points: np.ndarray, exact: Callable[[arb], arb]) -> float:
    """Largest |value/exact - 1| in units of 2^-52, the exact values in balls of 120 bits."""
    with precision(120):
        return (
            max(abs(float(arb(value) / exact(arb(point)) - 1)) for value, point in zip(values, points, strict=True))
            / UNIT
        )


def sweep(low: float, high: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, 500)


def magnitudes(low: float, high: float) -> np.ndarray:
    return 10.0 ** np.random.default_rng(1).uniform(low, high, 300)


@pytest.mark.parametrize(
    ("function", "exact", "points"),
    [
        (elementary.exp, arb.exp, np.concatenate([sweep(-700.0, 709.0), sweep(-1.0, 1.0)])),
        (elementary.expm1, arb.expm1, np.concatenate([sweep(-30.0, 709.0), magnitudes(-300.0, 0.0)])),
        (elementary.tanh, arb.tanh, np.concatenate([sweep(-25.0, 25.0), magnitudes(-300.0, 1.0)])),
        (elementary.log, arb.log, np.concatenate([sweep(0.5, 2.0), magnitudes(-300.0, 300.0)])),
        (elementary.log1p_unit, arb.log1p, np.concatenate([sweep(0.0, 1.0), magnitudes(-300.0, 0.0)])),
        (elementary.sine_quarter, arb.sin, sweep(-0.7854, 0.7854)),
        (elementary.cosine_quarter, arb.cos, sweep(-0.7854, 0.7854)),
    ],
)
def test_relative_error_stays_below_two_units(
    function: Callable[[float], float], exact: Callable[[arb], arb], points: np.ndarray
) -> None:
    assert worst_relative_error(apply(function, points), points, exact) < 2.0


def test_the_error_measure_sees_a_wrong_coefficient() -> None:
    points = sweep(-1.0, 1.0)
    assert worst_relative_error(np.exp(points) * (1.0 + 4.0 * UNIT), points, arb.exp) > 2.0


def test_special_values_are_kept() -> None:
    points = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300])
    np.testing.assert_array_equal(apply(elementary.exp, points), [np.nan, np.inf, 0.0, 1.0, 1.0, np.inf, 0.0])
    np.testing.assert_array_equal(apply(elementary.expm1, points), [np.nan, np.inf, -1.0, 0.0, 0.0, np.inf, -1.0])
    saturated = apply(elementary.tanh, points)
    np.testing.assert_array_equal(saturated, [np.nan, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0])
    assert np.signbit(saturated[4])


def test_every_activation_of_the_table_has_a_kernel() -> None:
    assert set(ACTIVATION_NAMES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_value_and_slope_agree_with_the_table(name: str) -> None:
    points = np.concatenate([sweep(-40.0, 40.0), sweep(-2.0, 2.0), [0.0, 300.0, -300.0]])
    if name == "reciprocal":
        points = points[points != 0.0]
    parameters = ACTIVATIONS[name].resolve()
    for alpha in {*parameters, 0.2} if parameters else {0.0}:
        given = (alpha,) if parameters else ()
        inner, outer = points.copy(), np.empty_like(points)
        activate(ACTIVATION_CODES[name], alpha, inner, outer)
        value, slope = derivatives(name, points, given, 1)
        np.testing.assert_allclose(outer, value, rtol=2e-14, atol=1e-15)
        np.testing.assert_allclose(inner, slope, rtol=2e-14, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_a_diverged_state_is_not_hidden_by_an_activation(name: str) -> None:
    inner, outer = np.array([np.nan]), np.empty(1)
    activate(ACTIVATION_CODES[name], 0.2, inner, outer)
    assert np.isnan(outer[0])
