"""`certify list` and `certify show` print everything there is and the statement without the proof."""

from __future__ import annotations

import json

import pytest

from certify.cli import main as cli
from certify.discovery.registry import theorems
from certify.generators.activations import ACTIVATIONS
from certify.generators.specification import families
from certify.report import catalogue
from certify.report.statement import statement_dict, statement_report
from certify.report.terminal import draw, render_text


def test_every_family_and_parameter_is_listed() -> None:
    rows = [[cell.text for cell in row] for row in catalogue.generators_table().rows]
    for family in families().values():
        start = next(index for index, row in enumerate(rows) if row[0] == family.name)
        listed = rows[start + 1 : start + 1 + len(family.parameters)]
        assert [row[1] for row in listed] == [item.name for item in family.parameters]
    assert any(row[3].startswith("embedded") for row in rows)
    assert not any("/" in row[0] for row in rows)


def test_every_activation_is_listed_with_its_smoothness() -> None:
    rows = {row[0].text: row[2].text for row in catalogue.activations_table().rows}
    assert set(rows) == set(ACTIVATIONS)
    assert (rows["tanh"], rows["relu"]) == ("C^inf", "C^0")


def test_every_theorem_shows_its_statement() -> None:
    assert "strong-invertibility" in theorems()
    for theorem in theorems().values():
        document = statement_dict(theorem)
        assert [item["id"] for item in document["steps"]] == [step.label for step in theorem.steps]
        text = render_text(statement_report(theorem), 100)
        for item in theorem.assumptions:
            assert item.label in text
        assert "source:" in text
        assert max(len(line) for line in text.splitlines()) <= 100


def test_list_as_json_and_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "theorems", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["theorems"][0]["theorem"] == next(iter(theorems()))
    assert cli.main(["list", "formats", "--quiet"]) == 0
    assert capsys.readouterr().out.split() == ["csv", "html", "latex", "markdown"]


def test_list_of_everything_fits_a_terminal() -> None:
    for table in (catalogue.generators_table(), catalogue.formats_table()):
        text = render_text(draw(table), 80)
        assert max(len(line) for line in text.splitlines()) <= 80
        assert all(cell.text in text for row in table.rows for cell in row[:1])
