#!/usr/bin/env bash
# dratify 0.1.10, a checker of DRAT proofs: it verifies a refutation of a formula that has a model.
# Expected (its README: deletion is applied, and "RAT steps are checked against exactly the clauses present"; the DRAT format: a
#   RAT step keeps satisfiability): whatever the proof, no formula with a model is refuted. (2) and (-1 or -2) have -1, 2.
# Happens: the unit -1, found by propagation through (-1 or -2), outlives the deletion of that clause. The clause (1) then
#   passes as RAT, since no clause contains -1 any more, and meets the unit -1: "VERIFIED: empty clause derived and every step
#   verified". A checker that forgets the unit rejects the last step, one that keeps the clause (drat-trim) rejects the step (1).
#   Of 20,000 random proofs for satisfiable formulas with up to four variables about a hundred are verified.
# Our users: our own checker accepts reverse unit propagation alone, where a clause that is kept too long does no harm; it
#   rejects this proof. "Verified by dratify" is worth something for proofs without RAT steps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q dratify==0.1.10 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import itertools
import random
import sys

import dratify


def has_model(clauses: list[list[int]], variables: int) -> bool:
    rows = itertools.product((False, True), repeat=variables)
    return any(all(any(row[abs(x) - 1] == (x > 0) for x in clause) for clause in clauses) for row in rows)


def is_verified(clauses: list[list[int]], variables: int, proof: list[str]) -> bool:
    lines = [f"p cnf {variables} {len(clauses)}", *(" ".join(map(str, [*clause, 0])) for clause in clauses)]
    return dratify.check_proof(dratify.parse_dimacs("\n".join(lines) + "\n"), "\n".join(proof) + "\n", engine="python").ok


def drawn_clause(variables: int) -> list[int]:
    chosen = random.sample(range(1, variables + 1), random.randint(1, min(3, variables)))
    return [random.choice([-1, 1]) * variable for variable in chosen]


print("dratify", dratify.__version__)
formula, proof = [[2], [-1, -2]], ["d -1 -2 0", "1 0", "0"]
small = is_verified(formula, 2, proof)
print(f"{formula} has a model: {has_model(formula, 2)}; the proof {proof}: expected rejected, verified: {small}")
without_deletion = is_verified(formula, 2, proof[1:])
print(f"the same without the deletion: verified: {without_deletion}")
random.seed(0)
drawn = verified = 0
while drawn < 20000:
    variables = random.choice([2, 3, 4])
    clauses = [drawn_clause(variables) for _ in range(random.randint(1, 7))]
    if not has_model(clauses, variables):
        continue
    drawn += 1
    steps = []
    for _ in range(random.randint(1, 7)):
        deletes = random.random() < 0.35
        clause = random.choice(clauses) if deletes else drawn_clause(variables)
        steps.append("d " * deletes + " ".join(map(str, [*clause, 0])))
    verified += is_verified(clauses, variables, [*steps, "0"])
print(f"{drawn} random proofs for formulas with a model: expected 0 verified, seen {verified}")
sys.exit(0 if small and not without_deletion and verified > 0 else 1)
PYTHON
