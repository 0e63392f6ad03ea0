"""The searches that everything shares: what they find is feasible, close to the edge, and confirmed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.searches import FROM_THE_EDGE, MARGINS, STRIDE, confirmed, first_feasible, largest


@given(edge=st.floats(1.0, 2.0, exclude_max=True), geometric=st.booleans())
def test_the_largest_is_feasible_and_close_to_the_edge(edge: float, geometric: bool) -> None:
    found = largest(lambda x: x <= edge, 1.0, 2.0, 40, geometric)
    assert found <= edge < found + 2.0**-38


@given(allowed=st.sets(st.integers(0, 255)))
def test_it_is_feasible_or_the_lower_end_wherever_the_feasible_lie(allowed: set[int]) -> None:
    found = largest(lambda x: int(256 * (x - 1.0)) in allowed, 1.0, 2.0, 8, geometric=False)
    assert found == 1.0 or int(256 * (found - 1.0)) in allowed


def test_one_evaluation_a_halving() -> None:
    seen: list[float] = []
    assert largest(lambda x: bool(seen.append(x)), 1.0, 4.0, 5) == 1.0
    assert seen == [2.0 ** (2.0**-k) for k in range(5)]


def test_the_first_feasible_power() -> None:
    assert first_feasible(lambda x: x <= 3.0, 1.5, range(8, -8, -1)) == 3.0
    assert first_feasible(lambda x: False, 1.5, range(8, -8, -1)) is None


@given(
    first=st.integers(0, 40),
    length=st.integers(1, 40),
    exponents=st.integers(1, 30),
    others=st.sets(st.integers(0, 29)),
)
def test_the_first_of_one_run_and_a_feasible_one_of_several(
    first: int, length: int, exponents: int, others: set[int]
) -> None:
    def found(feasible: set[int]) -> int | None:
        point = first_feasible(lambda x: -int(math.log2(x / 3.0)) in feasible, 3.0, range(0, -exponents, -1))
        return None if point is None else -int(math.log2(point / 3.0))

    run = set(range(first, first + length))
    assert found(run) == (first if first < exponents else None)
    among = others & set(range(exponents))
    assert found(among) in among if among else found(among) is None


def test_few_are_asked_before_a_long_run() -> None:
    asked: list[float] = []
    assert first_feasible(lambda x: bool(asked.append(x)) or x <= 2.0**-50, 1.0, range(63, -200, -1)) == 2.0**-50
    assert len(asked) <= len(set(asked)) <= 113 // STRIDE + STRIDE + 1


@pytest.mark.parametrize(("error", "margin"), [(1e-10, 1e-9), (1e-7, 1e-6), (1e-3, 1e-2)])
def test_a_proposal_keeps_the_first_margin_that_is_enough(error: float, margin: float) -> None:
    """Floats that are off by a relative `error` propose what lies beyond the target until the margin covers it."""
    found = confirmed(lambda share: share * (1.0 + error), lambda bound: bound if bound <= 1.0 else None)
    assert found is not None and math.isclose(found, (1.0 + error) * (1.0 - margin), rel_tol=1e-12)


def test_what_is_never_confirmed_or_never_proposed_is_not_found() -> None:
    shares: list[float] = []
    assert confirmed(lambda share: shares.append(share) or share, lambda bound: None) is None
    assert shares == [float(1 - margin) for margin in MARGINS]
    assert confirmed(lambda share: None, lambda bound: bound) is None
    assert confirmed(lambda share: share, lambda bound: bound, FROM_THE_EDGE) == 1.0
