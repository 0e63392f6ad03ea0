"""Ranges of activation derivatives over intervals: never too small, nearly never too large."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from flint import arb, arb_series, ctx

from certify.arithmetic.balls import precision
from certify.errors import InputError
from certify.generators.activations import ACTIVATIONS, activation, range_enclosure
from certify.generators.activations.profile import KnotProfile
from certify.generators.activations.ranges import profile
from certify.generators.activations.sigmoidal import SIGMOID_SHAPE
from certify.generators.activations.smooth import SMALLEST_CELL

PARAMETERS = {"leaky_softplus": (0.3,), "elu": (1.0,), "leaky_relu": (0.2,), "swish": (1.702,), "power": (-0.5,)}
INFINITY = math.inf


def exact(name: str, x: float, order: int) -> arb:
    item = activation(name)
    before = ctx.cap
    ctx.cap = order + 1
    try:
        jet = item.series(arb_series([arb(x), arb(1)]), item.resolve(PARAMETERS.get(name, ())))
        return jet[order] * math.factorial(order)
    finally:
        ctx.cap = before


def violations(name: str, order: int, low: np.ndarray, high: np.ndarray, bottom: np.ndarray, top: np.ndarray) -> int:
    """Number of sampled points whose exact value lies outside the claimed range."""
    count = 0
    with precision(192):
        for a, b, floor, ceiling in zip(low, high, bottom, top, strict=True):
            for x in np.unique(np.concatenate([[a, b], np.linspace(a, b, 6)])):
                value = exact(name, float(x), order)
                if not value.is_nan():
                    count += not (arb(floor) <= value.upper() and value.lower() <= arb(ceiling))
    return count


def intervals(scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centre = scale * random.standard_normal(12)
    width = np.abs(scale * random.standard_normal(12)) * random.choice([0.0, 1e-6, 0.1, 1.0], 12)
    return centre - width, centre + width


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_sampled_values_lie_in_the_range(name: str, order: int) -> None:
    for scale in (1e-8, 0.3, 3.0, 30.0, 100.0):
        low, high = intervals(scale, order)
        bottom, top = range_enclosure(name, PARAMETERS.get(name, ()), order, low, high)
        assert violations(name, order, low, high, bottom, top) == 0


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize(
    "name", sorted(set(ACTIVATIONS) - {"exp", "square", "reciprocal", "log", "power", "hard_swish"})
)
def test_the_range_is_attained_up_to_a_relative_1e_9(name: str, order: int) -> None:
    low, high = np.array([-0.9, 0.3, -4.0, 2.0, -11.0]), np.array([-0.2, 1.7, 5.0, 2.5, -3.0])
    if name in {"relu", "leaky_relu", "elu", "sign", "softsign"}:
        low, high = low[[0, 1, 3, 4]], high[[0, 1, 3, 4]]
    bottom, top = range_enclosure(name, PARAMETERS.get(name, ()), order, low, high)
    for a, b, floor, ceiling in zip(low, high, bottom, top, strict=True):
        values = ACTIVATIONS[name].numeric(
            np.linspace(a, b, 200_001), activation(name).resolve(PARAMETERS.get(name, ())), order
        )[order]
        scale = max(np.abs(values).max(), 1e-300)
        assert values.min() - floor <= 1e-9 * scale, (name, order, a, b)
        assert ceiling - values.max() <= 1e-9 * scale, (name, order, a, b)


@pytest.mark.parametrize(
    "name",
    ["tanh", "sigmoid", "softplus", "silu", "gelu", "gelu_tanh", "atan", "sin", "cos", "mish", "erf"],
)
@pytest.mark.parametrize("order", range(4))
def test_single_points_are_tight(name: str, order: int) -> None:
    random = np.random.default_rng(3)
    x = np.concatenate([random.uniform(-11, 11, 300), random.uniform(-1, 1, 50) * 1e-9])
    bottom, top = range_enclosure(name, (), order, x, x)
    size = np.maximum(np.abs(bottom), np.abs(top))
    middle = np.median(size)
    assert np.all(top - bottom <= 1e-9 * size + 1e-14 * middle)


@pytest.mark.parametrize(("name", "exponent"), [("power", -0.5), ("power", 0.5), ("power", 0.3), ("log", None)])
@pytest.mark.parametrize("order", range(4))
def test_functions_of_positive_numbers(name: str, exponent: float | None, order: int) -> None:
    parameters = () if exponent is None else (exponent,)
    low, high = np.array([1e-5, 0.5, 2.0, 1e200]), np.array([3.0, 0.5, 7.0, 1e300])
    bottom, top = range_enclosure(name, parameters, order, low, high)
    for a, b, floor, ceiling in zip(low, high, bottom, top, strict=True):
        values = ACTIVATIONS[name].numeric(np.clip(np.geomspace(a, b, 1001), a, b), parameters, order)[order]
        assert floor <= values.min() * (1 + 1e-13 * np.sign(values.min())) + 1e-300
        assert values.max() * (1 - 1e-13 * np.sign(values.max())) - 1e-300 <= ceiling
        assert a > 1e100 or values.min() - floor <= 1e-12 * abs(values.min()), "tight below"
        assert a > 1e100 or ceiling - values.max() <= 1e-12 * abs(values.max()), "tight above"
    # An interval that meets x <= 0 says nothing at all.
    assert range_enclosure(name, parameters, order, 0.0, 1.0) == (-INFINITY, INFINITY)
    assert range_enclosure(name, parameters, order, -2.0, -1.0) == (-INFINITY, INFINITY)
    with precision():
        assert all(x.is_nan() for x in [exact_jet(name, parameters, arb(0, 1))[k] for k in range(4)])


def exact_jet(name: str, parameters: tuple[float, ...], x: arb) -> arb_series:
    before = ctx.cap
    ctx.cap = 4
    try:
        return activation(name).series(arb_series([x, arb(1)]), parameters)
    finally:
        ctx.cap = before


def test_unbounded_intervals() -> None:
    everything = np.array([-INFINITY]), np.array([INFINITY])
    assert range_enclosure("tanh", (), 1, *everything) == (np.array([0.0]), np.array([1.0]))
    assert range_enclosure("tanh", (), 0, *everything) == (np.array([-1.0]), np.array([1.0]))
    assert range_enclosure("sin", (), 2, *everything) == (np.array([-1.0]), np.array([1.0]))
    assert range_enclosure("exp", (), 0, -INFINITY, 0.0)[0] == 0.0
    low, high = range_enclosure("softplus", (), 0, -INFINITY, INFINITY)
    assert (low, high) == (0.0, INFINITY)
    low, high = range_enclosure("gelu", (), 0, -INFINITY, 3.0)
    assert low == pytest.approx(-0.16997120747990369, abs=1e-15) and high == pytest.approx(2.9959503059051024)
    low, high = range_enclosure("softplus", (), 1, 100.0, INFINITY)
    assert low >= 1.0 - 1e-15 and high == 1.0
    low, high = range_enclosure("atan", (), 0, 1e6, INFINITY)
    assert low <= math.atan(1e6) and high >= math.pi / 2 and high - low <= 1.1e-6
    assert range_enclosure("square", (), 0, -INFINITY, -2.0) == (np.nextafter(4.0, 0.0), INFINITY)


def test_far_tails_are_enclosed_without_overflow() -> None:
    x = np.array([-1e308, -1e200, -1e3, 1e3, 1e200, 1e308])
    for name in sorted(set(ACTIVATIONS) - {"sin", "cos"}):
        for order in range(4):
            bottom, top = range_enclosure(name, PARAMETERS.get(name, ()), order, x, x)
            assert np.all(bottom <= top) and not np.isnan(bottom).any() and not np.isnan(top).any()
    assert range_enclosure("exp", (), 0, 1e3, 1e3)[1] == INFINITY
    assert range_enclosure("exp", (), 0, 1e3, 1e3)[0] == np.finfo(float).max
    bottom, top = range_enclosure("gelu", (), 0, x[3:], x[3:])
    assert np.all(bottom <= x[3:]) and np.all(top >= x[3:]) and np.all(top - bottom <= 1e-15 * top)


def test_periodic_extrema_between_the_ends() -> None:
    # The maximum of sin at pi/2 + 2000 pi lies between these ends although both values are below 1.
    centre = math.pi / 2 + 2000 * math.pi
    low, high = range_enclosure("sin", (), 0, centre - 0.1, centre + 0.1)
    assert high == 1.0 and low == pytest.approx(math.cos(0.1), abs=1e-9)
    low, high = range_enclosure("sin", (), 0, centre + 0.1, centre + 0.2)
    assert high == pytest.approx(math.cos(0.1), abs=1e-9)
    low, high = range_enclosure("cos", (), 3, 0.1, 0.2)
    assert high == pytest.approx(math.sin(0.2)) and low == pytest.approx(math.sin(0.1))


def test_kinks_and_poles() -> None:
    assert range_enclosure("relu", (), 1, -1.0, 1.0) == (0.0, 1.0)
    assert range_enclosure("relu", (), 1, 0.0, 1.0) == (0.0, 1.0)
    assert range_enclosure("relu", (), 1, 0.5, 1.0) == (1.0, 1.0)
    assert range_enclosure("relu", (), 2, -1.0, 1.0) == (-INFINITY, INFINITY)
    assert range_enclosure("relu", (), 2, 0.5, 1.0) == (0.0, 0.0)
    assert range_enclosure("leaky_relu", (-0.5,), 0, -2.0, 1.0) == (0.0, np.nextafter(1.0, 2.0))
    assert range_enclosure("leaky_relu", (2.0,), 1, -2.0, 1.0) == (1.0, 2.0)
    low, high = range_enclosure("elu", (1.0,), 2, -1.0, 1.0)
    assert low == 0.0 and high == 1.0
    assert range_enclosure("elu", (0.5,), 2, -1.0, 1.0) == (-INFINITY, INFINITY)
    assert range_enclosure("elu", (1.0,), 3, 0.0, 1.0) == (-INFINITY, INFINITY)
    assert range_enclosure("reciprocal", (), 0, -1.0, 1.0) == (-INFINITY, INFINITY)
    low, high = range_enclosure("reciprocal", (), 1, -4.0, -2.0)
    assert low <= -0.25 <= -0.0625 <= high and high - low == pytest.approx(0.1875)
    assert range_enclosure("square", (), 0, -1.0, 2.0)[0] == 0.0


def test_bad_intervals() -> None:
    assert range_enclosure("tanh", (), 0, math.nan, 1.0) == (-INFINITY, INFINITY)
    with pytest.raises(InputError, match="interval is empty"):
        range_enclosure("tanh", (), 0, 1.0, 0.5)
    for order in (-1, 4):
        with pytest.raises(InputError, match="`order` must be"):
            range_enclosure("tanh", (), order, 0.0, 1.0)
    empty = range_enclosure("tanh", (), 0, np.zeros(0), np.zeros(0))
    assert empty[0].shape == (0,)


def test_arrays_of_any_shape_and_broadcasting() -> None:
    low = np.array([[-1.0], [0.0]])
    bottom, top = range_enclosure("gelu", (), 1, low, np.array([1.0, 2.0, INFINITY]))
    assert bottom.shape == top.shape == (2, 3)
    assert np.all(np.diff(top, axis=1) >= 0)


def test_cells_of_the_isolation_are_exact_floats() -> None:
    # Below this width `left + width` would round back to `left` near the radius and cells would be lost.
    for shape_radius in (SIGMOID_SHAPE.radius,):
        assert shape_radius + SMALLEST_CELL > shape_radius
        assert (shape_radius - SMALLEST_CELL) + SMALLEST_CELL == shape_radius


def test_a_missing_knot_is_noticed() -> None:
    found = profile("gelu", (), 1)
    assert isinstance(found, KnotProfile)
    low, high = np.array([1.0]), np.array([2.0])
    honest = found.enclose(low, high)
    x = float(np.sqrt(2.0))
    with precision(192):
        assert arb(honest[1][0]) >= exact("gelu", x, 1).upper()
        broken = dataclasses.replace(found, knots=tuple(k for k in found.knots if not k.left <= x <= k.right))
        assert len(broken.knots) == len(found.knots) - 1
        assert not arb(broken.enclose(low, high)[1][0]) >= exact("gelu", x, 1).upper()
