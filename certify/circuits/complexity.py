"""Sizes of all Boolean functions of n <= 4 inputs over all two-input gates, by listing every chain.

Up to r gates all chains of normal gates (0 at the all-zero input) are walked, each unordered set of gates about once;
a function met first with r gates has size r, since every chain of fewer gates was listed before. Exact: integers only.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from certify.errors import InputError

LARGEST_INPUTS, MOST_GATES = 4, 12


def function_counts(inputs: int, gates: int) -> tuple[int, ...]:
    """How many of the 2^(2^n) functions of n inputs have size 0, 1, ..., `gates`; negations are free.

    Constants and (negated) projections have size 0. What is left over has a size above `gates`.

    Raises:
        InputError: for inputs outside [1, 4] or gates outside [0, 12].
    """
    if not 1 <= inputs <= LARGEST_INPUTS:
        raise InputError(f"`inputs` must be in [1, {LARGEST_INPUTS}]; got {inputs}")
    if not 0 <= gates <= MOST_GATES:
        raise InputError(f"`gates` must be in [0, {MOST_GATES}]; got {gates}")
    sizes = function_sizes(inputs, gates)
    return tuple(int(2 * np.count_nonzero(sizes == size)) for size in range(gates + 1))


def function_sizes(inputs: int, gates: int) -> npt.NDArray[np.int8]:
    """Size of every normal function (truth table shifted by its lowest bit, which is 0); -1 for above `gates`."""
    rows = 1 << inputs
    sizes = np.full(1 << (rows - 1), -1, dtype=np.int8)
    sizes[0] = 0
    values = np.zeros(inputs + gates + 1, dtype=np.int64)
    for index in range(inputs):
        values[index] = sum(1 << (t - 1) for t in range(1, rows) if t >> index & 1)
        sizes[values[index]] = 0
    for size in range(1, gates + 1):
        if (sizes >= 0).all():
            break
        _walk(values, inputs, inputs, size, size, np.full(gates + 1, -1, dtype=np.int64), sizes)
    return sizes


@numba.njit(cache=True)
def gate_word(operator: int, one: Any, other: Any) -> Any:
    """Truth table of gate `operator` of the five that read both inputs and are 0 at (0, 0): two words of bits."""
    if operator == 0:
        return one & other
    if operator == 1:
        return one & ~other
    if operator == 2:
        return ~one & other
    if operator == 3:
        return one ^ other
    return one | other


@numba.njit(cache=True)
def is_known(word: Any, values: Any, count: int) -> Any:
    """Whether a gate with this truth table adds nothing to the chain `values[:count]`."""
    known = word == 0
    for i in range(count):
        known |= values[i] == word
    return known


@numba.njit(cache=True)
def _walk(values: Any, inputs: int, count: int, left: int, size: int, ranks: Any, sizes: Any) -> None:
    """Extend the chain `values[:count]` by `left` gates.

    A gate that does not read its predecessor must have a higher rank (sources and operator) than it: of the orders of
    one set of gates, exchanging neighbours leads to one like that. Only the last gate is looked up; in a least chain
    it reads its predecessor, which nothing else could use.
    """
    depth = size - left
    for k in range(count - 1 if left == 1 and depth > 0 else 1, count):
        for j in range(k):
            for operator in range(5):
                rank = (k * 64 + j) * 8 + operator
                if depth > 0 and k < count - 1 and rank <= ranks[depth - 1]:
                    continue
                word = gate_word(operator, values[j], values[k])
                if left == 1:
                    if sizes[word] < 0:
                        sizes[word] = size
                    continue
                if is_known(word, values, count):
                    continue
                values[count] = word
                ranks[depth] = rank
                _walk(values, inputs, count + 1, left - 1, size, ranks, sizes)
