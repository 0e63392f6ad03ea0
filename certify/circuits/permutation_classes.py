"""Permutations of n bits up to permuting and negating inputs and outputs: what the size of a circuit can see.

Negation is free and wires may cross in the circuits of `exact_synthesis`, so all members of a class have the same size,
and so have their inverses, which form the class of the inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from certify.errors import InputError

LARGEST_BITS = 3
"""All permutations of more bits (16! of 4 bits) cannot be listed."""


@dataclass(frozen=True)
class PermutationClass:
    """One class: its least member (images of 0, 1, ...), how many there are, and whether inverses stay inside."""

    representative: tuple[int, ...]
    members: int
    inverse_representative: tuple[int, ...]

    @property
    def self_inverse(self) -> bool:
        """The inverse of every member is a member."""
        return self.inverse_representative == self.representative


def permutation_classes(bits: int) -> tuple[PermutationClass, ...]:
    """All classes of permutations of `bits` bits (1 to 3), by their least members in order. Exact, by enumeration.

    Raises InputError for another number of bits.
    """
    if not 1 <= bits <= LARGEST_BITS:
        raise InputError(f"`bits` must be in [1, {LARGEST_BITS}]; got {bits}")
    moves = bit_moves(bits)
    home: dict[tuple[int, ...], tuple[int, ...]] = {}
    sizes: dict[tuple[int, ...], int] = {}
    for images in permutations(range(1 << bits)):
        if images in home:
            continue
        # Listed in lexicographic order, the first member met is the least of its class.
        table = np.array(images)
        orbit = {tuple(int(entry) for entry in row) for move in moves for row in move[table[moves]]}
        home.update(dict.fromkeys(orbit, images))
        sizes[images] = len(orbit)
    return tuple(PermutationClass(images, count, home[inverse(images)]) for images, count in sizes.items())


def inverse(images: Sequence[int]) -> tuple[int, ...]:
    """The inverse permutation."""
    found = [0] * len(images)
    for place, image in enumerate(images):
        found[image] = place
    return tuple(found)


def truth_tables(images: Sequence[int]) -> tuple[int, ...]:
    """Truth table of every output bit of a permutation of n bits, as `exact_synthesis` reads it.

    Raises InputError if `images` is not a permutation of 0 .. 2^n - 1.
    """
    bits = len(images).bit_length() - 1
    if sorted(images) != list(range(1 << bits)):
        raise InputError("`images` must be a permutation of 0 .. 2^n - 1")
    return tuple(sum((image >> bit & 1) << place for place, image in enumerate(images)) for bit in range(bits))


def bit_moves(bits: int) -> npt.NDArray[np.int64]:
    """Every relabelling of the points that permutes and negates the bits, shape (n! 2^n, 2^n)."""
    points = np.arange(1 << bits)
    rows = []
    for order in permutations(range(bits)):
        moved = sum((points >> source & 1) << target for target, source in enumerate(order))
        rows += [np.asarray(moved) ^ mask for mask in range(1 << bits)]
    return np.array(rows, dtype=np.int64)
