#!/usr/bin/env bash
# aigverse 0.1.7: equivalence_checking(..., functional_reduction=False) calls the circuit "x" equivalent to the constant 0.
# Expected (its docstring: it "Checks functional equivalence between a specification and implementation network using SAT
#   solving" and returns "True if equivalent, False if not equivalent"; functional_reduction is "Whether to perform functional
#   reduction of the miter before checking"): the same verdict with and without that reduction.
# Happens: without it, True for an output that is an input, or its negation, on one side and a constant on the other: for
#   all or nearly all of the twelve such pairs with two inputs. No message.
# Our users: "equivalent" is a certificate of nothing where an output may be an input or a constant, as after an aggressive
#   optimisation. Leave the reduction on, compare truth tables, or have `certify` prove it: it keeps the solver's checked proof.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q aigverse==0.1.7 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import itertools
import sys
from importlib.metadata import version

from aigverse.algorithms import equivalence_checking, simulate
from aigverse.networks import Aig

OUTPUTS = {
    "0": lambda c, x, y: c.get_constant(False),
    "1": lambda c, x, y: c.get_constant(True),
    "x": lambda c, x, y: x,
    "y": lambda c, x, y: y,
    "not x": lambda c, x, y: c.create_not(x),
    "x and y": lambda c, x, y: c.create_and(x, y),
}


def circuit_of(name: str) -> Aig:
    circuit = Aig()
    x, y = circuit.create_pi(), circuit.create_pi()
    circuit.create_po(OUTPUTS[name](circuit, x, y))
    return circuit


def table(circuit: Aig) -> str:
    return simulate(circuit)[0].to_binary()


print("aigverse", version("aigverse"))
circuits = {name: circuit_of(name) for name in OUTPUTS}
wrong = {}
for reduction in (True, False):
    wrong[reduction] = {}
    for (left, a), (right, b) in itertools.product(circuits.items(), repeat=2):
        verdict = equivalence_checking(a, b, functional_reduction=reduction)
        if verdict != (table(a) == table(b)):
            wrong[reduction][left, right] = verdict
    print(f"functional_reduction={reduction}, {len(circuits) ** 2} pairs: expected 0 wrong, seen {len(wrong[reduction])}")
for pair, verdict in wrong[False].items():
    print(" and ".join(pair), "- expected False, seen", verdict)
constants = {"0", "1"}
kind = all(verdict is True and len(constants & set(pair)) == 1 for pair, verdict in wrong[False].items())
sys.exit(0 if not wrong[True] and wrong[False].get(("0", "x")) and kind else 1)
PYTHON
