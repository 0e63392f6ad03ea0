"""Discrete logarithms of the exponential permutations: baby-step giant-step, and Pohlig-Hellman.

In the units of GF(2^n) (n <= 63) and of the integers modulo a prime (below 2^32). Cost is counted in multiplications,
which do not depend on the machine. Exact: integers only; every answer is put back into the field.
Sources: D. Shanks, Proc. Symp. Pure Math. 20 (1971); S. Pohlig, M. Hellman, IEEE Trans. Inf. Theory 24 (1978).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from certify.circuits.fields import Field
from certify.errors import InputError

LARGEST_TABLE = 1 << 24
"""Baby steps that are kept at most: beyond it a table does not fit into memory of an ordinary machine."""


@dataclass(frozen=True)
class Logarithm:
    """`exponent` with generator^exponent = element, found with `multiplications` in the field."""

    exponent: int
    multiplications: int


def baby_step_giant_step(field: Field, element: int) -> Logarithm:
    """About 2 sqrt(order) multiplications.

    Raises:
        InputError: if the element is 0, the modulus is too large, or the table would exceed 2^24 entries.
    """
    exponent, count = _shanks(field, field.generator, field.order, element)
    return _checked(field, element, exponent, count)


def pohlig_hellman(field: Field, element: int) -> Logarithm:
    """About the sum of sqrt(p) over the prime factors p of the order: fast where all of them are small.

    Raises InputError as `baby_step_giant_step`, for the largest prime factor.
    """
    residues, moduli, count = [], [], 0
    for prime, multiplicity in Counter(field.factors).items():
        # The digits of the logarithm modulo prime^multiplicity, least significant first.
        base, residue = field.power(field.order // prime), 0
        for digit in range(multiplicity):
            shifted = field.multiply(element, field.power(-residue % field.order))
            found, steps = _shanks(field, base, prime, field.power(field.order // prime ** (digit + 1), shifted))
            residue += found * prime**digit
            count += steps + 4 * field.order.bit_length() + 1
        residues.append(residue)
        moduli.append(prime**multiplicity)
    from sympy.ntheory.modular import crt

    exponent = int(crt(moduli, residues)[0]) if moduli else 0
    return _checked(field, element, exponent, count)


def _checked(field: Field, element: int, exponent: int, count: int) -> Logarithm:
    if field.power(exponent) != element:
        raise InputError(f"{element} is no power of {field.generator} in this field")
    return Logarithm(exponent, count)


def _shanks(field: Field, base: int, order: int, element: int) -> tuple[int, int]:
    """Exponent below `order` with base^exponent = element, and the multiplications."""
    polynomial, width = field.kind == "gf2", math.isqrt(max(order - 1, 0)) + 1
    if field.modulus.bit_length() > (64 if polynomial else 32):
        raise InputError(f"the modulus {field.modulus} is too large for 64-bit words")
    if width > LARGEST_TABLE:
        raise InputError(f"a table of {width} baby steps is more than {LARGEST_TABLE}: the factor {order} is too large")
    modulus = np.uint64(field.modulus)
    baby = _powers(np.uint64(base), width, polynomial, modulus)
    places = np.argsort(baby, kind="stable")
    giant = np.uint64(field.power(-width % field.order, base))
    step, place = _giant_steps(np.uint64(element), giant, baby[places], width, polynomial, modulus)
    if step < 0:
        raise InputError(f"{element} is no power of {base} in this field")
    return int(step * width + places[place]), width + int(step) + 2 * field.order.bit_length()


@numba.njit(cache=True)
def _product(one: Any, other: Any, polynomial: bool, modulus: Any) -> Any:
    if not polynomial:
        return one * other % modulus
    top = np.uint64(1)
    while top <= modulus >> np.uint64(1):
        top <<= np.uint64(1)
    result = np.uint64(0)
    while other:
        if other & np.uint64(1):
            result ^= one
        other >>= np.uint64(1)
        one <<= np.uint64(1)
        if one & top:
            one ^= modulus
    return result


@numba.njit(cache=True)
def _powers(base: Any, count: int, polynomial: bool, modulus: Any) -> Any:
    found = np.empty(count, dtype=np.uint64)
    value = np.uint64(1)
    for index in range(count):
        found[index] = value
        value = _product(value, base, polynomial, modulus)
    return found


@numba.njit(cache=True)
def _giant_steps(element: Any, giant: Any, table: Any, count: int, polynomial: bool, modulus: Any) -> Any:
    """First step whose element stands in the sorted table, and where; (-1, -1) if none does."""
    for step in range(count):
        place = np.searchsorted(table, element)
        if place < len(table) and table[place] == element:
            return step, place
        element = _product(element, giant, polynomial, modulus)
    return -1, -1
