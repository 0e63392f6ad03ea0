"""Parts of `checker/check_totals.py` asked alone: intervals, polynomials, integrals, envelopes, far field, chains."""

from __future__ import annotations

import math
from fractions import Fraction
from types import ModuleType
from typing import Any

import mpmath

from benchmarks.probed import answer

HALVES = [Fraction(0), Fraction(0), Fraction(1, 2)]
LAW: dict[str, Any] = {
    "constants": {"d": 2, "m": "1", "M": "3/2", "M2": "1/10", "beta": "1/10", "gradient": "1/100", "residual": "1/50"},
    "radius": "4", "outer": "5", "cut": "2", "far": {"cuts": ["1/250", "1/99"], "reach": "6"}, "cells": 16,
}  # fmt: skip
CHAIN = LAW | {
    "constants": LAW["constants"] | {"d": 1}, "cells": 4,
    "claims": {"layers": 5, "tv_bound": "9"}, "width": "1", "start": "gaussian", "moving": [["1/5", 2]],
    "smoothing": [["1/10", 3]],
}  # fmt: skip
CONSTANTS: dict[str, tuple[Any, ...]] = {
    "d": (0, 1, 199, 200), "m": ("0", "-1", "3/2", "8/5"), "M": ("1", "9/10"), "M2": ("0", "-1/10", "10"),
    "beta": ("0", "-1/10"), "gradient": ("0", "-1"), "residual": ("0", "-1", "1000"),
}  # fmt: skip
PARTS: dict[str, tuple[Any, ...]] = {
    "radius": ("0", "5", "11/2", "-1"), "outer": ("4", "3"), "cut": ("0", "-1", "1000"), "cells": (0, 1, 4096, 4097),
    "far": ({"cuts": ["1/250"], "reach": "6"}, {"cuts": [], "reach": "6"}),
}  # fmt: skip
FAR = (
    (["1/250", "1/99"], "5"), (["1/250", "1/99"], "9/2"), (["1/226", "1/101"], "6"), (["1/225", "1/101"], "6"),
    (["1/226", "1/102"], "6"), (["0", "1/99"], "6"), (["1/250", "1"], "6"), (["1/250", "2"], "6"),
    (["1/99", "1/250"], "6"), (["1/250", "1/90", "1/99"], "6"),
)  # fmt: skip
CHAINS: tuple[dict[str, Any], ...] = (
    {"width": "0"}, {"width": "4"}, {"width": "399/100"}, {"start": "none"}, {"moving": [["1/5", 3]]}, {"moving": []},
    {"smoothing": []}, {"moving": [["0", 2]]}, {"moving": [["1/5", 2, 1]]}, {"moving": [["1/5", 0]]},
    {"moving": [["30", 2]]}, {"moving": [["1/5", 5]], "smoothing": []}, {"moving": [], "smoothing": [["1/10", 5]]},
    {"claims": {"layers": 5, "tv_bound": "1/10"}},
)  # fmt: skip
"""What is put in the place of a part: of the constants, of the law, of its far field, of the chain."""


def _digits(value: Any) -> str:
    return f"{float(value):.9e}"


def _arithmetic(check: ModuleType) -> list[Any]:
    """Products, quotients, roots and powers of intervals of every sign, to the last units."""
    one, found = 1 << check.P, list[Any]()
    pairs = [(low, high) for low in (-3, -1, 0, 2) for high in (-2, 0, 1, 5) if low <= high]
    for a in pairs:
        for b in pairs:
            x, y = (check.Interval(*(end * one + 1 for end in part)) for part in (a, b))
            ends = [(u * one + 1) * (v * one + 1) for u in a for v in b]
            z = x * y
            found.append((z.low * one <= min(ends) < (z.low + 1) * one, (z.high - 1) * one < max(ends) <= z.high * one))
            try:
                z = x / y
                exact = [Fraction((u * one + 1) * one, v * one + 1) for u in a for v in b]
                found.append((z.low <= min(exact) < z.low + 1, z.high - 1 < max(exact) <= z.high))
            except Exception as error:
                found.append(type(error).__name__)
    for value in (0, 1, 2, one, 3 * one, -1):
        found.append(answer(check, check.root, check.Interval(value, value + 1)))
        if value >= 0:
            z = check.root(check.Interval(value, value))
            found.append(z.low**2 <= value * one <= z.high**2 and z.high - z.low <= 1)
    power = check.interval(Fraction(3, 2)) ** 7
    found.append(power.low <= Fraction(3, 2) ** 7 * one <= power.high and power.high - power.low < 100)
    return [*found, check.PI.low / one <= math.pi <= check.PI.high / one, _digits(check.EULER.high / one)]


def _polynomials(check: ModuleType) -> list[Any]:
    p, r = [Fraction(k, 3) for k in (2, -1, 5, 7)], Fraction(2, 7)
    return [
        check.at(p, r), check.product(p, p[:2]), check.primitive(p, r, Fraction(5)), check.taylor(p, r),
        *(_digits(x.upper()) for x in check.series(2, p, p[:2], check.interval(r))),
    ]  # fmt: skip


def _integrals(check: ModuleType) -> list[Any]:
    """Whether the integral is enclosed, and how wide to a digit; a tail above its truth."""
    found: list[Any] = []
    for power, start, end, weight, cells in (
        (0, 0, 1, [1], 2),
        (3, 1, 3, [1, -2], 5),
        (1, 2, 2, [1], 3),
        (2, 0, 4, [0, 1], 7),
    ):
        pieces = [(Fraction(start), Fraction(end), HALVES, [Fraction(x) for x in weight])]
        z = check.integral(power, pieces, cells)
        with mpmath.workdps(40):
            truth = mpmath.quad(
                lambda r, k=power, w=weight: r**k * sum(x * r**i for i, x in enumerate(w)) * mpmath.exp(-r * r / 2),
                [start, end],
            )
            inside = mpmath.mpf(z.low) / check.ONE <= truth + 1e-30 and truth - 1e-30 <= mpmath.mpf(z.high) / check.ONE
        found.append((bool(inside), f"{(z.high - z.low) / check.ONE:.1e}"))
    for power, start in ((0, 1), (3, 2), (3, 1), (8, 4)):
        found.append(answer(check, check.tail, power, HALVES, Fraction(start)))
        if power < start * start:
            found.append(_digits(check.tail(power, HALVES, Fraction(start)).upper()))
    return found


def _laws(check: ModuleType) -> list[Any]:
    """Envelopes and far field of one decoder's constants, and constants and radii that are none."""
    law = check.Radial(LAW)
    found: list[Any] = [law.a, law.b, law.mu, law.q, law.shift, law.U, law.pieces]
    found.append(check.Radial(LAW | {"cut": "9/2"}).mu)
    for low, high, reach in (("1/250", "1/99", 6), ("1/250", "1/120", 6), ("1/250", "1/99", 400), ("1/9", "1", 6)):
        ends = Fraction(low), Fraction(high), Fraction(reach)
        found.append(answer(check, law.far, *ends))
        found += [_digits(law.far(*ends).upper())] if found[-1] == "yes" else []
    found += [_digits(x.upper()) for x in (law.tail(), law.gaussian_outside(), law.gaussian_shift(), law.mean(law.q))]
    for name, values in CONSTANTS.items():
        for value in values:
            found.append(answer(check, check.Radial, LAW | {"constants": LAW["constants"] | {name: value}}))
    for name, values in PARTS.items():
        for value in values:
            found.append(answer(check, check.Radial, LAW | {name: value}))
    for cuts, reach in FAR:
        found.append(answer(check, check.Radial(LAW | {"far": {"cuts": cuts, "reach": reach}}).tail))
    return found


def _chains(check: ModuleType) -> list[Any]:
    """A chain's bound to a few digits, and chains that are none."""
    found, low, high = list[Any](), Fraction(0), Fraction(9)
    for start in ("gaussian", "point"):
        while high - low > Fraction(1, 1 << 5):
            middle = (low + high) / 2
            claims = {"layers": 5, "tv_bound": str(middle)}
            is_proved = answer(check, check.langevin, CHAIN | {"claims": claims, "start": start}) == "yes"
            low, high = (low, middle) if is_proved else (middle, high)
        found.append(_digits(high))
        low, high = Fraction(0), Fraction(9)
    for changed in CHAINS:
        found.append(answer(check, check.langevin, CHAIN | changed))
    return found


TOTALS = {
    "Interval": _arithmetic, "primitive": _polynomials, "integral": _integrals, "Radial": _laws, "langevin": _chains,
}  # fmt: skip
"""What is asked of a file that has a function of the name."""
