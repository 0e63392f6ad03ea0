"""The permutations of Theorem 2: a circuit, the integer arithmetic that it must agree with, and how it is inverted.

gf2exp   x -> X^x in GF(2^n), the all-ones word -> 0. Quasi-polynomial attacks on its inverse are known.
modexp   x -> g^x mod p on [1, p - 1], every other n-bit word left alone; p the largest safe prime below 2^n.
linear   x -> A x over GF(2), A random and invertible. A control: elimination inverts it.
feistel  rounds with known functions. A control: the rounds in the opposite order invert it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from certify.circuits.circuit import Circuit
from certify.circuits.controls import Feistel, LinearMap
from certify.circuits.exponentials import binary_exponential, prime_exponential
from certify.circuits.fields import LARGEST_BITS, Field, binary_field, prime_field
from certify.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Permutation:
    """A permutation of n-bit words.

    circuit   what the generator is compiled from
    forward   the same map by integer arithmetic that shares nothing with the circuit
    field     of an exponential: the group in which its inverse is a discrete logarithm
    inverse   of a control: a circuit of the inverse
    layers    of a network: circuits whose composition, first to last, it is
    """

    family: str
    bits: int
    circuit: Circuit
    forward: Callable[[int], int]
    field: Field | None = None
    inverse: Circuit | None = None
    layers: tuple[Circuit, ...] = ()


def _binary_exponential(bits: int, seed: int, rounds: int) -> Permutation:
    field = binary_field(bits)

    def forward(x: int) -> int:
        return 0 if x == field.order else field.power(x)

    return Permutation("gf2exp", bits, binary_exponential(field), forward, field=field)


def _prime_exponential(bits: int, seed: int, rounds: int) -> Permutation:
    field = prime_field(bits)

    def forward(x: int) -> int:
        return pow(field.generator, x, field.modulus) if 1 <= x < field.modulus else x

    return Permutation("modexp", bits, prime_exponential(field, bits), forward, field=field)


def _linear(bits: int, seed: int, rounds: int) -> Permutation:
    matrix = LinearMap.random(bits, seed)
    inverse = matrix.inverse()
    assert inverse is not None, "a random map is drawn invertible"
    return Permutation("linear", bits, matrix.circuit(), matrix.value, inverse=inverse.circuit())


def _feistel(bits: int, seed: int, rounds: int) -> Permutation:
    network = Feistel.random(bits, rounds, seed)
    return Permutation("feistel", bits, network.circuit(), network.value, inverse=network.circuit(inverse=True))


FAMILIES: dict[str, Callable[[int, int, int], Permutation]] = {
    "feistel": _feistel,
    "gf2exp": _binary_exponential,
    "linear": _linear,
    "modexp": _prime_exponential,
}


def permutation(family: str, bits: int, seed: int = 0, rounds: int = 8) -> Permutation:
    """The permutation of a family; `seed` is that of the controls, `rounds` the Feistel network's.

    Raises:
        UnknownNameError: for a family that is not known, with the closest match.
        InputError: for `bits` outside [1, 64] ([2, 64] for modexp) or `rounds` below 1.
    """
    if family not in FAMILIES:
        raise UnknownNameError("permutation family", family, FAMILIES)
    if not 1 <= bits <= LARGEST_BITS:
        raise InputError(f"`bits` must be in [1, {LARGEST_BITS}]; got {bits}")
    if rounds < 1:
        raise InputError(f"`rounds` must be at least 1; got {rounds}")
    return FAMILIES[family](bits, seed, rounds)
