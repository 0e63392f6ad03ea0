"""What is written as LaTeX compiles with the packages that it names and fits the page, in one column and in two."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from certify.discovery.registry import load_theorem, theorems
from certify.proof.records import StepLoss
from certify.report.discovery import table_formats
from certify.report.formats.latex import MACROS
from certify.report.formulas import formulas_document
from certify.report.latex_floats import float_latex
from certify.report.statement import statement_document
from certify.report.sweep_files import sweep_table
from certify.report.table import Document, Table, columns, label_cell, text_cell
from certify.report.tables import record_tables
from tests.conftest import ROOT
from tests.latex import KINDS, ONE, PDFLATEX, TWO, named_tables, problems, source, unfit
from tests.records import record, widest_record

pytestmark = pytest.mark.skipif(PDFLATEX is None, reason="needs pdflatex (Debian: texlive-latex-recommended)")
EXAMPLES = [str(path) for path in sorted((ROOT / "examples" / "theorems").glob("*.py"))]


@cache
def tables_of(name: str) -> str:
    """Every table of a theorem, the statement's and the widest result's."""
    theorem = load_theorem(name)
    documents = formulas_document(theorem), statement_document(theorem)
    tables = [(f"{theorem.id}/{table.name}", table) for item in documents for table in item.tables if table.rows]
    assert tables
    return source([*tables, *named_tables(widest_record(theorem))])


@pytest.mark.parametrize("kind", KINDS, ids=("one", "two"))
def test_every_table_of_every_theorem_fits(kind: str, tmp_path: Path) -> None:
    names = [*sorted(theorems()), *EXAMPLES]
    assert problems("\n\\clearpage\n".join(map(tables_of, names)), kind, tmp_path) == []


def test_what_does_not_fit_is_noticed_and_named(tmp_path: Path) -> None:
    assert problems(r"\typeout{AT: long}" + "x" * 300, ONE, tmp_path)[0].startswith("long: ")
    tall = r"\begin{table}\rule{1pt}{2\textheight}\end{table}"
    assert problems(r"\typeout{AT: tall}" + tall, TWO, tmp_path) == ["tall: Float too large"]
    assert problems(r"\undefined", ONE, tmp_path)[0].startswith("! Undefined control sequence")


def test_a_formula_that_cannot_break_is_set_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formula = r"x \leq \frac{" + "+".join(f"a_{{{index}}}" for index in range(60)) + "}{2}"
    tables = [("wide", Table("wide", "Wide", columns(("claim", "b")), ((text_cell("x", formula), text_cell("y")),)))]
    assert list(unfit(tables, tmp_path)) == []
    monkeypatch.setitem(MACROS, r"\certifyfit", "[1]{#1}")
    assert any("wide: " in line and "too wide" in line for line in unfit(tables, tmp_path))


def test_hostile_text_wraps(tmp_path: Path) -> None:
    words = " ".join(["word_with%specials&more"] * 12)
    table = Table("hostile", "Hostile", columns(("first", "second")), ((text_cell(words), text_cell(words[::-1])),))
    assert list(unfit([("hostile", table)], tmp_path)) == []


def test_a_word_without_end_is_set_smaller_or_below(tmp_path: Path) -> None:
    cells = (label_cell("S1"), text_cell("x" * 60), text_cell("short words " * 20), label_cell("y" * 30))
    assert list(unfit([("long", Table("long", "Long", columns(("a", "b", "c", "d")), (cells,)))], tmp_path)) == []


def test_floats_have_caption_and_label(tmp_path: Path) -> None:
    losses = (StepLoss("S4", "tail & 100%", ("tail",), ("tail",), (0.5,), 0.04, 2.0, False),)
    tables = record_tables(replace(record(), losses=losses))
    written = float_latex(Document(tables), "tables_of a_result")
    assert written.count(r"\caption{") == written.count(r"\label{tab:tables-of-a-result-") == len(tables)
    assert problems(written, ONE, tmp_path) == problems(written, TWO, tmp_path) == []


def test_a_caption_keeps_labels_and_sets_numbers() -> None:
    table = Table("t", "steps", columns(("a",)), ((label_cell("x"),),), ("ii: error 1e-06", "of few"))
    assert r"\caption{Steps. ii: error $1 \times 10^{-6}$. Of few.}" in float_latex(Document((table,)), "t")


@pytest.mark.parametrize("kind", [ONE, TWO])
def test_a_long_table_breaks_over_pages(kind: str, tmp_path: Path) -> None:
    rows = tuple((label_cell(str(index)), text_cell("a few words " * 9), label_cell("x")) for index in range(150))
    table = Table("long", "Long", columns(("index", "text", "last")), rows)
    written = float_latex(Document((table,)), "long")
    assert r"\begin{longtable}" in written and r"\begin{table" not in written
    assert problems(f"before\n\n{written}\nafter", kind, tmp_path) == []
    log = (tmp_path / "page.log").read_text(encoding="latin-1")
    assert int(re.findall(r"Output written on page.pdf \((\d+) page", log)[0]) > 2


def test_the_table_of_a_sweep_fits_a_column_of_two(tmp_path: Path) -> None:
    theorem = load_theorem("strong-invertibility")
    cells = [{"d": d, "kappa": 1.5, "K": 20730 * d, "K_gd": 75, "tv_bound": 0.099997} for d in (2, 4, 8)]
    table = sweep_table(theorem, ["d", "kappa"], cells, ["K", "K_gd", "tv_bound"], theorem.title)
    assert list(unfit([("sweep", table)], tmp_path)) == []
    assert r"\begin{longtable}" not in table_formats()["latex"].render(Document((table,)))
