#!/usr/bin/env bash
# pba 0.90.4 (the newest): the interval [-2, -1] / [0, 2] is [-1, inf]; the quotients fill the half-line up to -1/2.
# Expected (its documentation: interval arithmetic, with division by a product with the reciprocal, in a library of "probability
#   bounds analysis", where a result bounds whatever the operands may be): [-inf, -0.5], or the error that a divisor with 0 inside gets.
# Happens: with 0 as the lower end of the divisor the upper end is always infinity, and with 0 as the upper end the lower is always
#   minus infinity, whatever the numerator's sign: right for a positive numerator, the other half-line for a negative one. And a
#   negative power of an interval around 0 is that of its two ends: [-1, 2] ** -1 is [-1, 0.5], where no value lies but the ends.
#   No message. (No report of it was found.)
# Our users: a bound that divides by a variance or a weight that may be 0 bounds nothing. Balls of python-flint answer with nan or an
#   infinite ball, which claims nothing; so does `certify`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pba==0.90.4 numpy==2.4.6 scipy==1.17.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random
import sys
from importlib.metadata import version

from pba import Interval

random.seed(0)
print("pba", version("pba"))


def missed(result: Interval, value) -> int:
    """How many of 1000 values lie outside the result; value draws one from the operands."""
    lower, upper = float(result.left), float(result.right)
    return sum(not lower - 1e-9 <= value() <= upper + 1e-9 for _ in range(1000))


def inside(lower: float, upper: float) -> float:
    return random.uniform(lower, upper) or upper


cases = {
    "[-2, -1] / [0, 2]": (Interval(-2, -1) / Interval(0, 2), lambda: inside(-2, -1) / inside(0, 2)),
    "[1, 2] / [-2, 0]": (Interval(1, 2) / Interval(-2, 0), lambda: inside(1, 2) / -inside(0, 2)),
    "[-2, -1] / [-2, 0]": (Interval(-2, -1) / Interval(-2, 0), lambda: inside(-2, -1) / -inside(0, 2)),
    "[1, 2] / [0, 2]": (Interval(1, 2) / Interval(0, 2), lambda: inside(1, 2) / inside(0, 2)),
    "[-1, 2] ** -1": (Interval(-1, 2) ** -1, lambda: 1 / inside(-1, 2)),
    "[-1, 2] ** -3": (Interval(-1, 2) ** -3, lambda: inside(-1, 2) ** -3),
    "[1, 2] ** -1": (Interval(1, 2) ** -1, lambda: 1 / inside(1, 2)),
}
seen = {name: missed(result, value) for name, (result, value) in cases.items()}
for name, (result, _) in cases.items():
    print(f"{name} is {result}: values outside, expected 0 of 1000, seen {seen[name]}")
try:
    print("1 / [-1, 2] is", 1 / Interval(-1, 2))
except ZeroDivisionError:
    print("1 / [-1, 2]: ZeroDivisionError")
right = seen["[1, 2] / [0, 2]"] == seen["[1, 2] ** -1"] == 0
wrong = all(seen[name] > 300 for name in ("[-2, -1] / [0, 2]", "[-2, -1] / [-2, 0]", "[-1, 2] ** -1", "[-1, 2] ** -3"))
sys.exit(0 if right and wrong else 1)
PYTHON
