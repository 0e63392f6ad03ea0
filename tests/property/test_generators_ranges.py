"""The range of a derivative over an interval contains its value at every point of the interval."""

from __future__ import annotations

import math

from flint import arb, arb_series, ctx
from hypothesis import example, given
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


@example(("leaky_softplus", (0.0,), 0, 1.1e-308, 0.5, math.inf), 0.0, 1.0)
@given(cases(), FLOATS, FLOATS)
def test_a_larger_interval_has_a_larger_range(
    case: tuple[str, tuple[float, ...], int, float, float, float], left: float, right: float
) -> None:
    """An enclosure need not be monotone to the last bit, but may only lose the width of an end's own enclosure.

    An end of the smaller interval's range is a knot's value, which the larger interval has too, or the outward end
    of the enclosure [l, u] of one value f(p), p an end of the interval; f(p) also lies in the larger range.
    """
    low, high = case[3], case[5]
    bottom, top = _range(case, min(low, left), max(high, right))
    inner_bottom, inner_top = _range(case, low, high)
    ends = [_range(case, p, p) for p in (low, high)]
    assert bottom <= inner_bottom or any(below == inner_bottom and bottom <= above for below, above in ends)
    assert top >= inner_top or any(above == inner_top and top >= below for below, above in ends)


def _range(
    case: tuple[str, tuple[float, ...], int, float, float, float], low: float, high: float
) -> tuple[float, float]:
    bottom, top = range_enclosure(case[0], case[1], case[2], low, high)
    return float(bottom), float(top)
