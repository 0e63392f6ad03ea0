"""Cyclic groups of the exponential permutations: GF(2^n) and the integers modulo a prime, with certified orders.

That an element has the order N is proved by its powers: g^N = 1 and g^(N/q) != 1 for every prime q that divides N.
The factorisation is taken apart again: its product is N and every factor is prime (below 2^64 the test is a proof).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Literal

from certify.errors import InputError

LARGEST_BITS = 64


@dataclass(frozen=True)
class Field:
    """A field whose multiplicative group `generator` generates; elements are integers of n bits.

    "gf2": polynomials over GF(2) modulo `modulus` (bit i is the coefficient of X^i). "prime": integers modulo it.
    `factors` are the primes of `order`, with multiplicity.
    """

    kind: Literal["gf2", "prime"]
    modulus: int
    generator: int
    factors: tuple[int, ...]

    @property
    def order(self) -> int:
        """Number of units."""
        return (1 << (self.modulus.bit_length() - 1)) - 1 if self.kind == "gf2" else self.modulus - 1

    def multiply(self, a: int, b: int) -> int:
        """The product a b in the field. Exact."""
        return a * b % self.modulus if self.kind == "prime" else polynomial_product(a, b, self.modulus)

    def power(self, exponent: int, base: int | None = None) -> int:
        """base^exponent (of the generator if no base is given) by square and multiply from the lowest bit. Exact."""
        result, square = 1, self.generator if base is None else base
        while exponent:
            if exponent & 1:
                result = self.multiply(result, square)
            square = self.multiply(square, square)
            exponent >>= 1
        return result

    def proves_its_order(self) -> bool:
        """Whether the factorisation and the powers of the generator prove that it has order `order`.

        For "gf2" this proves at the same time that the modulus is irreducible: all 2^n - 1 non-zero residues are
        then powers of the generator, hence units. For "prime" the modulus is tested as well.
        """
        product = 1
        for factor in self.factors:
            if not is_prime(factor):
                return False
            product *= factor
        whole = product == self.order and self.power(self.order) == 1
        prime = self.kind == "gf2" or is_prime(self.modulus)
        return whole and prime and all(self.power(self.order // q) != 1 for q in set(self.factors))


def polynomial_product(a: int, b: int, modulus: int) -> int:
    """The product a b modulo `modulus`, all polynomials over GF(2) as integers; a and b of lower degree. Exact."""
    top, result = 1 << (modulus.bit_length() - 1), 0
    while b:
        if b & 1:
            result ^= a
        a <<= 1
        if a & top:
            a ^= modulus
        b >>= 1
    return result


def is_prime(number: int) -> bool:
    """Whether the number is prime; InputError from 2^64 on, where the test would be no proof."""
    from sympy import isprime

    if number.bit_length() > LARGEST_BITS:
        raise InputError(f"`number` must be below 2^{LARGEST_BITS}; got {number}")
    return bool(isprime(number))


def prime_factors(number: int) -> tuple[int, ...]:
    """Prime factors with multiplicity, ascending."""
    from sympy import factorint

    return tuple(int(p) for p, multiplicity in sorted(factorint(number).items()) for _ in range(multiplicity))


@cache
def binary_field(bits: int) -> Field:
    """GF(2^bits) with X as its generator, by the primitive polynomial of fewest terms, the smallest of these.

    Raises:
        InputError: if `bits` is not in [1, 64].
    """
    _validate(bits)
    factors = prime_factors((1 << bits) - 1) if bits > 1 else ()
    if bits == 1:
        return Field("gf2", 0b11, 1, ())
    for terms in range(1, bits, 2):
        # A polynomial without constant term or with an even number of terms has the root 0 or 1.
        for middle in combinations(range(1, bits), terms):
            field = Field("gf2", (1 << bits) | 1 | sum(1 << k for k in middle), 0b10, factors)
            if field.proves_its_order():
                return field
    raise AssertionError("primitive polynomials exist for every degree")


@cache
def prime_field(bits: int) -> Field:
    """Integers modulo the largest safe prime below 2^bits (p and (p-1)/2 prime), with the least primitive root.

    Where there is none with `bits` bits, the largest prime below 2^bits (3 for bits = 2, 2 for bits = 1 is below 2^2).

    Raises:
        InputError: if `bits` is not in [2, 64].
    """
    _validate(bits)
    if bits < 2:
        raise InputError(f"`bits` must be in [2, {LARGEST_BITS}] for a prime field; got {bits}")
    candidates = range((1 << bits) - 1, 1 << (bits - 1), -2)
    safe = (p for p in candidates if p % 4 == 3 and is_prime(p // 2) and is_prime(p))
    prime = next(safe, 0) or next(p for p in candidates if is_prime(p))
    factors = prime_factors(prime - 1)
    return next(field for root in range(2, prime) if (field := Field("prime", prime, root, factors)).proves_its_order())


def _validate(bits: int) -> None:
    if not 1 <= bits <= LARGEST_BITS:
        raise InputError(f"`bits` must be in [1, {LARGEST_BITS}]; got {bits}")
