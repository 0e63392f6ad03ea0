"""What is written as LaTeX compiles with the packages that it names and stays inside the line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certify.proof.registry import load_theorem, theorems
from certify.report.discovery import table_formats
from certify.report.formulas import formulas_document
from certify.report.table import Document, Table, columns, text_cell
from certify.report.tables import record_tables
from tests.records import record

pdflatex = shutil.which("pdflatex")
pytestmark = pytest.mark.skipif(pdflatex is None, reason="needs pdflatex (Debian: texlive-latex-recommended)")

WIDEST = 5.0
"""Points by which a line may be too long."""

PAGE = r"""\documentclass{article}
\usepackage{amsmath,amssymb,booktabs,graphicx}
\setlength{\parindent}{0pt}
\begin{document}
%s
\end{document}
"""


def overfull(source: str, folder: Path) -> list[float]:
    """Points by which lines of the compiled document are too long; fails where it does not compile."""
    (folder / "page.tex").write_text(PAGE % source, encoding="ascii")
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
