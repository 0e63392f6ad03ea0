"""Inversion of an exponential by `pohlig_hellman`."""

from __future__ import annotations

from certify.circuits.discrete_logarithm import LARGEST_TABLE, pohlig_hellman
from certify.circuits.inverter import Inverter
from certify.circuits.inverters.logarithm import invert, is_exponential

INVERTER = Inverter(
    "pohlig-hellman",
    "a logarithm for each prime factor of the order",
    "multiplications",
    2.0 * LARGEST_TABLE,
    is_exponential,
    lambda permutation, image, limit: invert(permutation, image, pohlig_hellman),
)
