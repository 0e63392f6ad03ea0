#!/usr/bin/env bash
# cvxpy 1.9.3 with cvxopt 1.3.3: dual_value of a constraint X >> A is a triangular matrix, with solver="CVXOPT" only.
# Expected (cvxpy's tutorial: a constraint's dual_value holds the optimal dual variable; that of X - A positive semidefinite is a
#   positive semidefinite, hence symmetric, matrix Y with trace(Y (X - A)) = 0): the matrix that Clarabel and SCS give.
# Happens: the entries on one side of the diagonal are 0. Here Y = [[1, 1/2], [1/2, 1]] is returned as [[1, 0], [1/2, 1]] or its
#   transpose: eigvalsh, which reads one triangle, finds the right spectrum or two ones, by which triangle it reads.
# Our users: a certificate by a dual (the dual matrix, shifted to be positive semidefinite, and a value by duality) is of another
#   matrix: trace(Y A), the dual value, is 3.25 where it is 3.5. Symmetrise from the triangle that is filled, and check.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q cvxpy==1.9.3 cvxopt==1.3.3 clarabel==0.11.1 scs==3.3.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import cvxopt
import cvxpy
import numpy as np

lower = np.array([[1.0, 0.5], [0.5, 2.0]])
cost = np.array([[1.0, 0.5], [0.5, 1.0]])
print("cvxpy", cvxpy.__version__, "cvxopt", cvxopt.__version__)
found = {}
for solver in ("CLARABEL", "SCS", "CVXOPT"):
    x = cvxpy.Variable((2, 2), symmetric=True)
    constraint = x >> lower
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.trace(cost @ x)), [constraint])
    problem.solve(solver=solver)
    found[solver] = np.asarray(constraint.dual_value)
    print(f"{solver}: {problem.status}, value {problem.value:.4f}, dual {found[solver].round(4).tolist()},", end=" ")
    print(f"expected {cost.tolist()}; trace(dual A) = {np.trace(found[solver] @ lower):.4f}, expected {np.trace(cost @ lower)}")
symmetric = all(np.allclose(found[solver], cost, atol=1e-3) for solver in ("CLARABEL", "SCS"))
triangular = np.allclose(sorted(found["CVXOPT"][[0, 1], [1, 0]]), [0.0, 0.5], atol=1e-3)
sys.exit(0 if symmetric and triangular else 1)
PYTHON
