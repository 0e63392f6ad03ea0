#!/usr/bin/env bash
# osqp 1.1.3: where there is no solution or no certificate, the entries are the number 2143289344, not NaN.
# Expected (the package's constant OSQP_NAN is nan): a field without a value is NaN, so that what is computed from it is NaN and
#   numpy.isfinite says no.
# Happens: x and y of an infeasible problem, and the certificates of a solved one, are full of 2143289344.0, the bits 0x7fc00000
#   of a float32 NaN read as an integer. numpy.isfinite says yes, so that a certificate seems to be there. cvxpy passes it on: the
#   dual value of an unbounded problem is 2143289344 by OSQP, beside the right status. No message.
# Our users: multipliers or a certificate that are kept because they are finite are none. Read the status first; `certify` calls
#   no conic or quadratic solver, and takes what one proposes only after a check in balls.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q osqp==1.1.3 cvxpy==1.9.3 numpy==2.4.6 scipy==1.17.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import cvxpy
import numpy as np
import osqp
import scipy.sparse as sparse

WORD = float(0x7FC00000)


def solved(hessian: float, cost: float, rows: list[float], low: list[float], high: list[float]):
    solver = osqp.OSQP()
    data = sparse.csc_matrix([[hessian]]), np.array([cost]), sparse.csc_matrix([[row] for row in rows])
    solver.setup(*data, np.array(low), np.array(high), verbose=False)
    return solver.solve()


print("osqp", osqp.__version__, "cvxpy", cvxpy.__version__, "OSQP_NAN:", osqp.constant("OSQP_NAN"))
problems = {
    "x >= 1 and x <= 0": (0.0, 1.0, [1.0, 1.0], [1.0, -np.inf], [np.inf, 0.0]),
    "minimise x over x <= 0": (0.0, 1.0, [1.0], [-np.inf], [0.0]),
    "minimise x^2 / 2 + x over x <= 0": (1.0, 1.0, [1.0], [-np.inf], [0.0]),
}
names, without = ("x", "y", "prim_inf_cert", "dual_inf_cert"), [("x", "y", "dual_inf_cert"), ("x", "y", "prim_inf_cert")]
without.append(("prim_inf_cert", "dual_inf_cert"))
recorded = True
for (text, data), missing in zip(problems.items(), without, strict=True):
    found = solved(*data)
    print(f"{text}: {found.info.status};", end=" ")
    print(", ".join(f"{name} {getattr(found, name).tolist()}" for name in names), f"- expected nan: {', '.join(missing)}")
    recorded = recorded and all((getattr(found, name) == WORD).all() for name in missing)
    recorded = recorded and all((np.abs(getattr(found, name)) < 10).all() for name in names if name not in missing)
variable = cvxpy.Variable()
constraint = variable <= 0
problem = cvxpy.Problem(cvxpy.Minimize(variable), [constraint])
problem.solve(solver="OSQP")
print(f"cvxpy: {problem.status}, value {problem.value}, dual value {constraint.dual_value}, expected nan or None")
passed_on = problem.status == "unbounded" and float(constraint.dual_value) == WORD
sys.exit(0 if recorded and passed_on and np.isnan(osqp.constant("OSQP_NAN")) else 1)
PYTHON
