"""Sizes found by listing the gates that are no output: those of the other engines, and eight bits decided."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from benchmarks.feebly_one_way import truth_tables as linear_tables
from certify.circuits.auxiliary_gates import least_size_listed
from certify.circuits.complexity import function_sizes
from certify.circuits.exact_synthesis import minimal_chain
from certify.circuits.feebly_one_way import FeeblyOneWay
from certify.circuits.permutation_classes import truth_tables
from certify.errors import InputError


def renamed(table: int, order: tuple[int, ...]) -> int:
    """The truth table after its inputs are taken in another order."""
    return sum((table >> sum((t >> i & 1) << k for i, k in enumerate(order)) & 1) << t for t in range(8))


def test_every_function_of_three_inputs_has_the_size_that_listing_all_chains_gives() -> None:
    """One function of each class under renaming of the inputs: neither size depends on their names."""
    sizes = function_sizes(3, 5)
    orders = list(permutations(range(3)))
    classes = {frozenset(renamed(word << 1, order) for order in orders) for word in range(1, 1 << 7)}
    assert sum(map(len, classes)) == 127
    for tables in classes:
        table = min(tables)
        assert {sizes[item >> 1] for item in tables} == {sizes[table >> 1]}
        found = least_size_listed(3, [table], 4)
        assert found.chain is not None and found.lower == len(found.chain.gates) == sizes[table >> 1]


def test_permutations_of_three_bits_have_the_sizes_that_sat_gives() -> None:
    pytest.importorskip("pysat.solvers")
    random = np.random.default_rng(0)
    for _ in range(12):
        targets = truth_tables(random.permutation(8).tolist())
        exact, found = minimal_chain(3, targets).lower_bound, least_size_listed(3, targets, 4)
        assert found.chain is not None and found.lower == exact
        assert found.chain.truth_tables() == tuple(targets)


@pytest.mark.parametrize(
    ("lengths", "forward", "backward"),
    [((2, 2), 4, 4), ((1,) * 4, 6, 6), ((3, 2), 6, 6), ((3, 3), 7, 8), ((4, 3), 8, 9), ((4, 4), 9, 11)],
)
def test_maps_with_a_gap_have_the_sizes_of_sat_and_eight_bits_are_decided(
    lengths: tuple[int, ...], forward: int, backward: int
) -> None:
    shape = FeeblyOneWay(lengths)
    for rows, size in ((shape.map().rows, forward), (shape.inverse_map().rows, backward)):
        found = least_size_listed(shape.bits, linear_tables(rows), 3)
        assert found.lower == size and found.chain is not None and len(found.chain.gates) == size
    assert backward >= shape.inverse_lower


def test_too_few_auxiliary_gates_leave_a_lower_end() -> None:
    targets = linear_tables(FeeblyOneWay((4, 4)).inverse_map().rows)
    found = least_size_listed(8, targets, 2)
    assert (found.lower, found.chain) == (11, None)
    # Two inputs alone, an input again, and a negation: nothing to compute.
    assert least_size_listed(2, [0b1010, 0b1100, 0b0101], 0).lower == 0


@pytest.mark.parametrize(
    ("inputs", "targets", "auxiliary", "message"),
    [
        (11, [2], 1, r"`inputs` must be in \[1, 10\]"),
        (3, [2], 7, r"`auxiliary` in \[0, 6\]"),
        (2, [0], 1, "truth tables of 2 inputs that are not constant"),
        (2, [16], 1, "truth tables of 2 inputs"),
    ],
)
def test_wrong_input_is_refused(inputs: int, targets: list[int], auxiliary: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        least_size_listed(inputs, targets, auxiliary)
