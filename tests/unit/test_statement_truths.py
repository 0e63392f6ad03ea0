"""The benchmark of the four statements: exact truth is not passed, and a wrong constant would be seen there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import statement_truths
from benchmarks.statement_tasks import EXACT
from benchmarks.statement_truths import Truth, groups, rates, slopes, summary
from benchmarks.statements import document, tasks


@pytest.mark.parametrize("made", [rates, groups, slopes])
def test_two_hundred_cases_and_no_violation(made: statement_truths.Made) -> None:
    found = made()
    assert len(found) >= 200 and not any(item.violated for item in found)
    attained = max(most for *_, most in summary(found))
    assert attained == pytest.approx(1.0, abs=1e-9)
    # The same statement with a constant that claims five per cent more is refuted by the cases that attain it.
    larger = [replace(item, certified=item.certified * (1.05 if item.certified > 0 else 0.95)) for item in found]
    assert sum(item.violated for item in larger) > 20


def test_violations_are_counted_on_either_side() -> None:
    rows = [Truth("a", 0.5, 0.4), Truth("a", 0.3, 0.4), Truth("b", -2.0, -1.0), Truth("b", -1.0, -2.0)]
    assert [row[:3] for row in summary(rows)] == [("a", 2, 1), ("b", 2, 1)]


def test_tasks_and_their_page() -> None:
    asked = tasks(["collapse", "modes"], ["residual_d8", "sklearn_mlp_iris_d2"])
    exact = [("collapse", EXACT), ("modes", EXACT)]
    assert sorted(asked.values()) == sorted(
        exact
        + [
            (name, path)
            for name in ("collapse", "modes")
            for path in ("digits/residual_d8.onnx", "zoo/sklearn_mlp_iris_d2.onnx")
        ]
    )
    shared = {"d": 8, "n": 8, "beta": 0.4}
    found = {
        ("collapse", "digits/residual_d8.onnx"): {
            **shared,
            "rate_lower": 6.0144,
            "rate_upper": 8.66,
            "measured": [6.4, 8.8],
        },
        ("modes", "digits/residual_d8.onnx"): {**shared, "open": "no finite M"},
    }
    found["modes", EXACT] = {"kinds": [["ramps", 80, 0, 1.0, 1.0]]}
    page = document(found, [("modes", "zoo/left_out.onnx")])
    assert page.comments[-1] == "not run: modes at left_out"
    assert [len(table.rows) for table in page.tables] == [1, 1, 1]
