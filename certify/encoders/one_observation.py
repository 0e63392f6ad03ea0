"""What an encoder of one observation puts out: its draw where x is that observation, and NaN elsewhere."""

from __future__ import annotations

import math

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.encoders.tape import Tape

ROUNDING = 2.0**-49
"""Relative difference of x and the observation that a file takes for none: x may have been divided by a noise."""


def only_at(tape: Tape, observation: FloatArray, point: str) -> str:
    """The point where x is the observation in every entry, up to rounding; NaN elsewhere."""
    n, d = observation.size, tape.generator.latent_dim
    low, high = _ends(tape, observation)
    same = tape.product(tape.compare(low, "x"), tape.compare("x", high))
    agreeing = tape.affine(same, tape.constant("observation_count", np.ones((1, n))))
    everywhere = tape.compare(tape.repeated(tape.constant("observation_entries", np.array([float(n)]))), agreeing)
    chosen = tape.choose(everywhere, point, tape.repeated(tape.constant("observation_other", np.full(d, math.nan))))
    tape.close("guard")
    return chosen


def _ends(tape: Tape, observation: FloatArray) -> tuple[str, str]:
    """The tensors between which x is the observation; the file must hold the observation itself somewhere."""
    room = ROUNDING * np.abs(observation)
    if "observation" in tape.constants:
        low, high = (tape.repeated(tape.constant(f"observation_{name}", observation + sign * room))
                     for name, sign in (("low", -1.0), ("high", 1.0)))  # fmt: skip
        return low, high
    middle = tape.repeated(tape.constant("observation", observation))
    width = tape.repeated(tape.constant("observation_room", room))
    return tape.combine([(1.0, middle), (-1.0, width)]), tape.combine([(1.0, middle), (1.0, width)])
