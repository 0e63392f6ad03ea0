#!/usr/bin/env bash
# codac 2.1.2: tanh of an interval stops short of the value; atanh, acosh and asinh do, too, less often.
# Expected (inclusion, which is what an interval function is: its value contains the function's values on the interval): for each
#   double x, tanh(Interval(x)) contains tanh(x). sin, cos, exp, log and atan, 2000 draws each, do.
# Happens: of 2000 doubles in [-1, 1] about 200 have their tanh outside, in [-0.1, 0.1] about 50, in [-1e-9, 1e-9] about 170; of
#   atanh about 10, of acosh near 1 about 20, of asinh a few. The miss is below a unit in the last place. No message.
# Our users: an enclosure of a tanh network by this package proves nothing unless its ends are moved outward after each of these
#   functions. Balls of python-flint, which `certify` uses, contain the value in all draws.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q codac==2.1.2 mpmath==1.4.1 python-flint==0.9.0 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import random
import sys
from importlib.metadata import version

import codac
import flint
from mpmath import mp, mpf, nstr

mp.prec = 400
flint.ctx.prec = 200
RANGES = {
    "tanh": [(-1e-9, 1e-9), (-0.1, 0.1), (-1.0, 1.0), (-20.0, 20.0)],
    "atanh": [(-0.1, 0.1), (-0.999, 0.999)],
    "acosh": [(1.0, 1.0 + 1e-9), (1.0, 100.0)],
    "sin": [(-100.0, 100.0)],
    "cos": [(-100.0, 100.0)],
    "exp": [(-50.0, 50.0)],
    "log": [(0.5, 2.0)],
    "asinh": [(-0.1, 0.1)],
    "atan": [(-10.0, 10.0)],
}
random.seed(0)
print("codac", version("codac"), "mpmath", version("mpmath"), "python-flint", version("python-flint"))
outside, balls = {}, 0
for name, ranges in RANGES.items():
    for low, high in ranges:
        example, count = "", 0
        for _ in range(2000):
            x = random.uniform(low, high)
            enclosure, value = getattr(codac, name)(codac.Interval(x)), getattr(mp, name)(mpf(x))
            if not mpf(enclosure.lb()) <= value <= mpf(enclosure.ub()):
                count += 1
                example = f"; {name}({x!r}) = {nstr(value, 20)}, interval up to {enclosure.ub()!r}, from {enclosure.lb()!r}"
            ball = getattr(flint.arb(x), name)()
            ends = ball.lower().man_exp(), ball.upper().man_exp()
            lower, upper = (mpf(int(man)) * mpf(2) ** int(exp) for man, exp in ends)
            balls += not lower <= value <= upper
        outside[name, low] = count
        print(f"{name} on [{low}, {high}], 2000 doubles: expected 0 values outside, seen {count}{example}")
print(f"balls of python-flint: {balls} values outside")
wrong = all(outside["tanh", low] > 0 for low in (-1e-9, -0.1, -1.0))
right = all(count == 0 for (name, _), count in outside.items() if name not in ("tanh", "atanh", "acosh", "asinh"))
sys.exit(0 if wrong and right and balls == 0 else 1)
PYTHON
