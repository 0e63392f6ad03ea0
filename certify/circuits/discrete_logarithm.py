"""Discrete logarithms in a cyclic group: baby-step giant-step, and Pohlig-Hellman on the factors of the order.

The groups are the units of GF(2^n) (n <= 63) and of the integers modulo a prime (below 2^32). Cost is counted in group
multiplications, which do not depend on the machine. Exact: integers only; every answer is put back into the group.
Sources: D. Shanks, Proc. Symp. Pure Math. 20 (1971); S. Pohlig, M. Hellman, IEEE Trans. Inf. Theory 24 (1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numba
import numpy as np

from certify.errors import InputError

LARGEST_TABLE = 1 << 24
"""Baby steps that are kept at most: beyond it a table does not fit into memory of an ordinary machine."""


@dataclass(frozen=True)
class CyclicGroup:
    """Powers of `generator`: polynomials over GF(2) modulo `modulus` ("gf2", bit n set), or integers ("prime").

    Raises:
        InputError: for a modulus out of range or a generator whose order is not `order`.
    """

    kind: Literal["gf2", "prime"]
    modulus: int
    generator: int
    order: int

    def __post_init__(self) -> None:
        limit = 64 if self.kind == "gf2" else 32
        if not 1 < self.modulus.bit_length() <= limit:
            raise InputError(f"`modulus` of a {self.kind} group must have 2 to {limit} bits; got {self.modulus}")
        whole = self._raised(self.generator, self.order)
        if self.order < 1 or whole != 1 or any(self.power(self.order // prime) == 1 for prime in self.factors):
            raise InputError(f"`order` must be that of the generator; {self.generator} has not the order {self.order}")

    @cached_property
    def factors(self) -> dict[int, int]:
        """Prime factorisation of the order."""
        from sympy import factorint

        return {int(prime): int(exponent) for prime, exponent in factorint(self.order).items()}

    def power(self, exponent: int, base: int | None = None) -> int:
        """base^exponent; the generator's power if no base is given."""
        return self._raised(self.generator if base is None else base, exponent % self.order)

    def _raised(self, base: int, exponent: int) -> int:
        return int(_power(np.uint64(base), np.uint64(exponent), self.kind == "gf2", np.uint64(self.modulus)))


@dataclass(frozen=True)
class Logarithm:
    """`exponent` with generator^exponent = element, found with `multiplications` in the group."""

    exponent: int
    multiplications: int


def baby_step_giant_step(group: CyclicGroup, element: int) -> Logarithm:
    """About 2 sqrt(order) multiplications.

    Raises:
        InputError: if the element is no power of the generator, or the table would exceed 2^24 entries.
    """
    exponent, count = _shanks(group, group.generator, group.order, element)
    return _checked(group, element, exponent, count)


def pohlig_hellman(group: CyclicGroup, element: int) -> Logarithm:
    """About the sum of sqrt(p) over the prime factors p of the order: fast where all of them are small.

    Raises InputError as `baby_step_giant_step`, for the largest prime factor.
    """
    residues, moduli, count = [], [], 0
    for prime, multiplicity in group.factors.items():
        # The digits of the logarithm modulo prime^multiplicity, least significant first.
        digit_base = group.power(group.order // prime)
        residue = 0
        for digit in range(multiplicity):
            cofactor = group.order // prime ** (digit + 1)
            shifted = _multiply(group, element, group.power(-residue))
            found, steps = _shanks(group, digit_base, prime, group.power(cofactor, shifted))
            residue += found * prime**digit
            count += steps + 4 * group.order.bit_length() + 1
        residues.append(residue)
        moduli.append(prime**multiplicity)
    from sympy.ntheory.modular import crt

    exponent = int(crt(moduli, residues)[0]) if moduli else 0
    return _checked(group, element, exponent, count)


def _checked(group: CyclicGroup, element: int, exponent: int, count: int) -> Logarithm:
    if group.power(exponent) != element:
        raise InputError(f"{element} is no power of {group.generator} in this group")
    return Logarithm(exponent, count)


def _multiply(group: CyclicGroup, one: int, other: int) -> int:
    return int(_product(np.uint64(one), np.uint64(other), group.kind == "gf2", np.uint64(group.modulus)))


def _shanks(group: CyclicGroup, base: int, order: int, element: int) -> tuple[int, int]:
    """Exponent below `order` with base^exponent = element, and the multiplications."""
    width = math.isqrt(order - 1) + 1 if order > 1 else 1
    if width > LARGEST_TABLE:
        raise InputError(f"a table of {width} baby steps is more than {LARGEST_TABLE}: the factor {order} is too large")
    polynomial, modulus = group.kind == "gf2", np.uint64(group.modulus)
    baby = _powers(np.uint64(base), width, polynomial, modulus)
    places = np.argsort(baby, kind="stable")
    giant = group.power(-width % group.order, base)
    step, place = _giant_steps(np.uint64(element), np.uint64(giant), baby[places], width, polynomial, modulus)
    if step < 0:
        raise InputError(f"{element} is no power of {base} in this group")
    return int(step * width + places[place]), width + int(step) + 2 * group.order.bit_length()


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
def _power(base: Any, exponent: Any, polynomial: bool, modulus: Any) -> Any:
    result = np.uint64(1)
    while exponent:
        if exponent & np.uint64(1):
            result = _product(result, base, polynomial, modulus)
        base = _product(base, base, polynomial, modulus)
        exponent >>= np.uint64(1)
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
