#!/usr/bin/env bash
# gmpy2 2.3.2: an mpfr minus, times or over a rational, in a context that rounds up, is below the exact value.
# Expected (gmpy2's overview: mpfr provides "correctly rounded multiple precision real ... arithmetic", and "The context type is
#   used to control precision, rounding modes"; MPFR has mpfr_sub_q, mpfr_mul_q, mpfr_div_q, which round once): with
#   round=RoundUp, mpfr(1) - mpq(1, 3) is at least 2/3, and an upper bound that is computed so is one.
# Happens: the rational is first rounded up to an mpfr, and the operation is done on that: subtracted, or divided by, or times a
#   negative number, this is the wrong direction. mpfr(1) - mpq(1, 3) is 0.66666666666666663. mpz and float operands are right.
# Our users: an enclosure by two contexts, one rounding down and one up, does not contain the value as soon as a rational
#   constant is mixed in. Enclosures here are balls of python-flint; a check of them by gmpy2 should convert operand by operand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gmpy2==2.3.2 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import operator
import random
import sys
from fractions import Fraction

import gmpy2


def exact(number) -> Fraction:
    number = gmpy2.mpq(number)
    return Fraction(int(number.numerator), int(number.denominator))


operations = {"plus": operator.add, "minus": operator.sub, "times": operator.mul, "over": operator.truediv}
print("gmpy2", gmpy2.version(), "with", gmpy2.mpfr_version())
with gmpy2.context(gmpy2.get_context(), precision=53, round=gmpy2.RoundUp):
    seen = gmpy2.mpfr(1) - gmpy2.mpq(1, 3)
print(f"rounding up, 1 - 1/3: expected at least 2/3, seen {seen}, below by {float(Fraction(2, 3) - exact(seen)):.1e}")
random.seed(0)
below = {}
for kind in ("mpq", "mpz"):
    for name, operation in operations.items():
        below[kind, name] = 0
        for _ in range(1000):
            x = gmpy2.mpfr(random.gauss(0, 3))
            y = gmpy2.mpz(random.getrandbits(80) + 1)
            if kind == "mpq":
                y = gmpy2.mpq(random.randint(-99, 99) or 1, random.randint(2, 99))
            with gmpy2.context(gmpy2.get_context(), precision=53, round=gmpy2.RoundUp):
                result = operation(x, y)
            below[kind, name] += exact(result) < operation(exact(x), exact(y))
        print(f"an mpfr {name} an {kind}, 1000 draws: expected below the exact value 0 times, seen {below[kind, name]} times")
wrong = {pair for pair, count in below.items() if count > 100}
right = all(count == 0 for pair, count in below.items() if pair not in wrong)
expected = {("mpq", name) for name in ("minus", "times", "over")}
sys.exit(0 if exact(seen) < Fraction(2, 3) and wrong == expected and right else 1)
PYTHON
