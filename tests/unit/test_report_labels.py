"""No table, graph or line of a theorem calls two things by one label."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certify.discovery.registry import theorems
from certify.report.blueprint import blueprint_of
from certify.report.formulas import formulas_document
from certify.report.labels import printed_uses, step_labels
from certify.report.slack_tables import slack_table
from certify.report.statement import statement_document
from certify.report.tables import claims_table, steps_table
from tests.records import record, widest_record


@pytest.mark.parametrize("name", sorted(theorems()))
def test_steps_and_assumptions_are_told_apart(name: str) -> None:
    theorem = theorems()[name]
    assumptions, printed = {item.label for item in theorem.assumptions}, step_labels(theorem)
    assert assumptions.isdisjoint(printed.values()) and len(set(printed.values())) == len(theorem.steps)
    assert {node.label for node in blueprint_of(theorem).nodes} >= {*assumptions, *printed.values()}
    widest = widest_record(theorem)
    tables = [steps_table(widest), claims_table(widest), slack_table(widest)]
    tables += [
        item for document in (formulas_document(theorem), statement_document(theorem)) for item in document.tables
    ]
    first = {row[0].text for table in tables if table.columns[0].heading == "step" for row in table.rows}
    assert not first & assumptions


def test_a_use_means_the_assumption_until_the_step_stands() -> None:
    base = record()
    steps = [replace(base.steps[0], label=label, uses=("A1",)) for label in ("S1", "A1", "S2")]
    found = replace(base, steps=tuple(steps))
    assert step_labels(found) == {"S1": "S1", "A1": "A1 (step)", "S2": "S2"}
    assert printed_uses(found) == {"S1": "A1", "A1": "A1", "S2": "A1 (step)"}
    assert [step["id"] for step in found.to_dict()["steps"]] == ["S1", "A1", "S2"]
