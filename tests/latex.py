"""Tables compiled by LaTeX, in a class with one column and in one with two: what does not fit, and in which table.

python -m tests.latex FILE.json     every table of a result that `certify check --json` wrote; 1 if one does not fit
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from certify.discovery.registry import load_theorem
from certify.proof.printing import printing
from certify.proof.records import CheckResult, TheoremRecord
from certify.report.discovery import table_formats
from certify.report.latex_floats import float_latex
from certify.report.observations import observation_tables
from certify.report.table import Document, Table
from certify.report.tables import record_tables, summary_table

PDFLATEX = shutil.which("pdflatex")
WIDEST = 5.0
"""Points by which a line may be too long."""

ONE, TWO = "{article}", "[twocolumn]{article}"
KINDS = ONE, TWO

PAGE = r"""\documentclass%s
\usepackage{amsmath,amssymb,booktabs,graphicx,longtable}
\begin{document}
%s
\end{document}
"""
_FOUND = re.compile(r"AT: (\S+)|Overfull \\hbox \(([0-9.]+)pt|(Float too large|Overfull \\vbox while \\output)")


def named_tables(record: TheoremRecord) -> list[tuple[str, Table]]:
    """Every table of a record, with a name that tells which it is."""
    stem = f"{record.id}/{record.generator or 'constants'}"
    tables = [*record_tables(record), *observation_tables(record)]
    return [(re.sub(r"[^\w./:=-]", "-", f"{stem}/{table.name}").replace("_", "-"), table) for table in tables]


def source(tables: Sequence[tuple[str, Table]]) -> str:
    """The tables in the text, no blank line between them, then as floats on pages of their own, each behind a mark."""
    write = table_formats()["latex"].render
    texts = [rf"\typeout{{AT: {name}}}" + "\n" + write(Document((table,))) for name, table in tables]
    floats = [
        rf"\typeout{{AT: {name}-float}}" + "\n" + float_latex(Document((table,)), "x") + r"\clearpage"
        for name, table in tables
    ]
    return "\n".join(["".join(texts), r"\clearpage", *floats])


def problems(body: str, kind: str, folder: Path) -> list[str]:
    """What LaTeX complains of: "NAME: 12.3pt too wide", "NAME: Float too large", or its first error."""
    (folder / "page.tex").write_text(PAGE % (kind, body), encoding="ascii")
    done = subprocess.run(
        [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    if done.returncode:
        return [line for line in done.stdout.splitlines() if line.startswith(("!", "l."))][:3] or ["no output"]
    found, name = [], "page"
    for match in _FOUND.finditer((folder / "page.log").read_text(encoding="latin-1").replace("\n", " \n")):
        name = match[1] or name
        if match[2] and float(match[2]) > WIDEST:
            found.append(f"{name}: {match[2]}pt too wide")
        elif match[3]:
            found.append(f"{name}: {match[3]}")
    return found


def unfit(tables: Sequence[tuple[str, Table]], folder: Path) -> Iterator[str]:
    """What does not fit of these tables in either class."""
    for kind in KINDS:
        for problem in problems(source(tables), kind, folder):
            yield f"{kind} {problem}"


def main(path: Path) -> int:
    """Compile every table of a stored result."""
    result = CheckResult.from_dict(json.loads(path.read_text(encoding="utf-8")))
    records = [replace(item, symbols=printing(load_theorem(item.id))) for item in result.theorems]
    count, found = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for tables in ([("summary", summary_table(result))], *map(named_tables, records)):
            count += len(tables)
            found += unfit(tables, Path(folder))
    for line in found:
        print(line)
    settings = f"in the text and as floats, in {len(KINDS)} classes"
    print(f"{count} tables of {len(records)} results, {settings}: {len(found)} do not fit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
