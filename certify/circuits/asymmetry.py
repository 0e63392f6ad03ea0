"""Every permutation of 4 bits that a few gates compute, listed, and those whose inverse is not among them.

A chain of r gates (`exact_synthesis`) holds 4 + r normal functions. It computes a permutation, up to the order and
negation of its outputs, with any 4 of them that take all 16 values. Every chain of at most r gates is walked, so that a
permutation met first with r gates has size r, and an inverse that is never met has a larger size: a proof by
enumeration, which shares nothing with the refutations by SAT. Exact: integers only.

Up to the order and negation of inputs some gate of a chain reads inputs 0 and 1 and is their product, or, where all
gates that read inputs alone are sums, their sum. Either has the least rank of the chain's gates, so that it comes first
in the order that is walked: chains with another first gate need not be. The gates after it make independent tasks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from certify.circuits.complexity import gate_word, is_known
from certify.circuits.permutation_classes import bit_moves
from certify.codec import decode, encode
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.work import Codec, Work, all_of_it
from certify.progress import Progress
from certify.provenance import code_digest

BITS, ROWS, MOST_GATES = 4, 16, 7
AGAIN = 5
"""Gates up to which kept permutations are walked again before they count, in seconds: no shorter proof has them all."""
FULL = (1 << ROWS) - 1
FIRST_ROOM = 1 << 14
PRODUCT, SUM = 0, 3
"""Of the five operators of `gate_word`, the two that a first gate may have."""
Prefix: TypeAlias = tuple[int, tuple[tuple[int, int, int], ...]]
"""A number of gates, and the first of them as (operator, source, source)."""


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


def list_permutations(gates: int, execution: Execution | None = None, progress: Progress | None = None) -> Listing:
    """All permutations of 4 bits of size at most `gates`, up to the order and negation of outputs.

    Args:
        gates: 5 take seconds, 6 minutes, 7 hours.
        execution: where the chains are walked and what was found is kept; None: here. What is kept of 6 and 7 gates is
            taken as it is, and a line on standard error says so.
        progress: receives how far each size has come.

    Raises:
        InputError: for gates outside [0, 7].
    """
    if not 0 <= gates <= MOST_GATES:
        raise InputError(f"`gates` must be in [0, {MOST_GATES}]; got {gates}")
    keys, sizes = np.array([_packed([_input(index) for index in range(BITS)])]), np.zeros(1, dtype=np.int8)
    question = {"work": "permutations of 4 bits", "code": code_digest()}
    with Execution("serial") if execution is None else nullcontext(execution) as place:
        for size in range(1, gates + 1):
            work = Work(classes_after, WALKED_AGAIN if size <= AGAIN else TAKEN, question, _key)
            found = place.collect(f"chains of {size} gates", work, list(prefixes(size)), progress)
            new = expanded(sorted(set().union(*found)))
            new = new[np.isin(new, keys, invert=True, assume_unique=True)]
            order = np.argsort(np.concatenate([keys, new]))
            keys = np.concatenate([keys, new])[order]
            sizes = np.concatenate([sizes, np.full(len(new), size, dtype=np.int8)])[order]
    return Listing(keys, sizes)


def prefixes(size: int) -> Iterator[Prefix]:
    """The first gates, at most two, of the chains of `size` gates that are walked: one task each."""
    for operator in (PRODUCT, SUM):
        first = (operator, 0, 1)
        if size < 3:
            yield size, (first,)
            continue
        for k in range(1, BITS + 1):
            for j in range(k):
                yield from ((size, (first, (second, j, k))) for second in range(5))


def classes_after(prefix: Prefix) -> tuple[int, ...]:
    """The least keys, up to the order and negation of inputs, of what the chains with this beginning compute."""
    size, chosen = prefix
    values, ranks = np.zeros(BITS + size + 1, dtype=np.int64), np.full(size + 1, -1, dtype=np.int64)
    values[:BITS] = [_input(index) for index in range(BITS)]
    for depth, (operator, j, k) in enumerate(chosen):
        count = BITS + depth
        word, ranks[depth] = gate_word(operator, values[j], values[k]), (k * 64 + j) * 8 + operator
        if is_known(word, values, count) or (depth and k < count - 1 and ranks[depth] <= ranks[depth - 1]):
            return ()
        values[count] = word
    found = _every_chain(values, BITS + len(chosen), size - len(chosen), ranks, size)
    return tuple(sorted({int(key) for key in _least_keys(found, _moved_bytes())}))


def expanded(keys: Sequence[int]) -> npt.NDArray[np.int64]:
    """The keys of all permutations that differ from one with a key by the order and negation of inputs; ascending."""
    return np.unique(_moved_keys(np.array(keys, dtype=np.int64), _moved_bytes()))


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


def inverse_keys(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The key of the inverse of `images(key)` for every key (k,).

    The other permutations with this key have inverses that differ by the order and negation of inputs: of other keys
    perhaps, but of one size.
    """
    rows, places = np.arange(ROWS), np.arange(BITS)
    words = (keys[:, None] >> 15 * places & 0x7FFF) << 1
    found = np.argsort(((words[:, :, None] >> rows & 1) << places[:, None]).sum(axis=1), axis=1)
    inverses = np.sort(((found[:, None, :] >> places[:, None] & 1) << rows).sum(axis=2) >> 1, axis=1)
    return np.asarray((inverses << 15 * places).sum(axis=1))


def asymmetric(listing: Listing) -> tuple[int, ...]:
    """The keys of the listed permutations whose inverse is not listed: it is larger than all of them."""
    return tuple(listing.keys[np.isin(inverse_keys(listing.keys), listing.keys, invert=True)].tolist())


def classes(keys: Sequence[int]) -> dict[int, int]:
    """Least keys up to the order and negation of inputs too, each with how many of `keys` it stands for."""
    least, counts = np.unique(_least_keys(np.array(keys, dtype=np.int64), _moved_bytes()), return_counts=True)
    return dict(zip(least.tolist(), counts.tolist(), strict=True))


def _key(prefix: Prefix) -> str:
    return hashlib.sha256(json.dumps(prefix).encode()).hexdigest()[:32]


def _decode(document: Any) -> tuple[int, ...]:
    return decode(tuple[int, ...], document, "the keys")


def _difference(prefix: Prefix, found: tuple[int, ...]) -> str:
    return "" if found == classes_after(prefix) else "another walk does not find these permutations"


def _impossible(prefix: Prefix, found: tuple[int, ...]) -> str:
    """Only what no walk could have found: that none is missing is as sure as what wrote them."""
    return "" if all(sorted(images(key)) == list(range(ROWS)) for key in found) else "a key is of no permutation"


WALKED_AGAIN = Codec(encode, _decode, _difference)
TAKEN = Codec(encode, _decode, _impossible, all_of_it)


def _input(index: int) -> int:
    return sum(1 << (t - 1) for t in range(1, ROWS) if t >> index & 1)


def _packed(words: Sequence[int]) -> int:
    return sum(word << 15 * place for place, word in enumerate(sorted(words)))


def _every_chain(
    values: npt.NDArray[np.int64], count: int, left: int, ranks: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int64]:
    """The keys of all permutations among the functions of the chains that `values[:count]` begins, each once."""
    room = FIRST_ROOM
    while True:
        table = np.full(room, -1, dtype=np.int64)
        state = np.zeros(2, dtype=np.int64)
        if left:
            _walk(values, count, left, ranks, table, state, size)
        else:
            _record(values, count, table, state)
        if not state[1]:
            return table[table >= 0]
        room *= 8


@cache
def _moved_bytes() -> npt.NDArray[np.int64]:
    """For every move of the inputs and each half of a word (., 2, 256): what the move makes of the half's values."""
    moves, halves = bit_moves(BITS), np.arange(256) << np.array([[0], [8]])
    return np.asarray(sum((halves >> moves[:, row, None, None] & 1) << row for row in range(ROWS)))


@numba.njit(cache=True)
def _moved_word(word: int, move: Any) -> int:
    """The 15 bits of x -> f(move(x)) for the 15 bits of f, negated where that makes it normal."""
    moved: int = move[0, word << 1 & 0xFF] | move[1, word >> 7]
    return (moved ^ 0xFFFF if moved & 1 else moved) >> 1


@numba.njit(cache=True)
def _moved_key(key: int, move: Any) -> int:
    """The key of x -> P(move(x)), its outputs negated where that makes them normal."""
    return _sorted_key(
        _moved_word(key & 0x7FFF, move),
        _moved_word(key >> 15 & 0x7FFF, move),
        _moved_word(key >> 30 & 0x7FFF, move),
        _moved_word(key >> 45 & 0x7FFF, move),
    )


@numba.njit(cache=True)
def _moved_keys(keys: Any, moves: Any) -> Any:
    found = np.empty(len(keys) * len(moves), dtype=np.int64)
    for index in range(len(keys)):
        for place in range(len(moves)):
            found[index * len(moves) + place] = _moved_key(keys[index], moves[place])
    return found


@numba.njit(cache=True)
def _least_keys(keys: Any, moves: Any) -> Any:
    found = keys.copy()
    for index in range(len(keys)):
        for place in range(len(moves)):
            found[index] = min(found[index], _moved_key(keys[index], moves[place]))
    return found


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
                if is_known(word, values, count):
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
