"""Closed forms for soundness: what the constants of activations and one-dimensional maps are, in balls.

Derived by hand and independent of `certify.generators.activations`, so that a wrong entry there is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

PARAMETERS = {"leaky_softplus": (0.1,), "leaky_relu": (0.01,)}
"""Parameters the cases use, for the activations that take any."""


@dataclass(frozen=True)
class Truth:
    """The exact constant lies in [lower, upper], two balls; one of them may be 0 or infinite."""

    lower: arb
    upper: arb

    @classmethod
    def exactly(cls, value: arb) -> Truth:
        """A constant known up to the radius of a ball."""
        return cls(value, value)


@dataclass(frozen=True)
class SlopeFacts:
    """inf sigma', sup sigma', sup|sigma''| and sup|sigma'''| over R."""

    low: arb
    high: arb
    bend: arb
    twist: arb


def slope_facts(name: str) -> SlopeFacts:
    """The exact facts of one activation at `PARAMETERS`.

    sigmoid: s' = p with p = s(1 - s) in (0, 1/4], s''^2 = p^2 (1 - 4p), s''' = p(1 - 6p).
    gelu: sigma'' = phi(x)(2 - x^2), sigma''' = phi(x)(x^3 - 4x), whose critical points solve x^4 - 7x^2 + 4 = 0.
    """
    zero, one, root3, infinite = arb(0), arb(1), arb(3).sqrt(), arb("inf")
    match name:
        case "tanh":
            return SlopeFacts(zero, one, 4 / (3 * root3), arb(2))
        case "sigmoid":
            return SlopeFacts(zero, one / 4, 1 / (6 * root3), one / 8)
        case "softplus":
            return SlopeFacts(zero, one, one / 4, 1 / (6 * root3))
        case "leaky_softplus":
            alpha = arb(PARAMETERS[name][0])
            return SlopeFacts(alpha, one, (1 - alpha) / 4, (1 - alpha) / (6 * root3))
        case "atan":
            return SlopeFacts(zero, one, 3 * root3 / 8, arb(2))
        case "sin":
            return SlopeFacts(-one, one, one, one)
        case "relu":
            return SlopeFacts(zero, one, infinite, infinite)
        case "leaky_relu":
            return SlopeFacts(arb(PARAMETERS[name][0]), one, infinite, infinite)
        case "gelu":
            steepest = (1 + one.erf()) / 2 + arb(2).sqrt() * normal_density(arb(2))
            squares = ((7 - arb(33).sqrt()) / 2, (7 + arb(33).sqrt()) / 2)
            twist = largest([abs(normal_density(x2) * x2.sqrt() * (x2 - 4)) for x2 in squares])
            return SlopeFacts(1 - steepest, steepest, 2 * normal_density(zero), twist)
    raise KeyError(name)


def normal_density(square: arb) -> arb:
    """phi(x) from x^2."""
    density: arb = (-square / 2).exp() / (2 * arb.pi()).sqrt()
    return density


def largest(values: list[arb]) -> arb:
    """Ball that contains the maximum."""
    found = values[0]
    for value in values[1:]:
        found = found.max(value)
    return found


def smallest(values: list[arb]) -> arb:
    """Ball that contains the minimum."""
    return -largest([-value for value in values])


def stretch_truths(slopes: list[tuple[arb, arb]]) -> dict[str, Truth]:
    """M and m of a sum of one-dimensional C^1 maps with slope ranges [low, high] in orthogonal coordinates.

    M = max|slope|; m = min|slope|, or 0 when one slope takes both signs (then the map is not injective).
    """
    most = largest([abs(low).max(abs(high)) for low, high in slopes])
    floors, ceilings = [], []
    for low, high in slopes:
        size = smallest([abs(low), abs(high)])
        ceilings.append(arb(0) if bool(low < 0) and bool(high > 0) else size)
        floors.append(size if bool(low > 0) or bool(high < 0) else arb(0))
    return {"M": Truth.exactly(most), "m": Truth(smallest(floors), smallest(ceilings))}


def tanh_slopes(left: arb, right: arb) -> tuple[arb, arb, arb]:
    """(inf, sup) of tanh' and sup|tanh''| over [left, right]; tanh'' has its extrema where tanh^2 = 1/3."""
    ends = [left.sech() ** 2, right.sech() ** 2]
    knee = (1 / arb(3).sqrt()).atanh()
    high = arb(1) if bool(left <= 0) and bool(right >= 0) else largest(ends)
    bends = [abs(2 * x.tanh() * x.sech() ** 2) for x in (left, right)]
    bends += [4 / (3 * arb(3).sqrt()) for x in (knee, -knee) if bool(left <= x) and bool(right >= x)]
    return smallest(ends), high, largest(bends)
