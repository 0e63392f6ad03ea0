#!/usr/bin/env bash
# daqp 0.11.0: a vector or a Hessian that numpy holds with strides, such as a column of a table of bounds, is read as if its
#   entries lay side by side.
# Expected (numpy: `bounds[:, 1]` is the vector of the upper bounds, whatever its strides; quadprog, piqp and proxsuite solve the
#   problem that is meant from the same arrays, and daqp itself refuses a float32 array): the optimum of the problem, or an error.
# Happens: the pointer is handed on without the strides. With the bounds as two columns of one table a feasible problem is
#   reported infeasible (exitflag -1); with the cost as a column its entry is taken from the next column, "optimal" (exitflag 1) at
#   a point that is not; the strides of the Hessian are not read either. The constraint matrix is copied, and right. No message.
# Our users: multipliers or a verdict of infeasibility from daqp are those of the problem that it read. `certify` calls no solver
#   of quadratic programmes; whoever takes multipliers from one hands over np.ascontiguousarray, and checks them at the problem.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q daqp==0.11.0 quadprog==0.1.14 piqp==0.7.0 proxsuite==0.8.0 numpy==2.4.6 scipy==1.17.1 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import daqp
import numpy as np
import piqp
import proxsuite
import quadprog

# minimise |x|^2 / 2 + cost x over lower <= A x <= upper
A = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
bounds = np.array([[-1.0, 1.0], [0.0, 5.0], [-9.0, 9.0]])
costs = np.array([[-1.0, 7.0], [-2.0, 7.0]])
hessians = np.array([[[1.0, 9.0], [0.0, 9.0]], [[0.0, 9.0], [1.0, 9.0]]])
optimum = np.array([1.0, 2.0])


def by_daqp(hessian, cost, matrix, lower, upper):
    x, _, exitflag, _ = daqp.solve(hessian, cost, matrix, upper, lower, np.zeros(len(upper), np.int32))
    return np.array(x), exitflag


def by_quadprog(hessian, cost, matrix, lower, upper):
    found = quadprog.solve_qp(hessian, -cost, np.vstack([matrix, -matrix]).T, np.concatenate([lower, -upper]))
    return found[0], "solved"


def by_piqp(hessian, cost, matrix, lower, upper):
    solver = piqp.DenseSolver()
    solver.setup(hessian, cost, None, None, matrix, lower, upper)
    status = solver.solve()
    return np.array(solver.result.x), status.name


def by_proxsuite(hessian, cost, matrix, lower, upper):
    solver = proxsuite.proxqp.dense.QP(2, 0, 3)
    solver.settings.eps_abs = 1e-9
    solver.init(hessian, cost, None, None, matrix, lower, upper)
    solver.solve()
    return solver.results.x, solver.results.info.status.name


views = {
    "hessian": hessians[:, :, 0],
    "cost": costs[:, 0],
    "matrix": np.repeat(A, 2, axis=1)[:, ::2],
    "lower": bounds[:, 0],
    "upper": bounds[:, 1],
}
given = {name: np.ascontiguousarray(view) for name, view in views.items()}
cases = {"contiguous": [], "bounds": ["lower", "upper"], "cost": ["cost"], "hessian": ["hessian"], "matrix": ["matrix"]}
solvers = (by_daqp, by_quadprog, by_piqp, by_proxsuite)
print(", ".join(f"{name} {version(name)}" for name in ("daqp", "quadprog", "piqp", "proxsuite", "numpy")))
right = {}
for case, names in cases.items():
    problem = [views[name] if name in names else given[name] for name in views]
    strided = ", ".join(names) or "none"
    for solver in solvers:
        x, status = solver(*problem)
        right[case, solver] = np.allclose(x, optimum, atol=1e-3) and status != -1
        print(f"strided: {strided}; {solver.__name__[3:]}: {x.round(3).tolist()}, {status}, expected {optimum.tolist()}")
wrong = [case for case in cases if not right[case, by_daqp]]
others = all(right[case, solver] for case in cases for solver in solvers[1:])
sys.exit(0 if others and wrong == ["bounds", "cost", "hessian"] else 1)
PYTHON
