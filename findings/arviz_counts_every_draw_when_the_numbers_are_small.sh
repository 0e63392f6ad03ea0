#!/usr/bin/env bash
# arviz 0.23.4 (the newest for Python 3.11): ess(method="mean") of draws whose range is below 1e-15 is the number of draws.
# Expected (docstring of arviz.ess: an estimate of the effective sample size; its formula has autocorrelations only, which do not
#   change when all draws are multiplied by one number): the same for w and for 1e-18 w; 0 or NaN for draws that never move.
# Happens: a range below np.finfo(float).resolution = 1e-15, absolute, counts as constant, and constant as perfect: four random
#   walks of 1000 steps have 5 effective draws at scale 1 and 4000 at scale 1e-18. At 1e-8 and
#   1e-15 already method="sd", of the squares. method="bulk" ranks the draws first and is right; chains that never move get
#   4000 by every method.
# Our users: draws of a small parameter (a variance, a density) or a chain that rejects every proposal pass a threshold on the
#   effective sample size. Standardise the draws first, and refuse chains that do not move.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q arviz==0.23.4 numpy==2.4.6 scipy==1.17.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import arviz
import numpy as np

print("arviz", arviz.__version__)
walk = np.cumsum(np.random.default_rng(0).normal(size=(4, 1000)), axis=1)
seen = {}
for scale in (1.0, 1e-4, 1e-15, 1e-18):
    seen[scale] = {method: float(arviz.ess(scale * walk, method=method)) for method in ("bulk", "mean", "sd")}
    print(f"four random walks times {scale}: expected as at scale 1, seen", {m: round(v, 1) for m, v in seen[scale].items()})
stuck = {method: float(arviz.ess(np.ones((4, 1000)), method=method)) for method in ("bulk", "mean", "sd")}
print(f"four chains that never move: expected 0 or nan, seen {stuck}")
right = all(v < 50 for v in seen[1.0].values()) and all(abs(seen[1e-4][m] - v) < 1e-6 for m, v in seen[1.0].items())
right = right and all(abs(seen[scale]["bulk"] - seen[1.0]["bulk"]) < 1e-6 for scale in seen)
wrong = seen[1e-18]["mean"] == seen[1e-18]["sd"] == seen[1e-15]["sd"] == 4000.0
sys.exit(0 if right and wrong and set(stuck.values()) == {4000.0} else 1)
PYTHON
