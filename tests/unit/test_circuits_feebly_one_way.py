"""Maps with a provable gap: the inverse is one, circuits have the promised sizes, the bound holds where SAT decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.feebly_one_way import listed, report
from certify.circuits.controls import LinearMap
from certify.circuits.exact_synthesis import minimal_chain
from certify.circuits.feebly_one_way import FeeblyOneWay, distinct_outputs_bound
from certify.errors import InputError
from certify.execution.door import Execution

SHAPES = [(1,) * 4, (2, 2), (3, 2), (2, 3), (3, 3), (4, 4), (2, 1, 1, 1), (5, 1, 7, 2), (4,) * 4, (5,) * 6, (8,) * 8]


def truth_tables(rows: tuple[int, ...]) -> list[int]:
    return [sum(((row & t).bit_count() & 1) << t for t in range(1 << len(rows))) for row in rows]


@pytest.mark.parametrize("lengths", SHAPES)
def test_the_inverse_is_one_and_the_sizes_are_those_promised(lengths: tuple[int, ...]) -> None:
    found = FeeblyOneWay(lengths)
    assert found.map().inverse() == found.inverse_map()
    circuit, back = found.circuit(), found.inverse_circuit()
    words = np.random.default_rng(0).integers(0, 2, size=(200, found.bits)) > 0
    assert np.array_equal(back.evaluate_bits(circuit.evaluate_bits(words)), words)
    assert [found.map().value(1 << i) for i in range(found.bits)] == [circuit(1 << i) for i in range(found.bits)]
    assert circuit.gates <= found.forward_upper and back.gates <= found.inverse_upper
    assert found.inverse_lower == distinct_outputs_bound(found.inverse_map().rows) <= back.gates


def test_the_ratio_tends_to_two() -> None:
    maps = [FeeblyOneWay.equal(b, b) for b in (4, 16, 64, 256)]
    ratios = [found.inverse_lower / found.forward_upper for found in maps]
    assert ratios == sorted(ratios) and ratios[0] > 1.3 and 1.98 < ratios[-1] < 2


def test_eight_bits_have_a_gap() -> None:
    found = FeeblyOneWay.equal(4, 2)
    assert found.circuit().gates == 9 < found.inverse_lower == 10


def test_the_bound_is_below_what_sat_finds_for_random_linear_maps() -> None:
    pytest.importorskip("pysat.solvers")
    for seed in range(6):
        rows = LinearMap.random(4, seed).rows
        found = minimal_chain(4, truth_tables(rows))
        assert found.chain is not None and distinct_outputs_bound(rows) <= len(found.chain.gates)
    # Equal outputs share a gate and inputs need none.
    assert distinct_outputs_bound((0b11, 0b11, 0b100)) == 1 and distinct_outputs_bound((0b1, 0b10)) == 0


@pytest.mark.parametrize("lengths", [(3, 3, 3), (1, 1), (0, 2), (5, 1), ()])
def test_shapes_without_the_property_are_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="even number of blocks"):
        FeeblyOneWay(lengths)


def test_an_odd_number_of_blocks_would_have_another_inverse() -> None:
    # The proof needs 1^T u = c = 0: with three blocks the same matrix is singular or has a sparser inverse.
    rows = LinearMap(tuple(1 << i ^ (0b1 | 0b100 | 0b10000 if i % 2 else 1 << (i + 1)) for i in range(6)))
    full = 0b111111
    claimed = LinearMap(tuple(full ^ sum(1 << j for j in range(i, i - i % 2 + 2)) for i in range(6)))
    assert rows.inverse() != claimed


def test_sat_decides_the_smallest_shape_between_the_proved_ends(tmp_path: Path) -> None:
    pytest.importorskip("pysat.solvers")
    with Execution("serial") as execution:
        *_, row = report([(1, 1, 1, 1)], execution, tmp_path)
    assert [cell.strip() for cell in row.split("|")][1:7] == ["4", "1 + 1 + 1 + 1", "6", "7", "6", "5"]
    assert len(list(tmp_path.glob("*.drat.xz"))) == 4


def test_listing_decides_what_sat_did_not_and_says_where_it_does_not_either() -> None:
    *_, row = listed([(4, 4)], 3)
    assert [cell.strip() for cell in row.split("|")][1:9] == ["8", "4 + 4", "9", "9", "11", "10", "15", "83906"]
    *_, row = listed([(4, 4)], 2)
    assert [cell.strip() for cell in row.split("|")][3:6] == ["9", "9", ">= 11"]
