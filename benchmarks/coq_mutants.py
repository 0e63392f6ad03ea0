r"""Mutated statements in Coq: each that the prover refutes at a point, Coq refutes at that point as it was exported.

    python -m benchmarks.coq_mutants [--count 120]

The first `count` refuted mutants of results/proof_mutants.jsonl in the order of their digests (`benchmarks.
proof_mutants` says why that is a draw). The exported text S of a mutant becomes `Lemma ... : ~ S \/ True`: Coq shows
`~ S` at the witness by lra and interval, or takes the other side and says so. Where it shows `~ S` no script can prove
S. Where it does not (a premise that interval does not decide at a tie), the script of the original claim must fail.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from benchmarks.proof_mutants import ANSWERS, Case, cases
from certify.atomic import write_text_atomically
from certify.discovery.registry import recorded_proofs, theorems
from certify.formal import coqc
from certify.formal.development import HEADER
from certify.formal.expressions import NotFormalisedError
from certify.formal.script import script
from certify.formal.statement import Statement, statement_of
from certify.mechanization.formal_proofs import request_of

TABLE = Path(__file__).parent / "results" / "coq_mutants.md"
SECONDS = 60
"""For one mutant; what takes longer is counted as not refuted at its witness."""

UNARY = 100
TACTICS = """
From Coq Require Import NArith.
From Interval Require Import Tactic.
Ltac number := rewrite ?INR_IZR_INZ, ?N_nat_Z; simpl Z.of_nat; cbn [Nat.add Nat.mul Z.of_N];
  first [solve [lra] | solve [interval] | solve [interval with (i_prec 120)] | solve [field; lra] | solve [nra]].
Ltac contradicted := repeat match goal with H : _ /\\ _ |- _ => destruct H end;
  match goal with
  | H : _ <= _ |- False => apply (Rle_not_lt _ _ H); number
  | H : _ < _ |- False => apply (Rlt_not_le _ _ H); number
  | H : ?l = ?r |- False => apply (Rlt_not_eq l r); [number | exact H]
  | H : ?l = ?r |- False => apply (Rlt_not_eq r l); [number | symmetry; exact H]
  | H : _ <> _ |- False => apply H; number
  end.
Ltac premises C :=
  repeat match type of C with ?P -> ?Q => let A := fresh in assert (A : P) by number; specialize (C A) end.
"""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=120)
    given = parser.parse_args()
    start = time.perf_counter()
    drawn = list(_drawn(given.count))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        coqc.compile_library(folder)
        shown = _refuted_in_coq(drawn, folder)
        others = [item for i, item in enumerate(drawn) if i not in shown]
        accepted = [item[0] for item in others if _is_accepted(*item[:2], folder)]
    lines = [
        "# Mutated statements in Coq", "",
        f"Written by `python -m benchmarks.coq_mutants`, Coq {coqc.coq_version()}: the first {len(drawn)} mutants that",
        "the prover refutes and that have a Coq statement, in the order of their digests.", "",
        "| mutants | refuted by Coq at the witness | else: the original's script refused | accepted |",
        "| --- | --- | --- | --- |",
        f"| {len(drawn)} | {len(shown)} | {len(others) - len(accepted)} | {len(accepted)} |", "",
        f"{time.perf_counter() - start:.0f} s.", "",
    ]  # fmt: skip
    lines += ["## Not refuted at the witness", ""] if others else []
    lines += [f"- {case.theorem}, {case.label}, {case.claim.name}: {case.change}" for case, *_ in others]
    lines += [f"- ACCEPTED: {case.theorem}, {case.label}, {case.claim.name}: {case.change}" for case in accepted]
    write_text_atomically(TABLE, "\n".join(lines) + "\n")
    print("\n".join(lines))


def _drawn(count: int) -> Iterator[tuple[Case, Statement, dict[str, Fraction]]]:
    answers = {item["digest"]: item for item in map(json.loads, ANSWERS.read_text(encoding="utf-8").splitlines())}
    for case in cases(sorted(theorems())):
        answer = answers.get(case.digest)
        if count == 0 or answer is None or answer["verdict"] != "refuted" or not answer["witness"]:
            continue
        try:
            statement = statement_of(case.relation, case.claim.premises)
        except NotFormalisedError:
            continue
        count -= 1
        yield case, statement, {name: Fraction(value) for name, value in answer["witness"].items()}


def _refuted_in_coq(drawn: list[tuple[Case, Statement, dict[str, Fraction]]], folder: Path) -> set[int]:
    lines = [HEADER, TACTICS]
    for i, (_, statement, witness) in enumerate(drawn):
        names = statement.names
        values = [_real(witness.get(name, Fraction(1))) for name in names.reals]
        values += [_natural(int(witness.get(name, Fraction(1)))) for name in names.naturals]
        at = f"intro H; assert (C := H {' '.join(values)}); clear H; premises C; contradicted"
        lines += [
            f"Lemma mutant_{i} : ~ ({statement.text}) \\/ True.",
            f'Proof. first [timeout {SECONDS} solve [left; {at}]; idtac "refuted {i}" | right; exact I]. Qed.',
        ]
    path = folder / "Mutants.v"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = subprocess.run(
        ["coqc", "-w", "none", "-q", "-Q", ".", "Certify", path.name],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise SystemExit(f"coqc {path.name}: exit code {answer.returncode}\n{answer.stderr[-2000:]}")
    return {int(found) for found in re.findall(r"refuted (\d+)", answer.stdout)}


def _is_accepted(case: Case, statement: Statement, folder: Path) -> bool:
    """Whether the script of the claim that was mutated proves the mutant."""
    original = statement_of(case.claim.conclusion, case.claim.premises)
    made = script(original, request_of(case.label, case.claim, recorded_proofs()).lemma_names)
    path = folder / "Accepted.v"
    path.write_text(f"{HEADER}\nTheorem mutant :\n{statement.text}.\nProof.\n{made}\nQed.\n", encoding="utf-8")
    try:
        coqc.compile_file(path)
    except coqc.NotRunError:
        return False
    return True


def _natural(value: int) -> str:
    """Unary where a tactic may count it down, as an exponent; binary where that would take Coq's stack."""
    return f"{value}%nat" if value <= UNARY else f"(N.to_nat {value}%N)"


def _real(value: Fraction) -> str:
    return f"({value.numerator} / {value.denominator})" if value.denominator != 1 else f"({value.numerator})"


if __name__ == "__main__":
    main()
