"""G1* and Theorem 1* at bare constants, as portable certificates: choices, cuts of the far field, and the bound.

The curvature is the closed form of docs/sharp.md for an exact factor A^{-1/2}. Two choices are rounded: the radius
where mu_F changes its branch, and the intervals of o = 1 - alpha^2 on each of which the far field is bounded by its
worst ends. So the tail here is not quite the one of `certify.sharp.far`, and it is evaluated again.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from flint import arb, arb_poly

from certify.arithmetic.balls import ball, midpoint, upper
from certify.certificates.portable.exact_text import rounded_up
from certify.certificates.portable.question import Question
from certify.errors import InputError
from certify.sharp.problem import SharpProblem, closed_form_problem
from certify.sharp.quadrature import Segment, analytic_integral

NAMES = ("d", "m", "M", "M2", "beta", "gradient", "residual")
CELLS = 16
"""Cells of each piece in the checker's integrals."""

INTERVALS = (2, 4, 8, 16, 32, 64, 128)
"""Numbers of intervals of o that are tried, until more of them change the far field by little."""

REACH = 8
MARGIN = Fraction(1, 10**7)
"""Share of a claim that is given up for the checker's integrals and the rounded branch."""


def problem_of(question: Question) -> tuple[Mapping[str, Fraction], SharpProblem]:
    """The constants and the problem that they pose.

    Raises:
        InputError: if a constant is missing or out of order.
    """
    given = question.constants
    if not set(NAMES) <= set(given):
        missing = ", ".join(name for name in NAMES if name not in given)
        raise InputError(f"`constants` must give {', '.join(NAMES)}; missing: {missing}")
    if not (given["d"].denominator == 1 and 1 <= given["d"] < 200):
        raise InputError(f"`d` must be a whole number in [1, 199]; got {given['d']}")
    if not (0 < given["m"] <= given["M"] and given["beta"] > 0):
        raise InputError("`constants` must have 0 < m <= M and beta > 0")
    if min(given["M2"], given["gradient"], given["residual"]) < 0:
        raise InputError("`constants` must have M2, gradient and residual >= 0")
    values = (given[name] for name in ("m", "M", "M2", "beta", "gradient", "residual"))
    return given, closed_form_problem(int(given["d"]), *values)


def shared_record(given: Mapping[str, Fraction], radius: Fraction, outer: Fraction) -> dict[str, Any]:
    """The keys that both kinds have."""
    a, b = (given["m"] / given["beta"]) ** 2, (given["M"] / given["beta"]) ** 2
    e = given["M2"] * given["beta"] / (given["m"] ** 2 + given["beta"] ** 2)
    switch = (1 - float((1 + a) / (1 + b)) ** 0.5) / float(e) if e > 0 else float(outer)
    cut = min(Fraction(int(switch * 2**30), 2**30), outer)
    return {
        "constants": {"d": int(given["d"]), **{name: str(given[name]) for name in NAMES[1:]}},
        "radius": str(radius), "outer": str(outer), "cut": str(cut), "cells": CELLS,
    }  # fmt: skip


def far_field(given: Mapping[str, Fraction], outer: Fraction, room: float) -> tuple[dict[str, Any], arb] | None:
    """The far field's evidence and its numerator from above, refined until it is below `room`; None: not integrable."""
    a, b = (given["m"] / given["beta"]) ** 2, (given["M"] / given["beta"]) ** 2
    low, high = Fraction(1) / (1 + b), Fraction(1) / (1 + a)
    # A little outside on both sides, so that the cuts stay short.
    low, high = Fraction(int(low * 2**40), 2**40) or low, min(Fraction(int(high * 2**40) + 1, 2**40), Fraction(1))
    bend = given["M2"] * high / (2 * given["beta"])
    reach = outer + REACH
    if bend * reach > 0:
        longest = Fraction(int(float(1 - high) ** 0.5 / float(bend) * 2**20) - 1, 2**20)
        reach = max(outer, min(reach, longest))
    found: tuple[dict[str, Any], arb] | None = None
    for count in INTERVALS:
        cuts = [low + (high - low) * Fraction(k, count) for k in range(count + 1)]
        parts = [_far_cell(given, left, right, outer, reach) for left, right in zip(cuts, cuts[1:], strict=False)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            continue
        before, worst = found, max(known, key=upper)
        found = ({"cuts": [str(cut) for cut in cuts], "reach": str(reach)}, worst)
        if upper(worst) <= room or (before is not None and upper(worst) > 0.97 * upper(before[1])):
            break
    return found


def _far_cell(
    given: Mapping[str, Fraction], low: Fraction, high: Fraction, outer: Fraction, reach: Fraction
) -> arb | None:
    """Upper bound of int_R2^inf r^(d-1) exp(-l) for o in [low, high], as docs/certificates.md says it. Enclosure."""
    power = int(given["d"]) - 1
    tilt = 1 - given["M2"] * given["residual"] / given["beta"] ** 2
    linear, bend = min(low * tilt, high * tilt) / 2, given["M2"] * high / (2 * given["beta"])
    alpha, slope = ball(1 - high).sqrt(), ball(given["m"] / given["beta"]) * ball(low).sqrt()
    base = [arb(0), ball(-given["gradient"]), ball(linear)]
    last = base[2] + slope**2 / 2
    rate = base[1] + 2 * last * ball(reach) - power / ball(reach)
    if not (last > 0 and rate > 0 and alpha >= ball(bend * reach)):
        return None
    near = arb_poly([*base[:2], base[2] + alpha**2 / 2, -alpha * ball(bend), ball(bend) ** 2 / 2])
    beyond = ball(reach) ** power * (-(base[1] * ball(reach) + last * ball(reach) ** 2)).exp() / rate
    return analytic_integral([Segment(ball(outer), ball(reach), near, arb_poly([1]))], power) + beyond


def with_tail(
    given: Mapping[str, Fraction], problem: SharpProblem, radius: Fraction, outer: Fraction, others: arb
) -> tuple[dict[str, Any], Fraction] | None:
    """The far field's evidence, and the bound whose terms but the tail add up to `others`, rounded up."""
    inner = problem.law.upper_envelope_mass(ball(outer))
    shell = problem.law.outside(ball(radius), ball(outer))
    found = far_field(given, outer, 1e-4 * midpoint((others + shell) * inner))
    if found is None:
        return None
    total = others + shell + found[1] / inner
    return found[0], rounded_up(Fraction(upper(total)) * (1 + MARGIN), 6)
