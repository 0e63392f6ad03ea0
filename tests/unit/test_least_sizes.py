"""Least sizes of several functions through the door: known sizes, gaps where the time is up, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from certify.circuits.least_sizes import Answer, Question, Size, _doubt, answered, least_sizes
from certify.execution.door import Execution
from tests.unit.test_circuits_exact_synthesis import sum_of_bits

pytest.importorskip("pysat")
PROBLEMS = [(2, sum_of_bits(2)), (3, sum_of_bits(3)), (2, [0b1010, 0b0110])]


def test_known_sizes_wherever_they_are_found(tmp_path: Path) -> None:
    refuted: list[tuple[int, int]] = []
    with Execution("serial", tmp_path) as execution:
        found = least_sizes(PROBLEMS, execution, refuted=lambda place, size, _: refuted.append((place, size)))
        assert [str(item) for item in found] == ["2", "5", "1"]
        # The sum of three bits has as many different outputs as 2; 2, 3 and 4 gates are refuted.
        assert refuted == [(1, 2), (1, 3), (1, 4)] and found[1].steps > 0
        assert least_sizes(PROBLEMS, execution) == found


def test_a_question_that_takes_too_long_leaves_a_gap() -> None:
    with Execution("processes:1", limit=1e-6, attempts=1) as execution:
        assert least_sizes([(3, sum_of_bits(3))], execution, most=3) == [Size(2, None, 0)]


def test_what_is_kept_is_checked_again() -> None:
    question = Question(3, tuple(sum_of_bits(3)), 4)
    refutation, chain = answered(question).refutation, answered(replace(question, size=5)).chain
    assert refutation is not None and chain is not None
    assert _doubt(question, Answer(refutation=refutation)) == ""
    assert _doubt(question, Answer(refutation=replace(refutation, proof=refutation.proof[:1]))) != ""
    assert _doubt(replace(question, size=5), Answer(refutation=refutation)) == "its formula is of another question"
    assert _doubt(question, Answer()) == "it decides nothing"
    assert _doubt(replace(question, size=5), Answer(chain=chain)) == ""
    assert _doubt(question, Answer(chain=chain)) != ""
    wrong = replace(chain, gates=(replace(chain.gates[0], table=chain.gates[0].table ^ 6), *chain.gates[1:]))
    assert _doubt(replace(question, size=5), Answer(chain=wrong)) == "its chain computes something else"
