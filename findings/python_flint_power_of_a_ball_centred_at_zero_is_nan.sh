#!/usr/bin/env bash
# python-flint 0.9.0 (FLINT 3.6.0): arb ** n for a ball [0 +/- r] and a positive integer n.
# Expected: an enclosure, since integer powers are defined for a base of any sign; arb_pow's documentation says that it
# "handles integer and half-integer y specially", and balls that contain 0 off their midpoint do give enclosures.
# Seen: NaN as soon as the midpoint is exactly 0 and the radius is not, even for n = 1 and n = 2.
# For our users: NaN claims nothing, so no certificate is wrong, but a factor (1 - h L)^k at h = 1/L ends `inconclusive`;
# closed forms here take such powers by hand.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q python-flint==0.9.0 >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 2; }
"$work/venv/bin/python" - <<'PY'
import sys

import flint
from flint import arb

print("python-flint", flint.__version__, "FLINT", flint.__FLINT_VERSION__)
centred, shifted = arb(0, 0.5), arb(0.125, 0.5)
seen = {n: (centred**n).is_nan() for n in (1, 2, 3, 20)}
print("expected: [0 +/- 0.5] ** 2 is an enclosure of [0, 0.25]; [0.125 +/- 0.5] ** 2 is", shifted**2)
print("seen: [0 +/- 0.5] ** 2 is", centred**2, "; the product of the ball with itself is", centred * centred)
assert not (shifted**2).is_nan()
sys.exit(0 if all(seen.values()) else 1)
PY
