#!/usr/bin/env bash
# py-aiger 8.1.0: a file that is read and written again has its inputs and outputs sorted by name: by place, another circuit.
# Expected (the AIGER format: inputs and outputs are lists in the file; the symbol table after the gates is optional and names
#   them by their places): the same lists after reading and writing, so that a tool that goes by place computes the same.
# Happens: inputs and outputs are sets of names inside, and are written in alphabetical order with a symbol table that says so.
#   A comparator of two six-bit numbers whose inputs are x0 ... x11 has x10 and x11 in places 2 and 3 after one round. aigverse,
#   which goes by place as most tools do, finds the two files not equivalent. No message.
# Our users: `certify` goes by place and skips the symbols: a permutation circuit that py-aiger wrote is another permutation as
#   soon as there are eleven inputs. Name them with leading zeros (x00, x01, ...), or write BLIF.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q py-aiger==8.1.0 aigverse==0.1.7 || exit 2
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import aiger
from aigverse.algorithms import equivalence_checking
from aigverse.io import read_ascii_aiger_into_aig

INPUTS = 12


def comparator(name: str) -> str:
    """Whether the number in the first half of the inputs, lowest bit first, is less than that in the second half."""
    half, lines, largest = INPUTS // 2, [], INPUTS

    def gate(first: int, second: int) -> int:
        nonlocal largest
        largest += 1
        lines.append(f"{2 * largest} {max(first, second)} {min(first, second)}")
        return 2 * largest

    less = 0
    for bit in range(half):
        a, b = 2 * (bit + 1), 2 * (bit + half + 1)
        below = gate(a ^ 1, b)
        equal = gate(below ^ 1, gate(a, b ^ 1) ^ 1)
        less = gate(gate(equal, less) ^ 1, below ^ 1) ^ 1
    header = [f"aag {largest} {INPUTS} 0 1 {len(lines)}", *(str(2 * (i + 1)) for i in range(INPUTS)), str(less)]
    return "\n".join([*header, *lines, *(f"i{i} {name.format(i)}" for i in range(INPUTS)), "o0 less"]) + "\n"


print("py-aiger", version("py-aiger"), "aigverse", version("aigverse"))
seen = {}
for name in ("x{}", "x{:02}"):
    before, after = Path(sys.argv[1], "before.aag"), Path(sys.argv[1], "after.aag")
    before.write_text(comparator(name))
    written = str(aiger.parse(before.read_text()))
    after.write_text(written if written.endswith("\n") else written + "\n")
    order = [line.split()[1] for line in written.splitlines() if line.startswith("i")]
    same = equivalence_checking(*(read_ascii_aiger_into_aig(str(path)) for path in (before, after)))
    seen[name] = (order, same)
    print("inputs before:", *(name.format(i) for i in range(INPUTS)))
    print("inputs after: ", *order, f"- by place, expected equivalent, seen {same}")
moved = seen["x{}"][0] == sorted(f"x{i}" for i in range(INPUTS)) and seen["x{}"][1] is False
sys.exit(0 if moved and seen["x{:02}"] == ([f"x{i:02}" for i in range(INPUTS)], True) else 1)
PYTHON
