"""Every discovered theorem goes through every property on a few drawn cases: nothing is refuted, nothing crashes."""

from __future__ import annotations

import pytest
from hypothesis import settings

from certify.discovery.registry import theorems
from certify.execution.door import Execution
from certify.strategies.admissible import Kinds, kinds_of
from certify.stress_tests.campaign import derived_seed, parts, stress
from certify.stress_tests.property import properties
from certify.verdict import Verdict

NOBODY = Kinds((), {}, {})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(theorems()))
def test_no_property_of_a_theorem_fails(name: str) -> None:
    (record,) = stress([name], examples=settings().max_examples // 8, seed=2, execution=Execution("serial")).theorems
    assert [item.to_dict() for item in record.failures] == []
    kinds = kinds_of(theorems()[name])
    assert bool(kinds.violating) == bool(kinds.admissible), "only a theorem about constants alone has neither"
    asked = {"applicability", "steps"} if kinds.admissible else {"steps"}
    assert {item.property_name for item in record.claims} >= asked
    assert all(item.drawn >= 1 for item in record.claims)
    assert record.verdict is not Verdict.REFUTED


def test_examples_are_divided_by_the_shares() -> None:
    plan = list(parts({"one": NOBODY, "other": NOBODY}, 1100, seed=0))
    by_property = {
        name: sum(part.examples for part in plan if part.property_name == name and part.theorem == "one")
        for name in properties()
    }
    assert by_property["steps"] == 300 and by_property["conclusion"] == 100
    assert sum(by_property.values()) == pytest.approx(550, abs=3)
    assert max(part.examples for part in plan) <= 50
    assert len({part.seed for part in plan}) == len(plan)


def test_seeds_are_stable_and_apart() -> None:
    assert derived_seed(0, "a", "b", 0) == derived_seed(0, "a", "b", 0)
    assert len({derived_seed(seed, word) for seed in range(20) for word in "abc"}) == 60
    assert derived_seed(0, "ab", "c") != derived_seed(0, "a", "bc")
