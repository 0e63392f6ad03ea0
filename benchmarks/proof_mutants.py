"""Every constant and sign of every algebraic claim changed: what the prover refutes, and what is slack of a theorem.

    python -m benchmarks.proof_mutants [--minutes 30] [THEOREM ...]

The mutants are taken in the order of their digests, which has nothing to do with what they say, so that the first ones
of a run that was stopped are a draw from all. Every answer is appended to results/proof_mutants.jsonl, and a run goes
on where the last one ended. A mutant that is proved is true: it says by how much a constant could be better, or that a
premise is not needed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import sympy as sp

from certify.atomic import write_text_atomically
from certify.discovery.registry import algebra_of, load_theorem, theorems
from certify.errors import CertifyError
from certify.prover.algebra import AlgebraicClaim
from certify.prover.mutants import mutants
from certify.prover.prove import METHOD_VERSION, prove

UNDEFINED = "undefined"
"""Of a mutant that has no value at a point, which is confirmed, where the assumptions hold: it says nothing there."""

HERE = Path(__file__).parent
ANSWERS = HERE / "results" / "proof_mutants.jsonl"
TABLE = HERE / "results" / "proof_mutants.md"


@dataclass(frozen=True)
class Case:
    """One mutant of one claim."""

    theorem: str
    label: str
    claim: AlgebraicClaim
    change: str
    relation: sp.Basic

    @property
    def digest(self) -> str:
        """Of the claim, what was changed, and the prover's version."""
        return sha256(f"{self.claim.digest} {self.change} {self.relation} {METHOD_VERSION}".encode()).hexdigest()[:16]


def cases(names: list[str]) -> list[Case]:
    """The mutants of the theorems' claims, each claim once, in the order of the digests."""
    return sorted(_cases(names), key=lambda case: case.digest)


def _cases(names: list[str]) -> Iterator[Case]:
    done: set[str] = set()
    for name in names:
        for label, claims in algebra_of(load_theorem(name)).items():
            for claim in claims:
                if claim.digest in done or isinstance(claim.conclusion, str):
                    continue
                done.add(claim.digest)
                for mutant in mutants(claim.conclusion):
                    yield Case(name, label, claim, mutant.change, mutant.relation)


def main() -> None:
    """Go on for the given minutes, and write the table of what is answered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("theorems", nargs="*")
    parser.add_argument("--minutes", type=float, default=30.0)
    given = parser.parse_args()
    known = _known()
    wanted = cases(given.theorems or sorted(theorems()))
    end = time.monotonic() + 60 * given.minutes
    for case in wanted:
        if case.digest in known:
            continue
        if time.monotonic() > end:
            break
        answer = known[case.digest] = {"digest": case.digest, **_answer(case)}
        with ANSWERS.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(answer) + "\n")
    write_text_atomically(TABLE, "\n".join(_table(wanted, known)) + "\n")


def _known() -> dict[str, dict[str, object]]:
    if not ANSWERS.is_file():
        return {}
    answers = map(json.loads, ANSWERS.read_text(encoding="utf-8").splitlines())
    return {answer["digest"]: answer for answer in answers}


def _answer(case: Case) -> dict[str, object]:
    start = time.perf_counter()
    try:
        found = prove(case.relation, case.claim.premises)
        verdict, method = str(found.verdict), found.method or found.reason[:160]
        if verdict == "inconclusive" and "is not defined at" in found.reason:
            verdict = UNDEFINED
        witness = None if found.witness is None else {key: str(value) for key, value in found.witness.items()}
    except CertifyError as error:
        verdict, method, witness = "inconclusive", str(error)[:160], None
    seconds = round(time.perf_counter() - start, 2)
    return {"verdict": verdict, "method": method, "witness": witness, "seconds": seconds}


def _table(wanted: list[Case], known: dict[str, dict[str, object]]) -> Iterator[str]:
    answered = [case for case in wanted if case.digest in known]
    yield from (
        "# Mutants of the algebraic claims", "",
        "Written by `python -m benchmarks.proof_mutants`: every number larger and smaller by a tenth, every exponent",
        "by one, every sign and relation turned. Claims that theorems share are changed once. A mutant that is proved",
        f"is true: slack of the theorem, or a change that weakens the claim. Answered: {len(answered)} of",
        f"{len(wanted)} mutants, which are taken in the order of their digests.", "",
        "| theorem | mutants | answered | refuted at a point | no value at a point | proved (slack) | not decided |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    )  # fmt: skip
    total: Counter[str] = Counter()
    for name in dict.fromkeys(case.theorem for case in sorted(wanted, key=lambda case: case.theorem)):
        counts = Counter(str(known[case.digest]["verdict"]) for case in answered if case.theorem == name)
        total += counts
        yield _row(name, sum(case.theorem == name for case in wanted), counts)
    yield _row("all", len(wanted), total)
    seconds = sum(float(str(known[case.digest]["seconds"])) for case in answered)
    without = sum(known[case.digest]["verdict"] == "refuted" and not known[case.digest]["witness"] for case in answered)
    yield from ("", f"{seconds:.0f} s in all; refuted without a point: {without} (claims without parameters).", "")
    yield from ("## Not refuted", "", "| theorem | step | claim | change | verdict |")
    yield "| --- | --- | --- | --- | --- |"
    for case in sorted(answered, key=lambda case: (case.theorem, case.label, case.claim.name, case.change)):
        verdict = known[case.digest]["verdict"]
        if verdict != "refuted":
            yield f"| {case.theorem} | {case.label} | {case.claim.name} | {case.change} | {verdict} |"


def _row(name: str, count: int, counts: Counter[str]) -> str:
    found = " | ".join(str(counts[verdict]) for verdict in ("refuted", UNDEFINED, "proved", "inconclusive"))
    return f"| {name} | {count} | {sum(counts.values())} | {found} |"


if __name__ == "__main__":
    main()
