"""Networks at scales from 1e-300 to 1e300 whose constants on a ball or on R^d have closed forms.

Coordinate by coordinate G_i(z) = s z_i + a sigma(b z_i + c), or a linear map with chosen singular values, or a
composition of two units: the constants follow from the extrema of sigma's derivatives over one interval, which lie
at its ends or at critical points known in closed form. All in balls of `BITS` bits, and independent of
`certify.generators.activations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from benchmarks.exact_constants import Truth, largest, normal_density, smallest
from benchmarks.known_networks import KnownNetwork, exact_orthogonal
from certify.arithmetic.balls import ball
from certify.bounds.bracket import Region
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Sum

BITS = 4000
"""Enough for 1e300 next to 1e-300, and for the sine of 1e300."""

Derivatives = tuple[arb, arb, arb]


@dataclass(frozen=True)
class Curve:
    """sigma', sigma'', sigma''' at a ball, and the critical points of each; `is_complete`: no others exist."""

    derivatives: Callable[[arb], Derivatives]
    critical: Callable[[], Sequence[arb]]
    is_complete: bool = True


def _tanh(x: arb) -> Derivatives:
    t, p = x.tanh(), x.sech() ** 2
    return p, -2 * t * p, p * (6 * t * t - 2)


def _sigmoid(x: arb) -> Derivatives:
    p = (x / 2).sech() ** 2 / 4
    return p, -p * (x / 2).tanh(), p * (1 - 6 * p)


def _softplus(x: arb) -> Derivatives:
    s = 1 / (1 + (-x).exp()) if bool(x > 0) else x.exp() / (1 + x.exp())
    return (s, *_sigmoid(x)[:2])


def _atan(x: arb) -> Derivatives:
    w = 1 / (1 + x * x)
    return w, -2 * x * w**2, (6 * x * x - 2) * w**3


def _gelu(x: arb) -> Derivatives:
    phi = normal_density(x * x)
    return (1 + (x / arb(2).sqrt()).erf()) / 2 + x * phi, phi * (2 - x * x), phi * (x**3 - 4 * x)


def _silu(x: arb) -> Derivatives:
    s, (p, q, r) = _softplus(x)[0], _sigmoid(x)
    return s + x * p, 2 * p + x * q, 3 * q + x * r


def _both(*points: arb) -> list[arb]:
    return [arb(0), *points, *(-x for x in points)]


def _tanh_points() -> list[arb]:
    # tanh^2 is 1/3 where tanh''' = 0, and 2/3 where tanh'''' = 0.
    return _both((1 / arb(3).sqrt()).atanh(), (arb(2) / 3).sqrt().atanh())


def _gelu_points() -> list[arb]:
    squares = ((7 - arb(33).sqrt()) / 2, (7 + arb(33).sqrt()) / 2)
    return _both(arb(2).sqrt(), arb(2), *(x.sqrt() for x in squares))


CURVES: dict[str, Curve] = {
    "tanh": Curve(_tanh, _tanh_points),
    "sigmoid": Curve(_sigmoid, lambda: [2 * x for x in _tanh_points()]),
    "softplus": Curve(_softplus, lambda: [2 * x for x in _tanh_points()]),
    "atan": Curve(_atan, lambda: _both(arb(1), 1 / arb(3).sqrt())),
    "gelu": Curve(_gelu, _gelu_points),
    "silu": Curve(_silu, lambda: _both(arb(1), arb(2), arb(3)), is_complete=False),
    "exp": Curve(lambda x: (x.exp(),) * 3, lambda: []),
    "square": Curve(lambda x: (2 * x, arb(2), arb(0)), lambda: []),
}
"""Activations whose derivatives over an interval are known; kinks have their own tests."""


def _signed(rng: np.random.Generator, low: float = -300.0, high: float = 300.0) -> float:
    return float(rng.choice([-1.0, 1.0])) * 10.0 ** float(rng.uniform(low, high))


def _region(rng: np.random.Generator, d: int, rate: float) -> Region:
    """R^d, or a ball whose radius is any, or makes `rate` times it moderate; its centre 0, near or far."""
    kind = rng.integers(4)
    if kind == 0:
        return Region()
    exponent = float(rng.uniform(-300, 300))
    if kind > 1:
        exponent = min(max(float(rng.uniform(-4, 4)) - math.log10(abs(rate)), -300.0), 300.0)
    radius = 10.0**exponent
    if rng.random() < 0.4:
        return Region(radius)
    reach = min(exponent + float(rng.uniform(-3, 25)), 300.0)
    centre = rng.choice([-1.0, 1.0], d) * 10.0 ** (reach - rng.uniform(0, 2, d))
    return Region(radius, tuple(centre.tolist()))


def _interval(region: Region, coordinate: int) -> tuple[arb, arb] | None:
    if region.radius is None:
        return None
    centre = ball(0.0 if region.centre is None else region.centre[coordinate])
    return centre - ball(region.radius), centre + ball(region.radius)


def _sizes(curve: Curve, rate: float, shift: float, span: tuple[arb, arb] | None) -> list[list[arb]]:
    """Values of sigma', sigma'', sigma''' at the ends, the critical points and the middle of the interval of z."""
    points = list(curve.critical())
    if span is not None:
        first, second = (ball(rate) * end + ball(shift) for end in span)
        low, high = (first, second) if bool(first <= second) else (second, first)
        points = [low, high, (low + high) / 2, *(x for x in points if bool(low <= x) and bool(x <= high))]
    else:
        # Limits at both infinities, approached where they are not attained.
        points += [arb(-4000), arb(4000)]
    return [list(values) for values in zip(*map(curve.derivatives, points), strict=True)]


def units(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """The map s z + a sigma(b z + c) on d coordinates, s = 0 or not."""
    name = str(rng.choice(sorted(CURVES)))
    curve, d = CURVES[name], int(rng.integers(1, 4))
    rate = _signed(rng)
    gain = _signed(rng)
    while not 1e-300 < abs(gain) * abs(rate) < 1e300:
        gain = _signed(rng)
    shift = 0.0 if rng.random() < 0.5 else _signed(rng, -2, 3)
    skip = 0.0 if rng.random() < 0.5 else abs(gain * rate) * float(rng.uniform(-2, 2))
    region = _region(rng, d, rate)
    nodes: list[Node] = [
        Input(d),
        Affine(0, rate * np.eye(d), np.full(d, shift)),
        Activation(1, name, d),
        Affine(2, gain * np.eye(d), np.zeros(d)),
    ]
    if skip:
        nodes.append(Sum((0, 3), (skip, 1.0), d))
    return Graph(tuple(nodes)), _unit_truths(curve, (rate, gain, shift, skip), region, d), region


def _unit_truths(curve: Curve, numbers: tuple[float, float, float, float], region: Region, d: int) -> dict[str, Truth]:
    rate, gain, shift, skip = numbers
    slopes, bends, twists = [], [], []
    for coordinate in range(d):
        first, second, third = _sizes(curve, rate, shift, _interval(region, coordinate))
        steepness = ball(gain) * ball(rate)
        slopes.append([ball(skip) + steepness * value for value in first])
        bends += [abs(steepness * ball(rate) * value) for value in second]
        twists += [abs(steepness * ball(rate) ** 2 * value) for value in third]
    flat = [value for row in slopes for value in row]
    # A slope of both signs along one coordinate: the map is not injective there.
    turns = any(any(bool(a < 0) for a in row) and any(bool(a > 0) for a in row) for row in slopes)
    least = arb(0) if turns else smallest([abs(value) for value in flat])
    known = {
        "m": (arb(0), least),
        **{
            name: (largest(values), arb("inf"))
            for name, values in (("M", [abs(value) for value in flat]), ("M2", bends), ("M3", twists))
        },
    }
    if curve.is_complete and region.radius is not None:
        known = {
            name: (pair[0] if name != "m" else pair[1], pair[1] if name == "m" else pair[0])
            for name, pair in known.items()
        }
    return {name: Truth(*pair) for name, pair in known.items()}


def linear(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """Q1 D Q2 with exactly orthogonal factors: the singular values are those of D."""
    size = int(rng.choice([2, 4, 6]))
    values = (
        np.abs([_signed(rng) for _ in range(size)])
        if rng.random() < 0.5
        else 10.0 ** (rng.uniform(-290, 290) + rng.uniform(-8, 8, size))
    )
    layers = (exact_orthogonal(size, rng), np.diag(values), exact_orthogonal(size, rng))
    nodes = [Input(size), *(Affine(index, weight, np.zeros(size)) for index, weight in enumerate(layers))]
    truths = {
        "m": Truth.exactly(ball(float(values.min()))),
        "M": Truth.exactly(ball(float(values.max()))),
        "M2": Truth.exactly(arb(0)),
        "M3": Truth.exactly(arb(0)),
    }
    return Graph(tuple(nodes)), truths, _region(rng, size, 1.0)


def composed(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """The map z + a tanh(b tanh(c z)) in one dimension: the slope at 0 is the largest, 1 + a b c, and 1 the infimum."""
    outer, inner = _signed(rng, -150, 150), _signed(rng, -150, 150)
    gain = math.copysign(10.0 ** float(rng.uniform(-3, 3)), outer * inner) / abs(outer) / abs(inner)
    nodes: list[Node] = [Input(1)]
    for weight in (inner, outer):
        nodes += [Affine(len(nodes) - 1, np.array([[weight]]), np.zeros(1)), Activation(len(nodes), "tanh", 1)]
    nodes += [Affine(4, np.array([[gain]]), np.zeros(1)), Sum((0, 5), (1.0, 1.0), 1)]
    region = Region() if rng.random() < 0.5 else Region(10.0 ** float(rng.uniform(-300, 300)))
    steepest = 1 + ball(gain) * ball(outer) * ball(inner)
    end = None if region.radius is None else ball(region.radius)
    far = (
        arb(1)
        if end is None
        else 1
        + ball(gain)
        * ball(outer)
        * ball(inner)
        * ((ball(outer) * (ball(inner) * end).tanh()).sech() * (ball(inner) * end).sech()) ** 2
    )
    return Graph(tuple(nodes)), {"M": Truth.exactly(steepest), "m": Truth.exactly(far)}, region


KINDS = {"units": units, "linear": linear, "composed": composed}


def extreme_network(index: int, seed: int = 0) -> KnownNetwork:
    """The `index`-th network of the campaign: every second one is of units, the others take turns."""
    kind = ("units", "linear", "units", "composed")[index % 4]
    graph, truths, region = KINDS[kind](np.random.default_rng([seed, index, 0xE7]))
    return KnownNetwork(kind, graph, truths, region)
