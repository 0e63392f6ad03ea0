#!/usr/bin/env bash
# python-flint 0.9.0: arb.contains(fmpq).
# Expected: whether the rational lies in the ball, decided exactly. Arb's arb_contains_fmpq does: "Returns nonzero iff the
#   given number (or ball) other is contained in the interval represented by self" (FLINT's manual, arb.h).
# Seen: the rational is first rounded to a ball at the working precision, and that ball must lie inside. At 53 bits
#   [1 - 2^-60, 1 + 2^-60] does not contain 1 + 2^-62; at 200 bits it does. A True is true, a False may not be.
# Our users: a test of inclusion by exact rationals blames a right enclosure; compare at a precision that holds them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q python-flint==0.9.0 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import flint
from flint import arb, ctx, fmpq

ball = arb(1, arb(2) ** -60)
inside = fmpq(2**62 + 1, 2**62)
exact = arb(inside - 1) <= arb(2) ** -60
found = ball.contains(inside)
ctx.prec = 200
precise = ball.contains(inside)
print(f"python-flint {flint.__version__}: 1 + 2^-62 in 1 +/- 2^-60: expected True, seen {found}; at 200 bits {precise}")
sys.exit(0 if exact and precise and not found else 1)
PYTHON
