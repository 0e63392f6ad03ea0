"""Each format writes what the table says and nothing that its readers would misread."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from certify.errors import UnknownNameError
from certify.report import latex_text
from certify.report.discovery import formats_from_text, table_formats
from certify.report.table import (
    Document,
    Table,
    columns,
    label_cell,
    number_cell,
    text_cell,
    verdict_cell,
    without_empty_columns,
)

HOSTILE = 'a&b%c$d#e_f{g}h~i^j\\k<l>m|n"o`p*q[r]'
TABLE = Table(
    "sample",
    "Sample",
    columns(("id", "what", "value", "verdict"), numeric=("value",)),
    (
        (label_cell("S1", "S_1"), text_cell(HOSTILE), number_cell(1.5e-9), verdict_cell("proved")),
        (
            label_cell("S2"),
            text_cell('commas, "quotes"\nand lines'),
            number_cell(float("inf")),
            verdict_cell("refuted"),
        ),
    ),
    ("a note -- with dashes",),
)
DOCUMENT = Document((TABLE,), ("made by -- hand",))


def test_every_format_is_found_and_named_by_its_own_name() -> None:
    assert list(table_formats()) == ["csv", "html", "latex", "markdown"]
    assert [item.name for item in formats_from_text("latex, csv,latex")] == ["latex", "csv"]
    with pytest.raises(UnknownNameError, match="did you mean `latex`"):
        formats_from_text("latx")


@pytest.mark.parametrize("name", ["csv", "html", "latex", "markdown"])
def test_every_format_is_deterministic_and_ends_in_a_newline(name: str) -> None:
    text = table_formats()[name].render(DOCUMENT)
    assert text == table_formats()[name].render(DOCUMENT)
    assert text.endswith("\n")
    assert "made by" in text


def test_latex_sets_every_special_character() -> None:
    text = table_formats()["latex"].render(DOCUMENT)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert all(len(re.findall(r"(?<!\\)&", line)) == 3 for line in body)
    assert r"$1.5 \times 10^{-9}$" in text
    assert r"$\infty$" in text
    assert "$S_1$" in text
    assert r"a\&b\%c\$d\#e\_f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k" in text
    for command in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(command) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("β ≤ ∞", r"$\beta$ $\leq$ $\infty$"), ("é", "e"), ("中", r"\texttt{U+4E2D}"), ("\x07", " ")],
)
def test_latex_output_is_ascii(text: str, expected: str) -> None:
    assert latex_text.escape(text) == expected
    assert expected.isascii()


def test_latex_comments_stay_on_their_line() -> None:
    hostile = Document((TABLE,), ("first\n\\input{evil}",))
    lines = table_formats()["latex"].render(hostile).splitlines()
    assert all(line.startswith("%") for line in lines if "evil" in line)


def test_markdown_rows_have_the_same_number_of_cells() -> None:
    lines = [line for line in table_formats()["markdown"].render(DOCUMENT).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}
    assert {len(line) for line in lines} == {len(lines[0])}
    assert lines[1].split("|")[3].strip().endswith(":")


def test_csv_reads_back() -> None:
    text = table_formats()["csv"].render(DOCUMENT)
    rows = list(csv.reader(io.StringIO(text.split("\n", 1)[1])))
    assert rows[0] == ["id", "what", "value", "verdict"]
    assert rows[1] == ["S1", HOSTILE, "1.5e-09", "proved"]
    assert rows[2][1] == 'commas, "quotes" and lines'


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_escapes_text_and_nothing_breaks_out_of_a_comment() -> None:
    parser = _Cells()
    parser.feed(table_formats()["html"].render(Document((TABLE,), ("--><script>alert(1)</script>",))))
    assert HOSTILE in "".join(parser.texts)
    assert "script" not in parser.tags
    assert parser.tags.count("td") == 8


def test_columns_without_a_word_are_dropped() -> None:
    table = Table("t", "T", columns(("a", "b")), ((label_cell("x"), text_cell("")), (label_cell("y"), text_cell(""))))
    assert [column.heading for column in without_empty_columns(table).columns] == ["a"]


def test_a_row_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(AssertionError, match="2 columns"):
        Table("t", "T", columns(("a", "b")), ((label_cell("x"),),))
