"""Proves the algebra of every theorem anew; writes theorems/proofs.json and docs/ledger.md, what is assumed or trusted.

python -m benchmarks.proof_ledger
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from certify.discovery.registry import recorded_proofs
from certify.formal.coqc import NotRunError
from certify.mechanization.formal_proofs import kernel_entries
from certify.mechanization.step_proofs import every_claim, write_proofs
from certify.report.ledger import ledger_page

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write both files and say how many claims are proved in which time."""
    start = time.perf_counter()
    claims = every_claim()
    record = ROOT / "theorems" / "proofs.json"
    known = recorded_proofs()
    with tempfile.TemporaryDirectory() as folder:
        try:
            kernel = kernel_entries(claims.values(), Path(folder), known)
        except NotRunError as error:
            print(f"Coq: {error}; its word on unchanged statements is kept")
            kernel = {digest: entry["kernel"] for digest, entry in known.items() if "kernel" in entry}
    write_proofs(record, claims.values(), kernel)
    (ROOT / "docs" / "ledger.md").write_text(ledger_page(), encoding="utf-8")
    checked = sum("refused" not in item for item in kernel.values())
    print(f"{len(claims)} claims, {checked} checked by Coq, in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
