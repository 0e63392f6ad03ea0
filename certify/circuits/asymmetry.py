"""Every permutation of 4 bits that a few gates compute, listed, and those whose inverse is not among them.

A chain of r gates (`exact_synthesis`) holds 4 + r normal functions. It computes a permutation, up to the order and
negation of its outputs, with any 4 of them that take all 16 values. Every chain of at most r gates is walked, so that a
permutation met first with r gates has size r, and an inverse that is never met has a larger size: a proof by
enumeration, which shares nothing with the refutations by SAT. Exact: integers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from certify.circuits.complexity import gate_word
from certify.circuits.permutation_classes import bit_moves, inverse
from certify.errors import InputError

BITS, ROWS, MOST_GATES = 4, 16, 6
FULL = (1 << ROWS) - 1
FIRST_ROOM = 1 << 14


@dataclass(frozen=True, eq=False)
class Listing:
    """`keys[i]` packs the four normal output functions (15 bits each, ascending) of a permutation of size `sizes[i]`.

    Sorted by key; up to the order and negation of outputs there is one entry for each permutation.
    """

    keys: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int8]

    def size(self, key: int) -> int | None:
        """The size of the permutation with this key; None if it is larger than what was listed."""
        place = int(np.searchsorted(self.keys, key))
        return int(self.sizes[place]) if place < len(self.keys) and self.keys[place] == key else None

    def counts(self) -> tuple[int, ...]:
        """How many permutations have size 0, 1, ..., up to the order and negation of outputs."""
        return tuple(int(count) for count in np.bincount(self.sizes))


def list_permutations(gates: int) -> Listing:
    """All permutations of 4 bits of size at most `gates`, up to the order and negation of outputs.

    Raises:
        InputError: for gates outside [0, 6]; 5 take seconds, 6 minutes and some 400 MB.
    """
    if not 0 <= gates <= MOST_GATES:
        raise InputError(f"`gates` must be in [0, {MOST_GATES}]; got {gates}")
    values = np.zeros(BITS + gates + 1, dtype=np.int64)
    for index in range(BITS):
        values[index] = sum(1 << (t - 1) for t in range(1, ROWS) if t >> index & 1)
    keys, sizes = np.array([_packed(values[:BITS].tolist())]), np.zeros(1, dtype=np.int8)
    for size in range(1, gates + 1):
        found = np.sort(_every_chain(values, size))
        new = found[np.isin(found, keys, invert=True, assume_unique=True)]
        order = np.argsort(np.concatenate([keys, new]))
        keys = np.concatenate([keys, new])[order]
        sizes = np.concatenate([sizes, np.full(len(new), size, dtype=np.int8)])[order]
    return Listing(keys, sizes)


def images(key: int) -> tuple[int, ...]:
    """The permutation with the key's functions as output bits 0 to 3: it sends 0 to 0. Exact."""
    words = [(key >> 15 * place & 0x7FFF) << 1 for place in range(BITS)]
    return tuple(sum((word >> row & 1) << bit for bit, word in enumerate(words)) for row in range(ROWS))


def permutation_key(permutation: Sequence[int]) -> int:
    """The key of a permutation of 4 bits. Raises InputError for anything else."""
    if sorted(permutation) != list(range(ROWS)):
        raise InputError("`permutation` must list the images of 0 .. 15")
    words = []
    for bit in range(BITS):
        word = sum((image >> bit & 1) << row for row, image in enumerate(permutation))
        words.append((word ^ FULL if word & 1 else word) >> 1)
    return _packed(words)


def inverse_key(key: int) -> int:
    """The key of the inverse of `images(key)`.

    The other permutations with this key have inverses that differ by the order and negation of inputs: of other keys
    perhaps, but of one size.
    """
    return permutation_key(inverse(images(key)))


def asymmetric(listing: Listing) -> tuple[int, ...]:
    """The keys of the listed permutations whose inverse is not listed: it is larger than all of them."""
    return tuple(key for key in listing.keys.tolist() if listing.size(inverse_key(key)) is None)


def classes(keys: Sequence[int]) -> dict[int, int]:
    """Least keys up to the order and negation of inputs too, each with how many of `keys` it stands for."""
    moves = bit_moves(BITS)
    counts: dict[int, int] = {}
    for key in keys:
        table = np.array(images(key))
        least = min(permutation_key(moved) for moved in table[moves].tolist())
        counts[least] = counts.get(least, 0) + 1
    return counts


def _packed(words: Sequence[int]) -> int:
    return sum(word << 15 * place for place, word in enumerate(sorted(words)))


def _every_chain(values: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """The keys of all permutations among the functions of chains of `size` gates, each once."""
    room = FIRST_ROOM
    while True:
        table = np.full(room, -1, dtype=np.int64)
        state = np.zeros(2, dtype=np.int64)
        _walk(values, BITS, size, np.full(size + 1, -1, dtype=np.int64), table, state, size)
        if not state[1]:
            return table[table >= 0]
        room *= 8


@numba.njit(cache=True)
def _walk(values: Any, count: int, left: int, ranks: Any, table: Any, state: Any, size: int) -> None:
    """Extend the chain `values[:count]` by `left` gates, in the order of `complexity._walk`, and record at the end.

    state[0] is the number of entries of the hash table, state[1] whether it became too full.
    """
    depth = size - left
    for k in range(1, count):
        for j in range(k):
            for operator in range(5):
                rank = (k * 64 + j) * 8 + operator
                # A gate that does not read its predecessor must have a higher rank: one order of each set of gates.
                if depth > 0 and k < count - 1 and rank <= ranks[depth - 1]:
                    continue
                word = gate_word(operator, values[j], values[k])
                known = word == 0
                for i in range(count):
                    known |= values[i] == word
                if known:
                    continue
                values[count] = word
                ranks[depth] = rank
                if left > 1:
                    _walk(values, count + 1, left - 1, ranks, table, state, size)
                else:
                    _record(values, count + 1, table, state)
                if state[1]:
                    return


@numba.njit(cache=True)
def _record(values: Any, count: int, table: Any, state: Any) -> None:
    """Every set of four of the functions that is a permutation and holds the last gate, into the table."""
    last = values[count - 1]
    if not _balanced(last):
        return
    for a in range(count - 1):
        if not (_balanced(values[a]) and _balanced(values[a] ^ last)):
            continue
        for b in range(a):
            if not (_balanced(values[b]) and _balanced(values[b] ^ last) and _balanced(values[b] ^ values[a])):
                continue
            for c in range(b):
                if _is_permutation(values[c], values[b], values[a], last):
                    _insert(_sorted_key(values[c], values[b], values[a], last), table, state)


@numba.njit(cache=True)
def _balanced(word: int) -> bool:
    """Whether half of the 16 values are 1."""
    count = 0
    while word:
        word &= word - 1
        count += 1
    return count == 8


@numba.njit(cache=True)
def _is_permutation(a: int, b: int, c: int, d: int) -> bool:
    """Whether the four functions together take 16 values; all are 0 at row 0, and word bit t is row t + 1."""
    seen = 1
    for t in range(15):
        seen |= 1 << ((a >> t & 1) | (b >> t & 1) << 1 | (c >> t & 1) << 2 | (d >> t & 1) << 3)
    return seen == 0xFFFF


@numba.njit(cache=True)
def _sorted_key(a: int, b: int, c: int, d: int) -> int:
    low, high = min(a, b), max(a, b)
    less, more = min(c, d), max(c, d)
    first, last = min(low, less), max(high, more)
    one, other = max(low, less), min(high, more)
    return first | min(one, other) << 15 | max(one, other) << 30 | last << 45


@numba.njit(cache=True)
def _insert(key: int, table: Any, state: Any) -> None:
    """Open addressing; the table is at most half full."""
    mask = len(table) - 1
    place = (key * 0x9E3779B97F4A7C1 >> 17) & mask
    while table[place] >= 0:
        if table[place] == key:
            return
        place = (place + 1) & mask
    table[place] = key
    state[0] += 1
    if 2 * state[0] > len(table):
        state[1] = 1
