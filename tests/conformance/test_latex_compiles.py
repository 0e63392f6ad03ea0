"""What is written as LaTeX compiles with the packages that it names and stays inside the line."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from certify.proof.losses import StepLoss
from certify.proof.registry import load_theorem, theorems
from certify.report.discovery import table_formats
from certify.report.formulas import formulas_document
from certify.report.latex_floats import float_latex
from certify.report.sweep_files import sweep_table
from certify.report.table import Document, Table, columns, label_cell, text_cell
from certify.report.tables import record_tables
from tests.records import record

pdflatex = shutil.which("pdflatex")
pytestmark = pytest.mark.skipif(pdflatex is None, reason="needs pdflatex (Debian: texlive-latex-recommended)")

WIDEST = 5.0
"""Points by which a line may be too long."""

PAGE = r"""\documentclass%s
\usepackage{amsmath,amssymb,booktabs,graphicx,longtable}
\setlength{\parindent}{0pt}
\begin{document}
%s
\end{document}
"""


ONE, TWO = "{article}", "[twocolumn]{article}"


def overfull(source: str, folder: Path, kind: str = ONE) -> list[float]:
    """Points by which lines of the compiled document are too long; fails where it does not compile."""
    (folder / "page.tex").write_text(PAGE % (kind, source), encoding="ascii")
    done = subprocess.run(
        [str(pdflatex), "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if line.startswith(("!", "l."))]
    return [float(points) for points in re.findall(r"Overfull \\hbox \(([0-9.]+)pt", done.stdout)]


@pytest.mark.parametrize("name", sorted(theorems()))
def test_the_formulas_of_every_theorem_fit(name: str, tmp_path: Path) -> None:
    source = table_formats()["latex"].render(formulas_document(load_theorem(name)))
    assert [points for points in overfull(source, tmp_path) if points > WIDEST] == []


def test_the_tables_of_a_result_fit(tmp_path: Path) -> None:
    source = table_formats()["latex"].render(Document(record_tables(record())))
    assert [points for points in overfull(source, tmp_path) if points > WIDEST] == []


def test_a_line_that_is_too_long_is_noticed(tmp_path: Path) -> None:
    assert max(overfull("x" * 300, tmp_path)) > WIDEST


def test_hostile_text_wraps(tmp_path: Path) -> None:
    words = " ".join(["word_with%specials&more"] * 12)
    table = Table("hostile", "Hostile", columns(("first", "second")), ((text_cell(words), text_cell(words[::-1])),))
    assert [p for p in overfull(table_formats()["latex"].render(Document((table,))), tmp_path) if p > WIDEST] == []


def _too_long(points: list[float]) -> list[float]:
    return [item for item in points if item > WIDEST]


def _result() -> tuple[Table, ...]:
    losses = (StepLoss("S4", "tail & 100%", ("tail",), ("tail",), (0.5,), 0.04, 2.0, False),)
    return record_tables(replace(record(), losses=losses))


@pytest.mark.parametrize(("kind", "wide"), [(ONE, False), (TWO, True)])
def test_floats_with_caption_and_label_fit_one_and_two_columns(kind: str, wide: bool, tmp_path: Path) -> None:
    source = float_latex(Document(_result()), "tables_of a_result", wide)
    assert source.count(r"\caption{") == source.count(r"\label{tab:tables-of-a-result-") == len(_result())
    assert _too_long(overfull(source, tmp_path, kind)) == []


def test_a_long_table_breaks_over_pages(tmp_path: Path) -> None:
    rows = tuple((label_cell(str(index)), text_cell("a few words " * 9), label_cell("x")) for index in range(150))
    table = Table("long", "Long", columns(("index", "text", "last")), rows)
    source = float_latex(Document((table,)), "long")
    assert r"\begin{longtable}" in source and r"\begin{table}" not in source
    assert _too_long(overfull(source, tmp_path)) == []
    log = (tmp_path / "page.log").read_text(encoding="latin-1")
    assert int(re.findall(r"Output written on page.pdf \((\d+) page", log)[0]) > 2


def test_the_table_of_a_sweep_fits_a_column_of_two(tmp_path: Path) -> None:
    theorem = load_theorem("strong-invertibility")
    cells = [{"d": d, "kappa": 1.5, "K": 20730 * d, "K_gd": 75, "tv_bound": 0.099997} for d in (2, 4, 8)]
    table = sweep_table(theorem, ["d", "kappa"], cells, ["K", "K_gd", "tv_bound"], theorem.title)
    assert _too_long(overfull(float_latex(Document((table,)), "sweep"), tmp_path, TWO)) == []
