#!/usr/bin/env bash
# pyapproxmc 4.4.0 (the newest): the count of its documentation's own example is 11, where the documentation has 11 * 2^16.
# Expected (its documentation: a model counter "with PAC (Probably Approximately Correct) guarantees"; of the clauses (1 2 3) and
#   (3 20) it says that the example "prints `Approximate count is: 11*2**16`", as it is over 20 variables): with probability
#   0.8 a number within a factor 1.8 of the true one, and the true one for counts as small as these.
# Happens: the variables that the preprocessing finds free are dropped with their factor of 2 each. These are the variables that
#   stand in no clause, also where the projection names them, and those whose clauses follow from others: (1 2 3) and (2 3)
#   have 6 models, and the count is 3. Of random formulas of ten clauses more than a quarter, each variable in some
#   clause, has a half, a quarter or an eighth of its models. No message. (No report of it was found.)
# Our users: a share of inputs, which is a distance in total variation of two circuits, comes out too small by powers of 2 while
#   the guarantee says a factor of 1.8. Count with a BDD (dd) or an enumeration for small circuits, and check one case by hand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pyapproxmc==4.4.0 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import itertools
import random
import sys
from importlib.metadata import version

import pyapproxmc

random.seed(0)
print("pyapproxmc", version("pyapproxmc"))


def counted(clauses, projection=None) -> int:
    counter = pyapproxmc.Counter(seed=1)
    for clause in clauses:
        counter.add_clause(clause)
    cells, hashes = counter.count(projection) if projection else counter.count()
    return cells * 2**hashes


def models(clauses, variables: int) -> int:
    points = itertools.product((False, True), repeat=variables)
    return sum(all(any(point[abs(x) - 1] == (x > 0) for x in clause) for clause in clauses) for point in points)


seen = {}
for name, clauses, variables in (
    ("documentation", [[1, 2, 3], [3, 20]], 20),
    ("implied", [[1, 2, 3], [2, 3]], 3),
    ("unused", [[3, 4]], 4),
    ("tight", [[1, 2], [2, 3], [3, 4], [4, 5]], 5),
):
    expected = 11 * 2**16 if name == "documentation" else models(clauses, variables)
    seen[name] = expected, counted(clauses), counted(clauses, list(range(1, variables + 1)))
    print(f"{clauses}: expected {expected}, seen {seen[name][1]}, with all variables in the projection {seen[name][2]}")
ratios = []
while len(ratios) < 300:
    variables = random.randint(3, 6)
    drawn = [random.sample(range(1, variables + 1), random.randint(2, 3)) for _ in range(10)]
    clauses = [[random.choice((-1, 1)) * x for x in clause] for clause in drawn]
    expected = models(clauses, variables)
    if {x for clause in drawn for x in clause} == set(range(1, variables + 1)) and expected:
        ratios.append(expected / counted(clauses))
table = {ratio: ratios.count(ratio) for ratio in sorted(set(ratios))}
print("true number over the count, 300 random formulas with every variable in a clause: expected 1, seen", table)
recorded = seen["documentation"][1:] == (11, 11) and seen["implied"] == (6, 3, 3) and seen["unused"] == (12, 3, 3)
sys.exit(0 if recorded and seen["tight"] == (13, 13, 13) and max(ratios) >= 2 else 1)
PYTHON
