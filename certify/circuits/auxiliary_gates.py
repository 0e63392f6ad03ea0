"""Least circuits by listing the few gates that compute no output: exact where outputs are nearly all of the gates.

m outputs that are different up to negation, none of them an input, are m gates of any chain (`exact_synthesis`); its
other gates are called auxiliary. In a least chain no two gates compute one function up to negation. Given the auxiliary
functions, an output may be computed as soon as two functions at hand make it: its gate is needed in any case and
nothing is lost by having it early. So the least size is m + k for the least k such that, starting from the inputs, some
k auxiliary functions, each made of two functions at hand, lead to all outputs.

All sets of k are walked, over all two-input gates. Functions that two at hand make are listed in the order in which
they become possible, and chosen in ascending order: taking of a set that leads to all outputs always the first one in
the list that can be had gives such an order. Exact: truth tables as words, integers only. Nothing is shared with SAT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from certify.circuits.complexity import gate_word
from certify.circuits.exact_synthesis import Chain, Gate
from certify.errors import InputError

LARGEST_INPUTS, MOST_AUXILIARY = 10, 6
WORD, OPERATORS, BLOOM = 64, 5, 1 << 12
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class ListedSize:
    """No chain has fewer than `lower` gates; `chain` has that many and was evaluated, or is None.

    `sets` of auxiliary functions were walked.
    """

    lower: int
    chain: Chain | None
    sets: int


def least_size_listed(inputs: int, targets: Sequence[int], auxiliary: int) -> ListedSize:
    """The least number of two-input gates (negations free) that computes all targets, if few of them are auxiliary.

    Args:
        inputs: number n of inputs, 1 to 10.
        targets: truth tables as in `exact_synthesis.minimal_chain`.
        auxiliary: the most gates that are no output, 0 to 6; each takes some hundred times as long as one fewer.

    Raises:
        InputError: for inputs or auxiliary out of range, or a target that is no truth table or constant.
    """
    if not 1 <= inputs <= LARGEST_INPUTS or not 0 <= auxiliary <= MOST_AUXILIARY:
        raise InputError(
            f"`inputs` must be in [1, {LARGEST_INPUTS}] and `auxiliary` in [0, {MOST_AUXILIARY}]; "
            f"got {inputs} and {auxiliary}"
        )
    full = (1 << (1 << inputs)) - 1
    if not all(0 < target < full for target in targets):
        raise InputError(f"`targets` must be truth tables of {inputs} inputs that are not constant")
    projections = [sum(1 << t for t in range(1 << inputs) if t >> i & 1) for i in range(inputs)]
    wanted = sorted({target ^ full if target & 1 else target for target in targets} - set(projections))
    sets = 0
    for count in range(auxiliary + 1):
        found, walked = _walked(inputs, projections, wanted, count)
        sets += walked
        if found is not None:
            chain = _chain(inputs, projections, wanted, found, targets, full)
            assert chain.truth_tables() == tuple(targets) and len(chain.gates) == len(wanted) + count
            return ListedSize(len(wanted) + count, chain, sets)
    return ListedSize(len(wanted) + auxiliary + 1, None, sets)


def _walked(inputs: int, projections: list[int], wanted: list[int], count: int) -> tuple[list[int] | None, int]:
    """`count` auxiliary functions in an order in which they can be had and lead to all that is wanted, if any."""
    words = max(1, (1 << inputs) // WORD)
    values = np.zeros((inputs + len(wanted) + count, words), dtype=np.uint64)
    values[:inputs] = _packed(projections, words)
    chosen, state = np.zeros((count, words), dtype=np.uint64), np.zeros(2, dtype=np.int64)
    _walk(values, inputs, _packed(wanted, words), chosen, state)
    found = [sum(int(word) << WORD * place for place, word in enumerate(row)) for row in chosen]
    return (found if state[1] else None), int(state[0])


def _packed(tables: Sequence[int], words: int) -> Words:
    rows = [[table >> WORD * place & ((1 << WORD) - 1) for place in range(words)] for table in tables]
    return np.array(rows, dtype=np.uint64).reshape(len(tables), words)


def _chain(
    inputs: int, projections: list[int], wanted: list[int], auxiliary: list[int], targets: Sequence[int], full: int
) -> Chain:
    """The gates of the auxiliary functions in order, outputs as early as they can be had."""
    values, gates, waiting, missing = list(projections), list[Gate](), list(auxiliary), list(wanted)

    def reached(goals: Sequence[int]) -> bool:
        for (j, one), (k, other) in combinations(enumerate(values), 2):
            for operator in range(OPERATORS):
                word = gate_word.py_func(operator, one, other)
                if word in goals:
                    table = sum(int(gate_word(operator, p, q) & 1) << (2 * p + q) for p in (0, 1) for q in (0, 1))
                    gates.append(Gate(j, k, table))
                    values.append(word)
                    return True
        return False

    while missing or waiting:
        if reached(missing):
            missing.remove(values[-1])
        else:
            assert reached([waiting.pop(0)]), "an auxiliary function can be had in its turn"
    places = {word: place for place, word in enumerate(values)}
    normal = [target ^ full if target & 1 else target for target in targets]
    return Chain(inputs, tuple(gates), tuple(places[word] for word in normal), tuple(t & 1 == 1 for t in targets))


@numba.njit(cache=True)
def _walk(values: Any, inputs: int, targets: Any, chosen: Any, state: Any) -> None:
    """All sets of len(chosen) auxiliary functions, until one leads to all targets; state: sets walked, found.

    At each depth the values and candidates up to its counts are fixed; those above are of the set in hand.
    """
    depths = len(chosen)
    candidates = np.zeros((OPERATORS * len(values) * len(values), values.shape[1]), dtype=np.uint64)
    hashes, bloom = np.zeros(len(candidates), dtype=np.uint64), np.zeros(BLOOM, dtype=np.bool_)
    counts, listed = np.zeros(depths + 1, dtype=np.int64), np.zeros(depths + 1, dtype=np.int64)
    following = np.zeros(depths + 1, dtype=np.int64)
    missing = np.ones((depths + 1, len(targets)), dtype=np.bool_)
    none: Any = np.int64(0)
    one: Any = np.int64(1)  # What follows would be compiled for literals apart.
    counts[0] = _closed(values, one, inputs, targets, missing[0])
    if depths == 0 or not missing[0].any():
        state[1] = depths == 0 and not missing[0].any()
        return
    listed[0] = _listed(values, one, counts[0], candidates, hashes, none, depths > 1)
    filtered = depths == 1 and _needed_sums(values, counts[0], targets, missing[0], bloom)
    depth = 0
    while depth >= 0:
        if following[depth] == listed[depth]:
            depth -= 1
            continue
        index, is_last = following[depth], depth == depths - 1
        following[depth] += 1
        state[0] += is_last
        if is_last and filtered and not bloom[hashes[index] % np.uint64(BLOOM)]:
            continue
        _copied(candidates[index], values[counts[depth]])
        _copied(candidates[index], chosen[depth])
        _copied(missing[depth], missing[depth + 1])
        reached = _closed(values, counts[depth], counts[depth] + 1, targets, missing[depth + 1])
        if not missing[depth + 1].any():
            state[1] = 1
            return
        if not is_last:
            depth += 1
            counts[depth], following[depth] = reached, index + 1
            # Of the last functions none is chosen after another: equal ones cost less than telling them apart.
            is_last = depth == depths - 1
            listed[depth] = _listed(
                values, counts[depth - 1], reached, candidates, hashes, listed[depth - 1], not is_last
            )
            if is_last:
                bloom[:] = False
                filtered = _needed_sums(values, reached, targets, missing[depth], bloom)


@numba.njit(cache=True)
def _closed(values: Any, new: int, count: int, targets: Any, missing: Any) -> int:
    """Append every missing target that two values make, one of them from place `new` on, until there is none."""
    place = new
    while place < count:
        for other in range(place):
            for operator in range(OPERATORS):
                for target in range(len(targets)):
                    if missing[target] and _makes(operator, values[place], values[other], targets[target]):
                        missing[target] = False
                        _copied(targets[target], values[count])
                        count += 1
        place += 1
    return count


@numba.njit(cache=True)
def _makes(operator: int, one: Any, other: Any, target: Any) -> bool:
    equal, word = True, 0
    while equal and word < len(target):
        equal = gate_word(operator, one[word], other[word]) == target[word]
        word += 1
    return equal


@numba.njit(cache=True)
def _listed(values: Any, new: int, count: int, candidates: Any, hashes: Any, listed: int, distinct: bool) -> int:
    """Append the functions that two values make, one from place `new` on; each once where they are to be distinct."""
    words = values.shape[1]
    for place in range(new, count):
        for other in range(place):
            for operator in range(OPERATORS):
                digest = np.uint64(0)
                empty = True
                for word in range(words):
                    found = gate_word(operator, values[place, word], values[other, word])
                    candidates[listed, word] = found
                    digest = _mixed(digest, found)
                    empty &= found == 0
                hashes[listed] = digest
                if empty or (distinct and _is_known(values, count, candidates, hashes, listed)):
                    continue
                listed += 1
    return listed


@numba.njit(cache=True)
def _is_known(values: Any, count: int, candidates: Any, hashes: Any, listed: int) -> bool:
    known = False
    for earlier in range(listed):
        known |= hashes[earlier] == hashes[listed] and _equal(candidates[earlier], candidates[listed])
    for place in range(count):
        known |= _equal(values[place], candidates[listed])
    return known


@numba.njit(cache=True)
def _equal(one: Any, other: Any) -> bool:
    equal = True
    for word in range(len(one)):
        equal &= one[word] == other[word]
    return equal


@numba.njit(cache=True)
def _copied(source: Any, target: Any) -> None:
    """Entry by entry: an assignment of slices takes seconds to compile."""
    for place in range(len(source)):
        target[place] = source[place]


@numba.njit(cache=True)
def _needed_sums(values: Any, count: int, targets: Any, missing: Any, bloom: Any) -> bool:
    """Mark the functions whose sum with a value is a missing target; False where another gate could make one too.

    target = w and v asks for target <= v, target = w and not v for disjoint ones, w or v = target for v <= target.
    """
    for target in range(len(targets)):
        if not missing[target]:
            continue
        for place in range(count):
            below, apart, above = True, True, True
            digest = np.uint64(0)
            for word in range(values.shape[1]):
                t, v = targets[target, word], values[place, word]
                below &= t & ~v == 0
                apart &= t & v == 0
                above &= v & ~t == 0
                digest = _mixed(digest, t ^ v)
            if below or apart or above:
                return False
            bloom[digest % np.uint64(BLOOM)] = True
    return True


@numba.njit(cache=True)
def _mixed(digest: Any, word: Any) -> Any:
    mixed = (digest ^ word) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ mixed >> np.uint64(29)
