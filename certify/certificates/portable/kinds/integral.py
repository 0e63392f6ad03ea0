"""The mass of the upper envelope at bare constants, int_0^R r^(d-1) exp(-U(r)) dr: one integral of the sharp bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from flint import arb_poly

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.certificates.portable.exact_text import rounded_down, rounded_up
from certify.certificates.portable.question import CONSTANTS, PortableKind, Question
from certify.certificates.portable.totals import CELLS, MARGIN, problem_of
from certify.sharp.certificates import gaussian_layer
from certify.sharp.quadrature import Segment, analytic_integral


def _make(question: Question) -> dict[str, Any] | str:
    with precision():
        given, problem = problem_of(question)
        found = gaussian_layer(problem)
        if found is None:
            return "G1* has no radius at these constants"
        scale = given["m"] ** 2 + given["beta"] ** 2
        e, p = given["M2"] * given["beta"] / scale, given["M2"] * given["residual"] / scale
        # U = g r + r^2/2 + int int q with q = p + 3 e r + (3/2) e^2 r^2.
        exponent = [Fraction(0), given["gradient"], (1 + p) / 2, e / 2, e * e / 8]
        radius, power = found.choice.radius, int(given["d"]) - 1
        line = Segment(ball(0), ball(radius), arb_poly([ball(x) for x in exponent]), arb_poly([1]))
        value = analytic_integral([line], power)
        low, high = Fraction(lower(value)) * (1 - MARGIN), Fraction(upper(value)) * (1 + MARGIN)
    piece = {"start": "0", "end": str(radius), "exponent": [str(x) for x in exponent], "weight": ["1"]}
    claims = {"lower": str(rounded_down(low)), "upper": str(rounded_up(high))}
    return {"claims": claims, "power": power, "pieces": [piece], "cells": CELLS}


KIND = PortableKind("integral", "lower <= int_0^R r^(d-1) exp(-U(r)) dr <= upper at these constants", _make, CONSTANTS)
