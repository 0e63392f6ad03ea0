"""Inversion of an exponential by `baby_step_giant_step`."""

from __future__ import annotations

from certify.circuits.discrete_logarithm import LARGEST_TABLE, baby_step_giant_step
from certify.circuits.inverter import Inverter
from certify.circuits.inverters.logarithm import invert, is_exponential

INVERTER = Inverter(
    "baby-step-giant-step",
    "baby steps in a table, giant steps through it",
    "multiplications",
    2.0 * LARGEST_TABLE,
    is_exponential,
    lambda permutation, image, limit: invert(permutation, image, baby_step_giant_step),
)
