#!/usr/bin/env bash
# codac 2.1.2 (interval arithmetic, constraint programming): after `import codac` every float operation of the process rounds up.
# Expected (Python's documentation of math.fsum: its accuracy rests on "the typical case where the rounding mode is half-even"):
#   importing a library leaves 1 + 2^-54 = 1 for whoever computes next; one that needs another mode sets it and sets it back.
# Happens: the processor's rounding mode is set to upward at the import and stays so, also in threads that start later.
#   1 + 2^-54 is the double after 1 in Python and numpy, math.fsum of ten times 0.1 is above 1, and round(2.675, 2) is
#   2.6700000000000004. No message.
# Our users: error bounds that count half a unit in the last place an operation, and sums without error (Knuth, Dekker), do not
#   hold in such a process. `certify` refuses to bound or to verify there, with one line; use a process of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q codac==2.1.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import math
import sys
import threading
from importlib.metadata import version

import numpy as np


def probe() -> dict[str, object]:
    one, tiny = 1.0, 2.0**-54
    return {
        "1 + 2^-54": one + tiny,
        "the same in numpy": float(np.add(np.float64(one), np.float64(tiny))),
        "-1 - 2^-54": -one - tiny,
        "fsum of ten 0.1": math.fsum([0.1] * 10),
        "round(2.675, 2)": round(2.675, 2),
    }


before = probe()
import codac  # noqa: E402, F401

after = probe()
elsewhere: list[dict[str, object]] = []
thread = threading.Thread(target=lambda: elsewhere.append(probe()))
thread.start()
thread.join()
print("codac", version("codac"), "numpy", np.__version__)
for name, value in before.items():
    print(f"{name}: before the import {value!r}, after it expected the same, seen {after[name]!r}")
print("a thread that was started afterwards sees the same as after the import:", elsewhere[0] == after)
upward = after["1 + 2^-54"] == after["the same in numpy"] == math.nextafter(1.0, 2.0) and after["-1 - 2^-54"] == -1.0
usual = before["1 + 2^-54"] == before["the same in numpy"] == before["fsum of ten 0.1"] == 1.0
sys.exit(0 if usual and upward and after["fsum of ten 0.1"] > 1.0 and elsewhere[0] == after else 1)
PYTHON
