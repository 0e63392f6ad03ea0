#!/usr/bin/env bash
# python-sat 1.9.dev17: the proofs of Maplesat name each variable one too high, those of MapleCM lack the empty clause.
# Expected (docstring of get_proof: "A DRUP proof can be extracted using this method if the solver was set up to provide a
#   proof"): each clause follows by unit propagation from the formula and those before, and the last is empty.
# Happens: for (1 or 2), (1 or -2), (-1 or 2), (-1 or -2) Maplesat gives -3, 0: a variable that the formula does not have. With
#   every variable lowered by one, all its proofs check. MapleCM gives 1 and a deletion, and stops; with the line 0 added, all
#   check. MapleChrono and CaDiCaL are right. No message. (Known since 2023: issue 139 of pysathq/pysat, open.)
# Our users: the circuits here are refuted with CaDiCaL, and every proof is checked; another solver of the package in its place
#   would be refused at the first step that does not follow. Hold a proof against the formula before it is kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q python-sat==1.9.dev17 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import random
import sys
from importlib.metadata import version

from pysat.solvers import Solver


def conflicts(clauses: list[list[int]], true: set[int]) -> bool:
    """Whether unit propagation from these literals meets a conflict."""
    while True:
        units = set()
        for clause in clauses:
            if not any(literal in true for literal in clause):
                rest = [literal for literal in clause if -literal not in true]
                if not rest:
                    return True
                units.update(rest if len(rest) == 1 else [])
        if units <= true:
            return False
        true = true | units
        if any(-literal in true for literal in true):
            return True


def refutes(clauses: list[list[int]], proof: list[str]) -> bool:
    """Whether every added clause follows by unit propagation and the last is empty; deletions are skipped."""
    known, clause = list(clauses), None
    for line in (line for line in proof if not line.startswith("d")):
        clause = [int(word) for word in line.split()][:-1]
        if not conflicts(known, {-literal for literal in clause}):
            return False
        known.append(clause)
    return clause == []


def lowered(line: str) -> str:
    words = [word if word in ("d", "0") else str(int(word) - (1 if int(word) > 0 else -1)) for word in line.split()]
    return " ".join(words)


print("python-sat", version("python-sat"))
random.seed(0)
formulas = [[[1, 2], [1, -2], [-1, 2], [-1, -2]]]
while len(formulas) < 21:
    drawn = [[random.choice([-1, 1]) * v for v in random.sample(range(1, 13), 3)] for _ in range(80)]
    with Solver(name="cadical195", bootstrap_with=drawn) as solver:
        formulas += [] if solver.solve() else [drawn]
seen = {}
for name in ("cadical195", "maplechrono", "maplecm", "maplesat"):
    proofs = []
    for formula in formulas:
        with Solver(name=name, bootstrap_with=formula, with_proof=True) as solver:
            solver.solve()
            proofs.append(solver.get_proof())
    forms = {"as it is": proofs}
    if name.startswith("maple"):
        forms |= {"ended": [[*proof, "0"] for proof in proofs], "lowered": [list(map(lowered, proof)) for proof in proofs]}
    seen[name] = {form: sum(map(refutes, formulas, changed)) for form, changed in forms.items()}
    print(f"{name}: the first proof {proofs[0]}; of {len(formulas)} proofs refute their formula:", end=" ")
    print(f"expected {len(formulas)}, seen", seen[name])
every = len(formulas)
right = seen["cadical195"]["as it is"] == seen["maplechrono"]["as it is"] == every
cut = seen["maplecm"]["as it is"] == 0 and seen["maplecm"]["ended"] == every
shifted = seen["maplesat"]["as it is"] == 0 and seen["maplesat"]["lowered"] == every
sys.exit(0 if right and cut and shifted else 1)
PYTHON
