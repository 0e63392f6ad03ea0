#!/usr/bin/env bash
# clarabel 0.11.1: a constraint matrix in scipy's CSR form is solved as its transpose, with a certificate of infeasibility.
# Expected (the data of a sparse matrix is what scipy says it is; SCS converts a CSR matrix, and OSQP too, and a dense array or a
#   COO matrix is refused by clarabel itself): the optimum of the problem that was given, or an error.
# Happens: the arrays data, indices and indptr are taken as those of CSC, whatever the class. A square matrix, as of a linear
#   programme with as many rows as variables, is transposed: here a bounded problem with the optimum -14.5 is DualInfeasible,
#   with a direction that is a proof for the transpose, and one with the optimum -3.5 is Solved at -5. No message.
# Our users: a dual or a certificate of infeasibility that clarabel returns is for the matrix that it read. `certify` calls no
#   conic solver; whoever takes multipliers from one hands over csc_matrix(A), and checks them at the matrix itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q clarabel==0.11.1 scs==3.3.1 numpy==2.4.6 scipy==1.17.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import clarabel
import numpy as np
import scipy.sparse as sparse
import scs

A, b = np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([2.0, 3.0])
zero = sparse.csc_matrix((2, 2))
settings = clarabel.DefaultSettings()
settings.verbose = False


def by_clarabel(cost: np.ndarray, matrix) -> tuple[str, np.ndarray, float]:
    """Minimise cost x over A x <= b."""
    found = clarabel.DefaultSolver(zero, cost, matrix, b, [clarabel.NonnegativeConeT(2)], settings).solve()
    return str(found.status), np.array(found.x), found.obj_val


def by_scs(cost: np.ndarray, matrix) -> tuple[str, np.ndarray, float]:
    found = scs.SCS({"A": matrix, "b": b, "c": cost}, {"l": 2}, verbose=False, eps_abs=1e-9, eps_rel=1e-9).solve()
    return found["info"]["status"], found["x"], found["info"]["pobj"]


print("clarabel", version("clarabel"), "scs", version("scs"), "scipy", version("scipy"))
seen = {}
for cost in ((-1.0, -5.0), (-2.0, -1.5)):
    for solver in (by_clarabel, by_scs):
        for form in (sparse.csc_matrix, sparse.csr_matrix):
            seen[cost, solver, form] = status, x, value = solver(np.array(cost), form(A))
            print(f"cost {cost}, {solver.__name__[3:]}, {form.__name__}: {status}, x = {x.round(4).tolist()}, value {value:.4f}")
transposed = by_clarabel(np.array([-2.0, -1.5]), sparse.csc_matrix(A.T))
print(f"cost (-2, -1.5), clarabel with the transpose: {transposed[0]}, value {transposed[2]:.4f}")
optima = {(-1.0, -5.0): -14.5, (-2.0, -1.5): -3.5}
print("expected in all rows but the last: the optima", optima)
right = all(
    np.isclose(seen[cost, solver, form][2], optima[cost], atol=1e-5)
    for cost in optima
    for solver, form in ((by_clarabel, sparse.csc_matrix), (by_scs, sparse.csc_matrix), (by_scs, sparse.csr_matrix))
)
false_certificate = seen[(-1.0, -5.0), by_clarabel, sparse.csr_matrix][0] == "DualInfeasible"
status, _, value = seen[(-2.0, -1.5), by_clarabel, sparse.csr_matrix]
wrong_optimum = status == "Solved" and np.isclose(value, -5.0) and np.isclose(transposed[2], -5.0)
sys.exit(0 if right and false_certificate and wrong_optimum else 1)
PYTHON
