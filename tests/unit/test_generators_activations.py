"""Activations as data: numpy, ball and jet forms agree with each other and with independent definitions."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from flint import arb, arb_series, ctx

from certify.arithmetic.balls import lower, precision, upper
from certify.errors import InputError, UnknownNameError
from certify.generators.activations import (
    ACTIVATIONS,
    Smoothness,
    activation,
    activation_constants,
    derivatives,
)
from certify.generators.activations.taylor import TaylorTable

NAMES = (
    *("tanh", "sigmoid", "softplus", "leaky_softplus", "silu", "gelu", "gelu_tanh", "sin", "cos", "atan"),
    *("elu", "exp", "identity", "relu", "leaky_relu", "square", "reciprocal", "sign"),
    *("swish", "mish", "erf", "log", "power", "softsign", "hard_swish"),
)
POSITIVE = ("log", "power")
"""Activations that are defined for positive arguments only."""

# Definitions in another library, so that a wrong formula in the table cannot agree with itself.
REFERENCES = {
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "leaky_softplus": lambda x: mpmath.mpf(0.1) * x + (1 - mpmath.mpf(0.1)) * mpmath.log(1 + mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "atan": mpmath.atan,
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "exp": mpmath.exp,
    "identity": lambda x: x,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else mpmath.mpf(0.01) * x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "sign": mpmath.sign,
    "swish": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log(1 + mpmath.exp(x))),
    "erf": mpmath.erf,
    "log": mpmath.log,
    "power": mpmath.sqrt,
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_swish": lambda x: x * max(mpmath.mpf(0), min(mpmath.mpf(1), x / 6 + mpmath.mpf(1) / 2)),
}


def jet(name: str, x: float, order: int) -> list[arb]:
    """Enclosures of sigma^(0..order)(x)."""
    item = activation(name)
    before = ctx.cap
    ctx.cap = order + 1
    try:
        series = item.series(arb_series([arb(x), arb(1)]), item.resolve())
        return [series[k] * math.factorial(k) for k in range(order + 1)]
    finally:
        ctx.cap = before


def test_the_table_has_exactly_the_declared_names() -> None:
    assert set(ACTIVATIONS) == set(NAMES)
    assert all(item.name == name for name, item in ACTIVATIONS.items())
    assert all(item.tex for item in ACTIVATIONS.values())


@pytest.mark.parametrize("name", NAMES)
def test_jets_agree_with_independent_definitions(name: str) -> None:
    for x in in_domain(name, [-7.25, -0.3, 0.7, 3.5]):
        with mpmath.workdps(60), precision(160):
            taylor = mpmath.taylor(REFERENCES[name], mpmath.mpf(x), 3)
            for k, enclosure in enumerate(jet(name, x, 3)):
                expected = arb(mpmath.nstr(taylor[k] * mpmath.factorial(k), 55))
                assert abs(enclosure - expected) < arb("1e-14") * (1 + abs(expected)), (name, x, k)


@pytest.mark.parametrize("name", NAMES)
def test_float_derivatives_agree_with_jets(name: str) -> None:
    for x in in_domain(name, [-800.0, -41.5, -6.0, -1.3, -1e-9, 1e-8, 0.7, 5.5, 25.0, 700.0]):
        with precision(160):
            exact = jet(name, x, 3)
            ball = activation(name).ball(arb(x), activation(name).resolve())
            assert ball.overlaps(exact[0]), (name, x)
            floats = derivatives(name, np.array([x]), (), 3)
            for k in range(4):
                error = abs(arb(float(floats[k][0])) - exact[k])
                assert upper(error) <= 1e-13 * upper(abs(exact[k])) + 1e-300, (name, x, k)


def in_domain(name: str, points: list[float]) -> list[float]:
    return [abs(x) for x in points] if name in POSITIVE else points


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overflows_or_warns_at_extreme_arguments(name: str) -> None:
    x = np.array([-1e300, -1e155, -750.0, 750.0, 1e155, 1e300])
    if name in POSITIVE:
        assert all(np.isnan(result[:3]).all() for result in derivatives(name, x, (), 3))
        x = np.abs(x)
    for order in range(4):
        results = derivatives(name, x, (), order)
        assert len(results) == order + 1
        assert not any(np.isnan(result).any() for result in results), name
        if name not in {"exp", "square"}:
            assert all(np.isfinite(result).all() for result in results), name


def test_derivatives_keep_shapes_and_take_parameters() -> None:
    x = np.linspace(-2.0, 2.0, 12).reshape(3, 4)
    for name in NAMES:
        assert all(result.shape == (3, 4) for result in derivatives(name, x, (), 3))
    half = derivatives("leaky_softplus", x, (0.5,), 1)
    assert np.allclose(half[1], 0.5 + 0.5 / (1.0 + np.exp(-x)), rtol=1e-15)
    assert derivatives("elu", np.array([-1.0]), (2.0,), 0)[0][0] == pytest.approx(2.0 * math.expm1(-1.0))


def test_parameters_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `tanh`"):
        activation("tahn")
    with pytest.raises(InputError, match="takes 0 parameters"):
        derivatives("tanh", 0.0, (1.0,))
    for bad in (-0.5, 1.5, math.nan):
        with pytest.raises(InputError, match="`alpha` must be in"):
            derivatives("leaky_softplus", 0.0, (bad,))
    assert activation("leaky_relu").resolve() == (0.01,)
    assert activation("leaky_relu").resolve((0.2,)) == (0.2,)


def test_smoothness_depends_on_parameters() -> None:
    assert activation("tanh").smoothness(()) is Smoothness.SMOOTH
    assert activation("relu").smoothness(()) is Smoothness.CONTINUOUS
    assert activation("elu").smoothness((1.0,)) is Smoothness.ONCE
    assert activation("elu").smoothness((0.7,)) is Smoothness.CONTINUOUS
    assert activation("leaky_relu").smoothness((1.0,)) is Smoothness.SMOOTH


def test_a_kink_in_a_ball_is_enclosed_and_has_no_derivatives() -> None:
    relu = activation("relu")
    straddling = arb(0, 1)
    assert relu.ball(straddling, ()).contains(arb(0)) and relu.ball(straddling, ()).contains(arb(1))
    derivative = relu.series(arb_series([straddling, arb(1)]), ())[1]
    assert derivative.is_nan()
    pole = activation("reciprocal").series(arb_series([arb(0), arb(1)]), ())
    assert pole[0].is_nan() and pole[1].is_nan()
    elu = activation("elu").ball(arb(0, 1), (1.0,))
    assert elu.contains(arb(1)) and elu.contains((arb(-1)).expm1())


def root(value: int) -> arb:
    return arb(value).sqrt()


# Closed forms, and the decimals of an independent ball branch and bound for the extrema of GELU and SiLU.
CONSTANTS = {
    "tanh": (0, 1, lambda: 4 / (3 * root(3)), 2),
    "sigmoid": (0, lambda: arb(1) / 4, lambda: 1 / (6 * root(3)), lambda: arb(1) / 8),
    "softplus": (0, 1, lambda: arb(1) / 4, lambda: 1 / (6 * root(3))),
    "gelu": (
        "-0.128904145185154786",
        "1.128904145185154786",
        lambda: (2 / arb.pi()).sqrt(),
        "0.778769635055732286",
    ),
    "silu": ("-0.099839320128866917", "1.099839320128866917", lambda: arb(1) / 2, "0.308181515796479120"),
    "sin": (-1, 1, 1, 1),
    "cos": (-1, 1, 1, 1),
    "atan": (0, 1, lambda: 3 * root(3) / 8, 2),
    "elu": (0, 1, 1, math.inf),
    "leaky_softplus": (0.1, 1, lambda: (1 - arb(0.1)) / 4, lambda: (1 - arb(0.1)) / (6 * root(3))),
    "relu": (0, 1, math.inf, math.inf),
    "leaky_relu": (0.01, 1, math.inf, math.inf),
    "identity": (1, 1, 0, 0),
    "square": (-math.inf, math.inf, 2, 0),
    "exp": (0, math.inf, math.inf, math.inf),
    "reciprocal": (-math.inf, math.inf, math.inf, math.inf),
    "swish": ("-0.099839320128866917", "1.099839320128866917", lambda: arb(1) / 2, "0.308181515796479120"),
    "erf": (
        0,
        lambda: 2 / arb.pi().sqrt(),
        lambda: 2 * (2 / arb(1).exp()).sqrt() / arb.pi().sqrt(),
        lambda: 4 / arb.pi().sqrt(),
    ),
    "softsign": (0, 1, 2, math.inf),
    "hard_swish": (-0.5, 1.5, math.inf, math.inf),
    "log": (-math.inf, math.inf, math.inf, math.inf),
    "power": (-math.inf, math.inf, math.inf, math.inf),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_contain_the_closed_forms(name: str) -> None:
    constants = activation_constants(name)
    found = (
        constants.slope_infimum,
        constants.slope_supremum,
        constants.curvature_modulus,
        constants.third_modulus,
    )
    for enclosure, entry in zip(found, CONSTANTS[name], strict=True):
        with precision(256):
            if isinstance(entry, str):
                # A truncated decimal: the truth is within one unit of its last digit.
                expected = arb(entry) + arb(0, 1e-18)
                assert enclosure.overlaps(expected), name
            else:
                expected = entry() if callable(entry) else arb(entry)
                assert enclosure.contains(expected) or enclosure == expected, (name, enclosure, expected)
            if math.isfinite(upper(enclosure)):
                assert upper(enclosure) - lower(enclosure) <= 1e-15


def test_slope_modulus_is_the_lipschitz_constant() -> None:
    for name in ("gelu", "silu", "sin", "tanh"):
        constants = activation_constants(name)
        slopes = derivatives(name, np.linspace(-10, 10, 4001), (), 1)[1]
        assert np.abs(slopes).max() <= upper(constants.slope_modulus)
        assert np.abs(slopes).max() >= lower(constants.slope_modulus) - 1e-5


def test_exact_suprema_are_not_widened() -> None:
    # Rounding these up by one unit would make every composed bound of a tanh network looser for no reason.
    assert upper(activation_constants("tanh").slope_modulus) == 1.0
    assert upper(activation_constants("softplus").curvature_modulus) == 0.25
    assert lower(activation_constants("softplus").slope_infimum) == 0.0
    assert upper(activation_constants("leaky_softplus").slope_supremum) == 1.0


def test_rows_of_a_table_are_made_when_they_are_needed_and_do_not_depend_on_the_order() -> None:
    x = np.random.default_rng(0).uniform(-8.0, 0.0, 400)
    whole, bit_by_bit = (TaylorTable(lambda jet, _: jet.exp(), 2, -48, 0) for _ in range(2))
    low, high = whole.evaluate(x)
    assert 100 < whole.is_made.sum() <= 8 * 32 + 1
    parts = [bit_by_bit.evaluate(part) for part in np.array_split(x[::-1], 40)]
    assert np.array_equal(low[::-1], np.concatenate([part[0] for part in parts]))
    assert np.array_equal(high[::-1], np.concatenate([part[1] for part in parts]))
    assert np.all((low <= np.exp(x)) & (np.exp(x) <= high) & (high - low <= 1e-14 * np.exp(x) + 1e-15))
    assert bit_by_bit.is_made.sum() == whole.is_made.sum()
