#!/usr/bin/env bash
# circuitgraph 0.2.1 (the newest): tx.limit_fanin(c, 2) turns the xnor of three inputs into their xor.
# Expected (its docstring: "Reduce the maximum fanin of circuit gates to k"): another circuit of the same function, as for and,
#   nand, or, nor and xor, where the gates that are split off are without negation.
# Happens: the gate that is split off from an xnor is an xnor again, so that each one adds a negation: after an odd number of them
#   the output is the negated one at every input. Three inputs at k = 2, four at k = 3 and five at k = 2 are wrong; four at k = 2
#   are right, by two negations. The package itself finds the two circuits different at once. No message. (No report of it was found.)
# Our users: a circuit that is narrowed so before it is written as BLIF or AIGER is another permutation, and what `certify` says is
#   about that one. BLIF takes covers of any width here, so leave it; else write an xnor as the negation of an xor before, and compare.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q circuitgraph==0.2.1 python-sat==1.9.dev17 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import itertools
import sys
from importlib.metadata import version

import circuitgraph

print("circuitgraph", version("circuitgraph"))


def table(circuit) -> list[bool]:
    """The output at all inputs, by the package's own solver."""
    inputs = sorted(circuit.inputs())
    points = itertools.product((False, True), repeat=len(inputs))
    return [bool(circuitgraph.sat.solve(circuit, {**dict(zip(inputs, point)), "y": True})) for point in points]


seen = {}
for kind in ("and", "nand", "or", "nor", "xor", "xnor"):
    for inputs in (3, 4, 5):
        circuit = circuitgraph.Circuit()
        for i in range(inputs):
            circuit.add(f"x{i}", "input")
        circuit.add("y", kind, fanin=[f"x{i}" for i in range(inputs)], output=True)
        before = table(circuit)
        for k in (2, 3):
            after = table(circuitgraph.tx.limit_fanin(circuit, k))
            names = {tuple(before): "equal", tuple(not value for value in before): "negated"}
            seen[kind, inputs, k] = names.get(tuple(after), "another function")
    print(kind, {f"{inputs} inputs, k = {k}": value for (name, inputs, k), value in seen.items() if name == kind})
three = circuitgraph.Circuit()
for name in ("a", "b", "c"):
    three.add(name, "input")
three.add("y", "xnor", fanin=["a", "b", "c"], output=True)
even = [sum(point) % 2 == 0 for point in itertools.product((0, 1), repeat=3)]
print("xnor of three is true for an even number of ones:", table(three) == even)
wrong = {key for key, value in seen.items() if value == "negated"}
equal = all(value == "equal" for key, value in seen.items() if key not in wrong)
sys.exit(0 if equal and wrong == {("xnor", 3, 2), ("xnor", 4, 3), ("xnor", 5, 2)} and table(three) == even else 1)
PYTHON
