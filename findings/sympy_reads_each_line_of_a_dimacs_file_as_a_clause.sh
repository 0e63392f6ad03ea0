#!/usr/bin/env bash
# sympy 1.14.0: load_file takes every line of a DIMACS file for a clause; a refutable formula becomes satisfiable, or another one.
# Expected (the module's docstring, "For reading in DIMACS file format"; in that format a clause is a sequence of nonzero integers
#   followed by 0, wherever lines end, as in Knuth's filter dimacs-to-sat and in varisat's manual): "1 0 -1 0" is the clause (1) and
#   the clause (-1), which no assignment satisfies; "1 2", a new line and "3 0" are the clause (1 or 2 or 3).
# Happens: 0 is skipped and the end of the line ends the clause: (1 or -1), a tautology, and (1 or 2) and (3). The numbers of
#   variables and clauses in the first line are not compared. No message. (The examples of `load` have lines without 0.) PySDD
#   reads both as expected; python-sat refuses both. (No report of it was found.)
# Our users: a formula that sympy finds satisfiable may have been another one. `certify certificate refutation` and its checker go
#   by the zeros and refuse a file whose number of clauses is not that of its first line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q sympy==1.14.0 PySDD==1.0.6 python-sat==1.9.dev17 || exit 2
printf 'p cnf 1 2\n1 0 -1 0\n' >"$folder/line.cnf"
printf 'p cnf 3 1\n1 2\n3 0\n' >"$folder/lines.cnf"
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path

from pysat.formula import CNF
from pysdd.sdd import SddManager
from sympy import Symbol
from sympy.logic.utilities.dimacs import load_file

print(", ".join(f"{name} {version(name)}" for name in ("sympy", "PySDD", "python-sat")))


def count(expression, variables: int) -> int:
    """Models of sympy's expression over the variables of the file."""
    symbols = [Symbol(f"cnf_{i + 1}") for i in range(variables)]
    values = (expression.subs(dict(zip(symbols, row))) for row in product((False, True), repeat=variables))
    return sum(bool(value) for value in values)


found = {}
for name, variables, models in (("line", 1, 0), ("lines", 3, 7)):
    path = str(Path(sys.argv[1]) / f"{name}.cnf")
    expression = load_file(path)
    manager, root = SddManager.from_cnf_file(path.encode())
    try:
        refused = f"python-sat: {CNF(from_file=path).clauses}"
    except ValueError as error:
        refused = f"python-sat refuses it: {error}"
    found[name] = count(expression, variables), manager.global_model_count(root)
    print(f"{Path(path).read_text()!r}: sympy {expression}, models {found[name][0]}; PySDD models {found[name][1]};", end=" ")
    print(f"expected {models}; {refused}")
sys.exit(0 if found == {"line": (2, 0), "lines": (3, 7)} else 1)
PYTHON
