"""The one rule for the noise level of every theorem, where none is given.

The decoder's own, where its file names one and the theorem admits it; else half the largest that the theorem admits,
but no more than a quarter of m, or half of M where no m > 0 is known, rounded down to two digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from certify.arithmetic.balls import Real, ball, midpoint, precision
from certify.arithmetic.rounding import decimal_text
from certify.generators.graph import Generator

GIVEN, OWN = "given", "the decoder's own"

NONE_NAMED = "single observations need their noise, and the decoder names none: give `--beta`"
"""Why a theorem that fails for all observations at once is not asked at each."""


def trained_noise(generator: Generator | None) -> float | None:
    """The noise level that the decoder's file names as its own; None where it names none."""
    named = None if generator is None else generator.metadata.get("trained_beta")
    return float(named) if named else None


def default_noise(beta_max: float, inputs: Mapping[str, Real], generator: Generator | None = None) -> tuple[float, str]:
    """The noise level taken where none is given, and why that one.

    Args:
        beta_max: the largest level that the theorem admits, infinite where it admits all.
        inputs: the theorem's exact inputs, m and M among them where it has them.
        generator: the decoder, or None on constants alone.
    """
    own = trained_noise(generator)
    if own is not None and own <= beta_max:
        return own, OWN
    refused = f"; the decoder's own {decimal_text(own, 4)} is more than it admits" if own is not None else ""
    number, why = min(((beta_max / 2, "half the largest that the theorem admits"), _scale(inputs)))
    if not math.isfinite(number):
        return 1.0, "1, since nothing bounds it"
    exponent = math.floor(math.log10(number)) - 1
    return float(f"{math.floor(number / 10.0**exponent)}e{exponent}"), why + refused


def _scale(inputs: Mapping[str, Real]) -> tuple[float, str]:
    """A level at which data tells latents apart, by the slope of the decoder; infinite where no slope is known."""
    with precision():
        slopes = {name: midpoint(ball(inputs[name])) for name in ("m", "M") if name in inputs}
    if 0.0 < slopes.get("m", 0.0) < math.inf:
        return slopes["m"] / 4, "a quarter of m"
    if 0.0 < slopes.get("M", 0.0) < math.inf:
        return slopes["M"] / 2, "half of M"
    return math.inf, ""
