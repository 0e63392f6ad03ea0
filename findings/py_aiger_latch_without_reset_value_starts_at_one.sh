#!/usr/bin/env bash
# py-aiger 8.1.0: a latch that the file leaves uninitialised starts at 1, and is written back as one that is reset to 1.
# Expected (AIGER 1.9 and Beyond, Technical Report 11/2: the reset field of a latch is 0, 1, or the latch's own literal, and then
#   the latch is uninitialised): both starts are possible, so that "the output is always 1" is false; or a refusal of the file.
# Happens: the field is read as a truth value, so that the literal 2 is 1. A latch that keeps its value, as output: 1, 1, 1 from
#   the only start that py-aiger knows, and the reset value 1 in the file that it writes. aigverse reads the same latch
#   as undefined, and simulates from the start that one asks for. No message.
# Our users: what holds from the start that py-aiger takes need not hold of the file. `certify` reads combinational circuits only
#   and refuses a file with latches; unroll a sequential circuit with a tool that keeps free starts free.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q py-aiger==8.1.0 aigverse==0.1.7 || exit 2
"$folder/venv/bin/python" - "$folder/latch.aag" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import aiger
from aigverse.algorithms import simulate_sequential
from aigverse.io import read_ascii_aiger_into_sequential_aig

print("py-aiger", version("py-aiger"), "aigverse", version("aigverse"))
seen = {}
for field, meaning in (("0", "reset to 0"), ("1", "reset to 1"), ("2", "uninitialised")):
    text = f"aag 1 0 1 1 0\n2 2 {field}\n2\no0 q\n"
    Path(sys.argv[1]).write_text(text)
    circuit = aiger.parse(text)
    outputs = [int(output["q"]) for output, _ in circuit.simulate([{}] * 3)]
    written = str(circuit).splitlines()[1]
    latch = read_ascii_aiger_into_sequential_aig(sys.argv[1])
    starts = {
        int(simulate_sequential(latch, num_cycles=1, undefined_reset_value=start).outputs[0][0]) for start in (False, True)
    }
    seen[field] = (outputs, written, starts)
    print(f"`2 2 {field}`, {meaning}: py-aiger outputs {outputs}, writes `{written}`; possible starts by aigverse: {starts}")
right = seen["0"] == ([0, 0, 0], "2 2 0", {0}) and seen["1"] == ([1, 1, 1], "2 2 1", {1})
print("expected of the third: outputs of both starts, or a refusal")
sys.exit(0 if right and seen["2"] == ([1, 1, 1], "2 2 1", {0, 1}) else 1)
PYTHON
