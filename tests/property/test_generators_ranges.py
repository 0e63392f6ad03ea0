"""The range of a derivative over an interval contains its value at every point of the interval."""

from __future__ import annotations

import math

from flint import arb, arb_series, ctx
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import precision
from certify.generators.activations import ACTIVATIONS, activation, range_enclosure

FLOATS = st.one_of(
    st.floats(-60.0, 60.0),
    st.floats(-1e-3, 1e-3),
    st.floats(allow_nan=False, allow_infinity=False),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, tuple[float, ...], int, float, float, float]:
    """An activation with parameters, an order, and l <= x <= u."""
    name = draw(st.sampled_from(sorted(ACTIVATIONS)))
    parameters = tuple(
        draw(st.floats(max(item.minimum, -2.0), min(item.maximum, 2.0))) for item in activation(name).parameters
    )
    low, x, high = sorted(draw(FLOATS) for _ in range(3))
    if draw(st.booleans()):
        low = -math.inf
    if draw(st.booleans()):
        high = math.inf
    return name, parameters, draw(st.integers(0, 3)), low, x, high


@given(cases())
def test_values_lie_in_the_range(case: tuple[str, tuple[float, ...], int, float, float, float]) -> None:
    name, parameters, order, low, x, high = case
    bottom, top = (float(end) for end in range_enclosure(name, parameters, order, low, high))
    before = ctx.cap
    ctx.cap = order + 1
    try:
        with precision(256):
            value = activation(name).series(arb_series([arb(x), arb(1)]), parameters)[order] * math.factorial(order)
            if not value.is_nan():
                assert arb(bottom) <= value.upper() and value.lower() <= arb(top)
    finally:
        ctx.cap = before


@given(cases(), FLOATS, FLOATS)
def test_a_larger_interval_has_a_larger_range(
    case: tuple[str, tuple[float, ...], int, float, float, float], left: float, right: float
) -> None:
    name, parameters, order, low, _, high = case
    outer = range_enclosure(name, parameters, order, min(low, left), max(high, right))
    inner = range_enclosure(name, parameters, order, low, high)
    # The larger interval may drop an end whose enclosure was wider than the extremum it now contains.
    slack = 1e-13 * max(abs(float(end)) for end in inner) if all(math.isfinite(end) for end in inner) else 0.0
    assert float(outer[0]) <= float(inner[0]) + slack + 1e-17
    assert float(outer[1]) >= float(inner[1]) - slack - 1e-17
