#!/usr/bin/env bash
# codac 2.1.2: Interval ** 0.5 is the interval [1, 1], and x ** 2.5 the square: a float exponent is cut to an integer.
# Expected (one of the signatures of pow in its docstring is "x: codac._core.Interval, d: typing.SupportsFloat"; an interval
#   function's value contains the function's values): Interval(2) ** 0.5 contains sqrt(2), as pow(x, Interval(0.5)) does.
# Happens: of two signatures, pow(x, n: SupportsInt) comes first and takes the float: 0.5 and -0.5 become 0, 2.5 becomes 2, and
#   1.9999 becomes 1. The power of a variable, evaluated as a function on the same interval, is right. No message.
# Our users: an enclosure that does not contain the value: whatever was concluded from it with a power such as x ** 0.5 or
#   x ** 1.5 is not proved. Give the exponent as an Interval.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q codac==2.1.2 mpmath==1.4.1 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import codac
from mpmath import mp, mpf, nstr

mp.prec = 200


def contains(enclosure: codac.Interval, value: mpf) -> bool:
    return mpf(enclosure.lb()) <= value <= mpf(enclosure.ub())


print("codac", version("codac"), "mpmath", version("mpmath"))
base, ways = codac.Interval(2.0), {}
variable = codac.ScalarVar()
for exponent in (0.5, -0.5, 1.9999, 2.5, 2.0):
    value = mpf(2) ** mpf(exponent)
    enclosures = {
        "Interval ** float": base**exponent,
        "pow(Interval, float)": codac.pow(base, exponent),
        "pow(Interval, Interval)": codac.pow(base, codac.Interval(exponent)),
        "as a function": codac.AnalyticFunction([variable], variable**exponent).eval(base),
    }
    ways[exponent] = {way: contains(enclosure, value) for way, enclosure in enclosures.items()}
    shown = ", ".join(f"{way} {enclosure}" for way, enclosure in enclosures.items())
    print(f"2 ** {exponent}: expected to contain {nstr(value, 10)}, seen {shown}")
wrong = [exponent for exponent, seen in ways.items() if not seen["Interval ** float"] and not seen["pow(Interval, float)"]]
right = all(seen["pow(Interval, Interval)"] and seen["as a function"] for seen in ways.values())
sys.exit(0 if wrong == [0.5, -0.5, 1.9999, 2.5] and right else 1)
PYTHON
