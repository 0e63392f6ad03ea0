#!/usr/bin/env bash
# pba 0.90.4 (the newest): the product of two uniform laws on [-1, 1] by Frechet's bounds excludes that of independent ones.
# Expected (method "f", the default of *, is Frechet's: bounds of the quantiles that hold whatever the dependence; Williamson and
#   Downs 1990): the quantiles of X X, of -X X and of an independent product all lie between the bounds. So for sums here, and for
#   products of positive laws.
# Happens: products of quantiles are taken as if the product grew with both factors. The bounds of the quantile of 0.9 are 0.809 and
#   0.818, where it is -0.01 for -X X and 0.44 for independent factors; the median is bounded by 0.005 from below, and is -0.25 and 0.
#   No message. (No report on pba was found; PyUncertainNumber, which has the same algorithms, lists a correction of these bounds
#   for factors that are negative or change sign in its pull request 76, and an open issue 126 on powers.)
# Our users: a bound of a product whose factors change sign, such as a weight times a latent variable, is none. Shift both factors
#   to be positive first and expand the product, or bound it by balls, as `certify` does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pba==0.90.4 numpy==2.4.6 scipy==1.17.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import pba

rng = np.random.default_rng(0)
LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
uniform = rng.random((2, 1_000_000))


def laws(a: float, b: float, operation) -> dict[str, np.ndarray]:
    """The quantiles at LEVELS for three dependences of two uniform variables on [a, b]."""
    x, y = a + (b - a) * uniform
    pairs = {"equal": (x, x), "opposite": (x, a + b - x), "independent": (x, y)}
    return {name: np.quantile(operation(*pair), LEVELS) for name, pair in pairs.items()}


print("pba", version("pba"))
seen = {}
for name, (a, b), bounds, operation in (
    ("product on [-1, 1]", (-1, 1), lambda p, q: p.mul(q, method="f"), np.multiply),
    ("product on [-1, 1] by *", (-1, 1), lambda p, q: p * q, np.multiply),
    ("sum on [-1, 1]", (-1, 1), lambda p, q: p.add(q, method="f"), np.add),
    ("product on [1, 2]", (1, 2), lambda p, q: p.mul(q, method="f"), np.multiply),
):
    box = bounds(pba.U(a, b), pba.U(a, b))
    steps = len(box.left)
    # one step of the discretisation is allowed for on either side
    lower = np.asarray(box.left)[np.maximum((LEVELS * steps).astype(int) - 2, 0)]
    upper = np.asarray(box.right)[np.minimum((LEVELS * steps).astype(int) + 2, steps - 1)]
    print(f"{name}: quantiles at {LEVELS.tolist()} between {np.round(lower, 3).tolist()} and {np.round(upper, 3).tolist()}")
    for dependence, quantiles in laws(a, b, operation).items():
        outside = int(((quantiles < lower - 0.01) | (quantiles > upper + 0.01)).sum())
        seen[name, dependence] = outside
        print(f"    {dependence}: {np.round(quantiles, 3).tolist()}, outside: expected 0, seen {outside}")
wrong = all(seen[name, law] >= 2 for name in ("product on [-1, 1]", "product on [-1, 1] by *") for law in ("opposite", "independent"))
right = all(count == 0 for (name, _), count in seen.items() if not name.startswith("product on [-1, 1]"))
sys.exit(0 if wrong and right else 1)
PYTHON
