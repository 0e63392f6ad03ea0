"""The gap of the feebly one-way family: worked numbers, wrong claims, violated steps, and what is too large."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest

from certify.checking.check import check_constants
from certify.checking.points import instance_at, point_of
from certify.circuits.controls import LinearMap
from certify.circuits.feebly_one_way import FeeblyOneWay
from certify.errors import InputError
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.testing import TheoremConformance
from certify.verdict import Verdict
from theorems.feebly_one_way import chains
from theorems.feebly_one_way.maps import blocks, least_size
from theorems.feebly_one_way.statement import THEOREM

SMALL, LARGE = "h=1,a=2,e=0", "h=4,a=8,e=0"


def at(text: str) -> Instance:
    found = instance_at(THEOREM, point_of(THEOREM, text))
    assert found is not None
    return found


def odd_blocks(instance: Instance) -> tuple[Finding, ...]:
    """The product for three blocks of two bits, where 1^T u = 1: entries that are not those of I."""
    first = 0b010101
    rows = LinearMap(tuple(1 << i ^ (first if i % 2 else 1 << (i + 1)) for i in range(6)))
    claimed = [0b111111 ^ sum(1 << j for j in range(i, i - i % 2 + 2)) for i in range(6)]
    product = [sum(((rows.value(1 << j) & row).bit_count() & 1) << j for j in range(6)) for row in claimed]
    return (exact_finding("product", sum((row ^ 1 << i).bit_count() for i, row in enumerate(product))),)


def forward_map(instance: Instance) -> tuple[Finding, ...]:
    """The rows of A in place of those of its inverse: most have two ones."""
    return (exact_finding("row", min(row.bit_count() for row in blocks(instance).map().rows)),)


def one_gate_less(instance: Instance) -> tuple[Finding, ...]:
    """A gate that depends on three inputs with a cone of one, as if gates read three nodes."""
    return (exact_finding("cone", 1, {"k": 3}),)


def copied_outputs(instance: Instance) -> tuple[Finding, ...]:
    """Four equal outputs of two inputs counted as different ones."""
    return (exact_finding("outputs", 1, {"k": 2, "m": 4}),)


class TestFeeblyOneWay(TheoremConformance):
    theorem = "feebly-one-way"
    numbers = {
        (SMALL, "forward_upper"): "5/1",
        (SMALL, "inverse_lower"): "4/1",
        ("h=1,a=4,e=0", "gap_lower"): "1/1",
        # 64 bits in 8 blocks: 64 + 8 - 1 gates against 128 - 8 - 2.
        (LARGE, "ratio_lower"): "118/71",
    }
    # Half of no operator is none.
    slack = frozenset({"N operators: the whole halved"})
    violations = {
        "I": (odd_blocks, SMALL),
        "L": (forward_map, LARGE),
        "G": (one_gate_less, SMALL),
        "M": (copied_outputs, SMALL),
    }


def test_every_chain_listed_and_both_bounds_attained() -> None:
    found = chains.listed()
    assert found.chains > 100_000 and found.cones == {2: 1, 3: 2, 4: 3}
    assert all(gates >= k + m - 2 for (k, m), gates in found.gates.items())
    assert [found.gates[pair] for pair in ((2, 1), (2, 4), (3, 1), (3, 3), (4, 1))] == [1, 4, 2, 4, 3]


@cache
def least(lengths: tuple[int, ...]) -> int | None:
    return least_size(FeeblyOneWay(lengths).inverse_map().rows)


def test_sat_attains_the_bound_at_four_bits() -> None:
    pytest.importorskip("pysat.solvers")
    assert least((2, 2)) == 4 == at(SMALL).number("inverse_lower")


@pytest.mark.parametrize("text", ["h=1,a=2,e=61", "h=3,a=5,e=2", "h=30,a=60,e=59"])
def test_every_number_of_bits(text: str) -> None:
    values = {name: Fraction(value) for name, value in point_of(THEOREM, text).items()}
    (record,) = check_constants("feebly-one-way", values).theorems
    assert record.verdict is not Verdict.REFUTED and all(step.verdict is not Verdict.REFUTED for step in record.steps)
    found, instance = blocks(at(text)), at(text)
    sizes = found.bits, found.blocks, found.forward_upper, found.inverse_lower, found.inverse_upper
    assert sizes == tuple(
        instance.number(name) for name in ("n", "c", "forward_upper", "inverse_lower", "inverse_upper")
    )


def test_a_map_that_is_too_large_leaves_the_step_open_and_wrong_constants_are_refused() -> None:
    with pytest.raises(InputError, match="at most 16384 bits"):
        blocks(at("h=1000,a=1000,e=0"))
    for wrong in ("h=1,a=1,e=0", "h=0,a=2,e=0", "h=1/2,a=2,e=0", "h=1,a=2,e=-1"):
        with pytest.raises(InputError):
            point_of(THEOREM, wrong)
