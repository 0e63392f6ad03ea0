"""The tables of a result: right numbers, right direction, right order; terminal output readable in a pipe."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

import certify
from certify.arithmetic.rounding import Direction
from certify.proof.records import EncoderSize, StepRecord, SymbolRecord
from certify.report.discovery import formats_from_text
from certify.report.files import slug, table_files
from certify.report.json import json_text
from certify.report.quantities import conclusion_direction
from certify.report.table import Table, columns, number_cell, text_cell
from certify.report.tables import (
    claims_table,
    conclusion_table,
    constants_table,
    definitions_table,
    record_tables,
    steps_table,
    summary_table,
)
from certify.report.terminal import VERDICT_STYLES, check_report, draw, render_text, verdict_text
from certify.verdict import Verdict
from tests.records import BRACKET, claim, record, result


def _texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_constants_are_rounded_outward() -> None:
    row = _texts(constants_table([("m", BRACKET)]))[0]
    assert row == ["m", "0.49999", "0.53334", "residual (rigorous)", "witness (rigorous)"]


def test_an_unknown_end_is_not_printed_as_a_number() -> None:
    row = _texts(constants_table([("m", replace(BRACKET, lower=None, lower_evidence=None))]))[0]
    assert row[1] == "unknown"
    assert row[3] == ""


def test_claimed_is_printed_so_that_the_claim_stays_true() -> None:
    upper, lower = _texts(claims_table(record()))[:2]
    assert upper[3] == "976.01"
    assert lower[3] == "976.00"
    assert float(lower[3]) <= 976.0000123 <= float(upper[3])


def test_a_step_speaks_through_its_gravest_and_tightest_claim() -> None:
    base = record()
    step = replace(base.steps[0], claims=(claim(slack=3.0), claim("tight", slack=1.01), claim("loose", slack=9.0)))
    assert _texts(steps_table(replace(base, steps=(step,))))[0][4] == "1.01"
    refuted = replace(step, claims=(*step.claims, claim("broken", verdict=Verdict.REFUTED, slack=0.9)))
    row = _texts(steps_table(replace(base, steps=(refuted,))))[0]
    assert row[4:8] == ["0.9", "refuted", "statistical", "2048"]


def test_the_interval_of_an_estimate_stands_beside_it() -> None:
    measured = replace(claim(), interval=(0.123456, 0.234561), confidence=0.999999)
    step = replace(record().steps[0], claims=(measured,))
    notes = steps_table(replace(record(), steps=(step,))).notes
    assert notes == ("S2: measured within [0.1234, 0.2346] at error probability 1e-06",)


def test_the_conclusion_is_rounded_in_the_safe_direction() -> None:
    conclusion = record().conclusion
    assert conclusion is not None
    values = {row[0]: row[1] for row in _texts(conclusion_table(conclusion))}
    assert values["beta_max"] == "0.18543"
    assert values["tv_bound"] == "0.092613"
    assert float(values["tv_bound"]) >= 0.09261270334
    assert values["K"] == "109123"
    assert values["tv_measured"] == "0.0004163 in [0.0004162, 0.0004164]"
    assert "beta_trained" not in values
    assert values["size_bound"] == "1.4001e+07"
    whole = replace(conclusion, size=EncoderSize(64, 319784, 20, 319968.0))
    assert {row[0]: row[1] for row in _texts(conclusion_table(whole))}["size_bound"] == "319968"


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("beta_max", Direction.DOWN),
        ("tv_bound", Direction.UP),
        ("beta_other_form", Direction.DOWN),
        ("radius_upper", Direction.UP),
        ("radius_lower", Direction.DOWN),
        ("anything", Direction.NEAREST),
    ],
)
def test_directions_of_conclusions(name: str, direction: Direction) -> None:
    assert conclusion_direction(name) is direction


def test_closed_forms_are_printed_as_enclosures() -> None:
    rows = {row[0]: row[1:] for row in _texts(definitions_table(record()))}
    assert float(rows["mu"][0]) <= 325.99999999999
    assert float(rows["mu"][1]) >= 326.00000000001
    assert rows["L"][:2] == ["976", "976"]


def test_the_theorem_names_its_own_quantities() -> None:
    symbols = {
        "mu": SymbolRecord(r"\mu", "curvature from below"),
        "K": SymbolRecord("K", "Langevin layers"),
        "zeta": SymbolRecord(r"\zeta", "its own", "upper", shown=True),
        "xi": SymbolRecord(r"\xi", "not in the table", "lower"),
    }
    named = replace(record(), symbols=symbols)
    assert definitions_table(named).rows[0][0].latex == r"\mu"
    assert _texts(definitions_table(named))[0][3] == "curvature from below"
    assert named.conclusion is not None
    conclusion = replace(named.conclusion, values={**named.conclusion.values, "zeta": 0.1234561, "xi": 2.0})
    rows = _texts(conclusion_table(conclusion, named.symbols))
    assert ["K", "109123", "Langevin layers"] in rows and ["zeta", "0.12346", "its own"] in rows
    names = [row[0] for row in rows]
    assert "xi" not in names and names.index("K") < names.index("zeta") < names.index("tv_bound")


def test_a_record_without_steps_or_conclusion_still_prints() -> None:
    bare = replace(record(), steps=(), conclusion=None, definitions={}, reason="A1: m = 0")
    assert [table.name for table in record_tables(bare)] == ["constants", "assumptions"]
    assert "A1: m = 0" in render_text(check_report(result(bare)))
    assert verdict_text(bare).endswith("(A1: m = 0)")


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_report_fits_and_loses_nothing(width: int) -> None:
    text = render_text(check_report(result(record(), record(Verdict.REFUTED, "residual:d=8"))), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text
    for word in ("cases", "1024", "tv_bound", "0.092613", "109123", "S3", "note:", "verdict: refuted"):
        assert word in text


@pytest.mark.parametrize("width", [30, 36, 44, 50, 80, 200])
def test_a_narrow_terminal_is_told_what_it_does_not_show(width: int) -> None:
    headings = ("step", "claimed", "measured", "slack", "verdict", "algebra")
    row = tuple(text_cell(text) for text in ("S7e+", "0.0014022", "1.180e-05", "118.8", "supported", "kernel"))
    text = render_text(draw(Table("steps", "Steps", columns(headings, headings[1:4]), (row, row))), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    _, _, left = " ".join(text.split()).partition(f"not shown in {width} columns: ")
    hidden = set(left.split(", ")) - {""}
    assert (width >= 50) == (not hidden)
    for heading, cell in zip(headings, row, strict=True):
        # A column is whole, or it is named.
        shown = any(heading in line.split() for line in lines[:4]) and text.split().count(cell.text) == 2
        assert shown != (heading in hidden)


def test_a_title_is_as_wide_as_the_terminal_and_numbers_beside_texts_stay_whole() -> None:
    title = "A title that is longer than its table is wide"
    rows = ((text_cell("a count of what there is"), number_cell(1234567)),
            (text_cell("kinds"), text_cell("comparison 8, division 256, product 10836, tanh 2784")))  # fmt: skip
    lines = render_text(draw(Table("sizes", title, columns(("what", "n")), rows)), 50).splitlines()
    assert lines[0] == title and max(map(len, lines)) <= 50
    assert "tanh 2784" in " ".join(" ".join(lines).split()) and any(line.endswith(" 1234567") for line in lines)


def test_words_are_whole_where_the_margins_have_room() -> None:
    headings = ("step", "title", "claimed", "measured", "slack", "verdict", "evidence", "cases", "algebra")
    row = ("S7e", "discretisation", "0.012436", "0.006041", "2.059", "supported", "statistical", "100000", "kernel")
    table = Table("steps", "Steps", columns(headings, headings[2:5]), (tuple(map(text_cell, row)),))
    lines = render_text(draw(table), 80).splitlines()
    assert max(map(len, lines)) <= 80 and lines[-2].split() == list(row)


def test_the_summary_has_one_row_per_theorem_and_generator() -> None:
    rows = _texts(summary_table(result(record(), record(generator=None))))
    assert [row[1] for row in rows] == ["linear:d=8,kappa=1.5,seed=0", "constants alone"]


def test_files_carry_provenance_and_no_time() -> None:
    files = table_files(result(), formats_from_text("latex,markdown,csv,html"), "certify tables --seed 0")
    names = [file.name for file in files]
    assert len(set(names)) == len(names)
    assert "strong-invertibility_linear-d-8-kappa-1.5-seed-0_steps.tex" in names
    for file in files:
        assert "certify tables" in file.content
        assert "seed 0" in file.content
        assert "2020" not in file.content
        assert "12.5" not in file.content


def test_files_of_generators_that_differ_beyond_the_slug_do_not_collide() -> None:
    long_name = "residual:" + ",".join(f"parameter{index}=1" for index in range(20))
    files = table_files(
        result(record(generator=long_name), record(generator=long_name + ",x=2")), formats_from_text("csv"), "c"
    )
    names = [file.name for file in files]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("text", "expected"), [("a/../b", "a-..-b"), ("../..", "unnamed"), ("x" * 99, "x" * 60), ("", "unnamed")]
)
def test_slugs_never_leave_the_folder(text: str, expected: str) -> None:
    assert slug(text) == expected
    assert "/" not in slug(text)


def test_json_refuses_what_strict_readers_reject() -> None:
    assert json_text(result().to_dict()).endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        json_text({"x": float("nan")})


def test_every_verdict_has_a_style_and_an_assumption_is_printed() -> None:
    assert set(VERDICT_STYLES) == {str(verdict) for verdict in Verdict}
    assumed = replace(claim(reason="if the chains have arrived; 40 draws"), assumption="the chains have arrived")
    for item, shown in ((assumed, True), (claim(reason="40 draws"), False)):
        steps = (StepRecord("S4", "tail", (), (item,)),)
        text = render_text(check_report(result(replace(record(), steps=steps))), 100)
        assert ("40 draws" in text) is shown


def test_what_was_given_exactly_is_printed_as_it_is_written() -> None:
    given = replace(record(), inputs={"mu": "0.0927", "L": "1/3", "beta": "0.0123456789"})
    rows = {row[0]: row[1:3] for row in _texts(definitions_table(given))}
    assert rows["mu"] == ["0.0927", "0.0927"] and rows["L"] == ["1/3", "1/3"]
    assert given.conclusion is not None
    shown = {row[0]: row[1] for row in _texts(conclusion_table(given.conclusion, given.symbols, given.inputs))}
    assert shown["beta"] == "0.0123456789" and shown["epsilon"] == "0.1"


def test_a_check_on_constants_keeps_its_inputs_exact() -> None:
    values = {"d": "8", "m": "1", "M": "1.5", "M2": "0.15"}
    found = certify.check_constants("projected-langevin", values, beta="0.0927")["projected-langevin"]
    rows = {row[0]: row[1:3] for row in _texts(definitions_table(found))}
    for name, text in {**values, "beta": "0.0927", "epsilon": "0.1"}.items():
        assert found.inputs[name] == text and rows[name] == [text, text]
    assert "tv_bound" not in found.inputs and rows["tv_bound"][0] < rows["tv_bound"][1]
    third = certify.check_constants("projected-langevin", {**values, "M2": Fraction(1, 7)}, beta="0.0927")
    assert third["projected-langevin"].inputs["M2"] == "1/7"
