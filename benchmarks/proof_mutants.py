"""Every constant and sign of every algebraic claim changed: what the prover refutes, and what is slack of a theorem.

    python -m benchmarks.proof_mutants [THEOREM ...]

A mutant that is proved is true: it says by how much a constant could be better, or that a premise is not needed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from certify.errors import CertifyError
from certify.proof.registry import algebra_of, load_theorem, theorems
from certify.prover.mutants import mutants
from certify.prover.prove import prove

RESULTS = Path(__file__).parent / "results" / "proof_mutants.md"


def main(names: list[str]) -> None:
    """Run the named theorems (all) and write the table."""
    start = time.perf_counter()
    done: set[str] = set()
    rows, kept = [], []
    for name in names or sorted(theorems()):
        counts: Counter[str] = Counter()
        for label, claims in algebra_of(load_theorem(name)).items():
            for claim in claims:
                if claim.digest in done or isinstance(claim.conclusion, str):
                    continue
                done.add(claim.digest)
                for mutant in mutants(claim.conclusion):
                    verdict = _verdict(mutant.relation, claim.premises)
                    counts[verdict] += 1
                    if verdict != "refuted":
                        kept.append(f"| {name} | {label} | {claim.name} | {mutant.change} | {verdict} |")
        rows.append(
            f"| {name} | {sum(counts.values())} | {counts['refuted']} | {counts['proved']} | "
            f"{counts['inconclusive']} | {counts['not-applicable']} |"
        )
        print(rows[-1], flush=True)
    text = [
        "# Mutants of the algebraic claims", "",
        "Written by `python -m benchmarks.proof_mutants`. Claims that theorems share are changed once. A mutant",
        "that is proved is true: slack of the theorem, or a change that weakens the claim.", "",
        "| theorem | mutants | refuted with a witness | proved (slack) | not decided | not defined |",
        "| --- | --- | --- | --- | --- | --- |", *rows, "", f"{time.perf_counter() - start:.0f} s.", "",
        "## Not refuted", "", "| theorem | step | claim | change | verdict |", "| --- | --- | --- | --- | --- |", *kept,
    ]  # fmt: skip
    RESULTS.write_text("\n".join(text) + "\n", encoding="utf-8")


def _verdict(relation: object, premises: tuple[object, ...]) -> str:
    try:
        return str(prove(relation, premises).verdict)  # type: ignore[arg-type]
    except CertifyError:
        return "not-applicable"


if __name__ == "__main__":
    main(sys.argv[1:])
