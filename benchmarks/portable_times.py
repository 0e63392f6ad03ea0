"""One portable certificate of each kind: how long making it takes, and how long `checker/` takes to confirm it.

python -m benchmarks.portable_times [--out benchmarks/results/portable_times]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.corrupted_certificates import ADDER, CHECKER, CONSTANTS, DIGITS, FILES, FORMULA, small_network
from certify.api.certificate import certificate
from certify.atomic import write_text_atomically
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, text_cell
from certify.version import __version__

RESULTS = Path("benchmarks/results/portable_times")


def questions(folder: Path) -> Iterator[tuple[str, str, dict[str, Any], Path | None]]:
    """Kind, what it is about in words, the arguments of `certify.certificate`, and the file that the checker reads."""
    small, circuit, formula = folder / "small.onnx", folder / "adder.blif", folder / "formula.cnf"
    small.write_bytes(small_network(("Tanh", "Relu"), 5, double=True))
    circuit.write_text(ADDER, encoding="ascii")
    formula.write_text(FORMULA, encoding="ascii")
    for kind in ("lipschitz", "inverse-lipschitz", "derivatives", "envelope", "rejection"):
        given = {"observations": DIGITS[1]} if kind in ("envelope", "rejection") else {}
        yield kind, "residual_d8, 48 neurons", {"generator": DIGITS[0], **given}, DIGITS[0]
    boxes = {"generator": small, "observations": [0.4, -0.2, 0.3], "beta": 0.5}
    yield "boxes", "two latents, 6 neurons", boxes, small
    for kind in ("integral", "gaussian-layer", "langevin"):
        yield kind, CONSTANTS.split(",beta")[0], {"constants": CONSTANTS}, None
    yield "circuit-size", "sum of three bits, 5 gates", {"circuit": circuit}, None
    yield "refutation", "8 clauses", {"formula": formula}, formula


def main() -> None:
    """Make, check, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, subject, given, file in questions(Path(folder)):
            certificate(kind, **given)
            begun = time.process_time()
            found = certificate(kind, **given)
            ours = time.process_time() - begun
            assert found.document is not None, (kind, found.reason)
            path = Path(folder) / "certificate.json"
            path.write_text(json.dumps(found.document, indent=1) + "\n", encoding="utf-8")
            script = CHECKER.with_stem(FILES.get(kind, CHECKER.stem))
            command = [
                sys.executable,
                "-I",
                "-S",
                "-c",
                TIMED,
                str(script),
                str(path),
                *([] if file is None else [str(file)]),
            ]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            assert answer[0] == "0", (kind, answer)
            rows.append(
                (kind, subject, script.name, f"{ours:.2f}", f"{float(answer[-1]):.2f}", f"{path.stat().st_size:,}")
            )
            print(rows[-1], flush=True)
    table = Table(
        "portable_times", "Seconds of processor time for one certificate of each kind",
        columns(("kind", "about", "checker", "making", "checking", "bytes"), ("making", "checking", "bytes")),
        tuple(tuple(text_cell(entry) for entry in row) for row in rows),
        (f"certify {__version__}; the second of two runs; the checker with its start",),
    )  # fmt: skip
    for name, suffix in (("markdown", ".md"), ("csv", ".csv")):
        write_text_atomically(arguments.out.with_suffix(suffix), table_formats()[name].render(Document((table,))))


TIMED = """
import contextlib, io, runpy, sys, time
sys.argv = sys.argv[1:]
code = 0
with contextlib.redirect_stdout(io.StringIO()):
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
print(code, time.process_time())
"""

if __name__ == "__main__":
    main()
